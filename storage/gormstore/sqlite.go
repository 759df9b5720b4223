package gormstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

// sqlite: times are integers, since a driver would write a time as text in a
// form of its own; IDs are blobs of 16 bytes; texts compare by their bytes
// (collation BINARY).
//
// seq is the rowid. There is one writer at a time, so its order is the order of
// commits, and AUTOINCREMENT never gives a number again, also when the newest
// rows were purged: that is the live feed's position.
type sqlite struct {
	t    table
	into string // an INSERT up to its rows
	// strictInto fails as a whole. Outside of a transaction that costs no journal.
	strictInto string
}

func newSQLite(t table) *sqlite {
	// OR FAIL, so that SQLite keeps no journal for this one statement, which costs
	// a third of it. Nothing can fail halfway but what ends the transaction anyway
	// (a full disk, an interruption): no column is ever NULL, and the ID's conflict
	// is dealt with.
	into := "INTO " + t.quoted(`"`) + " (" + strings.Join(row.InsertNames, ", ") + ") VALUES "
	return &sqlite{t: t, into: "INSERT OR FAIL " + into, strictInto: "INSERT " + into}
}

func (d *sqlite) quote() string          { return `"` }
func (d *sqlite) placeholder(int) string { return "?" }

// maxRows: the pure-Go driver's time grows with the square of the parameters,
// and a text of one row is parsed again for each.
func (d *sqlite) maxRows() int { return 16 }

// maxArgs is SQLITE_MAX_VARIABLE_NUMBER.
func (d *sqlite) maxArgs() int { return 32766 }

// packet: a row has 1 GB, and a longer one is an error like any other.
func (d *sqlite) packet() string { return "" }

func (d *sqlite) snapshotOptions() *sql.TxOptions {
	return &sql.TxOptions{ReadOnly: true}
}

// use: without statistics, which few hosts have made, SQLite takes a range of
// times for better than a user.
func (d *sqlite) use(kind string) string { return " INDEXED BY " + d.t.index(kind, `"`) }

func (d *sqlite) maxStreams() int               { return 128 }
func (d *sqlite) maxStreamArgs() int            { return 600 }
func (d *sqlite) lateral() bool                 { return false }
func (d *sqlite) looseScan() bool               { return false }
func (d *sqlite) keepsOrder() bool              { return true }
func (d *sqlite) partialIndexes() bool          { return true }
func (d *sqlite) rowKey() []string              { return []string{"seq"} }
func (d *sqlite) readTime(column string) string { return column }
func (d *sqlite) timeArg(micros int64) any      { return row.SQLite.TimeArg(micros) }
func (d *sqlite) idArg(id [16]byte) any         { return row.SQLite.IDArg(id) }

func (d *sqlite) insert(rows []row.Row, strict bool) (string, []any) {
	b := row.NewBatch(rows)
	if strict {
		return insertValues(b, d.strictInto, "", true)
	}
	return insertValues(b, d.into, " ON CONFLICT (id) DO NOTHING", true)
}

func (d *sqlite) isDuplicate(err error) bool {
	return strings.Contains(err.Error(), "UNIQUE constraint failed")
}

func (d *sqlite) countsInserted() bool  { return true }
func (d *sqlite) lastCommitted() string { return "" }

// in sends a long list as one parameter.
func (d *sqlite) in(b *builder, column string, values []string) {
	b.WriteString(column)
	switch {
	case len(values) == 1:
		b.WriteString(" = ")
		b.arg(values[0])
	case len(values) <= 20:
		b.WriteString(" IN ")
		b.argList(values)
	default:
		list, _ := json.Marshal(values) // of strings: can't fail
		b.WriteString(" IN (SELECT value FROM json_each(")
		b.arg(string(list))
		b.WriteString("))")
	}
}

// table sends all rows as one parameter: a driver in Go takes time that grows with
// the square of the parameters.
func (d *sqlite) table(b *builder, name string, columns []string, rows [][]string) {
	for j, c := range columns {
		b.add([]string{"(SELECT ", ", "}[min(j, 1)], "json_extract(value, '$[", itoa(j), "]') AS ", c)
	}
	list, _ := json.Marshal(rows) // of strings: can't fail
	b.WriteString(" FROM json_each(")
	b.arg(string(list))
	b.add(")) ", name)
}

func (d *sqlite) tableRows() int { return 1000 }

func (d *sqlite) contains(b *builder, column, text string) {
	b.add("instr(", column, ", ")
	b.arg(text)
	b.WriteString(") > 0")
}

func (d *sqlite) text(s string) string          { return literal(s) }
func (d *sqlite) concat(texts ...string) string { return "(" + strings.Join(texts, " || ") + ")" }

// folded: upper knows the letters of ASCII alone.
func (d *sqlite) folded(expression string, list []variant) string {
	list = slices.DeleteFunc(list, func(v variant) bool { return v.from < utf8.RuneSelf })
	return replaced("upper("+expression+")", list, d.text)
}

func (d *sqlite) beginning(expression string, characters int) string {
	return "substr(" + expression + ", 1, " + itoa(characters) + ")"
}

// firstField ends at the separator after the first name, or at the first guard character.
func (d *sqlite) firstField() string {
	names := "(replace(substr(fields, 2, " + itoa(sortedRunes) + "), char(29), char(31)) || char(31))"
	return "substr(" + names + ", 1, instr(" + names + ", char(31)) - 1)"
}

func (d *sqlite) jsonText(column, name string) string {
	return "CASE WHEN json_valid(" + column + ") THEN coalesce(json_extract(" + column + ", '$." + name + "'), '') ELSE '' END"
}

func (d *sqlite) upperID() string {
	const hex = "hex(id)"
	return "(substr(" + hex + ", 1, 8) || '-' || substr(" + hex + ", 9, 4) || '-' || substr(" + hex + ", 13, 4) || '-' || substr(" + hex + ", 17, 4) || '-' || substr(" + hex + ", 21))"
}

func (d *sqlite) jsonValues(column string, names []string) (value, from string) {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = literal(name)
	}
	return "value", "json_tree(CASE WHEN json_valid(" + column + ") THEN " + column + " ELSE '{}' END) WHERE key IN (" + strings.Join(quoted, ", ") + ")" +
		" AND (type = 'text' AND instr(value, char(0)) = 0 OR type = 'integer' AND typeof(value) = 'integer')"
}

func (d *sqlite) rowLock() string { return "" }

// deleteKeys: as parameters the numbers would take a driver longer than the rows
// take the database.
func (d *sqlite) deleteKeys(b *builder, table string, keys []string) {
	b.add("DELETE FROM ", table, " WHERE seq IN (", strings.Join(keys, ", "), ")")
}

func (d *sqlite) removeOptions() *sql.TxOptions { return nil }

// writeLock changes nothing. Behind a read SQLite doesn't wait for another writer,
// but fails.
func (d *sqlite) writeLock() string {
	return "UPDATE " + d.t.quotedVersions(`"`) + " SET version = version WHERE 0"
}

func (d *sqlite) after(b *builder, columns []string, values []any, descending bool) {
	b.rowAfter(columns, values, descending)
}

func (d *sqlite) migrations() [][]string {
	t := d.t.quoted(`"`)
	on := d.t.quotedBase(`"`)
	index := func(kind, columns, where string) string {
		return "CREATE INDEX " + d.t.schemaIndex(kind, `"`) + " ON " + on + " (" + columns + ")" + where
	}
	return [][]string{
		{
			`CREATE TABLE ` + t + ` (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	id BLOB NOT NULL UNIQUE,
	form INTEGER NOT NULL,
	time INTEGER NOT NULL,
	` + strings.Join(textColumns[:], " TEXT NOT NULL,\n\t") + ` TEXT NOT NULL,
	salt BLOB NOT NULL,
	` + strings.Join(longColumns[:], " TEXT NOT NULL,\n\t") + ` TEXT NOT NULL
)`,
			index("time", "time, id", ""),
			index("tenant", "tenant, time, id", ""),
			index("object", "tenant, object_key, time, id, object_type", ""),
			index("transaction", "transaction_id, time, id", " WHERE transaction_id <> ''"),
			index("request", "request_id, time, id", " WHERE request_id <> ''"),
		},
		{}, // made the indexes that are now a feature
		{index("outcome", "tenant, outcome, time, id", failed)},
		{keyTable(d.t, `"`, "TEXT", "")},
		{"ALTER TABLE " + t + " ADD COLUMN " + colBehalf + " TEXT NOT NULL DEFAULT ''"}, // deriveUsers fills it
	}
}

func (d *sqlite) sharedRead() string { return "" }

func (d *sqlite) features(opts Options) []feature {
	create := func(kind, columns, where string) string {
		return "CREATE INDEX IF NOT EXISTS " + d.t.schemaIndex(kind, `"`) + " ON " + d.t.quotedBase(`"`) + " (" + columns + ")" + where
	}
	there := func(kinds []string) string {
		return "SELECT count(*) FROM " + d.schema() + "sqlite_master WHERE type = 'index' AND name IN (" + d.t.indexNames(kinds) + ")"
	}
	list := []feature{indexFeature(opts, create, there)}
	if opts.keeps() {
		list = append(list, d.keptFeature())
	}
	if opts.KeywordIndex {
		list = append(list, sqliteIndex{d}.feature())
	}
	return list
}

// keptFeature: tables that are their key have no row beside it.
func (d *sqlite) keptFeature() feature {
	index := d.t.schemaIndex("values_tenant", `"`) + ` ON "` + d.t.base + `_values"`
	there := "SELECT count(*) FROM " + d.schema() + "sqlite_master WHERE type = 'table' AND name = '" + d.t.base + "_values_upto'"
	return keptFeature(d.t, `"`, keptTypes{name: "TEXT NOT NULL", long: "TEXT NOT NULL", clustered: " WITHOUT ROWID"}, index, there)
}

// schema is the table's schema in SQL, with its dot.
func (d *sqlite) schema() string {
	if d.t.schema == "" {
		return ""
	}
	return quoteName(d.t.schema, `"`) + "."
}

func (d *sqlite) keywordIndex() keywordIndex { return sqliteIndex{d} }

func (d *sqlite) repair() string { return "" }

func (d *sqlite) version(ctx context.Context, q querier) (int, error) {
	n, err := number(ctx, q, "SELECT count(*) FROM "+d.schema()+"sqlite_master WHERE type = 'table' AND name = ?", d.t.base+"_schema")
	if err != nil || n == 0 {
		return 0, err
	}
	return number(ctx, q, "SELECT coalesce(max(version), 0) FROM "+d.t.quotedVersions(`"`))
}

// locked holds the write lock (BEGIN IMMEDIATE) while fn runs, and everything
// that fn does is one transaction.
func (d *sqlite) locked(ctx context.Context, db *sql.DB, fn func(migrator) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := d.begin(ctx, conn); err != nil {
		return err
	}
	return finish(ctx, conn, fn(conn))
}

// finish commits, or rolls back what has ended with an error.
func finish(ctx context.Context, conn *sql.Conn, err error) error {
	end := "COMMIT"
	if err != nil {
		end = "ROLLBACK"
	}
	// Not ctx: a connection must not go back to the pool inside a transaction.
	_, endErr := conn.ExecContext(context.WithoutCancel(ctx), end)
	if err == nil && endErr != nil {
		err = endErr
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

// begin waits for another writer as long as ctx lets it: the connection's
// busy_timeout may be none.
func (d *sqlite) begin(ctx context.Context, conn *sql.Conn) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		_, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		if err == nil || !isBusy(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// isBusy knows SQLITE_BUSY and SQLITE_LOCKED by their texts, which every driver
// passes on.
func isBusy(err error) bool {
	return strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
}

func (d *sqlite) createVersions(ctx context.Context, m migrator) error {
	_, err := m.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+d.t.quotedVersions(`"`)+
		" (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)")
	return err
}

// locate: the schema is always known.
func (d *sqlite) locate(context.Context, querier) (string, error)      { return d.t.schema, nil }
func (d *sqlite) firstSchema(context.Context, querier) (string, error) { return d.t.schema, nil }
func (d *sqlite) elsewhere(context.Context, querier) (string, error)   { return "", nil }

func (d *sqlite) orIgnore(string) string { return " ON CONFLICT DO NOTHING" }
func (d *sqlite) skipLocked() string     { return "" }
func (d *sqlite) walkSettings() string   { return "" }

// unwaiting sets the connection's patience aside, which may be long.
func (d *sqlite) unwaiting(ctx context.Context, db *sql.DB, fn func(migrator) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	patience, err := number(ctx, conn, "PRAGMA busy_timeout")
	if err != nil {
		return err
	}
	set := func(ctx context.Context, millis int) error {
		_, err := number(ctx, conn, "PRAGMA busy_timeout = "+itoa(millis))
		return err
	}
	// Not ctx: a connection must not go back to the pool other than it came.
	defer func() { err = errors.Join(err, set(context.WithoutCancel(ctx), patience)) }()
	if err := set(ctx, 0); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	return finish(ctx, conn, fn(conn))
}

func (d *sqlite) walking(_ context.Context, db *sql.DB, fn func(querier) error) error { return fn(db) }

// isDeadlock: it has one writer, and the driver waits for it.
func (d *sqlite) isDeadlock(error) bool { return false }

func (d *sqlite) alreadyDone(error) bool { return false }

func (d *sqlite) notMigrated(err error) bool {
	return strings.Contains(err.Error(), "no such table: ") || strings.Contains(err.Error(), "no such column: ") ||
		strings.Contains(err.Error(), "has no column named")
}
