package gormstore

import (
	"context"
	"database/sql"
	"errors"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// mysql is MySQL and MariaDB. Every text is in a binary column: it compares by
// its bytes, never pads with blanks, keeps four-byte characters whatever the
// character set of the server, the database or the connection, and an index
// takes it whole (512 bytes; in a utf8mb4 column MySQL would count 2,048). Times
// are microseconds, since a DATETIME would depend on the connection's zone and
// begins in the year 1000.
type mysql struct {
	t    schema.Table
	into string // an INSERT up to its rows
}

func newMySQL(t schema.Table) *mysql {
	return &mysql{t: t, into: "INSERT INTO " + t.Quoted("`") + " (" + strings.Join(schema.InsertNames, ", ") + ") VALUES "}
}

// insert is always strict: a statement that fails leaves the transaction as it was,
// and ON DUPLICATE KEY UPDATE counts a row that it passes over as the connection's
// clientFoundRows says.
func (d *mysql) insert(rows []row.Row, _ bool) (string, []any) {
	b := row.NewBatch(rows)
	return insertValues(b, d.into, "", false)
}

func (d *mysql) migrations() [][]string {
	t := d.t.Quoted("`")
	index := func(kind, columns string) string {
		return "CREATE INDEX " + d.t.Index(kind, "`") + " ON " + t + " (" + columns + ")"
	}
	return [][]string{
		{
			`CREATE TABLE IF NOT EXISTS ` + t + ` (
	seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	` + strings.Join(schema.Definitions(1, schema.MySQLTypes, ""), ",\n\t") + `,
	UNIQUE KEY ` + d.t.Index("id", "`") + ` (id)
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4`,
			index("time", "time, id"),
			index("tenant", "tenant, time, id"),
			index("object", "tenant, object_key, time, id, object_type"),
			index("transaction", "transaction_id, time, id"),
			index("request", "request_id, time, id"),
		},
		{}, // made the indexes that are now a feature
		{}, // the others made an index of a part of the rows, which it can't
		{keyTable(d.t, "`", "VARCHAR(64)", " ENGINE=InnoDB")},
		{"ALTER TABLE " + t + " ADD COLUMN " + schema.Definitions(5, schema.MySQLTypes, "")[0] + " DEFAULT ''"}, // deriveUsers fills it
	}
}

func (d *mysql) features(opts Options) []feature {
	create := func(kind, columns, _ string) string {
		return "CREATE INDEX " + d.t.Index(kind, "`") + " ON " + d.t.Quoted("`") + " (" + columns + ")"
	}
	there := func(kinds []string) string {
		return "SELECT count(DISTINCT index_name) FROM information_schema.statistics WHERE table_schema = " + d.schema() +
			" AND table_name = '" + d.t.Base + "' AND index_name IN (" + d.t.IndexNames(kinds) + ")"
	}
	list := []feature{indexFeature(opts, create, there)}
	if opts.keeps() {
		list = append(list, d.keptFeature())
	}
	return list
}

func (d *mysql) keptFeature() feature {
	index := d.t.Index("values_tenant", "`") + " ON " + d.t.In(d.t.Values(), "`")
	there := "SELECT count(*) FROM information_schema.tables WHERE table_schema = " + d.schema() + " AND table_name = '" + d.t.Base + "_values_upto'"
	const engine = " ENGINE=InnoDB ROW_FORMAT=DYNAMIC"
	return keptFeature(d.t, "`", keptTypes{name: "VARBINARY(512) NOT NULL", long: "LONGTEXT NOT NULL", clustered: engine, plain: engine}, index, there)
}

// schema is the table's schema as an expression.
func (d *mysql) schema() string {
	if d.t.Schema == "" {
		return "DATABASE()"
	}
	return strings.ReplaceAll(schema.Literal(d.t.Schema), `\`, `\\`)
}

func (d *mysql) appended() string {
	return "coalesce((SELECT max(seq) FROM " + d.t.Quoted("`") + "), 0)"
}

// keywordIndex: MySQL's ngrams want a column of characters, and MariaDB has none.
func (d *mysql) keywordIndex() keywordIndex { return nil }

func (d *mysql) repair() string { return "" }

func (d *mysql) version(ctx context.Context, q sqldb.Queryer) (int, error) {
	n, err := sqldb.Number(ctx, q, "SELECT count(*) FROM information_schema.tables WHERE table_schema = "+d.schema()+" AND table_name = ?", d.t.Base+"_schema")
	if err != nil || n == 0 {
		return 0, err
	}
	return sqldb.Number(ctx, q, "SELECT coalesce(max(version), 0) FROM "+d.t.QuotedVersions("`"))
}

// locked holds a named lock of the server on one connection while fn runs there.
// DDL commits by itself here, so what was begun and not finished is done again:
// see alreadyDone.
func (d *mysql) locked(ctx context.Context, db *sql.DB, fn func(sqldb.Conn) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	name, err := d.lockName(ctx, conn)
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
func (d *mysql) lockName(ctx context.Context, q sqldb.Queryer) (name string, err error) {
	database := d.t.Schema
	if database == "" || d.t.Given != "" {
		if database, err = d.firstSchema(ctx, q); err != nil {
			return "", err
		}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(database + "." + d.t.Name())) // never fails
	return "gormstore " + strconv.FormatUint(h.Sum64(), 16), nil
}

func (d *mysql) createVersions(ctx context.Context, m sqldb.Conn) error {
	_, err := m.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+d.t.QuotedVersions("`")+
		" (version INT NOT NULL PRIMARY KEY, applied_at VARCHAR(32) NOT NULL) ENGINE=InnoDB")
	return err
}

// locate: what USE has chosen since, no server tells.
func (d *mysql) locate(ctx context.Context, q sqldb.Queryer) (string, error) {
	database, err := d.firstSchema(ctx, q)
	if err != nil || database == "" {
		return "", err
	}
	n, err := sqldb.Number(ctx, q, "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", d.t.Versions())
	if n == 0 {
		database = ""
	}
	return database, err
}

func (d *mysql) firstSchema(ctx context.Context, q sqldb.Queryer) (string, error) {
	return sqldb.String(ctx, q, "SELECT coalesce(DATABASE(), '')")
}

func (d *mysql) elsewhere(context.Context, sqldb.Queryer) (string, error) { return "", nil }
