package hooks

import (
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
)

// insert captures an INSERT, an upsert's included.
func (c *capture) insert(wantRows bool) (outcome, error) {
	o, upsert := c.onConflict()
	switch {
	case c.replaces():
		return c.withCascades(nil, wantRows, c.conflictsQuery, c.insertRows)
	case upsert && !o.DoNothing:
		columns := []string{}
		for _, a := range o.DoUpdates {
			columns = append(columns, a.Column.Name)
		}
		return c.withCascades(columns, wantRows, c.conflictsQuery, c.insertRows)
	}
	return c.insertRows(wantRows)
}

func (c *capture) insertRows(wantRows bool) (outcome, error) {
	if out, ok, err := c.upsert(wantRows); ok {
		return out, err
	}
	before := &image{}
	var err error
	if c.mayMeetRows() {
		if before, err = c.readConflicts(); err != nil {
			return c.beforeFailed(err, wantRows)
		}
	}
	without, columns, _, ok := c.asked()
	native := c.plugin.dialect.name == "mysql" && !wantRows && c.hasConflictClause()
	if !c.plugin.dialect.returning || !ok || native {
		return c.insertThenRead(before, wantRows)
	}
	after := &image{}
	out, err := c.returning(without, c.args, "*", columns, 0, wantRows, c.seeInto(after))
	if err != nil {
		return out, err
	}
	if r, ok := out.result.(execResult); ok && c.plugin.dialect.name == "mysql" {
		r.lastID = func() (int64, error) { return c.firstGenerated(after), nil }
		out.result = r
	}
	return c.finishInsert(out, before, after)
}

// upsert is for databases that tell in the statement what a row was before.
func (c *capture) upsert(wantRows bool) (out outcome, ok bool, err error) {
	d := c.plugin.dialect
	if _, conflict := c.onConflict(); !conflict || !d.returning || c.replaces() {
		return outcome{}, false, nil
	}
	switch d.name {
	case "postgres":
		return c.upsertPostgres(wantRows)
	case "mysql":
		return c.upsertMariaDB(wantRows)
	}
	return outcome{}, false, nil
}

// finishInsert tells rows that are new from rows that were there. Rows come in
// the order in which they were written; one may come twice.
func (c *capture) finishInsert(out outcome, before, after *image) (outcome, error) {
	c.unit.wrote.Store(true)
	if after.set == nil {
		return out, nil // nothing was written
	}
	if after.over() {
		return out, c.add(c.summary(after))
	}
	type known struct {
		m *image
		r *row
	}
	current := make(map[string]known, len(before.rows))
	for i := range before.rows {
		current[before.keyOf(c.table, before.rows[i])] = known{before, &before.rows[i]}
	}
	entries := make([]audit.Entry, 0, len(after.rows))
	for i := range after.rows {
		r := &after.rows[i]
		key := after.keyOf(c.table, *r)
		if old, had := current[key]; had && len(c.table.key) > 0 {
			entries = append(entries, c.updated(old.m, after, []pair{{old.r, r}})...)
		} else {
			entries = append(entries, c.created(after, *r))
		}
		current[key] = known{after, r}
	}
	if err := c.add(entries...); err != nil {
		return out, err
	}
	if !c.replaces() {
		return out, nil
	}
	return c.finishReplace(out, before, after)
}

// finishReplace: rows that REPLACE removed because they held another of the
// new row's unique values.
func (c *capture) finishReplace(out outcome, before, after *image) (outcome, error) {
	gone := &image{set: before.set}
	for _, r := range before.rows {
		key := before.keyOf(c.table, r)
		if !slices.ContainsFunc(after.rows, func(a row) bool { return after.keyOf(c.table, a) == key }) {
			gone.rows = append(gone.rows, r)
			gone.count++
		}
	}
	c.noteGone(gone)
	return out, c.add(c.destroyed(gone)...)
}

// onConflict is the statement's ON CONFLICT (ON DUPLICATE KEY UPDATE).
func (c *capture) onConflict() (clause.OnConflict, bool) {
	o, ok := c.stmt.Clauses["ON CONFLICT"].Expression.(clause.OnConflict)
	return o, ok
}

func (c *capture) hasConflictClause() bool {
	_, ok := c.stmt.Clauses["ON CONFLICT"]
	return ok || c.replaces()
}

// replaces: INSERT OR REPLACE, and MySQL's REPLACE, by the modifier.
func (c *capture) replaces() bool {
	if c.text.verb == "REPLACE" {
		return true
	}
	i, ok := c.stmt.Clauses["INSERT"].Expression.(clause.Insert)
	return ok && strings.Contains(strings.ToUpper(i.Modifier), "REPLACE")
}

// mayMeetRows reports whether the statement may change rows that are there.
func (c *capture) mayMeetRows() bool {
	if c.replaces() {
		return true
	}
	o, ok := c.onConflict()
	if !ok {
		_, has := c.stmt.Clauses["ON CONFLICT"]
		return has
	}
	// Where the database returns what it wrote, rows that were left alone are
	// not among it. MySQL's form of "do nothing" is an update.
	return !o.DoNothing || c.plugin.dialect.name == "mysql"
}

// readConflicts reads and locks the rows that hold one of the keys that the
// statement inserts.
func (c *capture) readConflicts() (*image, error) {
	query, args, err := c.conflictsQuery()
	if err != nil || query == "" {
		return &image{}, err
	}
	rows, err := c.own.QueryContext(c.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return c.plugin.readAll(c.table, rows, c.plugin.budget)
}

// conflictsQuery is a SELECT of those rows, which locks them.
func (c *capture) conflictsQuery() (string, []any, error) {
	query, args := c.selectConflicts()
	if query == "" {
		return "", nil, nil
	}
	return query + c.plugin.dialect.lock, args, c.plugin.lockFirst(c.ctx, c.own, c.unit, c.table)
}

// selectConflicts is "" if no inserted row can meet one that is there.
func (c *capture) selectConflicts() (string, []any) {
	values, ok := c.stmt.Clauses["VALUES"].Expression.(clause.Values)
	if !ok || len(values.Values) == 0 {
		return "", nil
	}
	b := c.scratch()
	b.WriteString("SELECT * FROM " + c.table.quoted(c.plugin.dialect) + " WHERE ")
	start := b.SQL.Len()
	for _, u := range c.conflictTargets() {
		places := placesOf(u.columns, values.Columns)
		if places == nil {
			continue // a column that is not inserted has its default, which is no key
		}
		for _, v := range values.Values {
			c.writeMatch(b, u.columns, places, v, b.SQL.Len() > start)
		}
	}
	if b.SQL.Len() == start {
		return "", nil
	}
	return b.SQL.String(), b.Vars
}

func (c *capture) writeMatch(b *gorm.Statement, columns []string, places []int, values []any, or bool) {
	if or {
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
	if ok && len(o.Columns) > 0 && c.plugin.dialect.name != "mysql" && !c.replaces() {
		columns := make([]string, len(o.Columns))
		for i, col := range o.Columns {
			if columns[i] = col.Name; col.Name == clause.PrimaryKey && len(c.table.key) > 0 {
				columns[i] = c.table.key[0]
			}
		}
		return []uniqueOn{{columns: columns}}
	}
	return c.table.uniques
}

// insertThenRead runs the statement and reads the rows that it wrote by their
// keys.
func (c *capture) insertThenRead(before *image, wantRows bool) (outcome, error) {
	out, err := c.plain(wantRows)
	if err != nil {
		return out, err
	}
	after, err := c.readInserted(out, before)
	if err != nil {
		return c.afterFailed(out, err)
	}
	if after == nil {
		return out, c.add(c.executed(c.text, c.query, out.affected()))
	}
	return c.finishInsert(out, before, after)
}

// readInserted reads the written rows: those that hold an inserted key, those
// that were met, and those whose keys the database generated. nil: they can't
// be found.
func (c *capture) readInserted(out outcome, before *image) (*image, error) {
	all := &image{}
	query, args := c.selectConflicts()
	if query != "" {
		rows, err := c.own.QueryContext(c.ctx, query, args...)
		if err != nil {
			return nil, err
		}
		if all, err = c.plugin.readAll(c.table, rows, c.plugin.budget); err != nil {
			return nil, err
		}
	}
	keys := c.generatedKeys(out)
	for _, r := range before.rows {
		keys = append(keys, c.keyAfter(before, r))
	}
	if len(keys) == 0 && query == "" {
		return nil, nil
	}
	more, err := c.readKeys(keys)
	if err != nil {
		return nil, err
	}
	for _, r := range more.rows {
		key := more.keyOf(c.table, r)
		if !slices.ContainsFunc(all.rows, func(a row) bool { return all.keyOf(c.table, a) == key }) {
			all.set, all.rows, all.count = more.set, append(all.rows, r), all.count+1
		}
	}
	return all, nil
}

// generatedKeys are the auto-increment keys that the statement took: MySQL gives
// a statement's rows consecutive ones, and reports the first.
func (c *capture) generatedKeys(out outcome) [][]any {
	values, ok := c.stmt.Clauses["VALUES"].Expression.(clause.Values)
	if !ok || out.result == nil || len(c.table.key) != 1 {
		return nil
	}
	col, _ := c.table.column(c.table.key[0])
	if !col.auto || placesOf(c.table.key, values.Columns) != nil {
		return nil
	}
	first, err := out.result.LastInsertId()
	if err != nil || first == 0 {
		return nil
	}
	step := int64(1)
	if s := c.stmt.Schema; s != nil && s.PrioritizedPrimaryField != nil && s.PrioritizedPrimaryField.AutoIncrementIncrement > 1 {
		step = s.PrioritizedPrimaryField.AutoIncrementIncrement
	}
	var keys [][]any
	for i := range max(len(values.Values), 1) {
		keys = append(keys, []any{first + int64(i)*step})
	}
	return keys
}

// firstGenerated is what MySQL reports as the last insert ID: the first key that
// it generated.
func (c *capture) firstGenerated(after *image) int64 {
	for _, col := range c.table.columns {
		if col.auto && len(after.rows) > 0 {
			if v, ok := after.value(after.rows[0], col.name); ok {
				if id, ok := v.(int64); ok {
					return id
				}
			}
		}
	}
	return 0
}
