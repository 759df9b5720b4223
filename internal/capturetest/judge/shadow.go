package judge

import (
	"context"
	"database/sql"
	"fmt"
	"sort"
	"strings"
)

// MariaDB fires no triggers for rows that a foreign key changes. Of tables with
// Table.Cascades the triggers there keep a copy: what a table has and its copy
// hasn't, or the other way round, was done by a foreign key. Settle notes it.

// connection is a transaction, or a pool outside of one.
type connection interface {
	querier
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Settle notes what foreign keys changed since the last time, as steps of the
// transaction that it is called in. Where triggers see such rows it does
// nothing. It is to be called after each statement.
func (j *Judge) Settle(ctx context.Context, in connection) error {
	d, ok := j.dialect.(mariaDialect)
	if !ok {
		return nil
	}
	tables := j.cascading()
	if len(tables) == 0 {
		return nil
	}
	was, err := shadowRows(ctx, in, `SELECT tbl, k, r FROM judge_shadow`)
	if err != nil {
		return err
	}
	is, err := shadowRows(ctx, in, d.copies(j, tables))
	if err != nil {
		return err
	}
	return d.settle(ctx, in, was, is)
}

// Forget takes the tables as they are for what the triggers have seen.
func (j *Judge) Forget(ctx context.Context, in connection) error {
	d, ok := j.dialect.(mariaDialect)
	if !ok {
		return nil
	}
	if _, err := in.ExecContext(ctx, `DELETE FROM judge_shadow`); err != nil {
		return err
	}
	tables := j.cascading()
	if len(tables) == 0 {
		return nil
	}
	_, err := in.ExecContext(ctx, `INSERT INTO judge_shadow(tbl, k, r) `+d.copies(j, tables))
	return err
}

// copies selects all rows of the tables as the triggers copy them.
func (d mariaDialect) copies(j *Judge, tables []string) string {
	var parts []string
	for _, noted := range tables {
		t := j.tables[noted]
		parts = append(parts, fmt.Sprintf("SELECT %s, %s, %s FROM %s x", quote(noted, "'"), d.key(t, "x"), d.json(t, "x", true), quote(t.Name, "`")))
	}
	return strings.Join(parts, " UNION ALL ")
}

// Cascades reports whether foreign keys pass on what happens to a table's rows.
func (j *Judge) Cascades(table string) bool {
	for _, t := range j.tables {
		if t.Cascades && t.Name == table {
			return true
		}
	}
	return false
}

func (j *Judge) cascading() []string {
	var list []string
	for noted, t := range j.tables {
		if t.Cascades {
			list = append(list, noted)
		}
	}
	sort.Strings(list)
	return list
}

// shadowRow is a table's row as the triggers write it, with its key.
type shadowRow struct{ table, key, row string }

// shadowRows counts the rows: those of a table without a key may be equal.
func shadowRows(ctx context.Context, in querier, query string) (map[shadowRow]int, error) {
	rows, err := in.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := map[shadowRow]int{}
	for rows.Next() {
		var r shadowRow
		if err := rows.Scan(&r.table, &r.key, &r.row); err != nil {
			return nil, err
		}
		list[r]++
	}
	return list, rows.Err()
}

// settle notes the difference, and brings the copy up to date.
func (d mariaDialect) settle(ctx context.Context, in connection, was, is map[shadowRow]int) error {
	gone, came := without(was, is), without(is, was)
	for _, old := range gone {
		var err error
		if i := best(old, came); i >= 0 {
			_, err = in.ExecContext(ctx, `INSERT INTO judge_truth(tbl, op, old_row, new_row) VALUES (?, 'UPDATE', ?, ?)`, old.table, old.row, came[i].row)
			came = append(came[:i:i], came[i+1:]...)
		} else {
			_, err = in.ExecContext(ctx, `INSERT INTO judge_truth(tbl, op, old_row) VALUES (?, 'DELETE', ?)`, old.table, old.row)
		}
		if err != nil {
			return err
		}
		if _, err := in.ExecContext(ctx, `DELETE FROM judge_shadow WHERE tbl = ? AND k = ? AND r = ? LIMIT 1`, old.table, old.key, old.row); err != nil {
			return err
		}
	}
	for _, now := range without(is, was) {
		if _, err := in.ExecContext(ctx, `INSERT INTO judge_shadow(tbl, k, r) VALUES (?, ?, ?)`, now.table, now.key, now.row); err != nil {
			return err
		}
	}
	return nil
}

// without are the rows of a that b hasn't, in an order that is always the same.
func without(a, b map[shadowRow]int) []shadowRow {
	var list []shadowRow
	for r, n := range a {
		for range n - b[r] {
			list = append(list, r)
		}
	}
	sort.Slice(list, func(i, j int) bool { return fmt.Sprint(list[i]) < fmt.Sprint(list[j]) })
	return list
}

// best is the row that old has become: the one with its key, or, as no foreign
// key makes rows, the one most like it.
func best(old shadowRow, came []shadowRow) int {
	found, like := -1, -1
	for i, r := range came {
		if r.table != old.table {
			continue
		}
		if r.key == old.key {
			return i
		}
		if n := alike(old.row, r.row); n > like {
			found, like = i, n
		}
	}
	return found
}

// alike is how many bytes two texts share at their ends.
func alike(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	m := 0
	for m < min(len(a), len(b))-n && a[len(a)-1-m] == b[len(b)-1-m] {
		m++
	}
	return n + m
}
