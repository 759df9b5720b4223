package audit_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
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

func TestCursorRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQuery().Draw(t, "query")
		p := audit.Position{
			Key: anyText().Draw(t, "key"), ID: anyText().Draw(t, "id"), Back: rapid.Bool().Draw(t, "back"),
			Time: anyTime().Draw(t, "time").Truncate(time.Microsecond),
		}
		q.Cursor = audit.EncodeCursor(q, p)
		got, err := audit.DecodeCursor(q)
		require.NoError(t, err)
		require.Equal(t, p, got)

		q.Limit = 7 // the limit may change from page to page
		_, err = audit.DecodeCursor(q)
		require.NoError(t, err)

		if other := anyQuery().Draw(t, "other"); !sameQuery(q, other) {
			other.Cursor = q.Cursor
			_, err = audit.DecodeCursor(other)
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

func TestEveryDamageToACursorIsSeen(t *testing.T) {
	q := audit.Query{Filter: audit.Filter{Tenants: []string{"acme"}}, Sort: audit.SortUser}
	good := audit.EncodeCursor(q, audit.Position{Key: "ada", Time: time.Unix(1, 0), ID: "0195c0de-0000-7000-8000-000000000001"})
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	refuse := func(s string) {
		q.Cursor = s
		_, err := audit.DecodeCursor(q)
		var qe *audit.QueryError
		require.ErrorAs(t, err, &qe, "%q", s)
		require.Equal(t, "cursor", qe.Param)
		require.ErrorIs(t, err, audit.ErrBadCursor)
		require.ErrorIs(t, err, audit.ErrInvalidQuery)
	}
	for i := range raw {
		for bit := range 8 {
			damaged := append([]byte(nil), raw...)
			damaged[i] ^= 1 << bit
			refuse(base64.RawURLEncoding.EncodeToString(damaged))
		}
		refuse(base64.RawURLEncoding.EncodeToString(raw[:i]))
	}
	for _, s := range []string{"x", "=", good + "=", good + "A", good + good, "\x00", base64.StdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(append(raw, 0))} {
		if s != good {
			refuse(s)
		}
	}
}

// The bits that base64 leaves over at the end are part of the cursor's text.
func TestCursorHasOneSpelling(t *testing.T) {
	for n := range 3 { // so that each number of bits is left over
		q := audit.Query{}
		good := audit.EncodeCursor(q, audit.Position{ID: strings.Repeat("x", n)})
		for last := range 256 {
			q.Cursor = good[:len(good)-1] + string([]byte{byte(last)})
			if _, err := audit.DecodeCursor(q); q.Cursor != good {
				require.ErrorIs(t, err, audit.ErrBadCursor, "%q", q.Cursor)
			} else {
				require.NoError(t, err)
			}
		}
	}
}

// The decoder of base64 skips line ends.
func TestCursorWithALineEndIsRefused(t *testing.T) {
	good := audit.EncodeCursor(audit.Query{}, audit.Position{ID: "x"})
	for at := range len(good) + 1 {
		for _, end := range []string{"\r", "\n", "\r\n"} {
			_, err := audit.DecodeCursor(audit.Query{Cursor: good[:at] + end + good[at:]})
			require.ErrorIs(t, err, audit.ErrBadCursor, "a line end at %d", at)
		}
	}
}

// A scope is part of the query that a cursor belongs to.
func TestCursorOfAnotherScopeIsRefused(t *testing.T) {
	acme, globex := audit.Filter{Tenants: []string{"acme"}}, audit.Filter{Tenants: []string{"globex"}}
	queries := []audit.Query{{}, {Filter: acme}, {Filter: audit.Filter{}.And(acme)}, {Filter: audit.Filter{}.And(globex)}, {Filter: audit.Filter{}.And(acme).And(globex)}, {Filter: audit.Filter{Not: []audit.Filter{audit.Filter{}.And(acme)}}}, {Filter: audit.Filter{Not: []audit.Filter{{}}}}}
	for i, q := range queries {
		cursor := audit.EncodeCursor(q, audit.Position{ID: "x"})
		for j, other := range queries {
			other.Cursor = cursor
			_, err := audit.DecodeCursor(other)
			require.Equal(t, i == j, err == nil, "the cursor of %d under %d", i, j)
		}
	}
}

func FuzzDecodeCursor(f *testing.F) {
	q := audit.Query{Sort: audit.SortUser}
	f.Add("", "")
	f.Add(audit.EncodeCursor(q, audit.Position{Key: "a", ID: "b", Time: time.Unix(1, 0)}), "user")
	f.Add("AQAAAAAAAAAAAAAAAAAAAAAAAA", "-time")
	f.Fuzz(func(t *testing.T, cursor, sort string) {
		q := audit.Query{Sort: audit.Sort(sort), Cursor: cursor}
		p, err := audit.DecodeCursor(q)
		if err != nil {
			require.ErrorIs(t, err, audit.ErrBadCursor)
			return
		}
		require.Equal(t, cursor, audit.EncodeCursor(q, p), "one position, one cursor")
	})
}
