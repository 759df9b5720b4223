package storage

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

func ids(entries []audit.Entry) []string {
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = e.ID
	}
	return list
}

// tailEntries is Tail without the entries' positions.
func tailEntries(ctx context.Context, store *gormstore.Store, f audit.Filter, after string, limit int) (entries []audit.Entry, next string, err error) {
	tailed, next, err := store.Tail(ctx, f, after, limit)
	for _, e := range tailed {
		entries = append(entries, e.Entry)
	}
	return entries, next, err
}

// Transaction 100 comes behind 9, not before it: their numbers are compared as
// numbers.
func TestTailComparesTransactionsAsNumbers(t *testing.T) {
	db := open(t, createPostgres(t))
	store := migrated(t, db, nil)
	ctx := context.Background()
	entries := newGenerator(1).entries(3)
	require.NoError(t, store.Append(ctx, entries...))
	for i, xid := range []string{"9", "100", "20"} {
		require.NoError(t, db.Exec("UPDATE audit_entries SET xid = ?::xid8 WHERE id = ?", xid, entries[i].ID).Error)
	}
	list, _, err := tailEntries(ctx, store, audit.Filter{}, "", 10)
	require.NoError(t, err)
	assert.Equal(t, []string{entries[0].ID, entries[2].ID, entries[1].ID}, ids(list))
}

// A dump that was restored into a younger server has transactions that are yet
// to come there. Migrate makes them old, so that the feed has them.
func TestTailAfterARestore(t *testing.T) {
	db := open(t, createPostgres(t))
	store := migrated(t, db, nil)
	ctx := context.Background()
	entries := newGenerator(1).entries(4)
	require.NoError(t, store.Append(ctx, entries...))
	require.NoError(t, db.Exec("UPDATE audit_entries SET xid = '1000000000000'::xid8").Error)
	// A place that this server could have told, too.
	require.NoError(t, db.Exec("UPDATE audit_entries_checkpoints SET position = 'pg/' || pg_current_snapshot() WHERE name = 'gormstore/facets'").Error)
	require.NoError(t, store.Migrate(ctx))
	facets, err := store.Facets(ctx, audit.Filter{})
	require.NoError(t, err)
	assert.Equal(t, naiveFacets(entries, audit.Filter{}), facets)
	list, next, err := tailEntries(ctx, store, audit.Filter{}, "", 10)
	require.NoError(t, err)
	assert.Equal(t, ids(entries), ids(list))
	fresh := newGenerator(2).entries(1)
	require.NoError(t, store.Append(ctx, fresh...))
	list, _, err = tailEntries(ctx, store, audit.Filter{}, next, 10)
	require.NoError(t, err)
	assert.Equal(t, ids(fresh), ids(list))

	_, _, err = tailEntries(ctx, store, audit.Filter{}, "pg/1000000000000:1000000000000:", 10)
	assert.ErrorIs(t, err, audit.ErrBadCursor, "a position of the server before")
}

// A transaction that is open while thousands of later ones are told is told
// when it commits, and once.
func TestTailWaitsForNoOneAndForgetsNoOne(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		if s.name == "sqlite" {
			t.Skip("it has one writer at a time")
		}
		db := open(t, s.create(t))
		store := migrated(t, db, nil)
		ctx := context.Background()
		g := newGenerator(1)
		late, rolledBack := g.entries(3), g.entries(2)
		open := db.Begin()
		require.NoError(t, store.AppendTx(ctx, open.Statement.ConnPool, late...))
		gone := db.Begin()
		require.NoError(t, store.AppendTx(ctx, gone.Statement.ConnPool, rolledBack...))

		position, err := store.Head(ctx)
		require.NoError(t, err)
		var told, want []string
		for i := range 20 {
			some := g.entries(400)
			require.NoError(t, store.Append(ctx, some...))
			want = append(want, ids(some)...)
			if i == 10 {
				require.NoError(t, gone.Rollback().Error)
			}
			for more := true; more; {
				list, next, err := tailEntries(ctx, store, audit.Filter{}, position, 150)
				require.NoError(t, err)
				told, position, more = append(told, ids(list)...), next, len(list) > 0
				require.LessOrEqual(t, len(told), len(want), "each is told once")
			}
			require.Len(t, told, len(want), "those behind an open transaction don't wait for it")
		}
		require.NoError(t, open.Commit().Error)
		list, _, err := tailEntries(ctx, store, audit.Filter{}, position, 150)
		require.NoError(t, err)
		assert.Equal(t, append(want, ids(late)...), append(told, ids(list)...))
	})
}

// A transaction that is open for long keeps the feed's base where it was, and all
// that was written since is beside it, not in it: a question doesn't read it
// again. What commits late comes first, in steps as small as one wants them.
func TestTailBesideALongTransaction(t *testing.T) {
	for name, opts := range map[string]gormstore.Options{"one table": {}, "months": monthly} {
		t.Run(name, func(t *testing.T) {
			db, plain, rec := recordedPostgres(t)
			store := migrated(t, db, &opts)
			ctx := context.Background()
			g := newSpread(1, 25_000, 3)
			var late [][]audit.Entry
			var open []*gorm.DB
			for range 3 {
				tx, some := db.Begin(), g.entries(2)
				require.NoError(t, store.AppendTx(ctx, tx.Statement.ConnPool, some...))
				late, open = append(late, some), append(open, tx)
			}
			t.Cleanup(func() { require.NoError(t, open[2].Rollback().Error) })
			for range 10 {
				require.NoError(t, store.Append(ctx, g.entries(2000)...))
			}
			position, err := store.Head(ctx)
			require.NoError(t, err)
			later := g.entries(3)
			require.NoError(t, store.Append(ctx, later...))
			require.NoError(t, open[1].Commit().Error)
			require.NoError(t, open[0].Commit().Error)

			_, err = plain.Exec("ANALYZE")
			require.NoError(t, err)
			rec.take()
			var told []string
			for more := true; more; {
				list, next, err := tailEntries(ctx, store, audit.Filter{}, position, 1)
				require.NoError(t, err)
				told, position, more = append(told, ids(list)...), next, len(list) > 0
			}
			assert.Equal(t, ids(append(append(late[0], late[1]...), later...)), told)
			for _, q := range rec.take() {
				checkPostgresPlan(t, plain, q)
			}
		})
	}
}
