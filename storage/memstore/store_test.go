package memstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

func Example() {
	store := memstore.New()
	trail, err := audit.New(store, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := audit.WithActor(context.Background(), audit.Actor{Type: "user", Email: "ada@example.com"})
	err = trail.Record(ctx, audit.Entry{Action: "login"}, audit.Entry{Action: "token_create"})
	fmt.Println(store.Len(), err)
	// Output: 2 <nil>
}

func entries(n int) []audit.Entry {
	list := make([]audit.Entry, n)
	for i := range list {
		list[i] = audit.Entry{
			ID: uuid.Must(uuid.NewV7()).String(), Time: time.UnixMicro(int64(i)).UTC(),
			Action: "login", Outcome: audit.Success,
		}
	}
	return list
}

// A page whose entries were purged while someone walked is empty, and must
// still lead to what is left on either side.
func TestEmptiedPageLeadsBackAndForth(t *testing.T) {
	ctx := context.Background()
	for _, sort := range []audit.Sort{audit.SortTime, audit.Newest} {
		store, list := memstore.New(), entries(4)
		require.NoError(t, store.Append(ctx, list...))
		q := audit.Query{Sort: sort, Limit: 2}
		first, err := store.Query(ctx, q)
		require.NoError(t, err)
		for _, e := range []audit.Entry{first.Entries[0], first.Entries[1]} {
			list = removed(list, e.ID)
		}
		for _, e := range list { // all behind the first page go
			n, err := store.Purge(ctx, audit.Filter{From: e.Time, To: e.Time.Add(time.Microsecond)}, 10)
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
		q.Cursor = first.Next
		empty, err := store.Query(ctx, q)
		require.NoError(t, err)
		assert.Empty(t, empty.Entries)
		assert.Empty(t, empty.Next)
		q.Cursor = empty.Prev
		require.NotEmpty(t, q.Cursor)
		back, err := store.Query(ctx, q)
		require.NoError(t, err)
		assert.Equal(t, first.Entries, back.Entries, "sort %s", sort)
	}
}

func removed(list []audit.Entry, id string) []audit.Entry {
	var kept []audit.Entry
	for _, e := range list {
		if e.ID != id {
			kept = append(kept, e)
		}
	}
	return kept
}

func TestPositionOfAnotherStoreIsUnknown(t *testing.T) {
	ctx := context.Background()
	a, b := memstore.New(), memstore.New()
	require.NoError(t, a.Append(ctx, entries(1)...))
	require.NoError(t, b.Append(ctx, entries(1)...))
	head, err := a.Head(ctx)
	require.NoError(t, err)
	_, _, err = b.Tail(ctx, audit.Filter{}, head, 10)
	assert.ErrorIs(t, err, audit.ErrBadCursor)
}
