package gormstore

import (
	"cmp"
	"context"
	"database/sql"
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
var ErrPartitions = schema.ErrPartitions

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
