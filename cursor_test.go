package audit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

func anyQuery() *rapid.Generator[audit.Query] {
	return rapid.Custom(func(t *rapid.T) audit.Query {
		f := anyFilter(1).Draw(t, "filter")
		if rapid.Bool().Draw(t, "scoped") {
			f = f.And(anyFilter(1).Draw(t, "scope"))
		}
		return audit.Query{Filter: f, Limit: rapid.IntRange(0, 1000).Draw(t, "limit"), Sort: rapid.SampledFrom([]audit.Sort{"", "-time", "time", "user", "-record"}).Draw(t, "sort")}
	})
}

// A cursor belongs to the queries that have the identity of its own, and to no other.
func TestCursorsAreBoundToTheIdentityOfAQuery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQuery().Draw(t, "query")
		p := storage.Position{
			Key: anyText().Draw(t, "key"), ID: anyText().Draw(t, "id"), Back: rapid.Bool().Draw(t, "back"),
			Time: anyTime().Draw(t, "time").Truncate(time.Microsecond),
		}
		q.Cursor = storage.EncodeCursor(q, p)
		got, err := storage.DecodeCursor(q)
		require.NoError(t, err)
		require.Equal(t, p, got)

		q.Limit = 7 // the limit may change from page to page
		_, err = storage.DecodeCursor(q)
		require.NoError(t, err)

		if other := anyQuery().Draw(t, "other"); !sameQuery(q, other) {
			other.Cursor = q.Cursor
			_, err = storage.DecodeCursor(other)
			require.ErrorIs(t, err, audit.ErrBadCursor)
		}
	})
}

// sameQuery: "" and -time are one order.
func sameQuery(a, b audit.Query) bool {
	a.Cursor, b.Cursor, a.Limit, b.Limit = "", "", 0, 0
	a, _ = a.Validate()
	b, _ = b.Validate()
	return assert.ObjectsAreEqual(a.Filter.Terms(), b.Filter.Terms()) && a.Sort == b.Sort
}
