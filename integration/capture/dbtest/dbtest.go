// Package dbtest gives each test run databases of its own: SQLite in a file,
// PostgreSQL and MariaDB on the loopback servers, dropped at the end.
package dbtest

import (
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/glebarez/sqlite"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"
)

// Names are the databases that every capture test runs on.
var Names = []string{"sqlite", "postgres", "mariadb"}

// Database is a new, empty database.
type Database struct {
	Name string // of Names
	DSN  string
	SQL  *sql.DB
	drop func() error
}

// Dialector is a GORM dialector on the database's own connections.
func (d *Database) Dialector() gorm.Dialector { return d.On(d.SQL) }

// Dialect is the name that GORM gives the database.
func (d *Database) Dialect() string {
	if d.Name == "mariadb" {
		return "mysql"
	}
	return d.Name
}

// Close closes the connections and drops the database.
func (d *Database) Close() error {
	if err := d.SQL.Close(); err != nil {
		return err
	}
	return d.drop()
}

// For opens a database for one test, which ends with it.
func For(t testing.TB, name string) *Database {
	t.Helper()
	d, err := Open(name)
	if err != nil {
		Missing(t, err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("dropping the %s database: %v", name, err)
		}
	})
	return d
}

// ErrMissing: the database's server can't be reached.
var ErrMissing = errors.New("dbtest: the server is missing")

// Missing ends a test whose database couldn't be opened. That is a failure,
// unless a server is missing on a machine that isn't CI.
func Missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") != "" || !errors.Is(err, ErrMissing) {
		t.Fatal(err)
	}
	t.Skip(err)
}

// Open makes a new database with a name of its own.
func Open(name string) (*Database, error) {
	unique := make([]byte, 6)
	if _, err := rand.Read(unique); err != nil {
		return nil, err
	}
	own := "capture_" + hex.EncodeToString(unique)
	switch name {
	case "sqlite":
		return openSQLite(own)
	case "postgres":
		return openPostgres(own)
	case "mariadb":
		return openMaria(own)
	}
	return nil, fmt.Errorf("dbtest: no database %q", name)
}

func openSQLite(own string) (*Database, error) {
	dir, err := os.MkdirTemp("", own)
	if err != nil {
		return nil, err
	}
	dsn := SQLiteDSN(filepath.Join(dir, "test.db"))
	db, err := OpenSQLite(dsn)
	if err != nil {
		return nil, err
	}
	// One connection in all: who writes through a second one waits for ever.
	db.SetMaxOpenConns(1)
	return &Database{Name: "sqlite", DSN: dsn, SQL: db, drop: func() error { return os.RemoveAll(dir) }}, nil
}

// SQLiteDSN names a file with the settings of the tests. Nothing is flushed to
// the disk: a killed process loses nothing by that, only a killed machine.
func SQLiteDSN(file string) string {
	return "file:" + file + "?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)"
}

func openPostgres(own string) (*Database, error) {
	const server = "host=127.0.0.1 port=5432 user=postgres sslmode=disable TimeZone=UTC "
	if err := once("pgx", server+"dbname=postgres", `CREATE DATABASE `+own); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	drop := func() error { return once("pgx", server+"dbname=postgres", `DROP DATABASE `+own+` WITH (FORCE)`) }
	dsn := server + "dbname=" + own
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		return nil, err
	}
	// Durability is the crash test's business, and that one kills only clients.
	if _, err := db.Exec(`ALTER DATABASE ` + own + ` SET synchronous_commit = off`); err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(0) // the setting holds for new sessions
	db.SetMaxIdleConns(8)
	return &Database{Name: "postgres", DSN: dsn, SQL: db, drop: drop}, nil
}

func openMaria(own string) (*Database, error) {
	const server, settings = "root@tcp(127.0.0.1:3306)/", "?charset=utf8mb4&parseTime=True&loc=UTC&time_zone=%27%2B00:00%27"
	if err := once("mysql", server+settings, "CREATE DATABASE "+own+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMissing, err)
	}
	drop := func() error {
		// A connection that a test lost inside a transaction would hold the drop up for ever.
		return once("mysql", server+settings+"&multiStatements=true", fmt.Sprintf(`FOR c IN (SELECT id FROM information_schema.processlist WHERE db = '%s') DO KILL c.id; END FOR; DROP DATABASE %s`, own, own))
	}
	dsn := server + own + settings
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(8)
	return &Database{Name: "mariadb", DSN: dsn, SQL: db, drop: drop}, nil
}

// once runs one statement on a connection of its own.
func once(driver, dsn, statement string) error {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

// On is a GORM dialector on another pool of the same database: a transaction,
// a connection.
func (d *Database) On(pool gorm.ConnPool) gorm.Dialector {
	switch d.Name {
	case "sqlite":
		return &sqlite.Dialector{Conn: pool}
	case "postgres":
		return postgres.New(postgres.Config{Conn: pool})
	}
	return mysql.New(mysql.Config{Conn: pool})
}
