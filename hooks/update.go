package hooks

import (
	"fmt"
	"strings"

	"github.com/gormtrail/audit"
)

// pair is one row before and after.
type pair struct{ before, after *row }

// update captures an UPDATE, a soft delete's included.
func (c *capture) update(wantRows bool) (outcome, error) {
	return c.withCascades(c.assigned(), wantRows, c.beforeQuery, c.updateRows)
}

// assigned are the columns that the statement sets; empty if that can't be told.
func (c *capture) assigned() []string {
	columns := []string{}
	for _, a := range c.assignments() {
		columns = append(columns, a.Column.Name)
	}
	return columns
}

func (c *capture) updateRows(wantRows bool) (outcome, error) {
	if c.plugin.dialect.name == "postgres" {
		return c.updatePostgres(wantRows)
	}
	if c.text.joined && c.setsOthers() {
		return c.runUnseen(wantRows)
	}
	before, err := c.readBefore()
	if err != nil {
		return c.beforeFailed(err, wantRows)
	}
	if before.over() || before.count == 0 {
		return c.updateMany(before, wantRows)
	}
	if !c.plugin.dialect.updateReturning {
		return c.updateThenRead(before, wantRows)
	}
	without, columns, _, ok := c.asked()
	if !ok {
		return c.updateThenRead(before, wantRows)
	}
	after := &image{}
	star, skip := "*", 0
	if len(c.table.key) == 0 {
		star, skip = c.rowid()+", *", 1
	}
	out, err := c.returning(without, c.args, star, columns, skip, wantRows, c.seeInto(after))
	if err != nil {
		return out, err
	}
	return c.finishUpdate(out, before, after)
}

// seeInto collects the table's columns of each returned row.
func (c *capture) seeInto(m *image) func(cols columns, raw []any) {
	return func(cols columns, raw []any) {
		if m.set == nil {
			m.set = c.plugin.columnsOf(c.table, cols)
		}
		m.add(c.table, raw, c.plugin.budget)
	}
}

// rowid is the row's place where a SQLite table has no key.
func (c *capture) rowid() string { return "rowid AS " + rowidName }

const rowidName = "audit_rowid"

// readBefore reads and locks the rows that the statement will touch.
func (c *capture) readBefore() (*image, error) {
	query, args := c.selectBefore()
	if len(c.table.key) == 0 && c.table.rowid {
		query = "SELECT " + c.rowid() + ", " + strings.TrimPrefix(query, "SELECT ")
	}
	query, err := c.lockingFirst(query)
	if err != nil {
		return nil, err
	}
	rows, err := c.own.QueryContext(c.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	m, err := c.plugin.readAll(c.table, rows, c.plugin.budget)
	if err == nil && c.text.joined {
		m.dropRepeats(c.table) // a row that meets several of the other table's
	}
	return m, err
}

// beforeQuery is a SELECT of the rows that the statement will touch, which locks
// them.
func (c *capture) beforeQuery() (string, []any, error) {
	query, args := c.selectTouched(nil)
	query, err := c.lockingFirst(query)
	return query, args, err
}

// lockingFirst has a SQLite transaction hold the write lock before it reads, in
// the same call where the driver can.
func (c *capture) lockingFirst(query string) (string, error) {
	if c.plugin.dialect.name != "sqlite" || c.unit.wrote.Load() {
		return query, nil
	}
	if !c.plugin.dialect.oneCall {
		return query, c.plugin.lockFirst(c.ctx, c.own, c.unit, c.table)
	}
	c.unit.wrote.Store(true)
	return fmt.Sprintf(takeWriteLock, c.table.quoted(c.plugin.dialect)) + "; " + query, nil
}

// updateMany runs a statement that touches no row, or more than are captured
// one by one.
func (c *capture) updateMany(before *image, wantRows bool) (outcome, error) {
	out, err := c.plain(wantRows)
	if err != nil || before.count == 0 {
		return out, err
	}
	return out, c.add(c.summary(before))
}

// updateThenRead runs the statement and reads the rows again by their keys.
func (c *capture) updateThenRead(before *image, wantRows bool) (outcome, error) {
	out, err := c.plain(wantRows)
	if err != nil {
		return out, err
	}
	if len(c.table.key) == 0 {
		return out, c.add(c.foretoldUpdates(before)...)
	}
	keys := make([][]any, len(before.rows))
	for i, r := range before.rows {
		keys[i] = c.keyAfter(before, r)
	}
	after, err := c.readKeys(keys)
	if err != nil {
		return c.afterFailed(out, err)
	}
	return c.finishUpdate(out, before, after)
}

// foretoldUpdates are the entries of rows that nothing tells apart, by the values
// that the database worked out for them before. (MySQL assigns from left to
// right: an expression that uses a column assigned before it in the same
// statement sees the old value here, and the new one there.)
func (c *capture) foretoldUpdates(before *image) []audit.Entry {
	after := before.foretold()
	pairs := make([]pair, len(before.rows))
	for i := range pairs {
		pairs[i] = pair{&before.rows[i], &after.rows[i]}
	}
	return c.updated(before, after, pairs)
}

// keyAfter is the key that a row has after the statement.
func (c *capture) keyAfter(m *image, r row) []any {
	key := make([]any, len(c.table.key))
	for i, k := range c.table.key {
		v, ok := m.value(r, newPrefix+k)
		if !ok {
			v, _ = m.value(r, k)
		}
		key[i] = v
	}
	return key
}

// finishUpdate pairs the rows before and after, and adds their entries.
func (c *capture) finishUpdate(out outcome, before, after *image) (outcome, error) {
	if after.set == nil {
		return out, nil // no row came back: none was touched
	}
	byKey := make(map[string]*row, len(after.rows))
	for i := range after.rows {
		byKey[c.pairKey(after, after.rows[i])] = &after.rows[i]
	}
	pairs := make([]pair, 0, len(before.rows))
	for i := range before.rows {
		b := &before.rows[i]
		if a := byKey[c.pairKeyAfter(before, *b)]; a != nil {
			pairs = append(pairs, pair{b, a})
		}
	}
	return out, c.add(c.updated(before, after, pairs)...)
}

// pairKey identifies a row after the statement; pairKeyAfter does so for a row
// before it.
func (c *capture) pairKey(m *image, r row) string {
	if len(c.table.key) == 0 {
		v, _ := m.value(r, rowidName)
		return keyText(v)
	}
	return m.keyOf(c.table, r)
}

func (c *capture) pairKeyAfter(m *image, r row) string {
	if len(c.table.key) == 0 {
		return c.pairKey(m, r)
	}
	var b strings.Builder
	for i, v := range c.keyAfter(m, r) {
		if i > 0 {
			b.WriteByte(0)
		}
		b.WriteString(keyText(v))
	}
	return b.String()
}

// maxKeys bounds the keys of one SELECT.
const maxKeys = 500

// readKeys reads rows by their keys.
func (c *capture) readKeys(keys [][]any) (*image, error) {
	all := &image{}
	for len(keys) > 0 {
		n := min(len(keys), maxKeys)
		query, args := c.selectKeys(keys[:n])
		rows, err := c.own.QueryContext(c.ctx, query, args...)
		if err != nil {
			return nil, err
		}
		m, err := c.plugin.readAll(c.table, rows, c.plugin.budget)
		if err != nil {
			return nil, err
		}
		all.set, all.rows, all.count = m.set, append(all.rows, m.rows...), all.count+m.count
		keys = keys[n:]
	}
	return all, nil
}

func (c *capture) selectKeys(keys [][]any) (string, []any) {
	var b strings.Builder
	var args []any
	d := c.plugin.dialect
	fmt.Fprintf(&b, "SELECT * FROM %s WHERE ", c.table.quoted(d))
	for i, key := range keys {
		if i > 0 {
			b.WriteString(" OR ")
		}
		b.WriteByte('(')
		for j, v := range key {
			if j > 0 {
				b.WriteString(" AND ")
			}
			col, _ := c.table.column(c.table.key[j])
			args = append(args, argument(col.kind, v))
			fmt.Fprintf(&b, "%s = %s", d.quote(c.table.key[j]), d.bind(len(args)))
		}
		b.WriteByte(')')
	}
	return b.String(), args
}

// sets reports whether the statement assigns one of the columns, or whether
// that can't be told.
func (c *capture) sets(columns []string) bool {
	set := c.assignments()
	if set == nil {
		return true
	}
	for _, a := range set {
		for _, name := range columns {
			if a.Column.Name == name {
				return true
			}
		}
	}
	return false
}
