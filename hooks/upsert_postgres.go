package hooks

import (
	"slices"
	"strings"

	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// An upsert on PostgreSQL hands back the rows that it met, as they were:
//
//	INSERT INTO t … ON CONFLICT … DO UPDATE SET …
//	WHERE set_config('gormtrail.old', (t.*)::text, true) IS NOT NULL
//	RETURNING …, current_setting('gormtrail.old'), (t.*)::text, …, set_config('gormtrail.old', '', true)
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
	u := c.newUpsert()
	list := "COALESCE(current_setting('" + oldSetting + "', true), ''), " + c.rowList(c.reference(), "") + ", set_config('" + oldSetting + "', '', true)"
	out, err = c.returning(hostText{body: query, args: c.args}, list, 1, 1, wantRows, u.seePostgres)
	if err != nil {
		return out, true, err
	}
	out, err = u.finish(out)
	return out, true, err
}

func (u *rowsUpserted) seePostgres(r *rowReader, raw []any) error {
	old := recordText(raw[0])
	u.met = append(u.met, old != "")
	if old == "" {
		u.before.set = r.set
		u.before.add(u.table, row{values: make([]any, len(r.set.names))}, u.plugin.budget)
	} else if err := (&rowReader{c: u.capture, set: r.set}).into(u.before, []any{old, raw[r.from+1], raw[r.from+2]}); err != nil {
		return err
	}
	return r.into(u.after, raw)
}

// keepingOld is the statement, without its RETURNING, whose DO UPDATE notes the
// row that it met.
func (c *capture) keepingOld() (string, bool) {
	host := c.divided()
	parts, built := c.segmented()
	conflict, is := c.onConflict()
	if !host.ok || !built || !is || conflict.DoNothing {
		return "", false
	}
	text := parts["ON CONFLICT"].text
	action, ok := c.conflictAction(conflict, parts["ON CONFLICT"].from)
	head, atEnd := strings.CutSuffix(strings.TrimRight(host.body, " "), text)
	if !ok || !atEnd || !strings.HasPrefix(text, action) {
		return "", false
	}
	note := "set_config('" + oldSetting + "', (" + c.reference() + ".*)::text, true) IS NOT NULL"
	if condition, has := strings.CutPrefix(text[len(action):], " WHERE "); has {
		end, _ := sqltext.End(condition, c.rules)
		note = "(" + condition[:end] + ") AND " + note
	}
	return head + action + " WHERE " + note, true
}

// conflictAction is the ON CONFLICT without its condition; vars is how many
// arguments stand before it.
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
