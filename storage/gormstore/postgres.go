package gormstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"regexp"
	"slices"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

// postgres: IDs are uuid (16 bytes, compared as bytes), times timestamptz (8
// bytes that count microseconds, readable in every tool), texts COLLATE "C", so
// that they compare by their bytes whatever the database's locale. Changes and
// metadata are text as encoding/json made it: jsonb would refuse \u0000 and lose
// the digits and the order of what it keeps.
//
// xid is the transaction that wrote the entry. With a snapshot it tells what was
// committed since, in which no late commit is lost: that is the live feed.
//
// Every parameter is text or bytes, which pgx and lib/pq send alike.
type postgres struct {
	t       table
	inserts postgresInserts
	strict  postgresInserts // that fail for an ID that is stored
}

func newPostgres(t table) *postgres {
	return &postgres{t: t, inserts: newPostgresInserts(t, once), strict: newPostgresInserts(t, "")}
}

func (d *postgres) quote() string            { return `"` }
func (d *postgres) placeholder(n int) string { return "$" + itoa(n) }
func (d *postgres) maxRows() int             { return 1000 }

// maxArgs: the protocol counts parameters in 16 bits.
func (d *postgres) maxArgs() int { return 65535 }

// packet: a value has 1 GB, and a longer one is an error like any other.
func (d *postgres) packet() string { return "" }

func (d *postgres) snapshotOptions() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

// use: it has statistics.
func (d *postgres) use(string) string { return "" }

func (d *postgres) maxStreams() int      { return 1024 }
func (d *postgres) maxStreamArgs() int   { return 65535 }
func (d *postgres) lateral() bool        { return true }
func (d *postgres) looseScan() bool      { return false }
func (d *postgres) keepsOrder() bool     { return true }
func (d *postgres) partialIndexes() bool { return true }
func (d *postgres) rowKey() []string     { return []string{colID} }

// readTime has no name in the result, so that ORDER BY time means the column.
func (d *postgres) readTime(column string) string {
	return "least(greatest(" + column + ", '" + row.PostgresTime(row.FirstTime) + "'::timestamptz), '" + row.PostgresTime(row.LastTime) + "'::timestamptz)"
}

func (d *postgres) timeArg(micros int64) any { return row.Postgres.TimeArg(micros) }
func (d *postgres) idArg(id [16]byte) any    { return row.Postgres.IDArg(id) }

// arrayText is a list as PostgreSQL reads an array of text.
func arrayText(list []string) string {
	if len(list) == 0 {
		return "{}"
	}
	var a []byte
	for i, v := range list {
		a = appendQuoted(append(a, "{,"[min(i, 1)]), v)
	}
	return string(append(a, '}'))
}

func appendQuoted(a []byte, s string) []byte {
	a = append(a, '"')
	for {
		i := strings.IndexAny(s, `"\`)
		if i < 0 {
			break
		}
		a = append(append(append(a, s[:i]...), '\\'), s[i])
		s = s[i+1:]
	}
	return append(append(a, s...), '"')
}

// in sends a list as one parameter.
func (d *postgres) in(b *builder, column string, values []string) {
	b.add(column, " = ")
	if len(values) == 1 {
		b.arg(values[0])
		return
	}
	b.WriteString("ANY(")
	b.arg(arrayText(values))
	b.WriteString("::text[])")
}

func (d *postgres) table(b *builder, name string, columns []string, rows [][]string) {
	list := make([]string, len(rows))
	for j := range columns {
		for i, row := range rows {
			list[i] = row[j]
		}
		b.WriteString([]string{"unnest(", ", "}[min(j, 1)])
		b.arg(arrayText(list))
		b.WriteString("::text[]")
	}
	b.add(") AS ", name, " (", strings.Join(columns, ", "), ")")
}

func (d *postgres) tableRows() int { return 5000 }

func (d *postgres) contains(b *builder, column, text string) {
	b.add("strpos(", column, ", ")
	b.arg(text)
	b.WriteString(") > 0")
}

func (d *postgres) text(s string) string          { return literal(s) }
func (d *postgres) concat(texts ...string) string { return "(" + strings.Join(texts, " || ") + ")" }

func (d *postgres) folded(expression string, list []variant) string {
	var from, to strings.Builder
	for _, v := range list {
		from.WriteRune(v.from)
		to.WriteRune(v.to)
	}
	return "translate(" + expression + ", " + literal(from.String()) + ", " + literal(to.String()) + ")"
}

func (d *postgres) beginning(expression string, characters int) string {
	return "left(" + expression + ", " + itoa(characters) + `) COLLATE "C"`
}

// firstField ends at the separator after the first name, or at the first guard character.
func (d *postgres) firstField() string {
	return "split_part(translate(substr(fields, 2, " + itoa(sortedRunes) + `), chr(29), chr(31)), chr(31), 1) COLLATE "C"`
}

func (d *postgres) upperID() string { return "upper(id::text)" }

// jsonString is what stands between the quotes of a text in JSON. It leaves out NUL,
// which no text has, and halves of pairs, which json.Marshal doesn't write.
const jsonString = `(?:[^"\\\u0001-\u001f]|\\["\\/bfnrt]|\\u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4})*`

// jsonValues: a cast to json would fail for a row that is damaged. A name and its value
// are found as json.Marshal writes them: within a text, quotes are escaped.
func (d *postgres) jsonValues(column string, names []string) (value, from string) {
	quoted := make([]string, len(names))
	for i, name := range names {
		raw, _ := json.Marshal(name) // of a text: can't fail
		quoted[i] = regexp.QuoteMeta(string(raw))
	}
	pattern := "[{,](?:" + strings.Join(quoted, "|") + `):(?:"(` + jsonString + `)"|(0|-?[1-9][0-9]{0,18})(?=[,}]))`
	return `CASE WHEN m[1] IS NULL THEN m[2] ELSE ('"' || m[1] || '"')::json #>> '{}' END`,
		"regexp_matches(" + column + ", " + literal(pattern) + ", 'g') m WHERE (m[2] IS NULL OR m[2]::numeric BETWEEN -9223372036854775808 AND 9223372036854775807)"
}

func (d *postgres) jsonText(column, name string) string {
	pattern := `[{,]"` + name + `":"(` + jsonString + `)"`
	return `coalesce(('"' || substring(` + column + " from " + literal(pattern) + `) || '"')::json #>> '{}', '') COLLATE "C"`
}

func (d *postgres) rowLock() string { return " FOR UPDATE" }

func (d *postgres) deleteKeys(b *builder, table string, keys []string) {
	b.add("DELETE FROM ", table, " WHERE id = ANY(")
	b.arg(arrayText(keys))
	b.WriteString("::uuid[])")
}

func (d *postgres) writeLock() string { return "" }

// removeOptions: whatever the database's default, later statements see what was
// committed before them.
func (d *postgres) removeOptions() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
}

func (d *postgres) after(b *builder, columns []string, values []any, descending bool) {
	b.rowAfter(columns, values, descending)
}

func (d *postgres) migrations() [][]string {
	t := d.t.quoted(`"`)
	index := func(kind, columns, where string) string {
		return "CREATE INDEX " + d.t.index(kind, `"`) + " ON " + t + " (" + columns + ")" + where
	}
	text := func(names []string) string {
		return strings.Join(names, " text COLLATE \"C\" NOT NULL,\n\t") + " text COLLATE \"C\" NOT NULL"
	}
	return [][]string{
		{
			`CREATE TABLE ` + t + ` (
	id uuid NOT NULL PRIMARY KEY,
	seq bigint GENERATED ALWAYS AS IDENTITY,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	form smallint NOT NULL,
	time timestamptz NOT NULL,
	` + text(textColumns) + `,
	salt bytea NOT NULL,
	` + text(longColumns) + `
)`,
			index("time", "time, id", ""),
			index("tenant", "tenant, time, id", ""),
			index("object", "tenant, object_key, time, id, object_type", ""),
			index("transaction", "transaction_id, time, id", " WHERE transaction_id <> ''"),
			index("request", "request_id, time, id", " WHERE request_id <> ''"),
			index("feed", "xid, seq", ""),
		},
		{}, // made the indexes that are now a feature
		{index("outcome", "tenant, outcome, time, id", failed)},
		{keyTable(d.t, `"`, "text", "")},
		{addBehalf(t)},
	}
}

// addBehalf is version 5, whose column deriveUsers fills.
func addBehalf(table string) string {
	return "ALTER TABLE " + table + " ADD COLUMN " + colBehalf + ` text COLLATE "C" NOT NULL DEFAULT ''`
}

func (d *postgres) sharedRead() string { return "" }

func (d *postgres) features(opts Options) []feature {
	create := func(kind, columns, where string) string {
		return "CREATE INDEX IF NOT EXISTS " + d.t.index(kind, `"`) + " ON " + d.t.quoted(`"`) + " (" + columns + ")" + where
	}
	there := func(kinds []string) string {
		names := make([]string, len(kinds))
		for i, kind := range kinds {
			names[i] = literal(d.t.schemaIndex(kind, `"`))
		}
		return "SELECT count(to_regclass(name)) FROM unnest(ARRAY[" + strings.Join(names, ", ") + "]) AS name"
	}
	list := []feature{indexFeature(opts, create, there)}
	if opts.keeps() {
		list = append(list, d.keptFeature())
	}
	if opts.KeywordIndex {
		list = append(list, postgresIndex{d.t}.feature())
	}
	return list
}

func (d *postgres) keptFeature() feature {
	index := d.t.index("values_tenant", `"`) + " ON " + d.t.in(d.t.values(), `"`)
	there := "SELECT count(*) FROM (SELECT to_regclass(" + literal(d.t.in(d.t.upto(), `"`)) + ") AS found) t WHERE found IS NOT NULL"
	return keptFeature(d.t, `"`, keptTypes{name: `text COLLATE "C" NOT NULL`, long: "text NOT NULL"}, index, there)
}

// appended: the newest transaction's last number. A sequence could not be read by
// who may only read tables.
func (d *postgres) appended() string { return lastNumber(d.t.quoted(`"`)) }

func lastNumber(table string) string {
	return "coalesce((SELECT seq FROM " + table + " ORDER BY xid DESC, seq DESC LIMIT 1), 0)"
}

func (d *postgres) keywordIndex() keywordIndex { return postgresIndex{d.t} }

// repair: a dump that was restored into a younger server has transactions that
// are yet to come there. The feed would not have them until then.
func (d *postgres) repair() string {
	return "UPDATE " + d.t.quoted(`"`) + " SET xid = '3'::xid8 WHERE " + yetToCome
}

// yetToCome is the condition of transactions that this server hasn't had.
const yetToCome = "xid >= pg_snapshot_xmax(pg_current_snapshot())"

// version asks in a way that fails for no missing table: an error would leave
// the host's transaction good for a rollback only.
func (d *postgres) version(ctx context.Context, q querier) (int, error) {
	n, err := d.versionOf(ctx, q)
	if err != nil || n == 0 {
		return n, err
	}
	return n, d.checkKind(ctx, q, "r")
}

func (d *postgres) versionOf(ctx context.Context, q querier) (int, error) {
	name := d.t.quotedVersions(`"`)
	n, err := number(ctx, q, "SELECT count(*) FROM (SELECT to_regclass($1) AS found) t WHERE found IS NOT NULL", name)
	if err != nil || n == 0 {
		return 0, err
	}
	return number(ctx, q, "SELECT coalesce(max(version), 0) FROM "+name)
}

// locked holds an advisory lock to the end of a transaction, in which fn runs.
func (d *postgres) locked(ctx context.Context, db *sql.DB, fn func(migrator) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock("+d.lockKey()+")"); err != nil {
		return err
	}
	if n, err := number(ctx, tx, "SELECT current_setting('server_version_num')::int"); err != nil {
		return err
	} else if n < 130000 {
		return fmt.Errorf("PostgreSQL 13 or later is needed, and this is %d.%d", n/10000, n%10000)
	}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (d *postgres) createVersions(ctx context.Context, m migrator) error {
	_, err := m.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+d.t.quotedVersions(`"`)+" (version integer PRIMARY KEY, applied_at text NOT NULL)")
	return err
}

// lockKey is a number of this table's own.
func (d *postgres) lockKey() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte("gormstore " + d.t.name())) // never fails
	return itoa(int(h.Sum64() >> 1))
}

func (d *postgres) alreadyDone(error) bool { return false }

// walkSettings: the planner expects millions of rows of nested recursion, and would
// compile the statement to machine code for longer than it runs; and for a first
// value it would read the table from its beginning, in the hope that it comes
// soon, which for a rare tenant it doesn't.
func (d *postgres) walkSettings() string {
	return "SELECT set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true)"
}

func (d *postgres) walking(ctx context.Context, db *sql.DB, fn func(querier) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	if _, err := tx.ExecContext(ctx, d.walkSettings()); err != nil {
		return err
	}
	return fn(tx)
}

func (d *postgres) orIgnore(string) string { return " ON CONFLICT DO NOTHING" }
func (d *postgres) skipLocked() string     { return " FOR UPDATE SKIP LOCKED" }

func (d *postgres) unwaiting(ctx context.Context, db *sql.DB, fn func(migrator) error) error {
	return inWrite(ctx, db, d.removeOptions(), fn)
}

// inWrite runs fn in a transaction.
func inWrite(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(migrator) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// isDuplicate: unique_violation.
func (d *postgres) isDuplicate(err error) bool { return hasState(err, "23505") }

// countsInserted: in a transaction an error is the end.
func (d *postgres) countsInserted() bool { return true }

// lastCommitted: READ COMMITTED sees it, and otherwise the INSERT has failed.
func (d *postgres) lastCommitted() string { return "" }

// isDeadlock: deadlock_detected, serialization_failure.
func (d *postgres) isDeadlock(err error) bool { return hasState(err, "40P01", "40001") }

// notMigrated: undefined_table, undefined_column, invalid_schema_name. pgx and
// lib/pq both tell the code by this method.
func (d *postgres) notMigrated(err error) bool { return hasState(err, "42P01", "42703", "3F000") }

func hasState(err error, states ...string) bool {
	var coded interface{ SQLState() string }
	return errors.As(err, &coded) && slices.Contains(states, coded.SQLState())
}
