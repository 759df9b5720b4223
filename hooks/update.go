package hooks

import (
	"math"
	"slices"
	"strings"

	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
)

// pair is one row before and after.
type pair struct{ before, after *row }

// update captures an UPDATE, also that of a soft delete.
func (c *capture) update(wantRows bool) (outcome, error) {
	parts, built := c.segmented()
	postgres := c.plugin.dialect.name == "postgres"
	switch {
	case c.logs():
		return c.runLogged(wantRows)
	case postgres && !built, c.text.joined && c.setsOthers():
		return c.runUnseen(wantRows)
	case postgres && len(c.table.key) > 0 && !c.table.passesOn(c.assigned()):
		return c.updatePostgres(parts, wantRows)
	case postgres && !c.canUpdatePlaces(parts):
		return c.runUnseen(wantRows)
	case c.passesOver() && (len(c.table.key) == 0 || c.sets(c.table.key)):
		return c.refused("an UPDATE IGNORE changes keys or a table without one, and doesn't tell which rows it passes over", wantRows)
	}
	before, err := c.meet()
	if err != nil {
		return c.beforeFailed(err, wantRows)
	}
	return c.withCascades([]touched{{before, c.assigned()}}, wantRows, func() (outcome, error) {
		switch {
		case before.over():
			return c.updateCounted(parts, built, before, wantRows)
		case postgres:
			return c.updatePlaces(parts, before, wantRows)
		}
		return c.updateMet(parts, built, before, wantRows)
	})
}

// assigned are the columns that the statement sets; empty if that can't be told.
func (c *capture) assigned() []string {
	columns := []string{}
	for _, a := range c.assignments() {
		columns = append(columns, a.Column.Name)
	}
	return columns
}

// assignments are the SET of an UPDATE.
func (c *capture) assignments() clause.Set {
	if c.text.verb != "UPDATE" {
		return nil
	}
	set, _ := c.stmt.Clauses["SET"].Expression.(clause.Set)
	list := make(clause.Set, len(set))
	for i, a := range set {
		a.Column.Name = bareName(a.Column.Name) // "people.name" in a joined UPDATE
		list[i] = a
	}
	return list
}

// setsOthers reports whether a joined UPDATE also writes one of the tables that
// it is joined with.
func (c *capture) setsOthers() bool {
	set, _ := c.stmt.Clauses["SET"].Expression.(clause.Set)
	for _, a := range set {
		of := a.Column.Table
		if i := strings.LastIndexByte(a.Column.Name, '.'); i >= 0 {
			of = a.Column.Name[:i]
		}
		if of = bareName(of); of != "" && of != clause.CurrentTable && !strings.EqualFold(of, c.text.table) && !strings.EqualFold(of, c.text.alias) {
			return true
		}
	}
	return false
}

// sets reports whether the statement assigns one of the columns, or whether
// that can't be told.
func (c *capture) sets(columns []string) bool {
	set := c.assignments()
	if set == nil {
		return true
	}
	for _, a := range set {
		if slices.Contains(columns, a.Column.Name) {
			return true
		}
	}
	return false
}

// onMet is the statement with the rows that were read in place of the host's
// condition. A joined UPDATE keeps its condition as well, which says what each
// row is joined with.
func (c *capture) onMet(parts map[string]segment, m *image) hostText {
	condition, args := c.metRows(m)
	set := parts["SET"]
	t := hostText{body: parts["UPDATE"].text + " " + set.text, args: slices.Clone(c.args[:set.to]), varies: len(m.rows) > 1}
	if from, ok := parts["FROM"]; ok {
		t.body += " " + from.text
		t.args = slices.Clone(c.args[:from.to])
	}
	where, has := parts["WHERE"]
	if c.joins() && has {
		if host := c.condition(where.from); host != "" {
			condition = "(" + host + ") AND (" + condition + ")"
			t.args = slices.Clone(c.args[:where.to])
		}
	}
	t.body += " WHERE " + condition
	t.args = append(t.args, args...)
	if order, ok := parts["ORDER BY"]; ok { // the order in which unique values move on
		t.body += " " + order.text
		t.args = append(t.args, c.args[order.from:order.to]...)
	}
	return t
}

// updateMet updates the rows that were read.
func (c *capture) updateMet(parts map[string]segment, built bool, before *image, wantRows bool) (outcome, error) {
	if built && !wantRows && c.countsMatches() && len(c.table.key) == 0 && (c.computes() || c.choosesAnew() || c.chained()) {
		return c.updateEach(parts, before)
	}
	if !built || c.plugin.dialect.name == "mysql" && len(c.table.key) == 0 || c.tooManyKeys(before) {
		return c.updateCounted(parts, built, before, wantRows)
	}
	t := c.onMet(parts, before)
	if !c.plugin.dialect.updateReturning {
		return c.updateThenRead(t, before, wantRows)
	}
	return c.updateReturning(t, before, wantRows)
}

// maxKeysMet bounds the keys in one statement's condition: past it MariaDB may
// give up its index (optimizer_max_sel_args), and lock every row.
const maxKeysMet = 2000

func (c *capture) tooManyKeys(m *image) bool {
	return c.plugin.dialect.name == "mysql" && len(m.rows)*len(c.table.key) > maxKeysMet
}

// updateReturning is for SQLite: it runs the statement, which returns the rows
// as they are now.
func (c *capture) updateReturning(t hostText, before *image, wantRows bool) (outcome, error) {
	after, out, err := c.runReturning(t, wantRows)
	if err != nil {
		return out, err
	}
	return out, c.finishUpdate(before, after)
}

// runReturning runs a statement that returns its rows with their locators.
func (c *capture) runReturning(t hostText, wantRows bool) (*image, outcome, error) {
	after := &image{}
	list, head := c.locatorList(c.returned())
	out, err := c.returning(t, list+c.rowList(c.returned(), "*"), head, 0, wantRows, func(r *rowReader, raw []any) error {
		return c.meetRow(after, r, raw)
	})
	return after, out, err
}

// updateThenRead runs the statement and reads the rows again by their keys.
func (c *capture) updateThenRead(t hostText, before *image, wantRows bool) (outcome, error) {
	out, err := c.runText(t, wantRows)
	if err != nil {
		return out, err
	}
	return out, c.readUpdated(before)
}

// readUpdated reads rows again by the keys that they have now, or, where an
// UPDATE IGNORE passed over them, had.
func (c *capture) readUpdated(before *image) error {
	keys := make([][]any, len(before.rows))
	for i, r := range before.rows {
		keys[i] = c.keyAfter(before, r)
	}
	after, err := c.readKeys(keys)
	if err != nil {
		return c.failedAfter(err)
	}
	var missing [][]any
	for i, r := range before.rows {
		if !slices.ContainsFunc(after.rows, func(a row) bool { return after.keyOf(c.table, a) == keyOfValues(keys[i]) }) {
			missing = append(missing, c.keyBefore(before, r))
		}
	}
	if len(missing) > 0 {
		more, err := c.readKeys(missing)
		if err != nil {
			return c.failedAfter(err)
		}
		if more.count < len(missing) {
			return c.notMet("their keys after the statement are not those that were predicted")
		}
		return c.finishUpdate(before, after) // what was passed over has not changed
	}
	return c.finishUpdate(before, after)
}

// updateCounted runs the host's own statement, since it can't be given the rows
// that were read, and compares how many rows it matched.
func (c *capture) updateCounted(parts map[string]segment, built bool, before *image, wantRows bool) (outcome, error) {
	t, noted := c.noting(parts, built)
	out, err := c.runNoting(t, noted, wantRows)
	if err != nil {
		return out, err
	}
	if reason, err := c.countsDiffer(out, before, noted, wantRows); err != nil {
		return c.afterFailed(out, err)
	} else if reason != "" {
		return out, c.notMet(reason)
	}
	switch {
	case before.count == 0:
		return out, nil
	case before.over():
		c.unit.wrote.Store(true)
		return out, c.add(c.summary(before))
	case len(c.table.key) == 0:
		return out, c.add(c.predictedUpdates(before)...)
	}
	return out, c.readUpdated(before)
}

// predictedUpdates are the entries of rows that nothing tells apart, by the
// values that the database worked out for them before. (MySQL assigns from left
// to right: an expression that uses a column assigned before it in the same
// statement sees the old value here, and the new one there.)
func (c *capture) predictedUpdates(before *image) []audit.Entry {
	after := before.predicted()
	pairs := make([]pair, len(before.rows))
	for i := range pairs {
		pairs[i] = pair{&before.rows[i], &after.rows[i]}
	}
	return c.updated(before, after, pairs)
}

// finishUpdate pairs the rows before and after, and adds their entries.
func (c *capture) finishUpdate(before, after *image) error {
	if after.over() {
		return c.add(c.summary(after))
	}
	if len(after.rows) == 0 {
		return nil // no row came back: none was changed
	}
	known := make(map[string]*row, len(before.rows))
	for i := range before.rows {
		known[c.pairKeyBefore(before, before.rows[i])] = &before.rows[i]
	}
	pairs := make([]pair, 0, len(after.rows))
	for i := range after.rows {
		b := known[c.pairKeyAfter(after, after.rows[i])]
		if b == nil {
			return c.notMet("it returned one with another key")
		}
		pairs = append(pairs, pair{b, &after.rows[i]})
	}
	return c.add(c.updated(before, after, pairs)...)
}

// pairKeyBefore identifies a row by what it will have after the statement,
// pairKeyAfter by what it has then.
func (c *capture) pairKeyBefore(m *image, r row) string {
	if c.byRowid() {
		if alias := c.table.rowidAlias(); alias != "" {
			return keyText(m.valueToCome(r, alias))
		}
		return keyText(r.locator)
	}
	return keyOfValues(c.keyAfter(m, r))
}

func (c *capture) pairKeyAfter(m *image, r row) string {
	if c.byRowid() {
		return keyText(r.locator)
	}
	return m.keyOf(c.table, r)
}

func (c *capture) byRowid() bool {
	return c.plugin.dialect.name == "sqlite" && c.table.rowidName() != ""
}

// maxKeys bounds the keys of one SELECT.
const maxKeys = 500

// readKeys reads rows by their keys.
func (c *capture) readKeys(keys [][]any) (*image, error) {
	all := &image{set: c.setNow()}
	for len(keys) > 0 {
		n := min(len(keys), maxKeys)
		condition, args := c.matchKeys(keys[:n], "", nil)
		m, err := c.readWhere(condition, args)
		if err != nil {
			return nil, err
		}
		all.set = m.set
		for _, r := range m.rows {
			all.add(c.table, r, math.MaxInt)
		}
		keys = keys[n:]
	}
	return all, nil
}

// setNow is the table's columns as the catalog has them.
func (c *capture) setNow() *columnSet {
	return c.plugin.columnsOf(c.table, columns{names: c.table.names()})
}

// readWhere reads the table's rows by a condition of the plugin's own, with
// their locators.
func (c *capture) readWhere(condition string, args []any) (*image, error) {
	name := c.table.quoted(c.plugin.dialect)
	ref := c.plugin.dialect.quote(c.table.name)
	list, head := "", 0
	if c.plugin.dialect.name == "sqlite" {
		list, head = c.locatorList(ref)
	}
	query := "SELECT " + list + c.rowList(ref, ref+".*") + " FROM " + name + " WHERE " + condition
	if c.plugin.dialect.name == "mysql" {
		query += c.plugin.dialect.lock // the rows as they are: a snapshot older than DDL fails
	}
	rows, err := c.own.QueryContext(c.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	m := &image{part: true}
	err = c.eachRow(rows, c.reader(head, 0), func(r *rowReader, raw []any) error { return c.meetRow(m, r, raw) })
	if err == nil && m.set == nil {
		m.set = c.setNow()
	}
	if err == nil {
		err = c.settle(m)
	}
	return m, err
}
