package hooks

import (
	"slices"
	"strings"
)

// foreignKey is one by which a table's rows refer to another's, or to each
// other, and which has the database change them when those are deleted, or
// change what they are referred to by.
type foreignKey struct {
	name          string // the constraint's; "" in SQLite, which doesn't tell
	schema, table string // of the rows that refer
	object        string // how entries name that table
	columns       []string
	refers        []string // the columns that these refer to
	// onDelete and onUpdate are what the database does: "CASCADE", "SET NULL",
	// "SET DEFAULT"; "" where it does nothing, or refuses.
	onDelete, onUpdate string
	kept               []string // columns that SET NULL and SET DEFAULT leave alone when rows go
}

// title is by what an entry names the key.
func (f foreignKey) title() string {
	if f.name != "" {
		return f.name
	}
	return strings.Join(f.columns, ", ")
}

// passesOn reports whether a foreign key changes other rows with the table's
// own: if those go (columns is nil), or if such columns of theirs change.
func (t *table) passesOn(columns []string) bool {
	return slices.ContainsFunc(t.referrers, func(f foreignKey) bool { return f.rule(columns) != "" })
}

// rule is what the key has the database do then.
func (f foreignKey) rule(columns []string) string {
	if columns == nil {
		return f.onDelete
	}
	if slices.ContainsFunc(f.refers, func(name string) bool { return slices.Contains(columns, name) }) {
		return f.onUpdate
	}
	return ""
}

// referrers collects the foreign keys that refer to a table and pass on what
// happens to its rows.
type referrers struct {
	table *table
	keys  []foreignKey
	last  string // the ID of the key that was added last
}

// add takes one column of a key. All columns of a key follow each other.
func (r *referrers) add(id string, f foreignKey, column, refers string) {
	f.onDelete, f.onUpdate = action(f.onDelete), action(f.onUpdate)
	if f.onDelete == "" && f.onUpdate == "" {
		return
	}
	if len(r.keys) == 0 || id != r.last {
		r.last = id
		r.keys = append(r.keys, f)
	}
	at := &r.keys[len(r.keys)-1]
	at.columns = append(at.columns, column)
	at.refers = append(at.refers, r.table.spelled(refers))
}

// action is a rule by which rows change.
func action(rule string) string {
	switch rule = strings.ToUpper(rule); rule {
	case "CASCADE", "SET NULL", "SET DEFAULT":
		return rule
	case "C":
		return "CASCADE"
	case "N":
		return "SET NULL"
	case "D":
		return "SET DEFAULT"
	}
	return ""
}
