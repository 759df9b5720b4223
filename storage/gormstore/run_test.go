package gormstore_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// running starts Run, and returns what ends it and waits for its error.
func running(t *testing.T, store *gormstore.Store) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- store.Run(ctx) }()
	t.Cleanup(cancel)
	return func() error {
		cancel()
		return <-ended
	}
}

func projected(t *testing.T, db *gorm.DB, position string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, at := keptRows(t, db)
		return at == position
	}, 20*time.Second, 5*time.Millisecond, "the checkpoint doesn't come to %s", position)
}

func TestRunKeepsTheProjectionsUpToDate(t *testing.T) {
	ctx := context.Background()
	db := openSQLite(t, nil)
	store := gormstore.Folding(migrated(t, db, nil), 3, 100)
	for i := range 2 {
		require.NoError(t, store.Append(ctx, full(i)))
	}
	stop := running(t, store) // it looks each ten seconds, so here appends wake it
	n := 2
	for _, append := range []func(...audit.Entry) error{
		func(entries ...audit.Entry) error { return store.Append(ctx, entries...) },
		func(entries ...audit.Entry) error {
			return db.Transaction(func(tx *gorm.DB) error { return store.AppendTx(ctx, tx.Statement.ConnPool, entries...) })
		},
	} {
		_, before := keptRows(t, db)
		for at := before; at == before; _, at = keptRows(t, db) { // woken before the commit, it may find nothing
			require.NoError(t, append(full(n), full(n+1), full(n+2)))
			n += 3
			time.Sleep(5 * time.Millisecond)
		}
	}
	assert.NoError(t, stop())
}

// Of two processes one works. The other takes over once the first ends.
func TestOneOfTwoRuns(t *testing.T) {
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "trail.db")
	open := func() (*gormstore.Store, *gorm.DB) {
		db, err := gorm.Open(sqlite.Open(file+"?_pragma=busy_timeout(10000)"), &gorm.Config{})
		require.NoError(t, err)
		pool, err := db.DB()
		require.NoError(t, err)
		t.Cleanup(func() { _ = pool.Close() })
		return gormstore.Hurried(gormstore.Folding(migrated(t, db, nil), 1, 100), 5*time.Millisecond), db
	}
	one, db := open()
	two, _ := open()
	holder := func() (name string) {
		require.NoError(t, db.Raw("SELECT holder FROM audit_entries_checkpoints WHERE name = 'gormstore/run'").Scan(&name).Error)
		return name
	}
	stopOne := running(t, one)
	require.NoError(t, two.Append(ctx, full(1)))
	projected(t, db, "sqlite:1")
	first := holder()
	stopTwo := running(t, two)
	require.NoError(t, two.Append(ctx, full(2)))
	projected(t, db, "sqlite:2")
	assert.Equal(t, first, holder())

	require.NoError(t, stopOne())
	require.NoError(t, one.Append(ctx, full(3)))
	projected(t, db, "sqlite:3")
	assert.NotEqual(t, first, holder())
	assert.NoError(t, stopTwo())
}

func TestRunSaysAtOnceWhatIsMissing(t *testing.T) {
	db := openSQLite(t, nil)
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	assert.ErrorIs(t, store.Run(context.Background()), audit.ErrNotMigrated)

	store = migrated(t, db, nil)
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(1) // the pragma is the connection's
	require.NoError(t, db.Exec("PRAGMA query_only = 1").Error)
	require.NoError(t, store.Refresh(context.Background()), "there is nothing to write")
	require.NoError(t, db.Exec("PRAGMA query_only = 0").Error)
	require.NoError(t, store.Append(context.Background(), full(1)))
	require.NoError(t, db.Exec("PRAGMA query_only = 1").Error)
	assert.ErrorContains(t, gormstore.Folding(store, 1, 100).Refresh(context.Background()), "readonly", "a replica")
	require.NoError(t, db.Exec("PRAGMA query_only = 0").Error)
}

// An error after the first round is logged, and the next round goes on.
func TestRunGoesOnAfterErrors(t *testing.T) {
	ctx := context.Background()
	db := openSQLite(t, nil)
	var log bytes.Buffer
	store := gormstore.Hurried(gormstore.Folding(migrated(t, db, &gormstore.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}), 1, 100), time.Millisecond)
	require.NoError(t, store.Append(ctx, full(1)))
	stop := running(t, store)
	projected(t, db, "sqlite:1")
	require.NoError(t, db.Exec("ALTER TABLE audit_entries_facets RENAME TO elsewhere").Error)
	require.NoError(t, store.Append(ctx, full(2)))
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, db.Exec("ALTER TABLE elsewhere RENAME TO audit_entries_facets").Error)
	projected(t, db, "sqlite:2")
	require.NoError(t, stop())
	assert.Contains(t, log.String(), "audit_entries_facets")
}
