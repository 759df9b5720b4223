package hooks

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
)

// SQLite returns what an INSERT wrote, and nothing of what a row was before. The
// rows that it will meet are found in one of two ways: by the inserted values,
// where they are plain values of a plain unique index; otherwise by a rehearsal,
// in which the database itself says which rows those are, inside a savepoint
// that is rolled back.

func (c *capture) insertSQLite(wantRows bool) (outcome, error) {
	if !c.meetsRows() {
		return c.insertNew(wantRows)
	}
	met, err := c.meetConflicts()
	if err != nil {
		return c.beforeFailed(err, wantRows)
	}
	return c.withCascades([]touched{{met.before, c.conflictColumns()}}, wantRows, func() (outcome, error) {
		if !c.plugin.dialect.returning || !c.divided().ok {
			return c.insertThenRead(met.before, wantRows)
		}
		after, out, err := c.insertReturning(hostText{body: c.divided().body, args: c.args}, wantRows)
		if err != nil {
			return out, err
		}
		return out, c.finishMet(met, after)
	})
}

// conflictsMet are the rows that an INSERT will meet.
type conflictsMet struct {
	before *image
	order  []int // of a rehearsed upsert, by returned row: index in before, -1 for a new row
}

func (c *capture) meetConflicts() (conflictsMet, error) {
	if c.plainConflicts() {
		before, err := c.readConflicts()
		return conflictsMet{before: before}, err
	}
	if err := c.plugin.lockFirst(c.ctx, c.own, c.unit, c.table); err != nil {
		return conflictsMet{}, err
	}
	if c.replaces() {
		return c.rehearseReplace()
	}
	return c.rehearseUpsert()
}

// plainConflicts reports whether the rows that the statement meets are exactly
// those that hold an inserted value: plain values, of columns under a plain
// unique index.
func (c *capture) plainConflicts() bool {
	values, ok := c.stmt.Clauses["VALUES"].Expression.(clause.Values)
	o, known := c.onConflict()
	if !ok || c.hasConflictClause() && !known || len(o.TargetWhere.Exprs) > 0 {
		return false
	}
	var columns []string
	for _, target := range c.conflictTargets() {
		u, found := c.uniqueOver(target.columns)
		if !found || !u.plain || placesOf(target.columns, values.Columns) == nil && !c.table.isRowid(target.columns) {
			return false
		}
		columns = append(columns, target.columns...)
	}
	return len(columns) > 0 && c.boundAll(values, columns)
}

func (c *capture) hasConflictClause() bool {
	_, ok := c.stmt.Clauses["ON CONFLICT"]
	return ok
}

// uniqueOver is the unique index over exactly these columns, in any order.
func (c *capture) uniqueOver(columns []string) (uniqueOn, bool) {
	for _, u := range c.table.uniques {
		if len(u.columns) == len(columns) && !slices.ContainsFunc(columns, func(name string) bool { return !slices.Contains(u.columns, name) }) {
			return u, true
		}
	}
	return uniqueOn{}, false
}

// isRowid reports whether the columns are the integer key that SQLite gives a
// new row by itself: one that isn't inserted meets none.
func (t *table) isRowid(columns []string) bool {
	return len(columns) == 1 && columns[0] != "" && columns[0] == t.rowidAlias()
}

// boundAll reports whether all values of the columns are bound as they are, and
// not computed by the database.
func (c *capture) boundAll(values clause.Values, columns []string) bool {
	for i, col := range values.Columns {
		if !slices.Contains(columns, col.Name) {
			continue
		}
		for _, list := range values.Values {
			if b := c.scratch(); true {
				b.AddVar(b, list[i])
				if b.SQL.String() != "?" {
					return false
				}
			}
		}
	}
	return true
}

// finishMet adds the entries of rows that were inserted or met.
func (c *capture) finishMet(met conflictsMet, after *image) error {
	if met.order == nil || met.before.over() || after.over() {
		return c.finishInsert(met.before, after)
	}
	if len(after.rows) != len(met.order) {
		return c.notMet(fmt.Sprintf("a rehearsal wrote %d rows and the statement %d", len(met.order), len(after.rows)))
	}
	c.unit.wrote.Store(true)
	current := map[string]versionOf{}
	var entries []audit.Entry
	for i := range after.rows {
		r := &after.rows[i]
		old, had := current[c.insertKey(after, *r)]
		if n := met.order[i]; !had && n >= 0 {
			old, had = versionOf{met.before, &met.before.rows[n]}, true
		}
		if had {
			entries = append(entries, c.updated(old.m, after, []pair{{old.r, r}})...)
		} else {
			entries = append(entries, c.created(after, *r))
		}
		current[c.insertKey(after, *r)] = versionOf{after, r}
	}
	return c.add(entries...)
}

// rehearse runs do inside a savepoint and rolls it back, whatever it returned.
func (c *capture) rehearse(do func() error) error {
	exec := func(query string) error {
		_, err := c.unit.conn.ExecContext(c.ctx, query)
		return err
	}
	if err := exec("SAVEPOINT gormtrail_rehearsal"); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, exec("ROLLBACK TO SAVEPOINT gormtrail_rehearsal"), exec("RELEASE SAVEPOINT gormtrail_rehearsal"))
}

// rehearseUpsert runs the upsert with an assignment that changes nothing: it
// returns each row that it meets as it is, in the order of the inserted rows.
func (c *capture) rehearseUpsert() (conflictsMet, error) {
	t, ok := c.rehearsalOf(false)
	if !ok {
		return conflictsMet{}, fmt.Errorf("hooks: the ON CONFLICT of an upsert into %s was not built by a clause.OnConflict", c.table.object)
	}
	var locators []any
	err := c.rehearse(func() (err error) {
		locators, err = c.locatorsOf(t.body, t.args)
		return err
	})
	if err != nil {
		return conflictsMet{}, err
	}
	before, err := c.readLocators(locators)
	if err != nil {
		return conflictsMet{}, err
	}
	at := map[string]int{}
	for i, r := range before.rows {
		at[keyText(r.locator)] = i
	}
	met := conflictsMet{before: before, order: make([]int, len(locators))}
	for i, l := range locators {
		n, ok := at[keyText(l)]
		if met.order[i] = n; !ok {
			met.order[i] = -1
		}
	}
	return met, nil
}

// rehearseReplace finds the rows that a REPLACE removes: it has the INSERT meet
// them instead, again and again without those that it met before, since each
// unique index may lead an inserted row to another one.
func (c *capture) rehearseReplace() (conflictsMet, error) {
	t, ok := c.rehearsalOf(true)
	if !ok {
		return conflictsMet{}, fmt.Errorf("hooks: a REPLACE into %s was not built from GORM's clauses", c.table.object)
	}
	met := conflictsMet{before: &image{set: c.setNow()}}
	for range len(c.table.uniques) + 2 {
		var locators []any
		err := c.rehearse(func() error {
			condition, args := c.atLocators(met.before)
			if _, err := c.own.ExecContext(c.ctx, "DELETE FROM "+c.table.quoted(c.plugin.dialect)+" WHERE "+condition, args...); err != nil {
				return err
			}
			var err error
			locators, err = c.locatorsOf(t.body, t.args)
			return err
		})
		if err != nil {
			return met, err
		}
		more, err := c.readLocators(locators)
		known := met.before.count
		if err == nil {
			c.mergeLocated(met.before, more)
		}
		if err != nil || met.before.count == known {
			return met, err
		}
	}
	return met, nil
}

// mergeLocated adds the rows at places that the image doesn't hold yet.
func (c *capture) mergeLocated(all, more *image) {
	for _, r := range more.rows {
		if !slices.ContainsFunc(all.rows, func(a row) bool { return keyText(a.locator) == keyText(r.locator) }) {
			all.set, all.rows, all.count = more.set, append(all.rows, r), all.count+1
		}
	}
}

// rehearsalOf is the INSERT whose DO UPDATE changes nothing, and which returns
// locators. every: it meets the rows of each unique index.
func (c *capture) rehearsalOf(every bool) (hostText, bool) {
	parts, built := c.segmented()
	conflict, ok := c.onConflict()
	if !built || c.hasConflictClause() && !ok {
		return hostText{}, false
	}
	values, own := parts["VALUES"], parts["ON CONFLICT"]
	t := hostText{body: parts["INSERT"].text + " " + values.text + "\nON CONFLICT ", args: slices.Clone(c.args[:values.to])}
	if every {
		conflict = clause.OnConflict{}
	}
	if len(conflict.Columns) > 0 {
		target, vars := c.conflictTarget(conflict)
		t.body += target
		t.args = append(t.args, c.args[own.from:own.from+vars]...)
	}
	name := c.constantColumn()
	t.body += "DO UPDATE SET " + name + " = " + c.reference() + "." + name
	if len(conflict.Where.Exprs) > 0 {
		b := c.scratch()
		conflict.Where.Build(b)
		t.body += " WHERE " + b.SQL.String()
		t.args = append(t.args, c.args[own.to-len(b.Vars):own.to]...)
	}
	list, _ := c.locatorList(c.returned())
	t.body += "\nRETURNING " + strings.TrimSuffix(list, ", ")
	return t, true
}

// conflictTarget is "(columns) ", with the condition of a partial index, and how
// many arguments that has.
func (c *capture) conflictTarget(conflict clause.OnConflict) (string, int) {
	b := c.scratch()
	b.WriteByte('(')
	for i, col := range conflict.Columns {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteQuoted(col)
	}
	b.WriteString(") ")
	if len(conflict.TargetWhere.Exprs) > 0 {
		b.WriteString("WHERE ")
		conflict.TargetWhere.Build(b)
		b.WriteByte(' ')
	}
	return b.SQL.String(), len(b.Vars)
}

// constantColumn is a column that an assignment to itself leaves as it is.
func (c *capture) constantColumn() string {
	for _, col := range c.table.columns {
		if !col.generated {
			return c.plugin.dialect.quote(col.name)
		}
	}
	return c.table.rowidName()
}

// locatorsOf runs a statement that returns locators alone.
func (c *capture) locatorsOf(query string, args []any) ([]any, error) {
	var list []any
	rows, err := c.own.QueryContext(c.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var v any
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, errors.Join(rows.Err(), rows.Close())
}

// readLocators reads the rows that are at those places.
func (c *capture) readLocators(locators []any) (*image, error) {
	all := &image{set: c.setNow()}
	for chunk := range slices.Chunk(locators, maxKeys) {
		at := &image{}
		for _, l := range chunk {
			at.rows = append(at.rows, row{locator: l})
		}
		condition, args := c.atLocators(at)
		m, err := c.readWhere(condition, args)
		if err != nil {
			return nil, err
		}
		c.mergeLocated(all, m)
	}
	return all, nil
}

// atLocators is metRows in a statement that names the table without an alias.
func (c *capture) atLocators(m *image) (string, []any) {
	plain := *c
	plain.text.alias = ""
	plain.text.table = c.table.name
	return plain.metRows(m)
}
