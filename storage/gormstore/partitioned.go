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
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
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

func newPartitioned(t schema.Table) *partitioned {
	d := &partitioned{postgres: newPostgres(t), ids: t.In(t.IDs(), `"`), months: &months{}}
	d.inserts, d.strict = d.newInserts(once), d.newInserts("")
	return d
}

func (d *partitioned) newInserts(once string) (inserts postgresInserts) {
	columns := strings.Join(schema.InsertNames, ", ")
	insert := func(keys string) string {
		return "WITH fresh AS (INSERT INTO " + d.ids + " (id, time) " + keys + once + " RETURNING id) INSERT INTO " +
			d.t.Quoted(`"`) + " (" + columns + ") "
	}
	id, time := slices.Index(schema.InsertNames, "id"), slices.Index(schema.InsertNames, "time")
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

// monthsTraits: the time finds an entry's partition.
var monthsTraits = func() *sqlgen.Traits {
	t := *sqlgen.TraitsOf("postgres")
	t.RowKey = []string{schema.ColTime, schema.ColID}
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
	t := d.t.Quoted(`"`)
	index := func(kind, columns, where string) string {
		return "CREATE INDEX " + d.t.Index(kind, `"`) + " ON " + t + " (" + columns + ")" + where
	}
	columns := schema.Definitions(1, schema.PostgresTypes, ` COLLATE "C"`)
	return [][]string{
		{
			`CREATE TABLE ` + t + ` (
	` + columns[0] + `,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	` + strings.Join(columns[1:], ",\n\t") + `
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
			"CREATE INDEX " + d.t.Index("feed", `"`) + " ON " + d.ids + " (xid, seq)",
		},
		{}, // as without partitions
		{index("outcome", "tenant, outcome, time, id", failed)},
		{keyTable(d.t, `"`, "text", "")},
		{addBehalf(t)},
	}
}

func (d *partitioned) repair() string {
	return "WITH old AS (UPDATE " + d.ids + " SET xid = '3'::xid8 WHERE " + yetToCome + " RETURNING id, time) " +
		"UPDATE " + d.t.Quoted(`"`) + " e SET xid = '3'::xid8 FROM old WHERE e.id = old.id AND e.time = old.time"
}

func (d *partitioned) version(ctx context.Context, q sqldb.Queryer) (int, error) {
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
func (d *postgres) checkKind(ctx context.Context, q sqldb.Queryer, want string) error {
	n, err := sqldb.Number(ctx, q, "SELECT count(*) FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p') AND relkind::text <> $2", d.t.Quoted(`"`), want)
	if err != nil || n == 0 {
		return err
	}
	if want == "p" {
		return fmt.Errorf("%w: %s is one table, and the option says Monthly; see docs/storage.md for how to move its entries", ErrPartitions, d.t.Name())
	}
	return fmt.Errorf("%w: %s is partitioned, and the option doesn't say Monthly", ErrPartitions, d.t.Name())
}

// andTime adds the time of the entry with that ID to a condition, so that no
// partition but its own is looked at.
func (d *partitioned) andTime(ctx context.Context, s *Store, b *sqlgen.Builder, id [16]byte) error {
	k := s.newBuilder()
	k.Add("SELECT time FROM ", d.ids, " WHERE id = ")
	k.Arg(sqlgen.PostgresTraits.Format.IDArg(id))
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
	b.Arg(sqlgen.PostgresTraits.Format.TimeArg(at.Time.UnixMicro()))
	return nil
}

// joinRows writes a join with the entry e of that time and ID, of which the window
// is known. It is looked up for each row in its partition alone: without the
// OFFSET it would be a join like any other, planned as if all partitions were
// read for it, and then better by reading them whole.
func (d *partitioned) joinRows(b *sqlgen.Builder, at, id string, w sqlgen.Window) {
	b.Add(" CROSS JOIN LATERAL (SELECT * FROM ", d.t.Quoted(`"`), " WHERE time = ", at, " AND id = ", id)
	b.Within(w, schema.ColTime)
	b.WriteString(" OFFSET 0) e")
}

func (d *partitioned) deleteKeys(b *sqlgen.Builder, table string, keys []string) {
	b.Add("WITH gone AS (DELETE FROM ", d.ids, " WHERE id = ANY(")
	b.Arg(sqldb.TextArray(keys))
	b.Add("::uuid[]) RETURNING id, time) DELETE FROM ", table, " e USING gone WHERE e.id = gone.id AND e.time = gone.time")
}

func (d *partitioned) appended() string { return lastNumber(d.ids) }

// eachPartition runs fn with each partition, all of one snapshot: what is moved
// between them meanwhile is where it was, and none is dropped.
func (d *partitioned) eachPartition(ctx context.Context, db *sql.DB, fn func(q sqldb.Queryer, table string) error) error {
	tx, err := db.BeginTx(ctx, sqldb.Postgres.SnapshotOptions)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	if err := sqldb.ExecAll(ctx, tx, "LOCK TABLE "+d.t.Quoted(`"`)+" IN ACCESS SHARE MODE", sqldb.Postgres.SkipScanSettings); err != nil {
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
