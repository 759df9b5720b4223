// Package dbtest gives each test run databases of its own, dropped at the end.
// It knows SQLite, in a file; Register adds servers.
package dbtest

import (
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"gorm.io/gorm"
)

// Names are the databases that every capture test runs on.
var Names = []string{"sqlite"}

var servers = map[string]Server{"sqlite": sqliteServer{}}

// Server opens databases of one kind.
type Server interface {
	// Create makes an empty database and returns its data source name, and a
	// function that drops it.
	Create(name string) (dsn string, drop func() error, err error)
	// Connect opens a pool.
	Connect(dsn string) (*sql.DB, error)
	// Dialector is a GORM dialector on a pool, a transaction or a connection.
	Dialector(pool gorm.ConnPool) gorm.Dialector
}

// Register adds a kind of database to Names. It is called once, before any test
// runs.
func Register(name string, s Server) {
	Names, servers[name] = append(Names, name), s
}

// Database is a new, empty database.
type Database struct {
	Name   string // of Names
	DSN    string
	SQL    *sql.DB
	server Server
	others []*sql.DB
	drop   func() error
}

// Dialector is a GORM dialector on the database's own connections.
func (d *Database) Dialector() gorm.Dialector { return d.On(d.SQL) }

// On is a GORM dialector on another pool of the same database: a transaction,
// a connection.
func (d *Database) On(pool gorm.ConnPool) gorm.Dialector { return d.server.Dialector(pool) }

// Dialect is the name that GORM gives the database.
func (d *Database) Dialect() string { return d.Dialector().Name() }

// Another opens a second pool, as another process has one. It is closed with the
// database.
func (d *Database) Another() (*sql.DB, error) {
	db, err := d.Pool()
	if err == nil {
		d.others = append(d.others, db)
	}
	return db, err
}

// Pool opens a second pool, which the caller closes.
func (d *Database) Pool() (*sql.DB, error) { return d.server.Connect(d.DSN) }

// Close closes the connections and drops the database.
func (d *Database) Close() error {
	for _, db := range append(d.others, d.SQL) {
		if err := db.Close(); err != nil {
			return err
		}
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

// Open makes a new database with a name of its own. Settings are appended to its
// data source name.
func Open(name string, settings ...string) (*Database, error) {
	server, ok := servers[name]
	if !ok {
		return nil, fmt.Errorf("dbtest: no database %q", name)
	}
	unique := make([]byte, 6)
	if _, err := rand.Read(unique); err != nil {
		return nil, err
	}
	dsn, drop, err := server.Create("capture_" + hex.EncodeToString(unique))
	if err != nil {
		return nil, err
	}
	dsn += strings.Join(settings, "")
	db, err := server.Connect(dsn)
	if err != nil {
		return nil, errors.Join(err, drop())
	}
	return &Database{Name: name, DSN: dsn, SQL: db, server: server, drop: drop}, nil
}

// Reopen opens a database that another process made.
func Reopen(name, dsn string) (*Database, error) {
	server, ok := servers[name]
	if !ok {
		return nil, fmt.Errorf("dbtest: no database %q", name)
	}
	db, err := server.Connect(dsn)
	if err != nil {
		return nil, err
	}
	return &Database{Name: name, DSN: dsn, SQL: db, server: server, drop: func() error { return nil }}, nil
}
