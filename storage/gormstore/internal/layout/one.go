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

// One has all entries in one table, whose name is that in SQL.
func One(table string, engine *sqldb.Engine) (Tables, Rows) {
	o := one{table, engine}
	return o, o
}

type one struct {
	table  string
	engine *sqldb.Engine
}

var whole = []sqlgen.Window{{}}

func (o one) Several() bool                               { return false }
func (o one) Learn(context.Context, sqldb.Queryer) error  { return nil }
func (o one) Prepare(context.Context, *sql.DB, []row.Row) {}
func (o one) Settle(context.Context, *sql.DB) error       { return nil }
func (o one) Pages(sqlgen.Window, bool) []sqlgen.Window   { return whole }
func (o one) Purges(sqlgen.Window) []sqlgen.Window        { return whole }
func (o one) Numbers() string                             { return o.table }
func (o one) Source(bool) string                          { return o.table }
func (o one) DeleteKeys(b *sqlgen.Builder, keys []string) { b.Traits.DeleteKeys(b, o.table, keys) }
func (o one) Drop(context.Context, *sql.DB, audit.Filter, int, BeforeDrop) (int, error) {
	return 0, nil
}

func (o one) Each(ctx context.Context, db *sql.DB, fn func(q sqldb.Queryer, table string) error) error {
	return o.engine.InSkipScanTx(ctx, db, func(q sqldb.Queryer) error { return fn(q, o.table) })
}

func (o one) IsRow(b *sqlgen.Builder, id uuid.UUID, _ int64) {
	b.WriteString("(id = ")
	b.Arg(b.Traits.Format.IDArg(id))
	b.WriteString(")")
}

func (o one) ByID(_ context.Context, _ sqldb.Queryer, b *sqlgen.Builder, id uuid.UUID) error {
	b.Add(" FROM ", o.table, " e WHERE e.id = ")
	b.Arg(b.Traits.Format.IDArg(id))
	return nil
}

func (o one) ByIDs(b *sqlgen.Builder, ids []uuid.UUID) {
	b.Add(" FROM ", o.table, " e WHERE e.id IN (")
	b.IDs(ids)
	b.WriteString(")")
}

func (o one) Join(b *sqlgen.Builder, _ sqlgen.Window) {
	key := b.Traits.RowKey[0]
	b.Add(" JOIN ", o.table, " e ON e.", key, " = p.", key)
}

func (o one) DeleteID(b *sqlgen.Builder, id uuid.UUID) {
	b.Add("DELETE FROM ", o.table, " WHERE id = ")
	b.Arg(b.Traits.Format.IDArg(id))
}
