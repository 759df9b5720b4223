// Package servertest gives tests databases of their own on the loopback servers.
package servertest

import (
	"database/sql"
	"fmt"

	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

// The loopback servers, as CONTRIBUTING.md sets them up.
const (
	postgresDSN   = "host=127.0.0.1 port=5432 user=postgres sslmode=disable TimeZone=UTC "
	mariaDSN      = "root@tcp(127.0.0.1:3306)/"
	mariaSettings = "?charset=utf8mb4&parseTime=True&loc=UTC&time_zone=%27%2B00:00%27"
)

// Register makes PostgreSQL and MariaDB known to dbtest.
func Register() {
	dbtest.Register("postgres", postgresServer{})
	dbtest.Register("mariadb", mariaServer{})
}

type postgresServer struct{}

// Create makes a database that isn't durable: the crash test kills only clients.
func (postgresServer) Create(name string) (string, func() error, error) {
	const server = postgresDSN + "dbname=postgres"
	if err := once("pgx", server, "CREATE DATABASE "+name); err != nil {
		return "", nil, fmt.Errorf("%w: %w", dbtest.ErrMissing, err)
	}
	drop := func() error { return once("pgx", server, "DROP DATABASE "+name+" WITH (FORCE)") }
	return postgresDSN + "dbname=" + name, drop, once("pgx", server, "ALTER DATABASE "+name+" SET synchronous_commit = off")
}

func (postgresServer) Connect(dsn string) (*sql.DB, error) {
	db, err := sql.Open("pgx", dsn)
	if err == nil {
		db.SetMaxIdleConns(8)
	}
	return db, err
}

func (postgresServer) Dialector(pool gorm.ConnPool) gorm.Dialector {
	return postgres.New(postgres.Config{Conn: pool})
}

type mariaServer struct{}

func (mariaServer) Create(name string) (string, func() error, error) {
	const server = mariaDSN + mariaSettings
	if err := once("mysql", server, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
		return "", nil, fmt.Errorf("%w: %w", dbtest.ErrMissing, err)
	}
	drop := func() error {
		// A connection that a test lost inside a transaction would hold the drop up for ever.
		return once("mysql", server+"&multiStatements=true", fmt.Sprintf(`FOR c IN (SELECT id FROM information_schema.processlist WHERE db = '%s') DO KILL c.id; END FOR; DROP DATABASE %s`, name, name))
	}
	return mariaDSN + name + mariaSettings, drop, nil
}

func (mariaServer) Connect(dsn string) (*sql.DB, error) {
	db, err := sql.Open("mysql", dsn)
	if err == nil {
		db.SetMaxIdleConns(8)
	}
	return db, err
}

func (mariaServer) Dialector(pool gorm.ConnPool) gorm.Dialector {
	return mysql.New(mysql.Config{Conn: pool})
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
