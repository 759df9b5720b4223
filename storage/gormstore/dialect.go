package gormstore

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

// dialect is all that differs between the databases.
type dialect interface {
	// quote is the quotation mark of names.
	quote() string
	// placeholder is the n-th parameter, from 1.
	placeholder(n int) string
	// maxRows are the rows of one INSERT.
	maxRows() int
	// maxArgs are the parameters of one statement.
	maxArgs() int
	// packet is a query of the bytes that the server takes in a statement; "": it
	// takes any that can be sent.
	packet() string

	// migrations are the statements of each version, from 1.
	migrations() [][]string
	// rowLock ends a SELECT of rows that are then written.
	rowLock() string
	// deleteKeys writes a DELETE of rows by the last column of their rowKey.
	deleteKeys(b *builder, table string, keys []string)
	// writeLock is a statement that takes the lock without which a transaction can't
	// write what it has read; "": there is none.
	writeLock() string
	// removeOptions are of a transaction that removes entries.
	removeOptions() *sql.TxOptions
	// features are what these options add to the schema of the last version.
	features(opts Options) []feature
	// keywordIndex is what finds keywords, nil where there is nothing that does.
	keywordIndex() keywordIndex
	// keptFeature is the tables of the facets' values.
	keptFeature() feature
	// repair is a statement that each Migrate runs at its end, "" for none. It changes
	// no entry; where it finds anything to repair, places in the feed aren't good.
	repair() string
	// locked runs fn on one connection while no other process migrates.
	locked(ctx context.Context, db *sql.DB, fn func(migrator) error) error
	// createVersions makes the table of versions where there is none.
	createVersions(ctx context.Context, m migrator) error
	// locate is the schema of the tables as a connection finds them without one, ""
	// where there are none. It leaves a transaction as it was.
	locate(ctx context.Context, q querier) (string, error)
	// firstSchema is the schema in which a connection makes tables; "": none.
	firstSchema(ctx context.Context, q querier) (string, error)
	// elsewhere says where tables of that name are that locate doesn't find; "":
	// nowhere, or it isn't known.
	elsewhere(ctx context.Context, q querier) (string, error)
	// version reads the schema's version, 0 where there is none.
	version(ctx context.Context, q querier) (int, error)

	// identity is a text that connections to the same database of the same server
	// have in common, and no others; "" where there is none. ownIdentity is that of
	// the store's pool, asked in the way in which a transaction's is.
	identity(ctx context.Context, q querier) (string, error)
	ownIdentity(ctx context.Context, db *sql.DB) (string, error)
	sameIdentity(own, other string) bool

	// sharedRead ends a SELECT in the host's transaction that must not set the moment
	// which that transaction sees.
	sharedRead() string

	// insert is an INSERT of these rows and its parameters. It passes over IDs that
	// are stored; if it is strict it fails, inserts nothing, and isDuplicate knows the
	// error.
	insert(rows []row.Row, strict bool) (statement string, args []any)
	isDuplicate(err error) bool
	// countsInserted reports whether an INSERT that isn't strict tells how many rows it
	// inserted, and a strict one would end the transaction.
	countsInserted() bool
	// lastCommitted ends a SELECT that must see what was committed since the
	// transaction's snapshot.
	lastCommitted() string

	// readTime is the column of times as every driver can read it.
	readTime(column string) string
	// timeArg and idArg are a time (in microseconds) and an ID as parameters.
	timeArg(micros int64) any
	idArg(id [16]byte) any
	// in writes that a column is one of values, of which there is at least one.
	in(b *builder, column string, values []string)
	// contains writes that a column contains a text.
	contains(b *builder, column, text string)
	// text is a text in SQL, concat texts one after the other.
	text(s string) string
	concat(texts ...string) string
	// folded is an expression with these letters replaced. Letters of ASCII may become
	// large ones.
	folded(expression string, list []variant) string
	// beginning is the first characters of a text, to be compared by bytes. firstField is that
	// of the first changed field's column, as audit.SortKey has it.
	beginning(expression string, characters int) string
	firstField() string
	// jsonText is a text in an object of JSON, as the store writes it, to be compared by
	// bytes; '' if there is none. It never fails, whatever the column holds.
	jsonText(column, name string) string
	// upperID is an entry's ID as text with large letters.
	upperID() string
	// jsonValues are the values with one of these names in a column of JSON, wherever
	// they stand: the expression of one in what follows FROM. Texts without NUL and whole
	// numbers of 64 bits are among them. It never fails, whatever the column holds.
	jsonValues(column string, names []string) (value, from string)
	// after writes that columns follow values in ascending order, or descending.
	after(b *builder, columns []string, values []any, descending bool)
	// keepsOrder reports whether one stream is read along its index, or sorted
	// without its long columns, also if all columns are asked for.
	keepsOrder() bool
	// partialIndexes reports whether an index can have a part of the rows alone.
	partialIndexes() bool
	// rowKey are the columns that find a row fastest.
	rowKey() []string

	// snapshotOptions are of a transaction whose statements all see the same.
	snapshotOptions() *sql.TxOptions
	// use writes, behind a table's name, that an index of that kind is to be used,
	// where the database would not see it.
	use(kind string) string
	// maxStreams and maxStreamArgs bound what a page is merged of: beyond them,
	// preparing the statement takes longer than a worse plan.
	maxStreams() int
	maxStreamArgs() int
	// table writes a table of texts, under that name; tableRows is how many rows of it
	// are well sent at once.
	table(b *builder, name string, columns []string, rows [][]string)
	tableRows() int
	// lateral reports whether a subquery may use the columns of what is beside it.
	lateral() bool
	// looseScan reports whether SELECT DISTINCT of an index's first columns jumps
	// from value to value, so that no recursive query needs to.
	looseScan() bool
	// appended is an expression of about how many entries there ever were.
	appended() string
	// orIgnore ends an INSERT of what may be there already.
	orIgnore(column string) string
	// unwaiting runs fn in a transaction that writes, and fails where it would have to
	// wait for another one; skipLocked is what a SELECT needs for that.
	unwaiting(ctx context.Context, db *sql.DB, fn func(migrator) error) error
	skipLocked() string
	// walkSettings is a statement that a transaction of many small steps needs; "":
	// none. walking runs fn in such a one, which may only read.
	walkSettings() string
	walking(ctx context.Context, db *sql.DB, fn func(querier) error) error
	// isDeadlock reports whether a transaction was ended because of another one,
	// so that it is right to run it again.
	isDeadlock(err error) bool
	// longReads reports whether a statement may be read slowly without keeping
	// others from writing.
	longReads(ctx context.Context, q querier) (bool, error)
	// untilNow writes a condition that selects what is committed now, and nothing
	// that is committed later.
	untilNow(ctx context.Context, q querier) (func(*builder), error)
	// tail and head are audit.Tailer.
	tail(ctx context.Context, s *Store, sel selection, after string) ([]audit.Entry, string, error)
	head(ctx context.Context, s *Store) (string, error)

	// alreadyDone reports whether err says that what a migration makes exists: only
	// where DDL is not part of a transaction.
	alreadyDone(err error) bool
	// notMigrated reports whether err says that a table or column is missing.
	notMigrated(err error) bool
}

// migrator runs the statements of a migration.
type migrator interface {
	execer
	querier
}

func dialectOf(name string, t table) (dialect, error) {
	switch name {
	case "sqlite":
		return newSQLite(t), nil
	case "postgres":
		return newPostgres(t), nil
	case "mysql":
		return newMySQL(t), nil
	}
	return nil, fmt.Errorf("gormstore: the database %q is none of sqlite, postgres, mysql", name)
}
