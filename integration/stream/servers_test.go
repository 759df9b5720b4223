package stream

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// The servers, with "DATABASE" in the place of the database's name.
const (
	defaultPostgres = "postgres://postgres@127.0.0.1:5432/DATABASE?sslmode=disable"
	defaultMySQL    = "root@tcp(127.0.0.1:3306)/DATABASE"
)

// databases are where a test runs: each makes a database of its own and says
// how other processes reach it.
var databases = map[string]func(t testing.TB) (dsn string){
	"sqlite": func(t testing.TB) string {
		return filepath.Join(t.TempDir(), "trail.db") + "?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_txlock=immediate"
	},
	"postgres": newPostgres,
	"mysql":    func(t testing.TB) string { return newDatabase(t, "mysql", "AUDIT_MYSQL", defaultMySQL, "", "") },
}

func newPostgres(t testing.TB) string {
	return newDatabase(t, "pgx", "AUDIT_POSTGRES", defaultPostgres, "postgres", " WITH (FORCE)")
}

// newDatabase creates a database of a name that no other run has, and drops it
// at the test's end.
func newDatabase(t testing.TB, driver, variable, dsn, admin, drop string) string {
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
	name := "audit_stream_" + strings.ToLower(rand.Text())
	_, err = db.Exec("CREATE DATABASE " + name)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := db.Exec("DROP DATABASE " + name + drop)
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
	return strings.Replace(dsn, "DATABASE", name, 1)
}

// program is what one process has of a trail.
type program struct {
	db    *gorm.DB
	pool  *sql.DB
	store *gormstore.Store
	trail *audit.Trail
}

func connect(kind, dsn string) (*program, error) {
	dialector := map[string]func(string) gorm.Dialector{"sqlite": sqlite.Open, "postgres": postgres.Open, "mysql": mysql.Open}[kind](dsn)
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	store, err := gormstore.New(db, nil)
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(context.Background()); err != nil {
		return nil, err
	}
	trail, err := audit.New(store, nil)
	return &program{db: db, pool: pool, store: store, trail: trail}, err
}

func start(t testing.TB, kind, dsn string) *program {
	t.Helper()
	p, err := connect(kind, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.pool.Close() })
	return p
}
