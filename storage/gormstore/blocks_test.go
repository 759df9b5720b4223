package gormstore_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// With one connection, all of a record in the order of recording is read in blocks:
// each page read the numbers of all its entries, so ten times the entries were a
// hundred times the work.
func TestRecordedEntriesAreReadInBlocks(t *testing.T) {
	db, pool := openFile(t, filepath.Join(t.TempDir(), "blocks.db"))
	pool.SetMaxOpenConns(1)
	store := gormstore.Blocks(migrated(t, db, nil), 7)
	var want []string
	for i := range 30 {
		e := full(i)
		e.Object = audit.Object{Type: "users", ID: "1"}
		want = append(want, e.ID)
		require.NoError(t, store.Append(t.Context(), e, func() audit.Entry { o := full(1000 + i); o.Object.ID = "2"; return o }()))
	}
	for _, sort := range []audit.Sort{audit.SortRecorded, audit.SortRecorded.Reverse()} {
		q := audit.Query{Filter: audit.Filter{ObjectTypes: []string{"users"}, ObjectIDs: []string{"1"}}, Sort: sort, Limit: 4}
		ids := func(q audit.Query) (got []string) {
			for e, err := range store.All(t.Context(), q) {
				require.NoError(t, err)
				got = append(got, e.ID)
				// Whoever works in the loop has the connection.
				_, err = store.Get(t.Context(), e.ID)
				require.NoError(t, err)
			}
			return got
		}
		require.Equal(t, want, ids(q))
		page, err := store.Query(t.Context(), q)
		require.NoError(t, err)
		q.Cursor = page.Next
		require.Equal(t, want[4:], ids(q))
		q.Cursor, q.Brief = "", true
		require.Equal(t, want, ids(q))
		slices.Reverse(want)
	}
	n := 0
	for _, err := range store.All(t.Context(), audit.Query{Sort: audit.SortRecorded}) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 60, n)
}
