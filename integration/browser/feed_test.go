package browser

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/stream"
)

const postgresServer = "host=127.0.0.1 port=5432 user=postgres sslmode=disable dbname="

// newDatabase is a PostgreSQL database of the test's own, dropped at its end.
func newDatabase(t *testing.T) (dsn string) {
	t.Helper()
	quiet := &gorm.Config{Logger: logger.Discard}
	admin, err := gorm.Open(postgres.Open(postgresServer+"postgres"), quiet)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("PostgreSQL does not answer on 127.0.0.1:5432: %v", err)
		}
		t.Skipf("PostgreSQL does not answer on 127.0.0.1:5432: %v", err)
	}
	name := fmt.Sprintf("audit_feed_%d_%d", os.Getpid(), time.Now().UnixNano())
	require.NoError(t, admin.Exec("CREATE DATABASE "+name).Error)
	t.Cleanup(func() {
		require.NoError(t, admin.Exec("DROP DATABASE "+name+" WITH (FORCE)").Error)
		db, err := admin.DB()
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
	return postgresServer + name
}

// process is what one program has of the trail: connections of its own.
func process(t *testing.T, dsn string) (*audit.Trail, *gormstore.Store, *sql.DB) {
	t.Helper()
	db, err := gorm.Open(postgres.Open(dsn), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	pool, err := db.DB()
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	return trail, store, pool
}

// TestFeedOfLateTransactions: programs write to one database in transactions
// that stay open for different times, so that entries are committed in another
// order than they were written. A reader in yet another program, which comes and
// goes, gets each one once.
func TestFeedOfLateTransactions(t *testing.T) {
	dsn := newDatabase(t)
	reading, _, _ := process(t, dsn)
	hub, err := stream.NewHub(reading, nil)
	require.NoError(t, err)
	start, err := stream.Head(t.Context(), reading)
	require.NoError(t, err)

	const writers, transactions = 6, 40
	var all sync.WaitGroup
	for w := range writers {
		trail, store, pool := process(t, dsn)
		all.Go(func() {
			for i := range transactions {
				if err := writeLate(trail, store, pool, fmt.Sprintf("%d/%d", w, i), i%8 == 7); err != nil {
					t.Error(err)
				}
			}
		})
	}
	want := writers * transactions * 7 / 8 * 2 // the rest was rolled back
	got := map[string]int{}
	for after := start; len(got) < want; {
		r, err := hub.Follow(t.Context(), audit.Filter{}, after)
		require.NoError(t, err)
		for range 1 + rand.IntN(4) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(50+rand.IntN(400))*time.Millisecond)
			events, err := r.Next(ctx)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				require.NoError(t, err)
			}
			for _, e := range events {
				got[e.Object.ID]++
				require.False(t, strings.HasSuffix(e.Object.ID, "rolled back"))
			}
		}
		after = r.Position()
		r.Close()
	}
	all.Wait()
	for id, times := range got {
		require.Equal(t, 1, times, id)
	}
	require.Len(t, got, want)
	require.NoError(t, hub.Close(t.Context()))
}

// writeLate appends two entries in a transaction that stays open for a while.
func writeLate(trail *audit.Trail, store *gormstore.Store, pool *sql.DB, name string, back bool) error {
	ctx := context.Background()
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if back {
		name += " rolled back"
	}
	for _, part := range []string{"a", "b"} {
		entries, err := trail.Enrich(ctx, audit.Entry{Action: "update", Object: audit.Object{Type: "t", ID: part + " " + name}})
		if err != nil {
			return err
		}
		if err := store.AppendTx(ctx, tx, entries...); err != nil {
			return err
		}
		time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
	}
	if back {
		return nil
	}
	return tx.Commit()
}
