package gormstore_test

import (
	"bytes"
	"context"
	"database/sql"
	"log"
	"path/filepath"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// The store's statements pass by what a host has put on its *gorm.DB: its
// logger, its callbacks, its prepared statements, DryRun.
func TestNothingOfTheHostsIsUsed(t *testing.T) {
	var logged bytes.Buffer
	db := openSQLite(t, &gorm.Config{
		PrepareStmt: true, TranslateError: true, SkipDefaultTransaction: true, DryRun: true, CreateBatchSize: 1,
		Logger: logger.New(log.New(&logged, "", 0), logger.Config{LogLevel: logger.Info}),
	})
	seen := 0
	for _, register := range []func(string, func(*gorm.DB)) error{
		db.Callback().Create().Before("*").Register, db.Callback().Query().Before("*").Register,
		db.Callback().Raw().Before("*").Register, db.Callback().Row().Before("*").Register,
	} {
		require.NoError(t, register("host", func(*gorm.DB) { seen++ }))
	}
	logged.Reset()
	store := migrated(t, db.Where("id = 1").Table("users"), nil)
	ctx := context.Background()
	require.NoError(t, store.Append(ctx, full(1), full(2)))
	page, err := store.Query(ctx, audit.Query{})
	require.NoError(t, err)
	assert.Len(t, page.Entries, 2)
	_, err = store.Facets(ctx, audit.Filter{})
	require.NoError(t, err)
	assert.Zero(t, seen, "callbacks")
	assert.Empty(t, logged.String())
}

// wrapped is a pool as a plugin puts it around the host's.
type wrapped struct{ gorm.ConnPool }

func (w wrapped) GetDBConn() (*sql.DB, error) { return w.ConnPool.(*sql.DB), nil }

func (w wrapped) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	return w.ConnPool.(*sql.DB).BeginTx(ctx, opts)
}

func TestAStoreOfAWrappedPool(t *testing.T) {
	db := openSQLite(t, nil)
	plain, err := db.DB()
	require.NoError(t, err)
	db.ConnPool = wrapped{db.ConnPool}
	db.Statement.ConnPool = db.ConnPool
	store := migrated(t, db, nil)
	assert.True(t, store.InDatabase(plain))
	tx := db.Begin()
	require.NoError(t, store.AppendTx(context.Background(), tx.Statement.ConnPool, full(1)))
	require.NoError(t, tx.Commit().Error)
}

// With one connection only, whoever holds it while he waits for another waits
// for himself.
func TestOneConnectionIsEnough(t *testing.T) {
	db := openSQLite(t, nil)
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(1)
	store := migrated(t, db, nil)
	readWhileWriting(t, store)

	tx := db.Begin()
	fresh, err := gormstore.New(db, nil)
	require.NoError(t, err)
	require.NoError(t, fresh.AppendTx(context.Background(), tx.Statement.ConnPool, full(9999)), "a store that asks for the version first")
	require.NoError(t, tx.Commit().Error)
}

// Without the write-ahead log, a statement that is being read keeps the writer
// from committing.
func TestAllKeepsNoWriterOut(t *testing.T) {
	for _, mode := range []string{"DELETE", "WAL"} {
		path := filepath.Join(t.TempDir(), "host.db") + "?_pragma=busy_timeout(10000)&_pragma=synchronous(OFF)&_pragma=journal_mode(" + mode + ")"
		db, err := gorm.Open(sqlite.Open(path), &gorm.Config{})
		require.NoError(t, err)
		readWhileWriting(t, migrated(t, db, nil))
		pool, _ := db.DB()
		require.NoError(t, pool.Close())
	}
}

// readWhileWriting reads all of more than a page, and writes in the loop.
func readWhileWriting(t *testing.T, store *gormstore.Store) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	const n = audit.MaxLimit + 500
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = full(i)
	}
	require.NoError(t, store.Append(ctx, entries...))
	read := 0
	for _, err := range store.All(ctx, audit.Query{Sort: audit.SortTime}) {
		require.NoError(t, err)
		if read++; read%500 == 0 {
			require.NoError(t, store.Append(ctx, full(100_000+read)))
		}
	}
	assert.Equal(t, n, read, "what was appended meanwhile is not in it")
}

// A store may be made on a *gorm.DB that is in a transaction; what it does by
// itself is not part of it.
func TestAStoreMadeInsideATransaction(t *testing.T) {
	db := openSQLite(t, nil)
	migrated(t, db, nil)
	tx := db.Begin()
	store, err := gormstore.New(tx, nil)
	require.NoError(t, err)
	require.NoError(t, tx.Rollback().Error)
	require.NoError(t, store.Append(context.Background(), full(1)))
	_, err = store.Get(context.Background(), full(1).ID)
	assert.NoError(t, err)
}

func TestAnUnknownDatabaseIsNamed(t *testing.T) {
	db := openSQLite(t, nil)
	db.Dialector = renamed{db.Dialector}
	_, err := gormstore.New(db, nil)
	assert.ErrorContains(t, err, `"oracle" is none of sqlite, postgres, mysql`)
}

type renamed struct{ gorm.Dialector }

func (renamed) Name() string { return "oracle" }
