package gormstore

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
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
	t       schema.Table
	inserts postgresInserts
	strict  postgresInserts // that fail for an ID that is stored
}

func newPostgres(t schema.Table) *postgres {
	return &postgres{t: t, inserts: newPostgresInserts(t, once), strict: newPostgresInserts(t, "")}
}

func (d *postgres) migrations() [][]string {
	t := d.t.Quoted(`"`)
	index := func(kind, columns, where string) string {
		return "CREATE INDEX " + d.t.Index(kind, `"`) + " ON " + t + " (" + columns + ")" + where
	}
	columns := schema.Definitions(1, schema.PostgresTypes, ` COLLATE "C"`)
	return [][]string{
		{
			`CREATE TABLE ` + t + ` (
	` + columns[0] + ` PRIMARY KEY,
	seq bigint GENERATED ALWAYS AS IDENTITY,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	` + strings.Join(columns[1:], ",\n\t") + `
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
	return "ALTER TABLE " + table + " ADD COLUMN " + schema.Definitions(5, schema.PostgresTypes, ` COLLATE "C"`)[0] + " DEFAULT ''"
}

func (d *postgres) features(opts Options) []feature {
	create := func(kind, columns, where string) string {
		return "CREATE INDEX IF NOT EXISTS " + d.t.Index(kind, `"`) + " ON " + d.t.Quoted(`"`) + " (" + columns + ")" + where
	}
	there := func(kinds []string) string {
		names := make([]string, len(kinds))
		for i, kind := range kinds {
			names[i] = schema.Literal(d.t.SchemaIndex(kind, `"`))
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
	index := d.t.Index("values_tenant", `"`) + " ON " + d.t.In(d.t.Values(), `"`)
	there := "SELECT count(*) FROM (SELECT to_regclass(" + schema.Literal(d.t.In(d.t.Upto(), `"`)) + ") AS found) t WHERE found IS NOT NULL"
	return keptFeature(d.t, `"`, keptTypes{name: `text COLLATE "C" NOT NULL`, long: "text NOT NULL"}, index, there)
}

// appended: the newest transaction's last number. A sequence could not be read by
// who may only read tables.
func (d *postgres) appended() string { return lastNumber(d.t.Quoted(`"`)) }

func lastNumber(table string) string {
	return "coalesce((SELECT seq FROM " + table + " ORDER BY xid DESC, seq DESC LIMIT 1), 0)"
}

func (d *postgres) keywordIndex() keywordIndex { return postgresIndex{d.t} }

// repair: a dump that was restored into a younger server has transactions that
// are yet to come there. The feed would not have them until then.
func (d *postgres) repair() string {
	return "UPDATE " + d.t.Quoted(`"`) + " SET xid = '3'::xid8 WHERE " + yetToCome
}

// yetToCome is the condition of transactions that this server hasn't had.
const yetToCome = "xid >= pg_snapshot_xmax(pg_current_snapshot())"

// version asks in a way that fails for no missing table: an error would leave
// the host's transaction good for a rollback only.
func (d *postgres) version(ctx context.Context, q sqldb.Queryer) (int, error) {
	n, err := d.versionOf(ctx, q)
	if err != nil || n == 0 {
		return n, err
	}
	return n, d.checkKind(ctx, q, "r")
}

func (d *postgres) versionOf(ctx context.Context, q sqldb.Queryer) (int, error) {
	name := d.t.QuotedVersions(`"`)
	n, err := sqldb.Number(ctx, q, "SELECT count(*) FROM (SELECT to_regclass($1) AS found) t WHERE found IS NOT NULL", name)
	if err != nil || n == 0 {
		return 0, err
	}
	return sqldb.Number(ctx, q, "SELECT coalesce(max(version), 0) FROM "+name)
}

// locked holds an advisory lock to the end of a transaction, in which fn runs.
func (d *postgres) locked(ctx context.Context, db *sql.DB, fn func(sqldb.Conn) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock("+d.lockKey()+")"); err != nil {
		return err
	}
	if n, err := sqldb.Number(ctx, tx, "SELECT current_setting('server_version_num')::int"); err != nil {
		return err
	} else if n < 130000 {
		return fmt.Errorf("PostgreSQL 13 or later is needed, and this is %d.%d", n/10000, n%10000)
	}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (d *postgres) createVersions(ctx context.Context, m sqldb.Conn) error {
	_, err := m.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+d.t.QuotedVersions(`"`)+" (version integer PRIMARY KEY, applied_at text NOT NULL)")
	return err
}

// lockKey is a number of this table's own.
func (d *postgres) lockKey() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte("gormstore " + d.t.Name())) // never fails
	return strconv.Itoa(int(h.Sum64() >> 1))
}
