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

// Migrations at the same time agree on one key.
func TestMigrationsAtOnceMakeOneKey(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		d := s.create(t)
		const n = 4
		type result struct {
			key []byte
			err error
		}
		results := make(chan result, n)
		for range n {
			go func() {
				key, err := migrateForKey(s.name, dsnOf(d))
				results <- result{key, err}
			}()
		}
		first := <-results
		require.NoError(t, first.err)
		for range n - 1 {
			r := <-results
			require.NoError(t, r.err)
			assert.Equal(t, first.key, r.key)
		}
	})
}

func migrateForKey(name, dsn string) ([]byte, error) {
	db, err := gorm.Open(dialector(name, dsn), &gorm.Config{})
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	store, err := gormstore.New(db, nil)
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(context.Background()); err != nil {
		return nil, err
	}
	return store.Key(context.Background(), nil)
}

// A database of the version before the key is told by ErrNotMigrated, which leaves the
// transaction usable, and is brought up by Migrate.
func TestUpgradeToTheKey(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		db := open(t, s.create(t))
		ctx := context.Background()
		entries := newGenerator(5).entries(20)
		require.NoError(t, migrated(t, db, nil).Append(ctx, entries...))
		if s.name == "sqlite" { // elsewhere it goes with its column
			require.NoError(t, db.Exec("DROP INDEX audit_entries_behalf").Error)
		}
		for _, older := range []string{
			"DROP TABLE audit_entries_key", "ALTER TABLE audit_entries DROP COLUMN behalf_user", "DELETE FROM audit_entries_schema WHERE version > 3",
		} {
			require.NoError(t, db.Exec(older).Error)
		}

		store, err := gormstore.New(db, nil)
		require.NoError(t, err)
		tx := db.Begin()
		_, err = store.Key(ctx, tx.Statement.ConnPool)
		assert.ErrorIs(t, err, audit.ErrNotMigrated)
		var one int
		assert.NoError(t, tx.Raw("SELECT 1").Scan(&one).Error)
		assert.NoError(t, tx.Commit().Error)

		require.NoError(t, store.Migrate(ctx))
		_, err = store.Key(ctx, nil)
		require.NoError(t, err)
		n, _, err := store.Count(ctx, audit.Filter{}, 100)
		require.NoError(t, err)
		assert.Equal(t, len(entries), n)
	})
}

// The key is read while the transaction's connection is the pool's only one, and
// doesn't fix what a transaction of MySQL sees.
func TestTheKeyDoesntSetTheSnapshot(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		if s.name == "sqlite" {
			return // one writer: nothing changes beside a transaction that writes
		}
		d := s.create(t)
		db, beside := open(t, d), open(t, d)
		store := migrated(t, db, nil)
		ctx := context.Background()
		require.NoError(t, db.Exec("CREATE TABLE seen (n INT)").Error)
		for _, connections := range []int{0, 1} {
			pool(t, db).SetMaxOpenConns(connections)
			tx := db.Begin()
			_, err := store.Key(ctx, tx.Statement.ConnPool)
			require.NoError(t, err)
			require.NoError(t, beside.Exec("INSERT INTO seen VALUES (1)").Error)
			var n, all int
			require.NoError(t, tx.Raw("SELECT count(*) FROM seen").Scan(&n).Error)
			require.NoError(t, tx.Commit().Error)
			require.NoError(t, beside.Raw("SELECT count(*) FROM seen").Scan(&all).Error)
			assert.Equal(t, all, n, "with %d connections", connections)
		}
	})
}
