package audit

import (
	"context"
	"database/sql"
	"iter"
)

// Reader is what everything that shows the trail reads from: a Trail, or a
// part of one (Trail.Scope). Implementations are safe for concurrent use.
type Reader interface {
	// Query returns one page. Errors: *QueryError, ErrClosed, ErrNotMigrated,
	// the context's, the database's. One of q.Sort.Bounded with more than MaxSorted
	// matches is ErrTooManyToSort, from All too.
	Query(ctx context.Context, q Query) (*Page, error)
	// All yields every entry that q selects, in its order, from its cursor on,
	// in constant memory; q.Limit is not looked at. An error ends the sequence
	// and comes with a zero Entry. Breaking off early is safe.
	All(ctx context.Context, q Query) iter.Seq2[Entry, error]
	// Get returns the entry with that ID, or ErrNotFound.
	Get(ctx context.Context, id string) (Entry, error)
	// Facets returns every value ever recorded in the scope that f sets. Only
	// f's Tenants and Projects (and what a Scope adds) narrow it: the choices
	// of a filter don't depend on what is chosen now.
	Facets(ctx context.Context, f Filter) (Facets, error)
}

// Store is what a backend implements. It may implement more: TxAppender,
// Faceter, FacetFinder, Counter, Iterator, Sequencer, Purger, Tailer, KeyStore, Replacer. The Trail asks by type
// assertion and answers errors.ErrUnsupported where it must. Package storagetest checks
// all that is promised here. A store is safe for concurrent use.
//
// The entries that a store is given are complete and valid (Trail.Enrich); the
// queries are valid and have a limit (Query.Validate).
type Store interface {
	// Append stores the entries, all or none. On nil they are durable as far as
	// the backend can promise it. An entry that is already stored is passed over: what
	// is on the trail stays as it is. An ID that is stored with other content, or comes
	// with other content in one call (storage.SameEntry), is a *ConflictError. Any other error
	// may mean that nothing was stored or, when an answer was lost, that all was:
	// appending the same entries again is always right.
	Append(ctx context.Context, entries ...Entry) error
	// Query returns one page of the entries that match every one of
	// q.Filter.Terms, in the order of q.Sort, from q.Cursor on; with q.Brief
	// without their Changes and Metadata. Where q.MaxBytes ends the page, Next or,
	// going back, Prev leads to the first entry that had no room. In an order that is
	// Bounded it returns the error of Sort.TooMany if more than MaxSorted entries match.
	Query(ctx context.Context, q Query) (*Page, error)
	// Get returns the entry with that ID, or ErrNotFound.
	Get(ctx context.Context, id string) (Entry, error)
}

// Execer runs a statement: a *sql.DB, *sql.Conn, *sql.Tx or gorm.ConnPool.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Queryer runs a statement that returns rows: a *sql.DB, *sql.Conn, *sql.Tx or
// gorm.ConnPool.
type Queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// TxAppender is a Store that can append inside a transaction of the host's, so
// that a change and its entry are committed together or not at all.
type TxAppender interface {
	// AppendTx appends through tx. The entries are durable when, and only when,
	// the host's transaction commits. After a *ConflictError the transaction holds none
	// of the call's entries, and still works.
	AppendTx(ctx context.Context, tx Execer, entries ...Entry) error
	// InDatabase reports whether the store's tables are in the database that db
	// is connected to. Only then does capture use AppendTx. It must not wait for a
	// connection of db: the caller may hold the only one.
	InDatabase(db *sql.DB) bool
	// Tables are the names of the store's own tables, which are never captured.
	Tables() []string
}

// DatabaseMatcher is a TxAppender that compares databases by asking the
// transaction itself. Capture prefers it to InDatabase.
type DatabaseMatcher interface {
	// MatchDatabase reports whether tx, a transaction or connection of db, is in the
	// database of the store's tables. db is nil where it isn't known. The answer is
	// false whenever it isn't certain; an error then says why. It comes within
	// seconds, and leaves a transaction that works as it was.
	MatchDatabase(ctx context.Context, db *sql.DB, tx Queryer) (bool, error)
}

// KeyStore is a Store that keeps a random key beside its entries, so that the
// processes that use it agree on one (Options.Key).
type KeyStore interface {
	// Key returns the key, 32 bytes: the same to every process and after every
	// restart, and another one in each store. q is a transaction that the caller has
	// open in the store's database, or nil; where the store can't be sure of a
	// connection of its own, it reads through q. A transaction that works still works
	// after an error. The caller may change what is returned.
	//
	// Errors: errors.ErrUnsupported of a wrapper around a store that is no KeyStore,
	// ErrNotMigrated, the context's, the database's.
	Key(ctx context.Context, q Queryer) ([]byte, error)
}

// Faceter is a Store that knows the values that were ever recorded.
type Faceter interface {
	// Facets returns them sorted, each once, for the scope that f sets.
	Facets(ctx context.Context, f Filter) (Facets, error)
}

// Counter is a Store that can count up to a bound.
type Counter interface {
	// Count returns how many entries match f, and false; or bound, and true,
	// if there are more than bound. It never looks at more than bound+1.
	Count(ctx context.Context, f Filter, bound int) (n int, more bool, err error)
}

// Iterator is a Store with a way of its own to read everything that a query
// selects: one statement, one snapshot.
type Iterator interface {
	All(ctx context.Context, q Query) iter.Seq2[Entry, error]
}

// Sequencer is a Store that knows the order in which its entries were appended.
// A Trail gives SortRecorded to no other store.
type Sequencer interface {
	// Sequenced reports whether Query, and All of an Iterator, sort by
	// SortRecorded: entries of one Append in the order given, an entry that was
	// appended again where it was first. Entries of two transactions that exclude
	// each other, as those that change one row do, are in the order of these. The
	// Key of its cursors is the store's own; where it is empty, the position is
	// that of the entry with the ID. A store that wraps another answers for it.
	Sequenced() bool
}

// Purger is a Store that can forget. Only retention does.
type Purger interface {
	// Purge removes at most limit of the entries that match f, oldest first,
	// and returns how many it removed.
	Purge(ctx context.Context, f Filter, limit int) (int, error)
}

// Replacer is a Store whose entries can be masked afterwards. Only Trail.MaskSecrets
// does.
type Replacer interface {
	// Replace puts each of masked in the place of the entry of old at its index, which
	// has the same ID, in one transaction: all or none. One whose stored entry isn't old
	// as it is, or is gone, is passed over. It returns how many were replaced. They may
	// differ in Object.ID, Object.Name, Error, Changes and Metadata alone. Their places
	// in all orders and in the feed stay, and nothing that only the old ones had is kept
	// for searches.
	//
	// Errors: errors.ErrUnsupported of a wrapper around a store that is no Replacer, an
	// *EntryError for what may not differ, ErrNotMigrated, the context's, the
	// database's.
	Replace(ctx context.Context, old, masked []Entry) (int, error)
}

// Tailer is a Store whose entries can be followed in commit order: each once, also when
// an older transaction commits late.
//
// A position says how far the feed was read. It doesn't depend on the filter, and is
// valid as long as the store: behind the position of an entry, exactly the entries
// behind that one follow. "" is the beginning.
type Tailer interface {
	// Tail returns at most limit entries that match f and were committed after a
	// position, and the position from which to go on. Fewer than limit are all that was
	// committed before the call. next moves even if there are no entries: over those that
	// f leaves out, and over gaps that are waited for. So go on from next whatever was
	// returned. A position that isn't the store's is ErrBadCursor.
	Tail(ctx context.Context, f Filter, after string, limit int) (entries []Tailed, next string, err error)
	// TailUntil is Tail of what was committed up to another position. It has returned
	// all of it once next is until. That is one that Head returned, or Tail together with
	// fewer than limit entries, and no earlier than after: an earlier one is ErrBadCursor
	// if the store can tell. "" is Tail.
	TailUntil(ctx context.Context, f Filter, after, until string, limit int) (entries []Tailed, next string, err error)
	// Head returns the position behind the newest committed entry.
	Head(ctx context.Context) (string, error)
}

// Tailed is an entry of the feed.
type Tailed struct {
	Entry
	Position string // behind this entry
}

// Remover is a Store that entries can be taken out of again by ID: an outbox,
// from which they went on to the trail. A trail's own store never is asked to.
type Remover interface {
	// Remove removes the entries with these IDs; unknown ones are passed over.
	Remove(ctx context.Context, ids ...string) error
}
