package schema

import "slices"

// The columns that filters compare, and the number of an entry.
const (
	ColTime    = "time"
	ColID      = "id"
	ColTenant  = "tenant"
	ColProject = "project"
	ColObject  = "object_key"
	ColUser    = "actor_user"
	ColBehalf  = "behalf_user"
	ColActor   = "actor_id"
	ColIP      = "ip_key"
	ColAction  = "action"
	ColOutcome = "outcome"
	ColRequest = "request_id"
	ColTx      = "transaction_id"
	// ColSeq is the number that the database gives an entry when it is appended. The
	// statement that appends an entry of a row's change runs in the transaction that
	// holds the row's lock, so the numbers of one row's entries are in the order of
	// its changes. They are in no other order: a transaction may draw its numbers
	// before one that commits earlier, and PostgreSQL's transactions are numbered
	// (xid) when they begin to write, before they wait for a row.
	ColSeq = "seq"
)

// PartlyIndexed are the columns whose index leaves out empty values. A query that is to use it
// says so: no database concludes it from a parameter.
var PartlyIndexed = map[string]bool{ColProject: true, ColActor: true, ColBehalf: true}

// kind is what a column holds. Each database has a type for each.
type kind int

const (
	uuidKind    kind = iota // 16 bytes
	formKind                // a small number
	timeKind                // microseconds
	saltKind                // 16 bytes
	nameKind                // a text of at most 512 bytes, audit's own bound
	sortKeyKind             // a text of at most 520 bytes
	wordKind                // a text of at most 16 bytes
	textKind                // a text of any length
)

// isText reports whether a column of that kind holds a text.
func (k kind) isText() bool { return k >= nameKind }

// use is what statements do with a column, beside writing it.
type use int

const (
	derived use = 1 << iota // no entry is read from it
	long                    // it is not read for a list view
	shared                  // the entries of one call mostly have it in common
)

// column is a column of the entries' table.
type column struct {
	name  string
	kind  kind
	use   use
	since int // the version of the schema that added it
}

// columns are those that the store writes. Those of one version are in the order of the
// table: changes and metadata are long, and where a database reads a row from its
// beginning, what is asked for most comes first.
var columns = []column{
	{ColID, uuidKind, 0, 1},
	{"form", formKind, 0, 1},
	{ColTime, timeKind, 0, 1},
	{ColTenant, nameKind, shared, 1},
	{ColProject, nameKind, shared, 1},
	{"actor_type", nameKind, shared, 1},
	{ColActor, nameKind, shared, 1},
	{"actor_name", nameKind, shared, 1},
	{"actor_email", nameKind, shared, 1},
	{ColUser, nameKind, shared | derived, 1},
	{ColAction, nameKind, 0, 1},
	{ColOutcome, wordKind, shared, 1},
	{"object_type", nameKind, 0, 1},
	{"object_id", nameKind, 0, 1},
	{ColObject, sortKeyKind, derived, 1},
	{"object_name", textKind, 0, 1},
	{"object_product", nameKind, 0, 1},
	{"ip", nameKind, shared, 1},
	{ColIP, sortKeyKind, shared | derived, 1},
	{ColRequest, nameKind, shared, 1},
	{"method", textKind, shared, 1},
	{"path", textKind, shared, 1},
	{"user_agent", textKind, shared, 1},
	{ColTx, nameKind, shared, 1},
	{"on_behalf_of", textKind, shared, 1},
	{ColBehalf, nameKind, shared | derived, 5},
	{"error", textKind, shared, 1},
	{"comment", textKind, shared, 1},
	{"salt", saltKind, derived, 1},
	{"fields", textKind, derived, 1},
	{"search", textKind, derived, 1},
	{"changes", textKind, long, 1},
	{"metadata", textKind, long, 1},
}

// names are the columns that fit.
func names(fit func(column) bool) (list []string) {
	for _, c := range columns {
		if fit(c) {
			list = append(list, c.name)
		}
	}
	return list
}

// An INSERT names the columns in an order of its own: the form, the texts that the
// entries of one call mostly have in common (one request made them, in one
// transaction), the texts of each entry, and the columns that are no text.
var (
	SharedNames = names(func(c column) bool { return c.kind.isText() && c.use&shared != 0 })
	OwnNames    = names(func(c column) bool { return c.kind.isText() && c.use&shared == 0 })
	InsertNames = slices.Concat([]string{"form"}, SharedNames, OwnNames,
		names(func(c column) bool { return !c.kind.isText() && c.name != "form" }))
)

// TimeName is the time in ReadNames: as the database writes it for a driver
// (sqlgen.Traits), under no name, so that an ORDER BY means the column.
const TimeName = "*time"

// ReadNames are the columns that an entry is read from, in the order of the table.
// BriefNames are those of a list view, the first of them.
var (
	ReadNames  = timeRead(names(func(c column) bool { return c.use&derived == 0 }))
	BriefNames = timeRead(names(func(c column) bool { return c.use&(derived|long) == 0 }))
)

func timeRead(list []string) []string {
	list[slices.Index(list, ColTime)] = TimeName
	return list
}

// columnNamed panics for a name that no column has.
func columnNamed(name string) column {
	return columns[slices.IndexFunc(columns, func(c column) bool { return c.name == name })]
}

// definitions are the columns that a version added, as CREATE TABLE has them.
func definitions(version int, d dialect) (list []string) {
	for _, c := range columns {
		if c.since != version {
			continue
		}
		text := ""
		if c.kind.isText() {
			text = d.collation
		}
		list = append(list, c.name+" "+d.types[c.kind]+text+" NOT NULL")
	}
	return list
}
