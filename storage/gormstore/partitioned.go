package gormstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

// Partitions says how the entries' table is cut into tables of the database.
type Partitions int

const (
	// Unpartitioned is one table.
	Unpartitioned Partitions = iota
	// Monthly is a partition for each month (UTC) of an entry's Time, on PostgreSQL
	// only. Migrate and Append make them ahead of time.
	Monthly
)

// ErrPartitions is the error of a store whose table isn't partitioned as
// Options.Partitions says. Nothing is ever converted by itself; docs/storage.md
// says how it is done.
var ErrPartitions = errors.New("gormstore: the table is not partitioned as Options.Partitions says")

// partitioned is PostgreSQL with a table for each month of time.
//
// A unique index of a partitioned table must contain what it is partitioned by,
// and an ID is unique whatever its time. So each ID is a row of a small table of
// its own, whose primary key it is; an entry is inserted if, in the same
// statement, its ID was. That table also has the entry's time, by which its
// partition is found, and its place in the feed, so that neither index is needed
// in the partitions.
type partitioned struct {
	*postgres
	ids    string // the table of IDs, in SQL
	months *months
}

func newPartitioned(t table) *partitioned {
	d := &partitioned{postgres: newPostgres(t), ids: t.in(t.ids(), `"`), months: &months{}}
	d.inserts, d.strict = d.newInserts(once), d.newInserts("")
	return d
}

func (d *partitioned) newInserts(once string) (inserts postgresInserts) {
	columns := strings.Join(row.InsertNames, ", ")
	insert := func(keys string) string {
		return "WITH fresh AS (INSERT INTO " + d.ids + " (id, time) " + keys + once + " RETURNING id) INSERT INTO " +
			d.t.quoted(`"`) + " (" + columns + ") "
	}
	id, time := slices.Index(row.InsertNames, "id"), slices.Index(row.InsertNames, "time")
	values := postgresValues()
	inserts.one = insert("VALUES ("+values[id]+", "+values[time]+")") + "SELECT " + strings.Join(values, ", ") + " FROM fresh"
	// IS TRUE keeps it a hash lookup for each row: as a join it would be planned
	// without knowing how many rows there are.
	many := func(lists []string) string {
		return insert("SELECT "+lists[id]+", "+lists[time]) +
			"SELECT * FROM (SELECT " + strings.Join(lists, ", ") + ") AS g (" + columns + ") WHERE (g.id IN (SELECT id FROM fresh)) IS TRUE"
	}
	inserts.alike, inserts.apart = many(postgresLists(row.SharedCount)), many(postgresLists(0))
	return inserts
}

func (t table) ids() string { return t.base + "_ids" }

// monthsTraits: the time finds an entry's partition.
var monthsTraits = func() *traits {
	t := *traitsOf("postgres")
	t.rowKey = []string{colTime, colID}
	return &t
}()

// insert leaves out what has the ID of an earlier row: the statement would take
// both, since each finds its ID among the fresh ones. If it is strict it fails.
func (d *partitioned) insert(rows []row.Row, strict bool) (string, []any) {
	if strict || len(rows) == 1 {
		return d.postgres.insert(rows, strict)
	}
	return d.postgres.insert(row.Distinct(rows), false)
}

func (d *partitioned) migrations() [][]string {
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
	id uuid NOT NULL,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	form smallint NOT NULL,
	time timestamptz NOT NULL,
	` + text(textColumns) + `,
	salt bytea NOT NULL,
	` + text(longColumns) + `
) PARTITION BY RANGE (time)`,
			"CREATE TABLE " + d.partition("default") + " PARTITION OF " + t + " DEFAULT",
			`CREATE TABLE ` + d.ids + ` (
	id uuid NOT NULL PRIMARY KEY,
	seq bigint GENERATED ALWAYS AS IDENTITY,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	time timestamptz NOT NULL
)`,
			index("time", "time, id", ""),
			index("tenant", "tenant, time, id", ""),
			index("object", "tenant, object_key, time, id, object_type", ""),
			index("transaction", "transaction_id, time, id", " WHERE transaction_id <> ''"),
			index("request", "request_id, time, id", " WHERE request_id <> ''"),
			"CREATE INDEX " + d.t.index("feed", `"`) + " ON " + d.ids + " (xid, seq)",
		},
		{}, // as without partitions
		{index("outcome", "tenant, outcome, time, id", failed)},
		{keyTable(d.t, `"`, "text", "")},
		{addBehalf(t)},
	}
}

func (d *partitioned) repair() string {
	return "WITH old AS (UPDATE " + d.ids + " SET xid = '3'::xid8 WHERE " + yetToCome + " RETURNING id, time) " +
		"UPDATE " + d.t.quoted(`"`) + " e SET xid = '3'::xid8 FROM old WHERE e.id = old.id AND e.time = old.time"
}

func (d *partitioned) version(ctx context.Context, q querier) (int, error) {
	n, err := d.versionOf(ctx, q)
	if err != nil || n == 0 {
		return n, err
	}
	if err := d.checkKind(ctx, q, "p"); err != nil {
		return n, err
	}
	return n, d.months.read(ctx, q, d)
}

// checkKind: "r" is a table, "p" a partitioned one (pg_class.relkind).
func (d *postgres) checkKind(ctx context.Context, q querier, want string) error {
	n, err := number(ctx, q, "SELECT count(*) FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p') AND relkind::text <> $2", d.t.quoted(`"`), want)
	if err != nil || n == 0 {
		return err
	}
	if want == "p" {
		return fmt.Errorf("%w: %s is one table, and the option says Monthly; see docs/storage.md for how to move its entries", ErrPartitions, d.t.name())
	}
	return fmt.Errorf("%w: %s is partitioned, and the option doesn't say Monthly", ErrPartitions, d.t.name())
}

// andTime adds the time of the entry with that ID to a condition, so that no
// partition but its own is looked at.
func (d *partitioned) andTime(ctx context.Context, s *Store, b *builder, id [16]byte) error {
	k := s.newBuilder()
	k.add("SELECT time FROM ", d.ids, " WHERE id = ")
	k.arg(postgresTraits.format.IDArg(id))
	rows, err := s.rows(ctx, k)
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return cmp.Or(s.translate(ctx, rows.Err()), audit.ErrNotFound)
	}
	var at row.TimeColumn
	if err := rows.Scan(&at); err != nil {
		return err
	}
	b.WriteString(" AND e.time = ")
	b.arg(postgresTraits.format.TimeArg(at.Time.UnixMicro()))
	return nil
}

// joinRows writes a join with the entry e of that time and ID, of which the window
// is known. It is looked up for each row in its partition alone: without the
// OFFSET it would be a join like any other, planned as if all partitions were
// read for it, and then better by reading them whole.
func (d *partitioned) joinRows(b *builder, at, id string, w window) {
	b.add(" CROSS JOIN LATERAL (SELECT * FROM ", d.t.quoted(`"`), " WHERE time = ", at, " AND id = ", id)
	b.within(w, colTime)
	b.WriteString(" OFFSET 0) e")
}

func (d *partitioned) deleteKeys(b *builder, table string, keys []string) {
	b.add("WITH gone AS (DELETE FROM ", d.ids, " WHERE id = ANY(")
	b.arg(arrayText(keys))
	b.add("::uuid[]) RETURNING id, time) DELETE FROM ", table, " e USING gone WHERE e.id = gone.id AND e.time = gone.time")
}

func (d *partitioned) appended() string { return lastNumber(d.ids) }

// eachPartition runs fn with each partition, all of one snapshot: what is moved
// between them meanwhile is where it was, and none is dropped.
func (d *partitioned) eachPartition(ctx context.Context, db *sql.DB, fn func(q querier, table string) error) error {
	tx, err := db.BeginTx(ctx, postgresEngine.snapshotOptions)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	if err := execAll(ctx, tx, "LOCK TABLE "+d.t.quoted(`"`)+" IN ACCESS SHARE MODE", postgresEngine.skipScanSettings); err != nil {
		return err
	}
	known, err := d.readMonths(ctx, tx)
	if err != nil {
		return err
	}
	for _, suffix := range append(slices.Sorted(maps.Keys(known)), "default") {
		if err := fn(tx, d.partition(suffix)); err != nil {
			return err
		}
	}
	return nil
}
