package hooks

import (
	"slices"

	"gorm.io/gorm/clause"
)

// insertSQLite captures an INSERT of SQLite, which returns what it wrote, and
// nothing of what a row was before. The rows that an upsert will meet are read by
// the inserted values where those are plain values of a plain unique index; other
// statements are logged.
func (c *capture) insertSQLite(wantRows bool) (outcome, error) {
	upserts := c.meetsRows()
	switch {
	case !c.plugin.dialect.returning, c.onlyAsWritten(), upserts && !c.plainConflicts():
		return c.runLogged(wantRows)
	case !upserts:
		return c.insertNew(wantRows)
	}
	before, err := c.readConflicts()
	if err != nil {
		return c.beforeFailed(err, wantRows)
	}
	return c.withCascades([]touched{{before, c.conflictColumns()}}, wantRows, func() (outcome, error) {
		after, out, err := c.insertReturning(hostText{body: c.divided().body, args: c.args}, wantRows)
		if err != nil {
			return out, err
		}
		return out, c.finishInsert(before, after)
	})
}

// plainConflicts reports whether the rows that the statement meets are exactly
// those that hold an inserted value (plain values, of columns under a plain unique
// index), and keep their key.
func (c *capture) plainConflicts() bool {
	values, ok := c.stmt.Clauses["VALUES"].Expression.(clause.Values)
	o, known := c.onConflict()
	if !ok || !known || len(o.TargetWhere.Exprs) > 0 || c.replaces() || slices.ContainsFunc(c.setColumns(), c.table.isKey) {
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
