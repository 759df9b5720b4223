package gormstore

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"strings"
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
func (d *postgres) locked(ctx context.Context, db *sql.DB, fn func(conn) error) error {
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

func (d *postgres) createVersions(ctx context.Context, m conn) error {
	_, err := m.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+d.t.quotedVersions(`"`)+" (version integer PRIMARY KEY, applied_at text NOT NULL)")
	return err
}

// lockKey is a number of this table's own.
func (d *postgres) lockKey() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte("gormstore " + d.t.name())) // never fails
	return itoa(int(h.Sum64() >> 1))
}
