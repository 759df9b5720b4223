package schema

import (
	"context"
	"database/sql"
	"errors"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// mysql is MySQL and MariaDB. Every text is in a binary column: it compares by
// its bytes, never pads with blanks, keeps four-byte characters whatever the
// character set of the server, the database or the connection, and an index
// takes it whole (512 bytes; in a utf8mb4 column MySQL would count 2,048). Times
// are microseconds, since a DATETIME would depend on the connection's zone and
// begins in the year 1000.
type mysql struct{}

const innoDB = " ENGINE=InnoDB"

// keywords is nil: MySQL's ngrams want a column of characters, and MariaDB has none.
var mysqlDialect = dialect{
	quote: "`",
	types: map[kind]string{
		uuidKind: "BINARY(16)", formKind: "SMALLINT", timeKind: "BIGINT", saltKind: "BINARY(16)",
		nameKind: "VARBINARY(512)", sortKeyKind: "VARBINARY(520)", wordKind: "VARBINARY(16)", textKind: "LONGBLOB",
	},
	versions: "version INT NOT NULL PRIMARY KEY, applied_at VARCHAR(32) NOT NULL)" + innoDB,
	secret:   "VARCHAR(64)", keyEnd: innoDB,
	name: "VARBINARY(512)", clustered: innoDB + " ROW_FORMAT=DYNAMIC",
	checkpoints: struct{ name, text, number, end string }{"VARBINARY(200)", "LONGBLOB", "BIGINT", innoDB + " ROW_FORMAT=DYNAMIC"},
	feedTable:   func(Table) string { return "" },
}

func (mysql) entries(t Table) []string {
	return []string{`CREATE TABLE IF NOT EXISTS ` + t.Quoted("`") + ` (
	seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	` + strings.Join(definitions(1, mysqlDialect), ",\n\t") + `,
	UNIQUE KEY ` + t.Index("id", "`") + ` (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4`}
}

func (mysql) exists(t Table, name string) string {
	return "SELECT count(*) FROM information_schema.tables WHERE table_schema = " + mysqlSchema(t) + " AND table_name = '" + name + "'"
}

func (mysql) indexesExist(t Table, kinds []string) string {
	return "SELECT count(DISTINCT index_name) FROM information_schema.statistics WHERE table_schema = " + mysqlSchema(t) +
		" AND table_name = '" + t.Base + "' AND index_name IN (" + t.indexNames(kinds) + ")"
}

// mysqlSchema is the table's schema as an expression.
func mysqlSchema(t Table) string {
	if t.Schema == "" {
		return "DATABASE()"
	}
	return strings.ReplaceAll(Literal(t.Schema), `\`, `\\`)
}

func (mysql) check(context.Context, sqldb.Queryer, Table) error { return nil }

// lock holds a named lock of the server on one connection while fn runs there.
// DDL commits by itself here, so a migration that was begun and not finished runs again:
// see sqldb.Engine.AlreadyDone.
func (d mysql) lock(ctx context.Context, db *sql.DB, t Table, fn func(sqldb.Conn) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	name, err := d.lockName(ctx, conn, t)
	if err != nil {
		return err
	}
	for got := 0; got == 0; {
		if got, err = sqldb.Number(ctx, conn, "SELECT coalesce(GET_LOCK(?, 10), 0)", name); err != nil {
			return err
		}
	}
	defer func() {
		// Not ctx: the lock must not stay with a connection of the pool.
		_, releaseErr := sqldb.Number(context.WithoutCancel(ctx), conn, "SELECT coalesce(RELEASE_LOCK(?), 0)", name)
		err = errors.Join(err, releaseErr)
	}()
	return fn(conn)
}

// lockName is of this table in this database: the server's locks know none.
func (d mysql) lockName(ctx context.Context, q sqldb.Queryer, t Table) (name string, err error) {
	database := t.Schema
	if database == "" || t.Given != "" {
		if database, err = d.firstSchema(ctx, q, t); err != nil {
			return "", err
		}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(database + "." + t.Name())) // never fails
	return "gormstore " + strconv.FormatUint(h.Sum64(), 16), nil
}

// locate: what USE has chosen since, no server tells.
func (d mysql) locate(ctx context.Context, q sqldb.Queryer, t Table) (string, error) {
	database, err := d.firstSchema(ctx, q, t)
	if err != nil || database == "" {
		return "", err
	}
	n, err := sqldb.Number(ctx, q, "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", t.Versions())
	if n == 0 {
		database = ""
	}
	return database, err
}

func (mysql) firstSchema(ctx context.Context, q sqldb.Queryer, _ Table) (string, error) {
	return sqldb.String(ctx, q, "SELECT coalesce(DATABASE(), '')")
}

func (mysql) elsewhere(context.Context, sqldb.Queryer, Table) (string, error) { return "", nil }
