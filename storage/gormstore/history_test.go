package gormstore_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/storage/gormstore"
)

// A record's history with its children's is read by lists of types and IDs, or,
// where there are too many, by types.
func TestHistoryWithChildren(t *testing.T) {
	for _, n := range []int{3, audit.MaxFilterValues + 10} {
		store, err := gormstore.New(openSQLite(t, &gorm.Config{}), nil)
		require.NoError(t, err)
		require.NoError(t, store.Migrate(t.Context()))
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		var entries []audit.Entry
		for i := range n {
			line := audit.Object{Type: "lines", ID: fmt.Sprint(i)}
			entries = append(entries,
				audit.Entry{Action: "create", Object: line, Changes: []audit.Change{{Field: "order_id", Op: audit.OpAdd, New: 7 + i%2}}},
				audit.Entry{Action: "update", Object: line, Changes: []audit.Change{{Field: "amount", Old: 1, New: 2}}})
		}
		require.NoError(t, trail.Record(t.Context(), append(entries, audit.Entry{Action: "update", Object: audit.Object{Type: "orders", ID: "7"}})...))
		var got []string
		for e, err := range history.Of(t.Context(), trail, audit.Object{Type: "orders", ID: "7"}, history.Child{Type: "lines", Field: "order_id"}) {
			require.NoError(t, err)
			got = append(got, e.Object.ID)
		}
		assert.Len(t, got, 2*((n+1)/2)+1)
		assert.Equal(t, []string{"0", "0", "2", "2"}, got[:4])
	}
}
