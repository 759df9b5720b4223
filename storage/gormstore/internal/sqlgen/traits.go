package sqlgen

import "github.com/gormtrail/audit/storage/gormstore/internal/row"

// Traits are the facts by which the SQL of one database differs from that of another.
// There is one value for each database.
type Traits struct {
	Quote       string             // the quotation mark of names
	placeholder func(n int) string // the n-th parameter, from 1

	MaxRows   int      // of one INSERT
	MaxArgs   int      // of one statement
	Packet    string   // a query of the bytes that the server takes in a statement; "": any number
	TableRows int      // of a table of parameters (Builder.Table)
	RowKey    []string // the columns that find a row fastest

	// MaxStreams and maxStreamArgs bound what a page is merged of: beyond them,
	// preparing the statement takes longer than a worse plan.
	MaxStreams, MaxStreamArgs int

	InProcess      bool // the database is a library in this process, with one writer at a time
	Lateral        bool // a subquery can use the columns of the tables beside it
	LooseScan      bool // SELECT DISTINCT of an index's first columns skips from value to value
	KeepsOrder     bool // one stream is read along its index, or sorted without its long columns
	PartialIndexes bool // an index can have a part of the rows
	// CountsInserted: an INSERT that isn't strict tells how many rows it inserted. A
	// strict one would end the transaction.
	CountsInserted bool

	RowLock       string // ends a SELECT of rows that are then written
	SkipLocked    string // the same, but passes over rows that another transaction has locked
	SharedRead    string // ends a SELECT in the host's transaction that must not take that transaction's snapshot
	LastCommitted string // ends a SELECT that must see commits later than the transaction's snapshot

	Format row.Format // of values as parameters and in rows
	// readTime is the column of times as every driver can read it.
	readTime func(column string) string

	// UseIndex follows a table's name where the database would not choose that index.
	UseIndex func(index string) string
	// OrIgnore ends an INSERT of rows that may exist.
	OrIgnore func(column string) string
	// after writes that columns follow values in ascending order, or descending.
	after func(b *Builder, columns []string, values []any, descending bool)
	// in writes that a column is one of values, of which there is at least one.
	in func(b *Builder, column string, values []string)
	// contains writes that a column contains a text.
	contains func(b *Builder, column, text string)
	// table writes a table of texts, under that name.
	table func(b *Builder, name string, columns []string, rows [][]string)
	// DeleteKeys writes a DELETE of rows by the last column of their rowKey.
	DeleteKeys func(b *Builder, table string, keys []string)

	// text is a text in SQL; concat joins texts.
	text   func(s string) string
	concat func(texts ...string) string
	// folded is an expression with these letters replaced. It may also change ASCII
	// letters to upper case.
	folded func(expression string, list []variant) string
	// beginning is the first characters of a text, to be compared by bytes. firstField is
	// that of the first changed field's column, as audit.Sort.KeyOf has it.
	beginning  func(expression string, characters int) string
	firstField func() string
	// jsonText is a text in an object of JSON, as the store writes it, to be compared by
	// bytes; '' if there is none. It never fails, whatever the column holds.
	jsonText func(column, name string) string
	// upperID is an entry's ID as text in upper case.
	upperID func() string
	// jsonValues are the values with one of these names at any depth of a column of JSON:
	// the expression of one, in the part of a statement that follows FROM. They include
	// texts without NUL and whole numbers of 64 bits. It never fails, whatever the column
	// holds.
	jsonValues func(column string, names []string) (value, from string)
}

func question(int) string { return "?" }

func asIs(column string) string { return column }

// TraitsOf returns the traits of a database by its name.
func TraitsOf(database string) *Traits {
	switch database {
	case "sqlite":
		return &sqliteTraits
	case "postgres":
		return &PostgresTraits
	}
	return &mysqlTraits
}
