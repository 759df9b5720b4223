package hooks

import "strings"

// rowidAlias is the column that stands for SQLite's rowid, and which an UPDATE
// moves with it; "" if there is none.
func (t *table) rowidAlias() string {
	if t.rowidName() == "" || len(t.key) != 1 {
		return ""
	}
	c, _ := t.column(t.key[0])
	if strings.EqualFold(c.typeText, "INTEGER") {
		return c.name
	}
	return ""
}
