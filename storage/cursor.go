package storage

import (
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/cursor"
)

// Position is a position between two entries of a query's order.
type Position struct {
	Key  string    // audit.Sort.KeyOf the entry beside it
	Time time.Time // its time
	ID   string    // its ID
	// Back: the page is the one before the position, not the one behind it.
	Back bool
}

// EncodeCursor returns a store's cursor of q for the page behind p or, if p.Back, before it.
// Its checksum covers the position and the query: filter, scope and order, but not the limit,
// which may change from page to page.
//
// Anybody can read and make a store's cursor. The Trail seals it before a reader gets it, and
// what protects one tenant from another is the scope that is and-ed under the query, never the
// cursor.
func EncodeCursor(q audit.Query, p Position) string {
	return cursor.Encode(q.Identity(), cursor.Position(p))
}

// DecodeCursor reads q.Cursor, which must not be "". The error for a cursor that EncodeCursor
// didn't make for this query is a *audit.QueryError that unwraps to audit.ErrBadCursor.
func DecodeCursor(q audit.Query) (Position, error) {
	p, wrong := cursor.Decode(q.Identity(), q.Cursor)
	if wrong != "" {
		return Position{}, &audit.QueryError{Param: "cursor", Reason: wrong, Err: audit.ErrBadCursor}
	}
	return Position(p), nil
}
