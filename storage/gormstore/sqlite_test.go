package gormstore_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

// openSQLite opens a database in a file of its own, as a host does.
func openSQLite(t testing.TB, config *gorm.Config) *gorm.DB {
	t.Helper()
	if config == nil {
		config = &gorm.Config{}
	}
	path := filepath.Join(t.TempDir(), "host.db") + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"
	db, err := gorm.Open(sqlite.Open(path), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		if pool, err := db.DB(); err == nil {
			_ = pool.Close()
		}
	})
	return db
}

func migrated(t testing.TB, db *gorm.DB, opts *gormstore.Options) *gormstore.Store {
	t.Helper()
	store, err := gormstore.New(db, opts)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(context.Background()))
	return store
}

func TestConformsOnSQLite(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) audit.Store { return migrated(t, openSQLite(t, nil), nil) })
}

func TestConformsInTransactionsOnSQLite(t *testing.T) {
	storagetest.RunTx(t, func(t *testing.T) (audit.Store, *sql.DB) {
		db := openSQLite(t, nil)
		pool, err := db.DB()
		require.NoError(t, err)
		return migrated(t, db, nil), pool
	}, &storagetest.TxOptions{OneWriter: true})
}
