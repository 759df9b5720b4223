package layout

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// Monthly has a partition for each month of time, on PostgreSQL. It is Tables and Rows.
//
// A unique index of a partitioned table must contain the partition key, and an ID is
// unique whatever its time. So each ID is a row of a small table of its own, as its
// primary key. That table also has the entry's time, which finds the partition, and its
// position in the feed, so that the partitions need neither index.
type Monthly struct {
	IDs    string // the table of IDs, in SQL
	t      schema.Table
	table  string // in SQL
	months months
}

// NewMonthly returns the layout of a table.
func NewMonthly(t schema.Table) *Monthly {
	return &Monthly{IDs: t.In(t.IDs(), `"`), t: t, table: t.Quoted(`"`)}
}

// Partition is the name of a partition, in SQL.
func (m *Monthly) Partition(suffix string) string { return m.t.SchemaIndex(suffix, `"`) }

// Several implements Tables.
func (m *Monthly) Several() bool { return true }

// Numbers implements Rows: the table of IDs.
func (m *Monthly) Numbers() string { return m.IDs }

// Source implements Rows.
func (m *Monthly) Source(numbers bool) string {
	if !numbers {
		return m.table
	}
	return "(SELECT n.seq, m.* FROM " + m.table + " m JOIN " + m.IDs + " n ON n.id = m.id)"
}

// IsRow: the time finds the partition.
func (m *Monthly) IsRow(b *sqlgen.Builder, id uuid.UUID, micros int64) {
	b.WriteString("(id = ")
	b.Arg(row.Postgres.IDArg(id))
	b.WriteString(" AND time = ")
	b.Arg(row.Postgres.TimeArg(micros))
	b.WriteString(")")
}

// ByID looks up the entry's time, so that only its partition is read.
func (m *Monthly) ByID(ctx context.Context, q sqldb.Queryer, b *sqlgen.Builder, id uuid.UUID) error {
	rows, err := q.QueryContext(ctx, "SELECT time FROM "+m.IDs+" WHERE id = $1", row.Postgres.IDArg(id))
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		return cmp.Or(rows.Err(), audit.ErrNotFound)
	}
	var at row.TimeColumn
	if err := rows.Scan(&at); err != nil {
		return err
	}
	b.Add(" FROM ", m.table, " e WHERE e.id = ")
	b.Arg(row.Postgres.IDArg(id))
	b.WriteString(" AND e.time = ")
	b.Arg(row.Postgres.TimeArg(at.Time.UnixMicro()))
	return nil
}

// ByIDs implements Rows.
func (m *Monthly) ByIDs(b *sqlgen.Builder, ids []uuid.UUID) {
	b.Add(" FROM ", m.IDs, " k")
	m.JoinOn(b, "k.time", "k.id", sqlgen.Window{})
	b.WriteString(" WHERE k.id IN (")
	b.IDs(ids)
	b.WriteString(")")
}

// Join implements Rows.
func (m *Monthly) Join(b *sqlgen.Builder, w sqlgen.Window) { m.JoinOn(b, "p.time", "p.id", w) }

// JoinOn writes a join with the entry e of that time and ID; the time lies in the window.
// Each row is looked up in its partition alone: without the OFFSET it would be a join
// like any other, planned as if it read all partitions, and then by reading them whole.
func (m *Monthly) JoinOn(b *sqlgen.Builder, time, id string, w sqlgen.Window) {
	b.Add(" CROSS JOIN LATERAL (SELECT * FROM ", m.table, " WHERE time = ", time, " AND id = ", id)
	b.Within(w, schema.ColTime)
	b.WriteString(" OFFSET 0) e")
}

// DeleteID implements Rows.
func (m *Monthly) DeleteID(b *sqlgen.Builder, id uuid.UUID) { m.DeleteKeys(b, []string{id.String()}) }

// DeleteKeys implements Rows.
func (m *Monthly) DeleteKeys(b *sqlgen.Builder, keys []string) {
	b.Add("WITH gone AS (DELETE FROM ", m.IDs, " WHERE id = ANY(")
	b.Arg(sqldb.TextArray(keys))
	b.Add("::uuid[]) RETURNING id, time) DELETE FROM ", m.table, " e USING gone WHERE e.id = gone.id AND e.time = gone.time")
}
