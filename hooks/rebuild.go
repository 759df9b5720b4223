package hooks

import (
	"strings"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// GORM's migrator for SQLite changes a column by rebuilding the table: it creates
// `t__temp`, copies the rows of `t`, drops `t` and renames the copy. All of it is
// DDL. The copy is told from other statements by what it follows, in the same
// transaction, and by its exact text: it can only fill a table that is new with
// what `t` holds, as CREATE TABLE … AS SELECT would.

const rebuildSuffix = "__temp"

// isRebuild reports whether the text is a step of a rebuilding: the creation of
// the new table, or the copy behind it.
func (r *rawProbe) isRebuild(query string) bool {
	t := r.text
	if r.plugin.dialect.name != "sqlite" || t.Several || t.Opaque || !inTransaction(r.ConnPool) || t.Schema != "" {
		return false
	}
	table, ok := strings.CutSuffix(t.Table, rebuildSuffix)
	switch {
	case !ok || table == "":
		return false
	case t.Effect == sqltext.Defines:
		return t.Verb == "CREATE" && strings.HasPrefix(query, "CREATE TABLE `"+t.Table+"`") && !r.plugin.opts.DDL
	}
	created := r.plugin.unitOf(r.ConnPool).created.Load()
	return created != nil && *created == t.Table && isCopy(query, table)
}

// rebuilt notes the table that a step created: its rows may be copied once.
func (r *rawProbe) rebuilt(u *unit) {
	if r.text.Effect != sqltext.Defines {
		u.created.Store(nil)
		return
	}
	table := r.text.Table
	u.created.Store(&table)
}

// isCopy reports whether a text is the migrator's
// INSERT INTO `t__temp`(columns) SELECT columns FROM `t`.
func isCopy(query, table string) bool {
	head, middle, tail := "INSERT INTO `"+table+rebuildSuffix+"`(", ") SELECT ", " FROM `"+table+"`"
	n := (len(query) - len(head) - len(middle) - len(tail)) / 2
	if n < 1 || len(query) < len(head)+n {
		return false
	}
	columns := query[len(head) : len(head)+n]
	if query != head+columns+middle+columns+tail {
		return false
	}
	for _, t := range sqltext.Tokens(columns, sqltext.SQLite, len(columns)) {
		if t.Kind != sqltext.Word && t.Kind != sqltext.Name && !t.IsSign(',') {
			return false
		}
	}
	return true
}
