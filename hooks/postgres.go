package hooks

import (
	"fmt"
	"strconv"
	"strings"
)

// PostgreSQL hands back old and new with the write itself:
//
//	UPDATE t SET … FROM (SELECT … FROM t WHERE … FOR UPDATE) audit_old
//	WHERE t.key = audit_old.key RETURNING audit_old.*, t.*
//
// The inner query locks the rows first, waiting for and then seeing what other
// transactions commit meanwhile, as the UPDATE alone would have; the rows that
// it found are the ones that are updated. They are joined by the primary key:
// a row's place (ctid) is another one once somebody else has updated it.
const oldName = "audit_old"

func (c *capture) updatePostgres(wantRows bool) (outcome, error) {
	parts, ok := c.segmented()
	if !ok {
		return c.runUnseen(wantRows) // not built from clauses: nothing is known of its condition
	}
	if len(c.table.key) == 0 {
		return c.updateByPlace(parts, wantRows)
	}
	_, columns, all, ok := c.asked()
	if !ok {
		return c.runUnseen(wantRows)
	}
	star := oldName + ".*, " + c.reference() + ".*"
	return c.updateReturningBoth(c.withOldRows(parts), c.args, star, columns, all, wantRows)
}

// withOldRows is the UPDATE joined with its own rows, locked.
func (c *capture) withOldRows(parts map[string]segment) string {
	var b strings.Builder
	d := c.plugin.dialect
	ref, table := c.reference(), tableText(parts)
	b.WriteString(parts["UPDATE"].text + " " + parts["SET"].text + " FROM ")
	from, joined := parts["FROM"]
	others := strings.TrimPrefix(from.text, "FROM ")
	if joined {
		b.WriteString(others + ", ")
	}
	b.WriteString("(SELECT ")
	for i, col := range c.table.columns {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s.%s AS audit_%d", ref, d.quote(col.name), i)
	}
	b.WriteString(" FROM " + table)
	if joined {
		b.WriteString(", " + others)
	}
	if where, ok := parts["WHERE"]; ok {
		b.WriteString(" " + where.text)
	}
	b.WriteString(" " + c.lockText() + ") AS " + oldName + " WHERE ")
	for i, k := range c.table.key {
		if i > 0 {
			b.WriteString(" AND ")
		}
		fmt.Fprintf(&b, "%s.%s = %s.audit_%d", ref, d.quote(k), oldName, c.table.byName[k])
	}
	if where, ok := parts["WHERE"]; ok && joined {
		b.WriteString(" AND (" + strings.TrimPrefix(where.text, "WHERE ") + ")")
	}
	return b.String()
}

// lockText takes the lock that the UPDATE will take anyway, not a stronger one:
// FOR UPDATE would make inserts that refer to the row wait.
func (c *capture) lockText() string {
	strength := "FOR NO KEY UPDATE"
	for _, u := range c.table.uniques {
		if c.sets(u.columns) {
			strength = "FOR UPDATE"
		}
	}
	return strength + " OF " + c.reference()
}

// updateReturningBoth runs the joined UPDATE; each returned row is the old one,
// then the new one, then what the host asked for.
func (c *capture) updateReturningBoth(query string, args []any, star, columns string, all, wantRows bool) (outcome, error) {
	n := len(c.table.columns)
	before, after := &image{}, &image{}
	var odd error
	see := func(names []string, raw []any) {
		if len(names) != 2*n {
			odd = fmt.Errorf("hooks: %s has %d columns, not %d: it was altered just now", c.table.object, len(names)-n, n)
			return
		}
		if before.set == nil {
			now := append([]string(nil), names[n:]...)
			after.set, before.set = c.plugin.columnsOf(c.table, now), c.plugin.columnsOf(c.table, c.columnNames())
		}
		before.add(c.table, raw[:n], c.plugin.budget)
		after.add(c.table, raw[n:], c.plugin.budget)
	}
	var out outcome
	var err error
	if all {
		out, err = c.returningAll(query, args, star, n, see)
	} else {
		out, err = c.returning(query, args, star, columns, 0, wantRows, see)
	}
	if err != nil {
		return out, err
	}
	if odd != nil {
		c.plugin.forgetTables()
		return c.afterFailed(out, odd)
	}
	if before.over() {
		return out, c.add(c.summary(before))
	}
	pairs := make([]pair, len(before.rows))
	for i := range pairs {
		pairs[i] = pair{&before.rows[i], &after.rows[i]}
	}
	return out, c.add(c.updated(before, after, pairs)...)
}

// returningAll is for a host that asked for all columns: what it gets are the
// new ones.
func (c *capture) returningAll(query string, args []any, star string, n int, see func([]string, []any)) (outcome, error) {
	rows, err := c.conn.QueryContext(c.ctx, query+" RETURNING "+star, args...)
	if err != nil {
		return outcome{}, err
	}
	names, err := rows.Columns()
	if err != nil {
		return outcome{}, err
	}
	t, err := record(rows, n, func(raw []any) { see(names, raw) })
	return outcome{tape: t}, err
}

func (c *capture) columnNames() []string {
	names := make([]string, len(c.table.columns))
	for i, col := range c.table.columns {
		names[i] = col.name
	}
	return names
}

// updateByPlace updates the rows of a table without a key: they are locked and
// read with their places, and updated by those in a second statement, whose
// snapshot sees the locked versions.
func (c *capture) updateByPlace(parts map[string]segment, wantRows bool) (outcome, error) {
	query, args := c.selectBefore()
	query = "SELECT " + c.reference() + ".ctid::text, " + strings.TrimPrefix(query, "SELECT ")
	rows, err := c.own.QueryContext(c.ctx, query, args...)
	if err != nil {
		return outcome{}, err
	}
	before := &image{set: c.plugin.columnsOf(c.table, c.columnNames())}
	var places []string
	_, err = record(rows, 0, func(raw []any) {
		places = append(places, fmt.Sprint(raw[0]))
		before.add(c.table, raw[1:], c.plugin.budget)
	})
	if err != nil {
		return outcome{}, err
	}
	if before.over() || before.count == 0 {
		return c.updateMany(before, wantRows)
	}
	return c.updatePlaces(parts, before, places, wantRows)
}

func (c *capture) updatePlaces(parts map[string]segment, before *image, places []string, wantRows bool) (outcome, error) {
	_, columns, all, ok := c.asked()
	if !ok || all {
		return c.runUnseen(wantRows)
	}
	if _, joined := parts["FROM"]; joined {
		return c.runUnseen(wantRows)
	}
	args := append(append([]any(nil), c.args[:parts["SET"].to]...), `{"`+strings.Join(places, `","`)+`"}`)
	query := fmt.Sprintf("%s %s FROM unnest($%d::text[]) WITH ORDINALITY AS %s(place, n) WHERE %s.ctid = %s.place::tid",
		parts["UPDATE"].text, parts["SET"].text, len(args), oldName, c.reference(), oldName)
	after := &image{}
	var pairs []pair
	out, err := c.returning(query, args, oldName+".n, "+c.reference()+".*", columns, 0, wantRows, func(names []string, raw []any) {
		if after.set == nil {
			after.set = c.plugin.columnsOf(c.table, append([]string(nil), names[1:]...))
		}
		after.add(c.table, raw[1:], c.plugin.budget)
		n, err := strconv.Atoi(fmt.Sprint(raw[0]))
		if err == nil && n >= 1 && n <= len(before.rows) {
			a := after.rows[len(after.rows)-1]
			pairs = append(pairs, pair{&before.rows[n-1], &a})
		}
	})
	if err != nil {
		return out, err
	}
	return out, c.add(c.updated(before, after, pairs)...)
}
