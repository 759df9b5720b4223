package judge

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/gormtrail/audit"
)

// Judge holds the judged tables of one database.
type Judge struct {
	db      *sql.DB
	dialect dialect
	tables  map[string]*Table // by the name that their triggers note
}

// dialect is what differs between the databases.
type dialect interface {
	// prepare makes the truth table.
	prepare() []string
	// catalog reads a table's columns.
	catalog(ctx context.Context, db *sql.DB, table string) ([]column, error)
	// triggers makes the table's triggers, replacing older ones.
	triggers(t *Table) []string
	// untriggers removes them.
	untriggers(t *Table) []string
	// truth selects seq, tx, statement, table, op, old and new of what came after $1.
	truth() string
	// last selects the newest seq.
	last() string
	// row reads a row as the triggers wrote it.
	row(t *Table, raw []byte) (Row, error)
}

// New makes the truth table in a database whose GORM dialect has that name:
// "sqlite", "postgres" or "mysql".
func New(ctx context.Context, db *sql.DB, name string) (*Judge, error) {
	var d dialect
	switch name {
	case "sqlite":
		d = sqliteDialect{}
	case "postgres":
		d = postgresDialect{}
	case "mysql":
		d = mariaDialect{}
	default:
		return nil, fmt.Errorf("judge: no dialect %q", name)
	}
	return &Judge{db: db, dialect: d, tables: map[string]*Table{}}, run(ctx, db, d.prepare())
}

// Watch puts triggers on tables. A table that was made anew is watched again.
func (j *Judge) Watch(ctx context.Context, tables ...*Table) error {
	for _, t := range tables {
		// A step noted before was of the columns that the table had then.
		if t.noted != "" {
			was := *t
			j.tables[t.noted], t.noted = &was, ""
		}
		columns, err := j.dialect.catalog(ctx, j.db, t.Name)
		if err != nil {
			return fmt.Errorf("judge: catalog of %s: %w", t.Name, err)
		}
		if len(columns) == 0 {
			return fmt.Errorf("judge: there is no table %s", t.Name)
		}
		t.setColumns(columns)
		// A table made anew may have other columns than the steps noted before.
		t.noted = fmt.Sprintf("%s@%d", t.Name, len(j.tables))
		if err := run(ctx, j.db, j.dialect.triggers(t)); err != nil {
			return fmt.Errorf("judge: triggers of %s: %w", t.Name, err)
		}
		j.tables[t.noted] = t
	}
	return nil
}

// Unwatch removes the triggers of tables: what was noted of them stays. A column
// that triggers name can't be dropped.
func (j *Judge) Unwatch(ctx context.Context, tables ...*Table) error {
	for _, t := range tables {
		if err := run(ctx, j.db, j.dialect.untriggers(t)); err != nil {
			return fmt.Errorf("judge: triggers of %s: %w", t.Name, err)
		}
	}
	return nil
}

// Drop has Settle not look at tables any more that are gone, or are going. What
// was noted of them stays.
func (j *Judge) Drop(names ...string) {
	for _, t := range j.tables {
		if slices.Contains(names, t.Name) {
			t.Cascades = false
		}
	}
}

func run(ctx context.Context, db *sql.DB, statements []string) error {
	for _, s := range statements {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%w in %s", err, s)
		}
	}
	return nil
}

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// Mark is the number of the newest step, as q sees it.
func (j *Judge) Mark(ctx context.Context, q querier) (int64, error) {
	rows, err := q.QueryContext(ctx, j.dialect.last())
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var n int64
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// Steps are what happened after a mark, in the order in which it happened.
func (j *Judge) Steps(ctx context.Context, after int64) ([]Step, error) {
	rows, err := j.db.QueryContext(ctx, j.dialect.truth(), after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Step
	for rows.Next() {
		s, err := j.scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

func (j *Judge) scan(rows *sql.Rows) (Step, error) {
	var s Step
	var table string
	var old, new sql.Null[[]byte]
	if err := rows.Scan(&s.Seq, &s.Tx, &s.Statement, &table, &s.Op, &old, &new); err != nil {
		return s, err
	}
	if s.Table = j.tables[table]; s.Table == nil {
		return s, fmt.Errorf("judge: no table is noted as %q", table)
	}
	var err error
	if old.Valid {
		if s.Old, err = j.dialect.row(s.Table, old.V); err != nil {
			return s, fmt.Errorf("judge: old row of %s: %w", table, err)
		}
	}
	if new.Valid {
		if s.New, err = j.dialect.row(s.Table, new.V); err != nil {
			return s, fmt.Errorf("judge: new row of %s: %w", table, err)
		}
	}
	return s, nil
}

// Entries reads the entries since a time, in the order in which they were recorded.
func Entries(ctx context.Context, from audit.Reader, since time.Time) ([]audit.Entry, error) {
	return entries(ctx, from, since, audit.SortRecorded)
}

// Recorded is Entries in the order of audit.SortRecorded, which is that of each
// row's changes even if several transactions wait for each other.
func Recorded(ctx context.Context, from audit.Reader, since time.Time) ([]audit.Entry, error) {
	return entries(ctx, from, since, audit.SortRecorded)
}

func entries(ctx context.Context, from audit.Reader, since time.Time, order audit.Sort) ([]audit.Entry, error) {
	var list []audit.Entry
	q := audit.Query{Filter: audit.Filter{From: since.Truncate(time.Microsecond)}, Sort: order}
	for e, err := range from.All(ctx, q) {
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}
