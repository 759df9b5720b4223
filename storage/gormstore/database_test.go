package gormstore_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit/storage/gormstore"
)

func openFile(t *testing.T, path string) (*gorm.DB, *sql.DB) {
	t.Helper()
	db, err := gorm.Open(sqlite.Open(path), &gorm.Config{})
	require.NoError(t, err)
	pool, err := db.DB()
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	return db, pool
}

// Pools are compared by the file that they lead to, whatever it is called; a copy
// is another database, and so is what is in memory.
func TestPoolsAreComparedByTheirFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "host.db")
	db, _ := openFile(t, path)
	store := migrated(t, db, nil)
	require.NoError(t, os.Symlink(path, filepath.Join(dir, "link.db")))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "copy.db"), content, 0o600))
	for file, same := range map[string]bool{
		path: true, "file:" + path + "?_pragma=busy_timeout(1)": true, filepath.Join(dir, "link.db"): true,
		filepath.Join(dir, "copy.db"): false, filepath.Join(dir, "new.db"): false, ":memory:": false,
	} {
		_, pool := openFile(t, file)
		for range 2 { // the second answer is kept from the first
			assert.Equal(t, same, store.InDatabase(pool), file)
		}
	}
	memory, _ := openFile(t, ":memory:")
	_, other := openFile(t, ":memory:")
	assert.False(t, migrated(t, memory, nil).InDatabase(other))
}

// A transaction has its pool's only connection: the pool can't be asked, but the
// transaction can.
func TestATransactionIsAskedForItsDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.db")
	db, own := openFile(t, path)
	store := migrated(t, db, nil)
	own.SetMaxOpenConns(1)
	held, err := own.Conn(context.Background()) // and so has somebody the store's
	require.NoError(t, err)
	defer held.Close()
	_, pool := openFile(t, path)
	pool.SetMaxOpenConns(1)
	tx, err := pool.Begin()
	require.NoError(t, err)
	assert.False(t, store.InDatabase(pool), "nobody waits for the connection")
	same, err := store.MatchDatabase(context.Background(), pool, tx)
	require.NoError(t, err)
	assert.True(t, same)
	assert.True(t, store.InDatabase(pool), "it is known now")
	same, err = store.MatchDatabase(context.Background(), nil, tx)
	require.NoError(t, err)
	assert.True(t, same, "of an unknown pool")
	require.NoError(t, tx.Rollback())
	_, err = store.MatchDatabase(context.Background(), nil, tx)
	assert.ErrorIs(t, err, sql.ErrTxDone)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, third := openFile(t, path)
	_, err = store.MatchDatabase(ended, third, third)
	assert.ErrorIs(t, err, context.Canceled)
	assert.True(t, store.InDatabase(third), "a question that came to nothing isn't kept")
}

// What is known of a pool goes with it.
func TestAPoolIsForgottenWithItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.db")
	db, _ := openFile(t, path)
	store := migrated(t, db, nil)
	for range 20 {
		pool, err := sql.Open(sqlite.DriverName, path)
		require.NoError(t, err)
		require.True(t, store.InDatabase(pool))
		require.NoError(t, pool.Close())
	}
	assert.Eventually(t, func() bool {
		runtime.GC()
		return gormstore.PoolsKnown(store) == 0
	}, time.Minute, 10*time.Millisecond)
}
