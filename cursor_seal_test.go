package audit_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/memstore"
)

func keyed(t testing.TB, store audit.Store, key byte, former ...byte) *audit.Trail {
	t.Helper()
	opts := &audit.Options{Key: bytes.Repeat([]byte{key}, audit.KeySize)}
	for _, f := range former {
		opts.FormerKeys = append(opts.FormerKeys, bytes.Repeat([]byte{f}, audit.KeySize))
	}
	trail, err := audit.New(store, opts)
	require.NoError(t, err)
	return trail
}

// secretive returns a store whose entries differ in every key that can be sorted by.
func secretive(t testing.TB) *memstore.Store {
	t.Helper()
	store := memstore.New()
	trail := keyed(t, store, 1)
	for i := range 7 {
		mail := fmt.Sprintf("canary%d%s@x.example", i, strings.Repeat("y", 3*i))
		require.NoError(t, trail.Record(t.Context(), audit.Entry{
			Action: mail, Actor: audit.Actor{Email: mail}, Object: audit.Object{Type: "of " + mail, ID: mail}, Request: audit.Request{IP: fmt.Sprintf("10.0.0.%d", i)},
		}))
	}
	return store
}

var allSorts = []audit.Sort{"", "time", "type", "-record", "record", "action", "-action", "user", "-ip", "recorded"}

func firstPage(t testing.TB, from audit.Reader, q audit.Query) *audit.Page {
	t.Helper()
	page, err := from.Query(t.Context(), q)
	require.NoError(t, err)
	require.NotEmpty(t, page.Next)
	return page
}

// TestCursorsTellNothing: they hold the sort keys of entries, and numbers of the store.
func TestCursorsTellNothing(t *testing.T) {
	trail := keyed(t, secretive(t), 1)
	for _, sort := range allSorts {
		q := audit.Query{Sort: sort, Limit: 2}
		for range 3 {
			page := firstPage(t, trail, q)
			for _, cursor := range []string{page.Next, page.Prev} {
				raw, err := base64.RawURLEncoding.DecodeString(cursor)
				require.NoError(t, err)
				require.NotContains(t, string(raw), "canary")
				require.NotContains(t, string(raw), page.Entries[0].ID)
				require.Contains(t, []int{0, 171, 342}, len(cursor), sort)
				if key := sort.Key(); key == audit.SortTime || key == audit.SortRecorded {
					require.NotEqual(t, 342, len(cursor))
				}
			}
			require.Equal(t, page, firstPage(t, trail, q), "the same page has the same cursors")
			q.Cursor = page.Next
		}
	}
}

// refusesCursor fails unless every way to read from the cursor is refused.
func refusesCursor(t testing.TB, from audit.Reader, q audit.Query) {
	t.Helper()
	_, err := from.Query(t.Context(), q)
	require.ErrorIs(t, err, audit.ErrBadCursor, q.Cursor)
	var bad *audit.QueryError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "cursor", bad.Param)
	for _, err := range from.All(t.Context(), q) {
		require.ErrorIs(t, err, audit.ErrBadCursor)
	}
	_, err = from.(audit.Paginator).CursorBack(t.Context(), q)
	require.ErrorIs(t, err, audit.ErrBadCursor)
}

func TestForgedCursorsAreRefused(t *testing.T) {
	store := secretive(t)
	trail := keyed(t, store, 1)
	for _, sort := range allSorts {
		q := audit.Query{Sort: sort, Limit: 2}
		page := firstPage(t, trail, q)
		good := page.Next
		raw, err := base64.RawURLEncoding.DecodeString(good)
		require.NoError(t, err)
		plain, err := q.Validate()
		require.NoError(t, err)
		guess := storage.EncodeCursor(plain, storage.Position{Key: "canary3", Time: page.Entries[0].Time, ID: page.Entries[0].ID})
		forged := []string{"x", guess, good[:len(good)-1], good[1:], good + "A", firstPage(t, keyed(t, store, 2), q).Next}
		for i := range raw {
			flipped := bytes.Clone(raw)
			flipped[i] ^= 1 << (i % 8)
			forged = append(forged, base64.RawURLEncoding.EncodeToString(flipped))
		}
		for _, q.Cursor = range forged {
			refusesCursor(t, trail, q)
		}
		q.Cursor = good
		for _, other := range []audit.Query{
			{Sort: q.Sort.Reverse(), Cursor: good}, {Sort: q.Sort, Filter: audit.Filter{Tenants: []string{""}}, Cursor: good},
		} {
			refusesCursor(t, trail, other)
		}
		refusesCursor(t, trail.Scope(audit.Filter{Tenants: []string{""}}), q)
		_, err = trail.Query(t.Context(), q)
		require.NoError(t, err)
	}
}

func TestFormerKeysOpenCursors(t *testing.T) {
	store := secretive(t)
	q := audit.Query{Limit: 2}
	old := firstPage(t, keyed(t, store, 1), q).Next
	q.Cursor = old
	for _, trail := range []*audit.Trail{keyed(t, store, 1), keyed(t, store, 3, 2, 1)} {
		page := firstPage(t, trail, q)
		require.Len(t, page.Entries, 2)
	}
	refusesCursor(t, keyed(t, store, 3, 2), q)

	q.Cursor = ""
	for range 2 { // without a key the store's, after a restart too
		trail := newTrail(t, store, nil)
		page := firstPage(t, trail, q)
		require.NotEqual(t, old, page.Next)
		q.Cursor = page.Next
	}
}

func TestPaginatorMakesCursorsInTheMiddleOfAPage(t *testing.T) {
	store := secretive(t)
	trail := keyed(t, store, 1)
	for _, from := range []audit.Reader{trail, trail.Scope(audit.Filter{Tenants: []string{""}}), newTrail(t, plainStore{store}, nil)} {
		for _, sort := range allSorts {
			q := audit.Query{Sort: sort, Limit: 7}
			page, err := from.Query(t.Context(), q)
			require.NoError(t, err)
			for _, back := range []bool{false, true} {
				cursors := from.(audit.Paginator)
				q.Cursor, err = cursors.CursorAt(t.Context(), audit.Query{Sort: sort}, page.Entries[3], back)
				require.NoError(t, err)
				is, err := cursors.CursorBack(t.Context(), q)
				require.NoError(t, err)
				require.Equal(t, back, is)
				part, err := from.Query(t.Context(), q)
				require.NoError(t, err)
				want := page.Entries[4:]
				if back {
					want = page.Entries[:3]
				}
				require.Equal(t, want, part.Entries, sort)
			}
		}
	}
	back, err := trail.CursorBack(t.Context(), audit.Query{})
	require.NoError(t, err)
	require.False(t, back)
	_, err = trail.CursorAt(t.Context(), audit.Query{Sort: "nonsense"}, audit.Entry{}, false)
	require.ErrorIs(t, err, audit.ErrInvalidQuery)
}

// TestCursorsNeedTheKey: a page without further ones doesn't.
func TestCursorsNeedTheKey(t *testing.T) {
	trail := newTrail(t, keylessStore{secretive(t)}, nil)
	_, err := trail.Query(t.Context(), audit.Query{})
	require.NoError(t, err)
	for _, q := range []audit.Query{{Limit: 2}, {Cursor: "x"}} {
		_, err = trail.Query(t.Context(), q)
		require.ErrorIs(t, err, errNoKey)
	}
}

var errNoKey = errors.New("no key")

type keylessStore struct{ *memstore.Store }

func (keylessStore) Key(context.Context, audit.Queryer) ([]byte, error) { return nil, errNoKey }

// plainStore has none of a store's further abilities.
type plainStore struct{ audit.Store }

// A job that asks for the last day, page after page, isn't bound to the moment of its first page.
func TestCursorsOutliveTheRangeThatSlides(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "login"}))
	}
	page := func(f audit.Filter, cursor string) (*audit.Page, error) {
		f.From, f.To = audit.Last(time.Hour)
		f.To = f.To.Add(time.Minute)
		return trail.Query(t.Context(), audit.Query{Filter: f, Limit: 2, Cursor: cursor})
	}
	first, err := page(audit.Filter{}.Sliding(), "")
	require.NoError(t, err)
	time.Sleep(time.Millisecond)
	second, err := page(audit.Filter{}.Sliding(), first.Next)
	require.NoError(t, err)
	require.Len(t, second.Entries, 1)
	_, err = page(audit.Filter{}, first.Next)
	require.ErrorIs(t, err, audit.ErrBadCursor)
	_, err = page(audit.Filter{Actions: []string{"login"}}.Sliding(), first.Next)
	require.ErrorIs(t, err, audit.ErrBadCursor)
}
