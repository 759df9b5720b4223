package gormstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// full is an entry with every field, and values that tear stores apart.
func full(n int) audit.Entry {
	return audit.Entry{
		ID: fmt.Sprintf("01950000-0000-7000-8000-%012x", n), Time: start.Add(time.Duration(n) * time.Microsecond),
		Tenant: "acme", Project: "web", Action: "update", Outcome: audit.Success, Error: "none", Comment: "due to 'x' \\ \"y\"",
		Actor:      audit.Actor{Type: "user", ID: "7", Name: "Ана", Email: "ana@example.com"},
		OnBehalfOf: &audit.Actor{Type: "user", ID: "8"},
		Object:     audit.Object{Type: "users", ID: "42", Name: "Office VPN 😀", Product: "core"},
		Request:    audit.Request{IP: "10.1.2.3", UserAgent: "curl", ID: "r1", Method: "PUT", Path: "/users/42"},
		Changes: []audit.Change{
			{Field: "name", Op: audit.OpReplace, Old: nil, New: "a\x00b"},
			{Field: "settings.theme", Op: audit.OpAdd, New: map[string]any{"n": uint64(18446744073709551615), "l": []any{1.5, true}}},
		},
		TransactionID: "t1",
		Metadata:      map[string]any{"size": int64(9007199254740993), "nul": "\x00"},
	}
}

func TestEveryFieldComesBack(t *testing.T) {
	store := migrated(t, openSQLite(t, nil), nil)
	ctx := context.Background()
	bare := audit.Entry{ID: "01950000-0000-7000-8000-0000000000ff", Time: start, Action: "login", Outcome: audit.Failure}
	require.NoError(t, store.Append(ctx, full(1), bare))
	for _, want := range []audit.Entry{full(1), bare} {
		got, err := store.Get(ctx, want.ID)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	}
	_, err := store.Get(ctx, "01950000-0000-7000-8000-00000000dead")
	assert.ErrorIs(t, err, audit.ErrNotFound)
}

func TestNewNeedsADatabase(t *testing.T) {
	_, err := gormstore.New(nil, nil)
	assert.ErrorContains(t, err, "got nil")
	_, err = gormstore.New(&gorm.DB{}, nil)
	assert.Error(t, err)
	_, err = gormstore.New(openSQLite(t, nil), &gormstore.Options{Table: `x"; DROP TABLE users; --`})
	assert.ErrorContains(t, err, "is no table name")
}

func TestTheNamingStrategysPrefixIsHonoured(t *testing.T) {
	db := openSQLite(t, &gorm.Config{NamingStrategy: schema.NamingStrategy{TablePrefix: "app_"}})
	assert.Equal(t, []string{"app_audit_entries", "app_audit_entries_schema", "app_audit_entries_key", "app_audit_entries_checkpoints", "app_audit_entries_facets", "app_audit_entries_truncations"}, migrated(t, db, nil).Tables())
	db = openSQLite(t, &gorm.Config{NamingStrategy: schema.NamingStrategy{SingularTable: true, NoLowerCase: true}})
	assert.Equal(t, "audit_entries", migrated(t, db, nil).Tables()[0])
	assert.Equal(t, "trail", migrated(t, db, &gormstore.Options{Table: "trail"}).Tables()[0])
}

func TestAppendTxLivesAndDiesWithTheTransaction(t *testing.T) {
	db := openSQLite(t, nil)
	store := migrated(t, db, nil)
	ctx := context.Background()
	pool, err := db.DB()
	require.NoError(t, err)
	assert.True(t, store.InDatabase(pool))
	assert.False(t, store.InDatabase(nil))
	for _, commit := range []bool{false, true} {
		tx := db.Begin()
		require.NoError(t, store.AppendTx(ctx, tx.Statement.ConnPool, full(1), full(2), full(1)))
		if !commit {
			require.NoError(t, tx.Rollback().Error)
			_, err = store.Get(ctx, full(1).ID)
			require.ErrorIs(t, err, audit.ErrNotFound)
			continue
		}
		require.NoError(t, tx.Commit().Error)
	}
	page, err := store.Query(ctx, audit.Query{})
	require.NoError(t, err)
	assert.Equal(t, []audit.Entry{full(2), full(1)}, page.Entries)
}

func TestAStoreThatIsNotMigratedSaysSo(t *testing.T) {
	db := openSQLite(t, nil)
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	ctx := context.Background()
	pool, _ := db.DB()
	assert.ErrorIs(t, store.Append(ctx, full(1)), audit.ErrNotMigrated)
	assert.ErrorIs(t, store.AppendTx(ctx, pool, full(1)), audit.ErrNotMigrated)
	assert.ErrorIs(t, store.AppendTx(ctx, onlyExec{pool}, full(1)), audit.ErrNotMigrated)
	_, err = store.Query(ctx, audit.Query{})
	assert.ErrorIs(t, err, audit.ErrNotMigrated)
	_, err = store.Get(ctx, full(1).ID)
	assert.ErrorIs(t, err, audit.ErrNotMigrated)

	require.NoError(t, store.Migrate(ctx))
	require.NoError(t, db.Exec(`DROP TABLE audit_entries`).Error)
	assert.ErrorIs(t, store.Append(ctx, full(1)), audit.ErrNotMigrated, "the tables went away later")
}

// onlyExec hides everything but ExecContext.
type onlyExec struct{ audit.Execer }

func TestANewerDatabaseIsLeftAlone(t *testing.T) {
	db := openSQLite(t, nil)
	migrated(t, db, nil)
	require.NoError(t, db.Exec(`INSERT INTO audit_entries_schema VALUES (99, 'later')`).Error)
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	err = store.Migrate(context.Background())
	assert.ErrorIs(t, err, audit.ErrNotMigrated)
	assert.ErrorContains(t, err, "update the library")
	assert.ErrorIs(t, store.Append(context.Background(), full(1)), audit.ErrNotMigrated)
}

func TestPagesBothWays(t *testing.T) {
	store := migrated(t, openSQLite(t, nil), nil)
	ctx := context.Background()
	var want []audit.Entry
	for i := range 7 {
		want = append(want, full(i))
	}
	require.NoError(t, store.Append(ctx, want...))
	q := audit.Query{Sort: audit.SortTime, Limit: 3}
	first, err := store.Query(ctx, q)
	require.NoError(t, err)
	assert.Equal(t, want[:3], first.Entries)
	assert.Empty(t, first.Prev)
	q.Cursor = first.Next
	second, err := store.Query(ctx, q)
	require.NoError(t, err)
	assert.Equal(t, want[3:6], second.Entries)
	q.Cursor = second.Next
	third, err := store.Query(ctx, q)
	require.NoError(t, err)
	assert.Equal(t, want[6:], third.Entries)
	assert.Empty(t, third.Next)
	q.Cursor = second.Prev
	again, err := store.Query(ctx, q)
	require.NoError(t, err)
	assert.Equal(t, first, again)
}
