package storage

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/gormtrail/audit/storage/gormstore"
)

// The servers, with "DATABASE" in the place of the database's name.
const (
	defaultPostgres = "postgres://postgres@127.0.0.1:5432/DATABASE?sslmode=disable"
	defaultMySQL    = "root@tcp(127.0.0.1:3306)/DATABASE"
)

// server is a kind of database that tests run on.
type server struct {
	name string
	// create makes an empty database and returns how to open it. It is dropped at
	// the test's end.
	create func(t testing.TB) gorm.Dialector
}

var servers = []server{
	{"sqlite", createSQLite},
	{"postgres", createPostgres},
	{"mysql", createMySQL},
}

// onEach runs a test on every kind of database.
func onEach(t *testing.T, run func(t *testing.T, s server)) {
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) { run(t, s) })
	}
}

func createSQLite(t testing.TB) gorm.Dialector {
	return sqlite.Open(filepath.Join(t.TempDir(), "host.db") + "?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
}

func createPostgres(t testing.TB) gorm.Dialector {
	dsn, name := newDatabase(t, "pgx", "AUDIT_POSTGRES", defaultPostgres, "postgres", " WITH (FORCE)")
	return postgres.Open(strings.Replace(dsn, "DATABASE", name, 1))
}

// openPostgres opens a database that is there.
func openPostgres(t testing.TB, name string) *gorm.DB {
	dsn := defaultPostgres
	if s := os.Getenv("AUDIT_POSTGRES"); s != "" {
		dsn = s
	}
	return open(t, postgres.Open(strings.Replace(dsn, "DATABASE", name, 1)))
}

func createMySQL(t testing.TB) gorm.Dialector {
	dsn, name := newDatabase(t, "mysql", "AUDIT_MYSQL", defaultMySQL, "", "")
	return mysql.Open(strings.Replace(dsn, "DATABASE", name, 1))
}

// newDatabase creates a database of a name that no other run has.
func newDatabase(t testing.TB, driver, variable, dsn, admin, drop string) (used, name string) {
	t.Helper()
	if s := os.Getenv(variable); s != "" {
		dsn = s
	}
	db, err := sql.Open(driver, strings.Replace(dsn, "DATABASE", admin, 1))
	if err == nil {
		err = db.Ping()
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no server for %s: %v", variable, err)
		}
		t.Skipf("no server; set %s to run this (%v)", variable, err)
	}
	name = "audit_storage_" + strings.ToLower(rand.Text())
	_, err = db.Exec("CREATE DATABASE " + name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec("DROP DATABASE " + name + drop)
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
	return dsn, name
}

// open opens a database as a host does; it is closed before it is dropped.
func open(t testing.TB, d gorm.Dialector) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(d, &gorm.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool(t, db).Close() })
	return db
}

func pool(t testing.TB, db *gorm.DB) *sql.DB {
	t.Helper()
	p, err := db.DB()
	require.NoError(t, err)
	return p
}

func migrated(t testing.TB, db *gorm.DB, opts *gormstore.Options) *gormstore.Store {
	t.Helper()
	store, err := gormstore.New(db, opts)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(context.Background()))
	return store
}

// emptied returns one store for many subtests, its tables new for each: a
// database for each would take most of the time.
func emptied(t testing.TB, db *gorm.DB, opts gormstore.Options) *gormstore.Store {
	t.Helper()
	opts.Table = fmt.Sprintf("t_%s", strings.ToLower(rand.Text()))
	return migrated(t, db, &opts)
}
