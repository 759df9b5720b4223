package storage

import (
	"context"
	"database/sql"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit/storage/gormstore"
)

// Pools are compared by the database and the server that they lead to: another
// session, another path, another address of the same server is the same.
func TestPoolsAreComparedByTheirDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		d := s.create(t)
		db := open(t, d)
		store := migrated(t, db, nil)
		dsn := dsnOf(d)
		same := map[string]string{"again": dsn}
		switch s.name {
		case "postgres":
			same["with a path"] = dsn + "&search_path=pg_catalog"
			same["by name"] = strings.Replace(dsn, "127.0.0.1", "localhost", 1)
			same["read only"] = dsn + "&default_transaction_read_only=on"
		case "mysql":
			same["interpolated"] = dsn + "?interpolateParams=true"
			same["by name"] = strings.Replace(dsn, "127.0.0.1", "localhost", 1)
		}
		for what, dsn := range same {
			assert.True(t, store.InDatabase(pool(t, open(t, dialector(s.name, dsn)))), what)
		}
		assert.False(t, store.InDatabase(pool(t, open(t, s.create(t)))), "another database of the server")

		// In a transaction that has its pool's only connection, and is left as it was.
		other := pool(t, open(t, dialector(s.name, dsn)))
		other.SetMaxOpenConns(1)
		tx, err := other.Begin()
		require.NoError(t, err)
		defer tx.Rollback()
		assert.False(t, store.InDatabase(other), "it would be waited for")
		found, err := store.MatchDatabase(context.Background(), other, tx)
		require.NoError(t, err)
		assert.True(t, found)
		require.NoError(t, store.AppendTx(context.Background(), tx, newGenerator(1).entry()))
		require.NoError(t, tx.Commit())
		assertCount(t, store, 1)
	})
}

func databaseName(d gorm.Dialector) string {
	dsn := dsnOf(d)
	name, _, _ := strings.Cut(dsn[strings.LastIndex(dsn, "/")+1:], "?")
	return name
}

// A copy has the same tables with the same rows, and is another database.
func TestACopyIsAnotherDatabase(t *testing.T) {
	d := createPostgres(t)
	db := open(t, d)
	store := migrated(t, db, nil)
	require.NoError(t, store.Append(context.Background(), newGenerator(1).entry()))
	require.NoError(t, pool(t, db).Close()) // nobody may be connected to what is copied
	admin, original := openPostgres(t, "postgres"), databaseName(d)
	name := strings.Replace(original, "storage", "copy", 1)
	require.NoError(t, admin.Exec("CREATE DATABASE "+name+" TEMPLATE "+original).Error)
	t.Cleanup(func() { require.NoError(t, admin.Exec("DROP DATABASE "+name+" WITH (FORCE)").Error) })
	fresh, err := gormstore.New(open(t, dialector("postgres", dsnOf(d))), nil)
	require.NoError(t, err)
	assert.False(t, fresh.InDatabase(pool(t, openPostgres(t, name))))
	assert.True(t, fresh.InDatabase(pool(t, openPostgres(t, original))))
}

// On MySQL and MariaDB the store's database may be another one than its
// connections use: a pool that uses either leads there.
func TestPoolsOfATrailInADatabaseOfItsOwn(t *testing.T) {
	app, trail := createMySQL(t), createMySQL(t)
	store := migrated(t, open(t, app), &gormstore.Options{Schema: databaseName(trail)})
	assert.True(t, store.InDatabase(pool(t, open(t, dialector("mysql", dsnOf(app))))))
	assert.True(t, store.InDatabase(pool(t, open(t, dialector("mysql", dsnOf(trail))))))
	assert.False(t, store.InDatabase(pool(t, open(t, createMySQL(t)))))
}

// A server that takes the connection and says nothing is another database, and
// keeps nobody waiting for good.
func TestASilentServerIsAnotherDatabase(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	var asked sync.WaitGroup
	for driver, dsn := range map[string]string{
		"pgx": "postgres://postgres@" + silent.Addr().String() + "/x?sslmode=disable", "mysql": "root@tcp(" + silent.Addr().String() + ")/x",
	} {
		create := map[string]server{"pgx": servers[1], "mysql": servers[2]}[driver]
		store := migrated(t, open(t, create.create(t)), nil)
		elsewhere, err := sql.Open(driver, dsn)
		require.NoError(t, err)
		defer elsewhere.Close()
		asked.Go(func() { assert.False(t, store.InDatabase(elsewhere), driver) })
	}
	asked.Wait()
}
