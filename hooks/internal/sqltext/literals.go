package sqltext

import "slices"

// WithoutLiterals is WithoutValues for SQLite, which takes "x" for a text where no
// column is called x. So "?" also stands in the place of a part in double quotes,
// unless isName knows it or its place says that it is a name.
func WithoutLiterals(sql string, isName func(string) bool) string {
	list, cut := withValues(sql, SQLite)
	for i, t := range list {
		if t.Kind == Name && sql[t.Start] == '"' && (t.open || !namePlace(list, i) && !isName(t.Text)) {
			list[i].Kind = Value
		}
	}
	return written(sql, list, cut)
}

// beforeNames are the words of SQLite behind which a name stands, and never a value.
var beforeNames = []string{
	"INTO", "UPDATE", "FROM", "JOIN", "TABLE", "INDEX", "VIEW", "TRIGGER", "REFERENCES", "SAVEPOINT", "RELEASE", "TO", "COLUMN", "CONSTRAINT", "EXISTS", "AS", "COLLATE",
}

// namePlace reports whether the token at i stands where only a name can.
func namePlace(list []Token, i int) bool {
	if i+1 < len(list) && list[i+1].IsSign('.') || i > 0 && list[i-1].IsSign('.') {
		return true
	}
	if i == 0 || i > 1 && list[i-1].Is("FROM") && list[i-2].Is("DISTINCT") { // a IS DISTINCT FROM "x"
		return false
	}
	return slices.ContainsFunc(beforeNames, list[i-1].Is)
}
