package gormstore

import (
	"slices"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/layout"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
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

// partitioned is PostgreSQL with a table for each month of time (layout.Monthly). An entry
// is inserted if, in the same statement, its ID was.
type partitioned struct {
	*postgres
	layout *layout.Monthly
}

func newPartitioned(t schema.Table) *partitioned {
	d := &partitioned{postgres: newPostgres(t), layout: layout.NewMonthly(t)}
	d.inserts, d.strict = d.newInserts(once), d.newInserts("")
	return d
}

func (d *partitioned) newInserts(once string) (inserts postgresInserts) {
	columns := strings.Join(schema.InsertNames, ", ")
	insert := func(keys string) string {
		return "WITH fresh AS (INSERT INTO " + d.layout.IDs + " (id, time) " + keys + once + " RETURNING id) INSERT INTO " +
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

func (d *partitioned) appended() string { return lastNumber(d.layout.IDs) }
