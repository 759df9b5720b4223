package audit

import (
	"errors"
	"fmt"
	"strings"
)

// The sentinels that callers test with errors.Is. Errors that carry more than
// a fact are structs that unwrap to one of these.
var (
	// ErrNotFound: no entry has that ID, or the reader's scope doesn't show it.
	// The two are not told apart, so that a scope can't be probed.
	ErrNotFound = errors.New("audit: entry not found")

	// ErrClosed: the trail was closed; nothing was written or read.
	ErrClosed = errors.New("audit: trail is closed")

	// ErrNotMigrated: the store's tables are missing, or older or newer than
	// this version of the library works with. Run the store's Migrate.
	ErrNotMigrated = errors.New("audit: store is not migrated")

	// ErrInvalidEntry is what every *EntryError unwraps to.
	ErrInvalidEntry = errors.New("audit: invalid entry")

	// ErrConflict is what every *ConflictError unwraps to.
	ErrConflict = errors.New("audit: the entry's ID is on the trail with other content")

	// ErrInvalidQuery is what every *QueryError unwraps to.
	ErrInvalidQuery = errors.New("audit: invalid query")

	// ErrTooManyToSort: the query selects more than MaxSorted entries, and no index is in
	// its order (Sort.Bounded). A *QueryError with Param "sort" unwraps to both it and
	// ErrInvalidQuery. Narrow the filter, or sort by time.
	ErrTooManyToSort = errors.New("audit: too many entries to sort")

	// ErrBadCursor: a cursor that this Trail didn't make for this query: damaged,
	// made up, sealed with a key that the Trail doesn't have, or of another filter,
	// sort or scope. A *QueryError with Param "cursor" unwraps to both it and
	// ErrInvalidQuery. It is also the error of such a position in the feed.
	ErrBadCursor = errors.New("audit: cursor does not belong to this query")
)

// EntryError says which field of an entry can't be recorded, and why: an ID that
// isn't a UUID, no action, an unknown outcome, an entry that was read damaged, a year outside 1 to 9999, a change
// without a field or of an unknown Op, a value that JSON can't express. Texts are
// never refused. None of the entries of the call were written. It unwraps to
// ErrInvalidEntry and, where the cause is known, to that cause.
type EntryError struct {
	Index  int    // which entry of the call, from 0
	Field  string // as in the JSON form: "action", "changes[0].op", "metadata.size"
	Reason string
	Err    error // the cause, such as ErrNoActor; may be nil
}

func (e *EntryError) Error() string {
	return fmt.Sprintf("audit: invalid entry %d: %s: %s", e.Index, e.Field, e.Reason)
}

func (e *EntryError) Unwrap() []error { return causes(ErrInvalidEntry, e.Err) }

// ConflictError names entries whose ID is already on the trail with other content, or
// comes twice in the call with different content (storage.SameEntry). The stored entries are
// unchanged, and none of the call's entries were written. It unwraps to ErrConflict.
type ConflictError struct {
	IDs []string // at least one
}

func (e *ConflictError) Error() string {
	const most = 3
	list := strings.Join(e.IDs[:min(len(e.IDs), most)], ", ")
	if n := len(e.IDs) - most; n > 0 {
		list += fmt.Sprintf(" and %d more", n)
	}
	return ErrConflict.Error() + ": " + list
}

func (e *ConflictError) Unwrap() error { return ErrConflict }

// QueryError says which parameter of a query can't be used, and why. It
// unwraps to ErrInvalidQuery and, where the cause is known, to that cause.
type QueryError struct {
	Param  string // as in the query string: "from", "ip", "sort", "limit", "cursor"
	Reason string
	Err    error // the cause; may be nil
	// Column is where in the search box's text (Param "q") the reason lies, in
	// characters from 1; 0: nowhere in particular.
	Column int
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("audit: invalid query: %s: %s", e.Param, e.Reason)
}

func (e *QueryError) Unwrap() []error { return causes(ErrInvalidQuery, e.Err) }

func causes(kind, cause error) []error {
	if cause == nil {
		return []error{kind}
	}
	return []error{kind, cause}
}
