package gormstore

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

// mysql is MySQL and MariaDB. Every text is in a binary column: it compares by
// its bytes, never pads with blanks, keeps four-byte characters whatever the
// character set of the server, the database or the connection, and an index
// takes it whole (512 bytes; in a utf8mb4 column MySQL would count 2,048). Times
// are microseconds, since a DATETIME would depend on the connection's zone and
// begins in the year 1000.
type mysql struct {
	t    table
	into string // an INSERT up to its rows
}

func newMySQL(t table) *mysql {
	return &mysql{t: t, into: "INSERT INTO " + t.quoted("`") + " (" + strings.Join(row.InsertNames, ", ") + ") VALUES "}
}

func (d *mysql) quote() string          { return "`" }
func (d *mysql) placeholder(int) string { return "?" }
func (d *mysql) maxRows() int           { return 100 }

// maxArgs: the protocol counts parameters in 16 bits.
func (d *mysql) maxArgs() int { return 65535 }

func (d *mysql) packet() string { return "SELECT @@max_allowed_packet" }

func (d *mysql) snapshotOptions() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

// use: its statistics say how many rows there are, but not how far apart those
// are that a filter lets through. So it would rather walk all tenants by time.
func (d *mysql) use(kind string) string { return " FORCE INDEX (" + d.t.index(kind, "`") + ")" }

func (d *mysql) maxStreams() int               { return 128 }
func (d *mysql) maxStreamArgs() int            { return 2000 }
func (d *mysql) lateral() bool                 { return false }
func (d *mysql) looseScan() bool               { return true }
func (d *mysql) keepsOrder() bool              { return false }
func (d *mysql) partialIndexes() bool          { return false }
func (d *mysql) rowKey() []string              { return []string{"seq"} }
func (d *mysql) readTime(column string) string { return column }
func (d *mysql) timeArg(micros int64) any      { return row.MySQL.TimeArg(micros) }
func (d *mysql) idArg(id [16]byte) any         { return row.MySQL.IDArg(id) }

// insert is always strict: a statement that fails leaves the transaction as it was,
// and ON DUPLICATE KEY UPDATE counts a row that it passes over as the connection's
// clientFoundRows says.
func (d *mysql) insert(rows []row.Row, _ bool) (string, []any) {
	b := row.NewBatch(rows)
	return insertValues(b, d.into, "", false)
}

// isDuplicate: 1062.
func (d *mysql) isDuplicate(err error) bool { return strings.Contains(err.Error(), "Error 1062") }

func (d *mysql) countsInserted() bool { return false }

// lastCommitted: under REPEATABLE READ only a read that locks sees it.
func (d *mysql) lastCommitted() string { return " LOCK IN SHARE MODE" }

func (d *mysql) in(b *builder, column string, values []string) {
	b.WriteString(column)
	if len(values) == 1 {
		b.WriteString(" = ")
		b.arg(values[0])
		return
	}
	b.WriteString(" IN ")
	b.argList(values)
}

func (d *mysql) table(b *builder, name string, columns []string, rows [][]string) {
	for i, row := range rows {
		b.WriteString([]string{"(SELECT ", " UNION ALL SELECT "}[min(i, 1)])
		for j, v := range row {
			b.WriteString([]string{"", ", "}[min(j, 1)])
			if b.arg(v); i == 0 {
				b.add(" AS ", columns[j])
			}
		}
	}
	b.add(") ", name)
}

func (d *mysql) tableRows() int { return 100 }

func (d *mysql) contains(b *builder, column, text string) {
	b.WriteString("LOCATE(")
	b.arg(text)
	b.add(", ", column, ") > 0")
}

func (d *mysql) text(s string) string          { return "x'" + hex.EncodeToString([]byte(s)) + "'" }
func (d *mysql) concat(texts ...string) string { return "CONCAT(" + strings.Join(texts, ", ") + ")" }

// folded: in a binary text no letter is another one's.
func (d *mysql) folded(expression string, list []variant) string {
	return replaced(expression, list, d.text)
}

// beginning returns "" for a text that isn't UTF-8, which the server converts to NULL.
func (d *mysql) beginning(expression string, characters int) string {
	return "COALESCE(CAST(LEFT(CONVERT(" + expression + " USING utf8mb4), " + itoa(characters) + ") AS BINARY), x'')"
}

// firstField ends at the separator after the first name, or at the first guard character.
func (d *mysql) firstField() string {
	return "SUBSTRING_INDEX(REPLACE(" + d.beginning("SUBSTRING(fields, 2)", sortedRunes) + ", x'1d', x'1f'), x'1f', 1)"
}

func (d *mysql) jsonText(column, name string) string {
	text := "CONVERT(" + column + " USING utf8mb4)"
	return "CASE WHEN JSON_VALID(" + text + ") THEN COALESCE(CAST(JSON_VALUE(" + text + ", '$." + name + "') AS BINARY), x'') ELSE x'' END"
}

func (d *mysql) upperID() string {
	return "INSERT(INSERT(INSERT(INSERT(HEX(id), 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-')"
}

func (d *mysql) jsonValues(column string, names []string) (value, from string) {
	text := "CONVERT(" + column + " USING utf8mb4)"
	values := "JSON_EXTRACT(CASE WHEN JSON_VALID(" + text + ") THEN " + text + " ELSE '{}' END"
	for _, name := range names {
		raw, _ := json.Marshal(name) // of a text: can't fail
		values += ", CONVERT(" + d.text("$**."+string(raw)) + " USING utf8mb4)"
	}
	values += ")"
	return "CAST(j.v AS BINARY)", "JSON_TABLE(" + values + ", '$[*]' COLUMNS (n FOR ORDINALITY, v LONGTEXT PATH '$')) j WHERE CASE JSON_TYPE(JSON_EXTRACT(" + values + ", CONCAT('$[', j.n - 1, ']')))" +
		" WHEN 'STRING' THEN LOCATE(x'00', j.v) = 0 WHEN 'INTEGER' THEN CAST(CAST(j.v AS SIGNED) AS CHAR) = j.v ELSE FALSE END"
}

func (d *mysql) rowLock() string { return " FOR UPDATE" }

// deleteKeys looks each row up by its key. With IN (…) InnoDB may walk the table, and
// then waits for every open transaction that has written an entry.
func (d *mysql) deleteKeys(b *builder, table string, keys []string) {
	b.add("DELETE e FROM JSON_TABLE(")
	b.arg("[" + strings.Join(keys, ",") + "]")
	b.add(", '$[*]' COLUMNS (seq BIGINT UNSIGNED PATH '$')) k STRAIGHT_JOIN ", table, " e ON e.seq = k.seq")
}

func (d *mysql) writeLock() string { return "" }

// removeOptions: the default. What is looked for after a removal is read from the
// snapshot of what was to be removed, and locks nothing.
func (d *mysql) removeOptions() *sql.TxOptions { return nil }

func (d *mysql) after(b *builder, columns []string, values []any, descending bool) {
	b.stepAfter(columns, values, descending)
}

// mysqlType: the names are at most 512 bytes (audit's own bound), the sort keys
// a little more.
func mysqlType(column string) string {
	switch column {
	case "object_key", "ip_key":
		return "VARBINARY(520)"
	case "outcome":
		return "VARBINARY(16)"
	case "object_name", "method", "path", "user_agent", "on_behalf_of", "error", "comment", "fields", "search", "changes", "metadata":
		return "LONGBLOB"
	}
	return "VARBINARY(512)"
}

func (d *mysql) migrations() [][]string {
	t := d.t.quoted("`")
	typed := func(names []string) string {
		var b strings.Builder
		for _, name := range names {
			b.WriteString("\t" + name + " " + mysqlType(name) + " NOT NULL,\n")
		}
		return b.String()
	}
	index := func(kind, columns string) string {
		return "CREATE INDEX " + d.t.index(kind, "`") + " ON " + t + " (" + columns + ")"
	}
	return [][]string{
		{
			`CREATE TABLE IF NOT EXISTS ` + t + ` (
	seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
	id BINARY(16) NOT NULL,
	form SMALLINT NOT NULL,
	time BIGINT NOT NULL,
` + typed(textColumns) + `	salt BINARY(16) NOT NULL,
` + typed(longColumns) + `	UNIQUE KEY ` + d.t.index("id", "`") + ` (id)
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
		{"ALTER TABLE " + t + " ADD COLUMN " + colBehalf + " " + mysqlType(colBehalf) + " NOT NULL DEFAULT ''"}, // deriveUsers fills it
	}
}

// sharedRead locks: a plain SELECT would fix the snapshot of the host's transaction.
func (d *mysql) sharedRead() string { return " LOCK IN SHARE MODE" }

func (d *mysql) features(opts Options) []feature {
	create := func(kind, columns, _ string) string {
		return "CREATE INDEX " + d.t.index(kind, "`") + " ON " + d.t.quoted("`") + " (" + columns + ")"
	}
	there := func(kinds []string) string {
		return "SELECT count(DISTINCT index_name) FROM information_schema.statistics WHERE table_schema = " + d.schema() +
			" AND table_name = '" + d.t.base + "' AND index_name IN (" + d.t.indexNames(kinds) + ")"
	}
	list := []feature{indexFeature(opts, create, there)}
	if opts.keeps() {
		list = append(list, d.keptFeature())
	}
	return list
}

func (d *mysql) keptFeature() feature {
	index := d.t.index("values_tenant", "`") + " ON " + d.t.in(d.t.values(), "`")
	there := "SELECT count(*) FROM information_schema.tables WHERE table_schema = " + d.schema() + " AND table_name = '" + d.t.base + "_values_upto'"
	const engine = " ENGINE=InnoDB ROW_FORMAT=DYNAMIC"
	return keptFeature(d.t, "`", keptTypes{name: "VARBINARY(512) NOT NULL", long: "LONGTEXT NOT NULL", clustered: engine, plain: engine}, index, there)
}

// schema is the table's schema as an expression.
func (d *mysql) schema() string {
	if d.t.schema == "" {
		return "DATABASE()"
	}
	return strings.ReplaceAll(literal(d.t.schema), `\`, `\\`)
}

func (d *mysql) appended() string {
	return "coalesce((SELECT max(seq) FROM " + d.t.quoted("`") + "), 0)"
}

func (d *mysql) orIgnore(column string) string {
	return " ON DUPLICATE KEY UPDATE " + column + " = " + column
}

func (d *mysql) skipLocked() string   { return " FOR UPDATE SKIP LOCKED" }
func (d *mysql) walkSettings() string { return "" }

func (d *mysql) unwaiting(ctx context.Context, db *sql.DB, fn func(migrator) error) error {
	return inWrite(ctx, db, nil, fn)
}

// keywordIndex: MySQL's ngrams want a column of characters, and MariaDB has none.
func (d *mysql) keywordIndex() keywordIndex { return nil }

func (d *mysql) repair() string { return "" }

func (d *mysql) version(ctx context.Context, q querier) (int, error) {
	n, err := number(ctx, q, "SELECT count(*) FROM information_schema.tables WHERE table_schema = "+d.schema()+" AND table_name = ?", d.t.base+"_schema")
	if err != nil || n == 0 {
		return 0, err
	}
	return number(ctx, q, "SELECT coalesce(max(version), 0) FROM "+d.t.quotedVersions("`"))
}

// locked holds a named lock of the server on one connection while fn runs there.
// DDL commits by itself here, so what was begun and not finished is done again:
// see alreadyDone.
func (d *mysql) locked(ctx context.Context, db *sql.DB, fn func(migrator) error) (err error) {
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
		if got, err = number(ctx, conn, "SELECT coalesce(GET_LOCK(?, 10), 0)", name); err != nil {
			return err
		}
	}
	defer func() {
		// Not ctx: the lock must not stay with a connection of the pool.
		_, releaseErr := number(context.WithoutCancel(ctx), conn, "SELECT coalesce(RELEASE_LOCK(?), 0)", name)
		err = errors.Join(err, releaseErr)
	}()
	return fn(conn)
}

// lockName is of this table in this database: the server's locks know none.
func (d *mysql) lockName(ctx context.Context, q querier) (name string, err error) {
	database := d.t.schema
	if database == "" || d.t.given != "" {
		if database, err = d.firstSchema(ctx, q); err != nil {
			return "", err
		}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(database + "." + d.t.name())) // never fails
	return "gormstore " + strconv.FormatUint(h.Sum64(), 16), nil
}

func (d *mysql) createVersions(ctx context.Context, m migrator) error {
	_, err := m.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+d.t.quotedVersions("`")+
		" (version INT NOT NULL PRIMARY KEY, applied_at VARCHAR(32) NOT NULL) ENGINE=InnoDB")
	return err
}

// locate: what USE has chosen since, no server tells.
func (d *mysql) locate(ctx context.Context, q querier) (string, error) {
	database, err := d.firstSchema(ctx, q)
	if err != nil || database == "" {
		return "", err
	}
	n, err := number(ctx, q, "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", d.t.versions())
	if n == 0 {
		database = ""
	}
	return database, err
}

func (d *mysql) firstSchema(ctx context.Context, q querier) (string, error) {
	return text(ctx, q, "SELECT coalesce(DATABASE(), '')")
}

func (d *mysql) elsewhere(context.Context, querier) (string, error) { return "", nil }

func (d *mysql) walking(_ context.Context, db *sql.DB, fn func(querier) error) error { return fn(db) }

// isDeadlock: 1213.
func (d *mysql) isDeadlock(err error) bool { return strings.Contains(err.Error(), "Error 1213") }

// alreadyDone: 1061, an index of that name exists; 1060, a column does.
func (d *mysql) alreadyDone(err error) bool {
	return strings.Contains(err.Error(), "Error 1061") || strings.Contains(err.Error(), "Error 1060")
}

// notMigrated: 1146, no such table; 1054, no such column.
func (d *mysql) notMigrated(err error) bool {
	return strings.Contains(err.Error(), "Error 1146") || strings.Contains(err.Error(), "Error 1054")
}
