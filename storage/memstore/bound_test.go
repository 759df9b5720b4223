package memstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// An order that is bounded takes MaxSorted entries and no more.
func TestBoundedOrdersHaveABound(t *testing.T) {
	store := memstore.New()
	entry := func(i int) audit.Entry {
		return audit.Entry{ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", i), Time: time.Unix(int64(i), 0).UTC(), Action: "update", Tenant: []string{"a", "b"}[min(1, i)]}
	}
	var entries []audit.Entry
	for i := range audit.MaxSorted + 1 {
		entries = append(entries, entry(i))
	}
	require.NoError(t, store.Append(t.Context(), entries...))
	for _, sort := range []audit.Sort{audit.SortOutcome, "-outcome", audit.SortTenant} {
		_, err := store.Query(t.Context(), audit.Query{Sort: sort})
		require.Equal(t, sort.Bounded(), err != nil)
		for _, all := range store.All(t.Context(), audit.Query{Sort: sort}) {
			require.Equal(t, err, all)
			break
		}
		if sort.Bounded() {
			require.ErrorIs(t, err, audit.ErrTooManyToSort)
		}
		_, err = store.Query(t.Context(), audit.Query{Sort: sort, Filter: audit.Filter{Tenants: []string{"b"}}})
		require.NoError(t, err)
	}
}
