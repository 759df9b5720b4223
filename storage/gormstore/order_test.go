package gormstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// An order that no index serves takes so many entries, for pages, for their cursors and
// for All; a filter that selects fewer may still be sorted by it.
func TestBoundedOrdersHaveABound(t *testing.T) {
	ctx := context.Background()
	store := gormstore.MaxSorted(migrated(t, openSQLite(t, nil), nil), 20)
	var entries []audit.Entry
	for i := range 30 {
		e := full(i)
		e.Tenant = []string{"acme", "globex", "globex"}[i%3]
		e.Outcome = []audit.Outcome{audit.Success, audit.Failure}[i%2]
		entries = append(entries, e)
	}
	require.NoError(t, store.Append(ctx, entries...))
	globex := audit.Filter{Tenants: []string{"globex"}}
	for _, sort := range audit.SortKeys() {
		for _, sort := range []audit.Sort{sort, sort.Reverse()} {
			q := audit.Query{Sort: sort, Limit: 7}
			_, err := store.Query(ctx, q)
			require.Equal(t, sort.Bounded(), err != nil, sort)
			q.Filter = globex
			page, err := store.Query(ctx, q)
			require.NoError(t, err, "20 are not too many")
			require.Len(t, page.Entries, 7)
			n := 0
			for _, err := range store.All(ctx, q) {
				require.NoError(t, err)
				n++
			}
			require.Equal(t, 20, n)
		}
	}
	page, err := store.Query(ctx, audit.Query{Sort: audit.SortOutcome, Filter: globex, Limit: 7})
	require.NoError(t, err)
	late := full(99)
	late.Tenant = "globex"
	require.NoError(t, store.Append(ctx, late))
	q := audit.Query{Sort: audit.SortOutcome, Filter: globex, Limit: 7, Cursor: page.Next}
	_, err = store.Query(ctx, q)
	require.ErrorIs(t, err, audit.ErrTooManyToSort)
	for _, err = range store.All(ctx, q) {
		require.ErrorIs(t, err, audit.ErrTooManyToSort)
	}
	require.ErrorIs(t, err, audit.ErrTooManyToSort)

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = store.Query(cancelled, audit.Query{Sort: audit.SortOutcome, Filter: globex})
	require.ErrorIs(t, err, context.Canceled)
}

// BenchmarkSortedByOutcome reads pages of 50 in the order of the outcome, which no index
// has, of as many entries as may be sorted, and for comparison the newest.
func BenchmarkSortedByOutcome(b *testing.B) {
	ctx := context.Background()
	store, entries := migrated(b, openSQLite(b, nil), nil), make([]audit.Entry, 0, 1000)
	for i := range audit.MaxSorted {
		e := full(i)
		e.Time = start.Add(time.Duration(i) * time.Second)
		e.Tenant = fmt.Sprint("tenant ", i%50)
		e.Outcome = []audit.Outcome{audit.Success, audit.Success, audit.Failure, audit.Success, audit.Denied}[i%5]
		if entries = append(entries, e); len(entries) == cap(entries) {
			require.NoError(b, store.Append(ctx, entries...))
			entries = entries[:0]
		}
	}
	for _, sort := range []audit.Sort{audit.Newest, audit.SortOutcome, audit.SortChanges} {
		b.Run(string(sort), func(b *testing.B) {
			for b.Loop() {
				page, err := store.Query(ctx, audit.Query{Sort: sort})
				require.NoError(b, err)
				require.Len(b, page.Entries, 50)
			}
		})
		first, err := store.Query(ctx, audit.Query{Sort: sort})
		require.NoError(b, err)
		b.Run(string(sort)+"/next", func(b *testing.B) {
			for b.Loop() {
				page, err := store.Query(ctx, audit.Query{Sort: sort, Cursor: first.Next})
				require.NoError(b, err)
				require.NotEmpty(b, page.Prev)
			}
		})
	}
}
