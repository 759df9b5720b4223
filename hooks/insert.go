package hooks

import (
	"math"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
)

// insert captures an INSERT, also that of an upsert.
func (c *capture) insert(wantRows bool) (outcome, error) {
	switch {
	case c.plugin.dialect.name == "sqlite":
		return c.insertSQLite(wantRows)
	case !c.meetsRows():
		return c.insertNew(wantRows)
	}
	columns := c.conflictColumns()
	if c.passesOver() && len(columns) > 0 && (len(c.table.key) == 0 || c.assignsKey(columns)) {
		return c.refused("an INSERT IGNORE may change keys or a table without one, and doesn't tell which rows it passes over", wantRows)
	}
	if !c.table.passesOn(columns) {
		return c.upsert(wantRows, nil)
	}
	before, err := c.readConflicts()
	if err != nil {
		return c.beforeFailed(err, wantRows)
	}
	return c.withCascades([]touched{{before, columns}}, wantRows, func() (outcome, error) { return c.upsert(wantRows, before) })
}

// conflictColumns are the columns that the statement changes of rows that it
// meets; nil if it deletes them.
func (c *capture) conflictColumns() []string {
	if _, upsert := c.onConflict(); c.replaces() || !upsert {
		return nil
	}
	return c.setColumns()
}

// setColumns are the columns that the statement may set in rows that are there.
func (c *capture) setColumns() []string {
	o, upsert := c.onConflict()
	switch {
	case c.text.verb == "UPDATE":
		return c.assigned()
	case !upsert && c.hasConflictClause():
		return c.table.names()
	}
	columns := []string{}
	for _, a := range o.DoUpdates {
		columns = append(columns, a.Column.Name)
	}
	return columns
}

// assignsKey reports whether one of the columns belongs to the key.
func (c *capture) assignsKey(columns []string) bool {
	return slices.ContainsFunc(columns, func(name string) bool { return c.table.isKey(c.table.spelled(name)) })
}

// insertNew is for a statement that leaves rows alone that are there.
func (c *capture) insertNew(wantRows bool) (outcome, error) {
	host := c.divided()
	if !c.plugin.dialect.returning || !host.ok {
		return c.insertPassing(wantRows)
	}
	after, out, err := c.insertReturning(hostText{body: host.body, args: c.args}, wantRows)
	if err != nil {
		return out, err
	}
	return out, c.finishInsert(&image{}, after)
}

// insertPassing is insertThenRead for a statement that may pass over rows whose
// keys are there: those are read before it.
func (c *capture) insertPassing(wantRows bool) (outcome, error) {
	before := &image{}
	if c.hasConflictClause() || strings.Contains(c.modifier(), "IGNORE") {
		var err error
		if before, err = c.readConflicts(); err != nil {
			return c.beforeFailed(err, wantRows)
		}
	}
	return c.insertThenRead(before, wantRows)
}

// insertReturning runs an INSERT that returns the rows that it wrote.
func (c *capture) insertReturning(t hostText, wantRows bool) (*image, outcome, error) {
	after := &image{}
	list, head := "", 0
	if c.plugin.dialect.name == "sqlite" {
		list, head = c.locatorList(c.returned())
	}
	out, err := c.returning(t, list+c.rowList(c.returned(), "*"), head, 0, wantRows, func(r *rowReader, raw []any) error { return c.meetRow(after, r, raw) })
	if err != nil {
		return after, out, err
	}
	if r, ok := out.result.(execResult); ok && c.plugin.dialect.name == "mysql" {
		r.lastID = func() (int64, error) { return c.firstGenerated(after), nil }
		out.result = r
	}
	if err = c.settle(after); err == nil {
		after, err = c.readTriggered(after)
	}
	if err != nil {
		out, err = c.afterFailed(out, err)
	}
	return after, out, err
}

// upsert is for a statement that may change rows that are there. before holds
// those that were read, nil if none were.
func (c *capture) upsert(wantRows bool, before *image) (outcome, error) {
	if _, conflict := c.onConflict(); conflict && c.plugin.dialect.returning && !c.replaces() {
		upserted := c.upsertMariaDB
		if c.plugin.dialect.name == "postgres" {
			upserted = c.upsertPostgres
		}
		if out, ok, err := upserted(wantRows); ok {
			return out, err
		}
	}
	if before == nil {
		var err error
		if before, err = c.readConflicts(); err != nil {
			return c.beforeFailed(err, wantRows)
		}
	}
	host := c.divided()
	native := c.plugin.dialect.name == "mysql" && !wantRows
	if !c.plugin.dialect.returning || !host.ok || native {
		return c.insertThenRead(before, wantRows)
	}
	after, out, err := c.insertReturning(hostText{body: host.body, args: c.args}, wantRows)
	if err != nil {
		return out, err
	}
	return out, c.finishInsert(before, after)
}

// finishInsert tells rows that are new from rows that were there. Rows come in
// the order in which they were written; one may come twice.
func (c *capture) finishInsert(before, after *image) error {
	c.unit.wrote.Store(true)
	if after.count == 0 {
		return nil // nothing was written
	}
	if before.over() || after.over() {
		return c.add(c.summary(after))
	}
	current := make(map[string]versionOf, len(before.rows))
	for i := range before.rows {
		current[c.insertKey(before, before.rows[i])] = versionOf{before, &before.rows[i]}
	}
	entries := make([]audit.Entry, 0, len(after.rows))
	for i := range after.rows {
		r := &after.rows[i]
		if r.removed {
			continue
		}
		key := c.insertKey(after, *r)
		if old, had := current[key]; had && key != "" {
			entries = append(entries, c.updated(old.m, after, []pair{{old.r, r}})...)
		} else {
			entries = append(entries, c.created(after, *r))
		}
		current[key] = versionOf{after, r}
	}
	if err := c.add(entries...); err != nil || !c.replaces() {
		return err
	}
	return c.finishReplace(before, after)
}

// versionOf is a row as an image has it.
type versionOf struct {
	m *image
	r *row
}

// insertKey identifies a row among those read before an INSERT and those that it
// returned; "" where nothing does.
func (c *capture) insertKey(m *image, r row) string {
	if len(c.table.key) == 0 && c.byRowid() {
		return keyText(r.locator)
	}
	return m.keyOf(c.table, r)
}

// finishReplace adds the rows that REPLACE removed because they held another of
// the new row's unique values.
func (c *capture) finishReplace(before, after *image) error {
	gone := &image{set: before.set}
	for _, r := range before.rows {
		key := c.insertKey(before, r)
		if !slices.ContainsFunc(after.rows, func(a row) bool { return c.insertKey(after, a) == key }) {
			gone.rows = append(gone.rows, r)
			gone.count++
		}
	}
	c.noteGone(gone)
	return c.add(c.destroyed(gone)...)
}

// onConflict is the statement's ON CONFLICT (ON DUPLICATE KEY UPDATE).
func (c *capture) onConflict() (clause.OnConflict, bool) {
	o, ok := c.stmt.Clauses["ON CONFLICT"].Expression.(clause.OnConflict)
	return o, ok
}

// replaces: INSERT OR REPLACE by the modifier, MySQL's REPLACE, and SQLite's
// ON CONFLICT REPLACE in a table's DDL.
func (c *capture) replaces() bool {
	if c.text.verb == "REPLACE" || c.table.replaces {
		return true
	}
	return strings.Contains(c.modifier(), "REPLACE")
}

// meetsRows reports whether the statement may change rows that are there.
func (c *capture) meetsRows() bool {
	if c.replaces() {
		return true
	}
	if c.passesOver() && !c.plugin.dialect.returning {
		return true // rows that it passes over are found again like new ones
	}
	o, ok := c.onConflict()
	if !ok {
		return c.hasConflictClause()
	}
	// Where the database returns what it wrote, rows that were left alone are
	// not among it. MySQL's form of "do nothing" is an update.
	return !o.DoNothing || c.plugin.dialect.name == "mysql"
}

// readConflicts reads and locks the rows that hold one of the keys that the
// statement inserts.
func (c *capture) readConflicts() (*image, error) {
	all := &image{set: c.setNow()}
	err := c.eachConflictQuery(func(query string, args []any) error {
		m, err := c.queryRows(query+c.plugin.dialect.lock, args)
		if err != nil {
			return err
		}
		c.mergeRows(all, m)
		return nil
	})
	return all, err
}

// mergeRows adds the rows that the image doesn't hold yet.
func (c *capture) mergeRows(all, more *image) {
	known := make(map[string]bool, len(all.rows))
	for _, r := range all.rows {
		known[c.insertKey(all, r)] = true
	}
	for _, r := range more.rows {
		if key := c.insertKey(more, r); key == "" || !known[key] {
			all.set = more.set
			all.add(c.table, r, math.MaxInt)
			known[key] = true
		}
	}
}

// queryRows runs a query of the plugin's own that selects whole rows.
func (c *capture) queryRows(query string, args []any) (*image, error) {
	_, head := c.locatorHead()
	if err := c.plugin.lockFirst(c.ctx, c.own, c.unit, c.table); err != nil {
		return nil, err
	}
	rows, err := c.own.QueryContext(c.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	m := &image{part: true}
	err = c.eachRow(rows, c.reader(head, 0), func(r *rowReader, raw []any) error { return c.meetRow(m, r, raw) })
	if err == nil {
		err = c.settle(m)
	}
	return m, err
}

// locatorHead is locatorList for reads that need it on SQLite alone.
func (c *capture) locatorHead() (string, int) {
	if c.plugin.dialect.name != "sqlite" {
		return "", 0
	}
	return c.locatorList(c.plugin.dialect.quote(c.table.name))
}

// maxConflicts bounds the inserted rows that one query asks for: SQLite's driver
// in Go is quadratic in the parameters.
const maxConflicts = 90

// eachConflictQuery builds SELECTs of the rows that hold one of the keys that
// the statement inserts; none if no inserted row can meet one that is there.
func (c *capture) eachConflictQuery(do func(query string, args []any) error) error {
	values, ok := c.stmt.Clauses["VALUES"].Expression.(clause.Values)
	if !ok {
		return nil
	}
	ref := c.plugin.dialect.quote(c.table.name)
	list, _ := c.locatorHead()
	for _, u := range c.conflictTargets() {
		places := placesOf(u.columns, values.Columns)
		if places == nil {
			continue // a column that is not inserted has its default, which is no key
		}
		for chunk := range slices.Chunk(values.Values, maxConflicts) {
			b := c.scratch()
			b.WriteString("SELECT " + list + c.rowList(ref, ref+".*") + " FROM " + c.table.quoted(c.plugin.dialect) + " WHERE ")
			c.writeMatches(b, u.columns, places, chunk)
			if err := do(b.SQL.String(), b.Vars); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeMatches is a condition on rows that hold one of the inserted keys.
func (c *capture) writeMatches(b *gorm.Statement, columns []string, places []int, rows [][]any) {
	for n, values := range rows {
		if n > 0 {
			b.WriteString(" OR ")
		}
		b.WriteByte('(')
		for i, name := range columns {
			if i > 0 {
				b.WriteString(" AND ")
			}
			b.WriteString(c.plugin.dialect.quote(name) + " = ")
			v := values[places[i]]
			if e, ok := v.(clause.Expr); ok && strings.EqualFold(e.SQL, "DEFAULT") {
				v = nil
			}
			b.AddVar(b, v)
		}
		b.WriteByte(')')
	}
}

// placesOf finds where the columns are among those inserted; nil if one isn't.
func placesOf(columns []string, inserted []clause.Column) []int {
	places := make([]int, len(columns))
	for i, name := range columns {
		places[i] = slices.IndexFunc(inserted, func(c clause.Column) bool { return c.Name == name })
		if places[i] < 0 {
			return nil
		}
	}
	return places
}

// conflictTargets are the unique keys on which the statement meets rows.
func (c *capture) conflictTargets() []uniqueOn {
	o, ok := c.onConflict()
	if !ok || len(o.Columns) == 0 || c.plugin.dialect.name == "mysql" || c.replaces() {
		return c.table.uniques
	}
	columns := make([]string, len(o.Columns))
	for i, col := range o.Columns {
		if columns[i] = col.Name; col.Name == clause.PrimaryKey && len(c.table.key) > 0 {
			columns[i] = c.table.key[0]
		}
	}
	return []uniqueOn{{columns: columns}}
}
