// Package layout says in which tables entries are: in one, or in one for each month.
//
// What differs are the tables (Tables) and how a statement finds rows in them (Rows).
// Nothing else in the store depends on it.
package layout

import (
	"context"
	"database/sql"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// Tables are the tables that entries are in.
type Tables interface {
	// Several reports whether there is more than one. Then planning a statement takes
	// time for each that it may read, and the numbers of entries are in a table of their
	// own, schema.Table.IDs.
	Several() bool
	// Learn reads which tables there are.
	Learn(ctx context.Context, q sqldb.Queryer) error
	// Prepare makes the tables for these rows and for the coming months. Entries can be
	// appended without them, so it returns no error.
	Prepare(ctx context.Context, db *sql.DB, rows []row.Row)
	// Settle ends a migration: it moves entries to their tables.
	Settle(ctx context.Context, db *sql.DB) error
	// Each calls fn with each table, all of one snapshot. Values of facets are found
	// sooner table by table than in all at once, where each skip would go into every
	// table.
	Each(ctx context.Context, db *sql.DB, fn func(q sqldb.Queryer, table string) error) error
	// Pages cuts the times of a page, in its order. An open window is all of them.
	Pages(times sqlgen.Window, descending bool) []sqlgen.Window
	// Purges cuts the times of a purge in the same way, oldest first.
	Purges(times sqlgen.Window) []sqlgen.Window
	// Drop drops tables in which f selects everything, oldest first, of at most limit
	// entries. It returns the number of entries.
	Drop(ctx context.Context, db *sql.DB, f audit.Filter, limit int, before BeforeDrop) (int, error)
}

// BeforeDrop is called in the transaction that drops a table. after is called when that
// is committed.
type BeforeDrop func(ctx context.Context, tx *sql.Tx, table string) (after func(context.Context) error, err error)

// Rows writes the parts of statements that find rows by their keys.
type Rows interface {
	// Numbers is the table that has the number of each ID.
	Numbers() string
	// Source is the table that keys are read from, on request with their numbers.
	Source(numbers bool) string
	// IsRow writes the condition of the row with that ID and time, in microseconds.
	IsRow(b *sqlgen.Builder, id uuid.UUID, micros int64)
	// ByID writes FROM and the condition of the entry e with that ID. It may return
	// audit.ErrNotFound.
	ByID(ctx context.Context, q sqldb.Queryer, b *sqlgen.Builder, id uuid.UUID) error
	// ByIDs writes FROM and the condition of the entries e with these IDs.
	ByIDs(b *sqlgen.Builder, ids []uuid.UUID)
	// Join writes a join of the keys p, whose times lie in the window, with their entries
	// e.
	Join(b *sqlgen.Builder, w sqlgen.Window)
	// DeleteID writes a DELETE of the row with that ID.
	DeleteID(b *sqlgen.Builder, id uuid.UUID)
	// DeleteKeys writes a DELETE of rows by the last column of their RowKey.
	DeleteKeys(b *sqlgen.Builder, keys []string)
}
