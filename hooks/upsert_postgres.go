package hooks

import (
	"slices"
	"strings"

	"gorm.io/gorm/clause"
)

// An upsert on PostgreSQL hands back the rows that it met, as they were:
//
//	INSERT INTO t … ON CONFLICT … DO UPDATE SET …
//	WHERE set_config('gormtrail.old', (t.*)::text, true) IS NOT NULL
//	RETURNING …, (current_setting('gormtrail.old')::t).*, t.*, set_config('gormtrail.old', '', true)
//
// The condition of DO UPDATE sees each met row when it is locked, in the version
// that is about to be replaced, also if another transaction committed it a
// moment ago; a SELECT before the INSERT can't. The text of a row is read back as
// exactly that row. The setting lives as long as the transaction.
const oldSetting = "gormtrail.old"

// upsertPostgres is for ON CONFLICT DO UPDATE; ok is false where the statement
// isn't built as expected.
func (c *capture) upsertPostgres(wantRows bool) (out outcome, ok bool, err error) {
	query, ok := c.keepingOld()
	if !ok {
		return outcome{}, false, nil
	}
	_, columns, all, ok := c.asked()
	if !ok || all {
		return outcome{}, false, nil
	}
	d := c.plugin.dialect
	current := "current_setting('" + oldSetting + "', true)"
	star := "COALESCE(" + current + ", '') <> '' AS " + placeNumber +
		", (NULLIF(" + current + ", '')::" + c.table.rowType + ").*, " + d.quote(c.table.name) + ".*" +
		", set_config('" + oldSetting + "', '', true) AS " + placeName
	out, err = c.upserted(query, star, columns, wantRows)
	return out, true, err
}

// keepingOld is the statement, without its RETURNING, whose DO UPDATE notes the
// row that it met.
func (c *capture) keepingOld() (string, bool) {
	without, _, _, ok := c.asked()
	parts, built := c.segmented()
	conflict, is := c.onConflict()
	if !ok || !built || !is || conflict.DoNothing {
		return "", false
	}
	text := strings.TrimRight(parts["ON CONFLICT"].text, " ")
	action, ok := c.conflictAction(conflict, parts["ON CONFLICT"].from)
	head, atEnd := strings.CutSuffix(strings.TrimRight(without, " "), text)
	if !ok || !atEnd || !strings.HasPrefix(text, action) {
		return "", false
	}
	note := "set_config('" + oldSetting + "', (" + c.plugin.dialect.quote(c.table.name) + ".*)::text, true) IS NOT NULL"
	condition, has := strings.CutPrefix(text[len(action):], " WHERE ")
	if has {
		note = "(" + condition + ") AND " + note
	}
	return head + action + " WHERE " + note, true
}

// conflictAction is the ON CONFLICT without its condition; vars is how many
// variables stand before it.
func (c *capture) conflictAction(conflict clause.OnConflict, vars int) (string, bool) {
	conflict.Where = clause.Where{}
	b := c.scratch()
	b.Clauses = map[string]clause.Clause{}
	for name, have := range c.stmt.Clauses {
		b.Clauses[name] = have
	}
	only := b.Clauses["ON CONFLICT"]
	only.Expression = conflict
	b.Clauses["ON CONFLICT"] = only
	b.Vars = slices.Repeat([]any{nil}, vars)
	b.Build("ON CONFLICT")
	return strings.TrimRight(b.SQL.String(), " "), b.SQL.Len() > 0
}
