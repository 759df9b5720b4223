package gormstore

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	driver "github.com/glebarez/sqlite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// openHost is a host's database, and its pool.
func openHost(t *testing.T) (*gorm.DB, *sql.DB) {
	db, err := gorm.Open(driver.Open(filepath.Join(t.TempDir(), "host.db")), &gorm.Config{})
	require.NoError(t, err)
	pool, err := db.DB()
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	return db, pool
}

func TestAFeatureIsAddedOnceAndAskedFor(t *testing.T) {
	db, _ := openHost(t)
	ctx := context.Background()
	plain, err := New(db, nil)
	require.NoError(t, err)
	require.NoError(t, plain.Migrate(ctx))

	with := func(statements ...string) *Store {
		s, err := New(db, nil)
		require.NoError(t, err)
		there := "SELECT count(*) FROM sqlite_master WHERE name = 'extra'"
		s.schema.Features = []schema.Feature{{Option: "Extra", There: there, Statements: statements}}
		return s
	}
	_, err = with().Get(ctx, "01950000-0000-7000-8000-000000000001")
	require.ErrorIs(t, err, audit.ErrNotMigrated)
	assert.ErrorContains(t, err, "option Extra")

	// Half of it done is none of it done.
	err = with("CREATE TABLE extra (n INTEGER)", "no statement").Migrate(ctx)
	require.ErrorContains(t, err, "option Extra")
	_, err = with().Get(ctx, "01950000-0000-7000-8000-000000000001")
	require.ErrorIs(t, err, audit.ErrNotMigrated)

	for range 2 { // the second time there is nothing to do
		require.NoError(t, with("CREATE TABLE extra (n INTEGER)").Migrate(ctx))
	}
	_, err = with().Get(ctx, "01950000-0000-7000-8000-000000000001")
	require.ErrorIs(t, err, audit.ErrNotFound)
	require.NoError(t, plain.Migrate(ctx), "without the option it stays")
	_, err = with().Get(ctx, "01950000-0000-7000-8000-000000000001")
	require.ErrorIs(t, err, audit.ErrNotFound)
}

// Whether anything lies on the other side of a page needs no sort: one entry is enough.
func TestLookingBeyondAPageSortsNothing(t *testing.T) {
	db, _ := openHost(t)
	s, err := New(db, nil)
	require.NoError(t, err)
	for _, sort := range audit.SortKeys() {
		o := s.orderOf(sort)
		b := s.newBuilder()
		require.NoError(t, selection{order: o, limit: 1, unordered: !o.Indexed()}.write(b))
		assert.Equal(t, o.Indexed(), strings.Contains(b.String(), "ORDER BY"), sort)
		assert.Equal(t, sort.Bounded() || sort.Key() == audit.SortRecorded, !o.Indexed(), sort)
	}
}
