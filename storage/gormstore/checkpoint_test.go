package gormstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// A database that an earlier version has migrated has no table of checkpoints. It works
// as before until the next Migrate, and only checkpoints are missing.
func TestCheckpointsOfADatabaseFromBefore(t *testing.T) {
	ctx := context.Background()
	db := openSQLite(t, nil)
	store := migrated(t, db, nil)
	require.NoError(t, db.Exec("DROP TABLE audit_entries_checkpoints").Error)
	require.NoError(t, store.Append(ctx, full(1)))
	_, err := store.Checkpoint(ctx, "x")
	assert.ErrorIs(t, err, audit.ErrNotMigrated)
	assert.ErrorIs(t, store.Advance(ctx, storage.Checkpoint{Name: "x"}, storage.Checkpoint{Name: "x"}), audit.ErrNotMigrated)
	_, err = store.Lease(ctx, "x", "a", time.Minute)
	assert.ErrorIs(t, err, audit.ErrNotMigrated)

	require.NoError(t, store.Migrate(ctx))
	require.NoError(t, store.Advance(ctx, storage.Checkpoint{Name: "x"}, storage.Checkpoint{Name: "x", Position: "p"}))
	require.NoError(t, store.Migrate(ctx), "again: what is there stays")
	got, err := store.Checkpoint(ctx, "x")
	require.NoError(t, err)
	assert.Equal(t, storage.Checkpoint{Name: "x", Version: 1, Position: "p"}, got)
}
