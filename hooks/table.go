package hooks

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// table is what the catalog says of a table: its columns in order, their types,
// its keys, and what makes its statements write more than their own rows.
type table struct {
	schema, name string // where the catalog has it, in the catalog's spelling
	object       string // the name that entries carry, one whichever way it was named
	columns      []column
	byName       map[string]int
	key          []string   // the primary key, in column order; nil if there is none
	uniques      []uniqueOn // unique indexes and constraints, the primary key's first
	rowType      string     // PostgreSQL: the type of its rows, with schema: a table may be called like a type
	// view: a view, a sequence, or a virtual table of SQLite, whose rows are not
	// captured one by one.
	view      bool
	rowid     bool         // SQLite: has a rowid
	alias     string       // SQLite: the column that is another name of the rowid
	referrers []foreignKey // foreign keys that pass on what happens to its rows

	oid          uint32 // PostgreSQL: the relation's
	fingerprint  int64  // PostgreSQL: of its columns (fingerprintQuery)
	parts        bool   // PostgreSQL: partitioned or inherited from, so that its rows have other tableoids
	rules        bool   // PostgreSQL: a rewrite rule changes what INSERT, UPDATE or DELETE do
	ambiguous    bool   // PostgreSQL: other schemas have a relation of that name; which one is meant depends on search_path
	selfTriggers bool   // triggers may change rows of the table after they were written, the one that fired them among these
	writesBack   verbs  // the statements on the table that have them do so
	rekeys       bool   // PostgreSQL: they may change a row's primary key
	replaces     bool   // SQLite: a key of it says ON CONFLICT REPLACE
	fails        bool   // SQLite: a statement on it may fail and keep what it did before
	versioned    bool   // MariaDB: system-versioned

	// session: only this connection has the table, or the catalog was changing
	// while it was read. It is read again at the next use.
	session bool

	last     atomic.Pointer[columnSet]
	exact    atomic.Pointer[[]int]
	allNames atomic.Pointer[[]string]
	list     atomic.Pointer[listText]
	asked    atomic.Pointer[columns]           // SQLite: what GORM last asked for
	shown    atomic.Pointer[map[string]string] // MySQL: the driver's types of the columns in the first result
	keyed    atomic.Pointer[keyed]             // what needs the trail's key
	fits     sync.Map                          // *schema.Schema → struct{}: models that were held against the columns
}

type column struct {
	name     string
	kind     kind
	auto     bool   // auto-increment, or an identity column
	typeText string // as the database says it

	invisible   bool   // MariaDB and MySQL: not part of *
	generated   bool   // computed by the database; also the row_start and row_end of MariaDB's system versioning
	fallback    string // SQLite: the default of a NOT NULL column, which REPLACE puts in the place of NULL
	unversioned bool   // MariaDB: without system versioning, in a table that has it
	period      bool   // MariaDB: row_start or row_end of system versioning, which says nothing of the row
}

type uniqueOn struct {
	name    string
	columns []string // "" for a part that is an expression
	// collations are SQLite's, of each part.
	collations []string
	// plain: each part is a whole column under the column's own collation, NULLs
	// are distinct, and the index is not partial. Only a plain index can be asked
	// by the values inserted.
	plain bool
	// deferrable: PostgreSQL checks it at the end of the statement or the
	// transaction, so no ON CONFLICT meets a row by it.
	deferrable bool
}

func (t *table) column(name string) (column, bool) {
	i, ok := t.byName[name]
	if !ok {
		return column{}, false
	}
	return t.columns[i], true
}

func (t *table) isKey(name string) bool { return slices.Contains(t.key, name) }

// quoted is the table's name in SQL, whatever search_path or current database
// is now.
func (t *table) quoted(d dialect) string {
	if t.schema == "" {
		return d.quote(t.name)
	}
	return d.quote(t.schema) + "." + d.quote(t.name)
}

// rowidName is how SQL can name the rowid of a SQLite table; "" if it has none,
// or other columns have taken all of its names.
func (t *table) rowidName() string {
	if !t.rowid {
		return ""
	}
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		taken := slices.IndexFunc(t.columns, func(c column) bool { return strings.EqualFold(c.name, name) })
		if taken < 0 || t.columns[taken].name == t.alias {
			return name
		}
	}
	if t.alias != "" {
		return dialect{}.quote(t.alias)
	}
	return ""
}

// rowidAlias is the column that stands for SQLite's rowid, and which an UPDATE
// moves with it; "" if there is none.
func (t *table) rowidAlias() string { return t.alias }

// finish completes what was read of the table's columns and keys.
func (t *table) finish() {
	t.byName = make(map[string]int, len(t.columns))
	for i, c := range t.columns {
		t.byName[c.name] = i
	}
	if len(t.key) == 0 && len(t.uniques) > 0 && t.uniques[0].name == primaryKey {
		t.key = t.uniques[0].columns
	}
	t.key = t.inColumnOrder(t.key)
}

// primaryKey is the name in uniqueOn of the primary key, on every database.
const primaryKey = "PRIMARY"

func (t *table) inColumnOrder(names []string) []string {
	var ordered []string
	for _, c := range t.columns {
		if slices.Contains(names, c.name) {
			ordered = append(ordered, c.name)
		}
	}
	return ordered
}

// spelled is a column's name as the table has it.
func (t *table) spelled(name string) string {
	for _, c := range t.columns {
		if strings.EqualFold(c.name, name) {
			return c.name
		}
	}
	return name
}
