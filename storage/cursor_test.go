package storage_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

func TestEveryDamageToACursorIsSeen(t *testing.T) {
	q := audit.Query{Filter: audit.Filter{Tenants: []string{"acme"}}, Sort: audit.SortUser}
	good := storage.EncodeCursor(q, storage.Position{Key: "ada", Time: time.Unix(1, 0), ID: "0195c0de-0000-7000-8000-000000000001"})
	raw, err := base64.RawURLEncoding.DecodeString(good)
	require.NoError(t, err)
	refuse := func(s string) {
		q.Cursor = s
		_, err := storage.DecodeCursor(q)
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
		good := storage.EncodeCursor(q, storage.Position{ID: strings.Repeat("x", n)})
		for last := range 256 {
			q.Cursor = good[:len(good)-1] + string([]byte{byte(last)})
			if _, err := storage.DecodeCursor(q); q.Cursor != good {
				require.ErrorIs(t, err, audit.ErrBadCursor, "%q", q.Cursor)
			} else {
				require.NoError(t, err)
			}
		}
	}
}

// The decoder of base64 skips line ends.
func TestCursorWithALineEndIsRefused(t *testing.T) {
	good := storage.EncodeCursor(audit.Query{}, storage.Position{ID: "x"})
	for at := range len(good) + 1 {
		for _, end := range []string{"\r", "\n", "\r\n"} {
			_, err := storage.DecodeCursor(audit.Query{Cursor: good[:at] + end + good[at:]})
			require.ErrorIs(t, err, audit.ErrBadCursor, "a line end at %d", at)
		}
	}
}

// A scope is part of the query that a cursor belongs to.
func TestCursorOfAnotherScopeIsRefused(t *testing.T) {
	acme, globex := audit.Filter{Tenants: []string{"acme"}}, audit.Filter{Tenants: []string{"globex"}}
	queries := []audit.Query{{}, {Filter: acme}, {Filter: audit.Filter{}.And(acme)}, {Filter: audit.Filter{}.And(globex)}, {Filter: audit.Filter{}.And(acme).And(globex)}, {Filter: audit.Filter{Not: []audit.Filter{audit.Filter{}.And(acme)}}}, {Filter: audit.Filter{Not: []audit.Filter{{}}}}}
	for i, q := range queries {
		cursor := storage.EncodeCursor(q, storage.Position{ID: "x"})
		for j, other := range queries {
			other.Cursor = cursor
			_, err := storage.DecodeCursor(other)
			require.Equal(t, i == j, err == nil, "the cursor of %d under %d", i, j)
		}
	}
}

func FuzzDecodeCursor(f *testing.F) {
	q := audit.Query{Sort: audit.SortUser}
	f.Add("", "")
	f.Add(storage.EncodeCursor(q, storage.Position{Key: "a", ID: "b", Time: time.Unix(1, 0)}), "user")
	f.Add("AQAAAAAAAAAAAAAAAAAAAAAAAA", "-time")
	f.Fuzz(func(t *testing.T, cursor, sort string) {
		q := audit.Query{Sort: audit.Sort(sort), Cursor: cursor}
		p, err := storage.DecodeCursor(q)
		if err != nil {
			require.ErrorIs(t, err, audit.ErrBadCursor)
			return
		}
		require.Equal(t, cursor, storage.EncodeCursor(q, p), "one position, one cursor")
	})
}
