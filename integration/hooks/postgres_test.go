package hooks_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/memstore"
)

type counter struct {
	Name string `gorm:"primaryKey"`
	N    int
}

func auditedPostgres(t *testing.T) (*gorm.DB, *audit.Trail) {
	t.Helper()
	return auditedPostgresWith(t, nil)
}

func auditedPostgresWith(t *testing.T, opts *hooks.Options) (*gorm.DB, *audit.Trail) {
	t.Helper()
	db, err := gorm.Open(postgres.Open(postgresDatabase(t)), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	t.Cleanup(func() {
		sqlDB, err := db.DB()
		require.NoError(t, err)
		require.NoError(t, sqlDB.Close())
	})
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, opts)))
	return db, trail
}

// Upserts of one key race: which of them creates the row is the database's to
// decide, and each other one's old value is the one before's new.
func TestRacingUpsertsChain(t *testing.T) {
	db, trail := auditedPostgres(t)
	require.NoError(t, db.AutoMigrate(&counter{}))
	const rounds, writers = 20, 8
	for round := range rounds {
		var wg sync.WaitGroup
		errs := make(chan error, writers)
		for range writers {
			wg.Go(func() {
				errs <- db.Clauses(clause.OnConflict{
					Columns: []clause.Column{{Name: "name"}}, DoUpdates: clause.Assignments(map[string]any{"n": gorm.Expr("counters.n + 1")}),
				}).Create(&counter{Name: fmt.Sprint("c", round)}).Error
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			require.NoError(t, err)
		}
		next := map[any]any{}
		creates := 0
		for e, err := range trail.All(context.Background(), audit.Query{Filter: audit.Filter{ObjectIDs: []string{fmt.Sprint("c", round)}}}) {
			require.NoError(t, err)
			if e.Action == audit.ActionCreate {
				creates++
				continue
			}
			require.Equal(t, "n", e.Changes[0].Field)
			next[e.Changes[0].Old] = e.Changes[0].New
		}
		require.Equal(t, 1, creates)
		for i := range int64(writers - 1) {
			require.Equal(t, i+1, next[i], "round %d: the step from %d", round, i)
		}
	}
}

// A table for each tenant, chosen by search_path, is one table to GORM.
func TestSearchPathChoosesTheTable(t *testing.T) {
	db, trail := auditedPostgres(t)
	for _, schema := range []string{"one", "two"} {
		require.NoError(t, db.Exec("CREATE SCHEMA "+schema).Error)
		require.NoError(t, db.Exec("CREATE TABLE "+schema+".counters (name text PRIMARY KEY, n int)").Error)
	}
	for _, schema := range []string{"one", "two", "one"} {
		require.NoError(t, db.Transaction(func(tx *gorm.DB) error {
			require.NoError(t, tx.Exec("SET LOCAL search_path TO "+schema).Error)
			require.NoError(t, tx.Save(&counter{Name: "a", N: 1}).Error)
			return tx.Model(&counter{Name: "a"}).Update("n", gorm.Expr("n + 1")).Error
		}))
	}
	var actions []string
	for e, err := range trail.All(context.Background(), audit.Query{Sort: audit.SortTime}) {
		require.NoError(t, err)
		actions = append(actions, e.Action)
	}
	require.Equal(t, []string{"create", "update", "create", "update", "update", "update"}, actions)
}

// brokenStore fails inside of the transaction, as a full disk would.
type brokenStore struct{ *memstore.Store }

func (brokenStore) AppendTx(ctx context.Context, tx audit.Execer, _ ...audit.Entry) error {
	_, err := tx.ExecContext(ctx, "SELECT 1/0")
	return err
}
func (brokenStore) InDatabase(*sql.DB) bool { return true }
func (brokenStore) Tables() []string        { return nil }

func TestFailOpenLeavesTheTransactionAbleToCommit(t *testing.T) {
	db, err := gorm.Open(postgres.Open(postgresDatabase(t)), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	sqlDB, err := db.DB()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sqlDB.Close()) })
	require.NoError(t, db.AutoMigrate(&counter{}))
	trail, err := audit.New(brokenStore{memstore.New()}, &audit.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, &hooks.Options{FailOpen: true})))
	require.NoError(t, db.Create(&counter{Name: "a"}).Error)
	var n int64
	require.NoError(t, db.Model(&counter{}).Count(&n).Error)
	require.EqualValues(t, 1, n)
}
