package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// childVariables make the test binary a process that migrates and appends.
const (
	childDialect = "AUDIT_STORAGE_CHILD"
	childDSN     = "AUDIT_STORAGE_CHILD_DSN"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(childDialect); name != "" {
		if err := child(name, os.Getenv(childDSN)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func dialector(name, dsn string) gorm.Dialector {
	switch name {
	case "postgres":
		return postgres.Open(dsn)
	case "mysql":
		return mysql.Open(dsn)
	}
	return sqlite.Open(dsn)
}

func dsnOf(d gorm.Dialector) string {
	switch d := d.(type) {
	case *postgres.Dialector:
		return d.DSN
	case *mysql.Dialector:
		return d.DSN
	}
	return d.(*sqlite.Dialector).DSN
}

func child(name, dsn string) error {
	db, err := gorm.Open(dialector(name, dsn), &gorm.Config{})
	if err != nil {
		return err
	}
	return migrateAndAppend(db)
}

func migrateAndAppend(db *gorm.DB) error {
	store, err := gormstore.New(db, nil)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	if err := store.Append(ctx, newGenerator(7).entries(3)...); err != nil {
		return err
	}
	pool, err := db.DB()
	return errors.Join(err, pool.Close())
}

// Goroutines with pools of their own and processes, all at once: one migrates,
// the others wait, and each finds the tables whole.
func TestMigrateFromManyPlacesAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		d := s.create(t)
		db := open(t, d)
		const goroutines, processes = 6, 4
		errs := make(chan error, goroutines+processes)
		for range goroutines {
			go func() {
				own, err := gorm.Open(dialector(s.name, dsnOf(d)), &gorm.Config{})
				if err == nil {
					err = migrateAndAppend(own)
				}
				errs <- err
			}()
		}
		for range processes {
			go func() {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), childDialect+"="+s.name, childDSN+"="+dsnOf(d))
				out, err := cmd.CombinedOutput()
				if err != nil {
					err = fmt.Errorf("%w: %s", err, out)
				}
				errs <- err
			}()
		}
		for range goroutines + processes {
			assert.NoError(t, <-errs)
		}
		store := migrated(t, db, nil)
		n, _, err := store.Count(context.Background(), audit.Filter{}, 100)
		require.NoError(t, err)
		assert.Equal(t, 3, n, "each appended the same three entries")
		var versions int
		require.NoError(t, db.Raw("SELECT count(*) FROM audit_entries_schema").Scan(&versions).Error)
		assert.Equal(t, 5, versions)
	})
}

// The tables of version 1 with entries in them: Migrate brings them up, and
// every entry is there as it was.
func TestUpgradeFromVersionOne(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		db := open(t, s.create(t))
		ctx := context.Background()
		entries := newGenerator(3).entries(500)
		for i := range entries {
			if i%3 == 0 {
				entries[i].OnBehalfOf = []*audit.Actor{{Name: "Ben", ID: "9"}, {ID: "10"}, {Email: "ü@example.com"}}[i%9/3]
			}
			if i%7 == 0 {
				entries[i].Actor = audit.Actor{Type: "apiKey", ID: "zz top"}
			}
		}
		require.NoError(t, migrated(t, db, nil).Append(ctx, entries...))
		// What versions 2 and 3 added goes again; version 1 had the same columns.
		later := []string{"type", "action", "user", "ip", "facet", "behalf"}
		if s.name != "mysql" {
			later = append(later, "outcome")
		}
		for _, kind := range later {
			drop := "DROP INDEX audit_entries_" + kind
			if s.name == "mysql" {
				drop += " ON audit_entries"
			}
			require.NoError(t, db.Exec(drop).Error)
		}
		// Version 5 has a column more, and a user of an actor without name and email.
		for _, statement := range []string{
			"ALTER TABLE audit_entries DROP COLUMN behalf_user", "UPDATE audit_entries SET actor_user = '' WHERE actor_user = actor_id",
			"DROP TABLE audit_entries_facets", "DROP TABLE audit_entries_checkpoints", "DELETE FROM audit_entries_schema WHERE version > 1",
		} {
			require.NoError(t, db.Exec(statement).Error)
		}

		store, err := gormstore.New(db, nil)
		require.NoError(t, err)
		_, err = store.Query(ctx, audit.Query{})
		assert.ErrorIs(t, err, audit.ErrNotMigrated)
		assert.ErrorContains(t, err, "version 1")
		assert.ErrorIs(t, store.AppendTx(ctx, pool(t, db), entries[0]), audit.ErrNotMigrated)

		require.NoError(t, store.Migrate(ctx))
		require.NoError(t, store.Migrate(ctx), "again, to no effect")
		var got []audit.Entry
		for e, err := range store.All(ctx, audit.Query{Sort: audit.SortTime}) {
			require.NoError(t, err)
			got = append(got, e)
		}
		assert.Equal(t, entries, got)
		facets, err := store.Facets(ctx, audit.Filter{})
		require.NoError(t, err)
		assert.Equal(t, naiveFacets(entries, audit.Filter{}), facets)
		for _, list := range [][]string{facets.OnBehalfOf, facets.Users} {
			require.NotEmpty(t, list)
			for _, f := range []audit.Filter{{OnBehalfOf: list[:1]}, {Users: list[len(list)-1:]}, {OnBehalfOf: []string{"", list[0]}}} {
				n, _, err := store.Count(ctx, f, len(entries))
				require.NoError(t, err)
				assert.Equal(t, countOf(entries, f), n, f.Values().Encode())
			}
		}
	})
}

func countOf(entries []audit.Entry, f audit.Filter) (n int) {
	for _, e := range entries {
		if f.Match(e) {
			n++
		}
	}
	return n
}

// A migration that was stopped halfway, as DDL without transactions leaves it,
// is taken up again.
func TestMigrationThatStoppedHalfway(t *testing.T) {
	db := open(t, createMySQL(t))
	migrated(t, db, nil)
	const indexes = "SELECT DISTINCT index_name FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'audit_entries' ORDER BY 1"
	all := texts(t, db, indexes)
	require.Contains(t, all, "audit_entries_ip")
	require.NoError(t, db.Exec("DROP INDEX audit_entries_ip ON audit_entries").Error)
	require.NoError(t, db.Exec("DELETE FROM audit_entries_schema").Error)
	migrated(t, db, nil)
	assert.Equal(t, all, texts(t, db, indexes))
}

// PostgreSQL's transaction stays usable when the store finds out that it isn't
// migrated: no statement has failed in it.
func TestNotMigratedLeavesTheTransactionUsable(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		db := open(t, s.create(t))
		store, err := gormstore.New(db, nil)
		require.NoError(t, err)
		tx := db.Begin()
		assert.ErrorIs(t, store.AppendTx(context.Background(), tx.Statement.ConnPool, newGenerator(1).entry()), audit.ErrNotMigrated)
		var one int
		assert.NoError(t, tx.Raw("SELECT 1").Scan(&one).Error)
		assert.NoError(t, tx.Commit().Error)
	})
}
