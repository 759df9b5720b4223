package gormstore_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// A database of an earlier version has no key: the store says that it isn't migrated,
// also inside a transaction, and Migrate makes the key, which then stays.
func TestMigrateMakesAKeyForAnEarlierDatabase(t *testing.T) {
	db := openSQLite(t, nil)
	ctx := context.Background()
	require.NoError(t, migrated(t, db, nil).Append(ctx, full(1)))
	require.NoError(t, db.Exec("DROP TABLE audit_entries_key").Error)
	require.NoError(t, db.Exec("DROP INDEX audit_entries_behalf").Error)
	require.NoError(t, db.Exec("ALTER TABLE audit_entries DROP COLUMN behalf_user").Error)
	require.NoError(t, db.Exec("DELETE FROM audit_entries_schema WHERE version >= 4").Error)

	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	_, err = store.Key(ctx, nil)
	assert.ErrorIs(t, err, audit.ErrNotMigrated)
	assert.ErrorContains(t, err, "version 3")
	_, err = store.Query(ctx, audit.Query{})
	assert.ErrorIs(t, err, audit.ErrNotMigrated)
	tx := db.Begin()
	_, err = store.Key(ctx, tx.Statement.ConnPool)
	assert.ErrorIs(t, err, audit.ErrNotMigrated)
	require.NoError(t, tx.Commit().Error)

	require.NoError(t, store.Migrate(ctx))
	key, err := store.Key(ctx, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(ctx))
	again, err := migrated(t, db, nil).Key(ctx, nil)
	require.NoError(t, err)
	assert.Equal(t, key, again)
	_, err = store.Get(ctx, full(1).ID)
	assert.NoError(t, err)
}

// A test suite may empty all tables.
func TestAKeyWhoseRowIsGone(t *testing.T) {
	db := openSQLite(t, nil)
	store := migrated(t, db, nil)
	ctx := context.Background()
	require.NoError(t, db.Exec("DELETE FROM audit_entries_key").Error)
	_, err := store.Key(ctx, nil)
	assert.ErrorIs(t, err, audit.ErrNotMigrated)
	assert.ErrorContains(t, err, "Migrate makes one")
	require.NoError(t, store.Migrate(ctx))
	_, err = store.Key(ctx, nil)
	assert.NoError(t, err)
}

func TestTheKeyOfATrailIsItsStores(t *testing.T) {
	db := openSQLite(t, nil)
	other := openSQLite(t, nil)
	var keys [3][]byte
	for i, store := range []audit.Store{migrated(t, db, nil), migrated(t, db, nil), migrated(t, other, nil)} {
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		keys[i], err = trail.SubKey(context.Background(), nil, "cursor")
		require.NoError(t, err)
	}
	assert.Equal(t, keys[0], keys[1], "two processes")
	assert.NotEqual(t, keys[0], keys[2])
}
