package gormstore

import (
	"context"
	"database/sql"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// sqlite: times are integers, since a driver would write a time as text in a
// form of its own; IDs are blobs of 16 bytes; texts compare by their bytes
// (collation BINARY).
//
// seq is the rowid. There is one writer at a time, so its order is the order of
// commits, and AUTOINCREMENT never gives a number again, also when the newest
// rows were purged: that is the live feed's position.
type sqlite struct {
	t    schema.Table
	into string // an INSERT up to its rows
	// strictInto fails as a whole. Outside of a transaction that costs no journal.
	strictInto string
}

func newSQLite(t schema.Table) *sqlite {
	// OR FAIL, so that SQLite keeps no journal for this one statement, which costs
	// a third of it. Nothing can fail halfway but what ends the transaction anyway
	// (a full disk, an interruption): no column is ever NULL, and the ID's conflict
	// is dealt with.
	into := "INTO " + t.Quoted(`"`) + " (" + strings.Join(schema.InsertNames, ", ") + ") VALUES "
	return &sqlite{t: t, into: "INSERT OR FAIL " + into, strictInto: "INSERT " + into}
}

func (d *sqlite) insert(rows []row.Row, strict bool) (string, []any) {
	b := row.NewBatch(rows)
	if strict {
		return insertValues(b, d.strictInto, "", true)
	}
	return insertValues(b, d.into, " ON CONFLICT (id) DO NOTHING", true)
}

func (d *sqlite) migrations() [][]string {
	t := d.t.Quoted(`"`)
	on := d.t.QuotedBase(`"`)
	columns := schema.Definitions(1, schema.SQLiteTypes, "")
	index := func(kind, columns, where string) string {
		return "CREATE INDEX " + d.t.SchemaIndex(kind, `"`) + " ON " + on + " (" + columns + ")" + where
	}
	return [][]string{
		{
			`CREATE TABLE ` + t + ` (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	` + columns[0] + ` UNIQUE,
	` + strings.Join(columns[1:], ",\n\t") + `
)`,
			index("time", "time, id", ""),
			index("tenant", "tenant, time, id", ""),
			index("object", "tenant, object_key, time, id, object_type", ""),
			index("transaction", "transaction_id, time, id", " WHERE transaction_id <> ''"),
			index("request", "request_id, time, id", " WHERE request_id <> ''"),
		},
		{}, // made the indexes that are now a feature
		{index("outcome", "tenant, outcome, time, id", failed)},
		{keyTable(d.t, `"`, "TEXT", "")},
		{"ALTER TABLE " + t + " ADD COLUMN " + schema.Definitions(5, schema.SQLiteTypes, "")[0] + " DEFAULT ''"}, // deriveUsers fills it
	}
}

func (d *sqlite) features(opts Options) []feature {
	create := func(kind, columns, where string) string {
		return "CREATE INDEX IF NOT EXISTS " + d.t.SchemaIndex(kind, `"`) + " ON " + d.t.QuotedBase(`"`) + " (" + columns + ")" + where
	}
	there := func(kinds []string) string {
		return "SELECT count(*) FROM " + d.schema() + "sqlite_master WHERE type = 'index' AND name IN (" + d.t.IndexNames(kinds) + ")"
	}
	list := []feature{indexFeature(opts, create, there)}
	if opts.keeps() {
		list = append(list, d.keptFeature())
	}
	if opts.KeywordIndex {
		list = append(list, sqliteIndex{d}.feature())
	}
	return list
}

// keptFeature: tables that are their key have no row beside it.
func (d *sqlite) keptFeature() feature {
	index := d.t.SchemaIndex("values_tenant", `"`) + ` ON "` + d.t.Base + `_values"`
	there := "SELECT count(*) FROM " + d.schema() + "sqlite_master WHERE type = 'table' AND name = '" + d.t.Base + "_values_upto'"
	return keptFeature(d.t, `"`, keptTypes{name: "TEXT NOT NULL", long: "TEXT NOT NULL", clustered: " WITHOUT ROWID"}, index, there)
}

// schema is the table's schema in SQL, with its dot.
func (d *sqlite) schema() string {
	if d.t.Schema == "" {
		return ""
	}
	return schema.QuoteName(d.t.Schema, `"`) + "."
}

func (d *sqlite) keywordIndex() keywordIndex { return sqliteIndex{d} }

func (d *sqlite) repair() string { return "" }

func (d *sqlite) version(ctx context.Context, q sqldb.Queryer) (int, error) {
	n, err := sqldb.Number(ctx, q, "SELECT count(*) FROM "+d.schema()+"sqlite_master WHERE type = 'table' AND name = ?", d.t.Base+"_schema")
	if err != nil || n == 0 {
		return 0, err
	}
	return sqldb.Number(ctx, q, "SELECT coalesce(max(version), 0) FROM "+d.t.QuotedVersions(`"`))
}

// locked holds the write lock while fn runs, and everything that fn does is one
// transaction.
func (d *sqlite) locked(ctx context.Context, db *sql.DB, fn func(sqldb.Conn) error) error {
	return sqldb.WriteSQLite(ctx, db, fn)
}

func (d *sqlite) createVersions(ctx context.Context, m sqldb.Conn) error {
	_, err := m.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+d.t.QuotedVersions(`"`)+
		" (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)")
	return err
}

// locate: the schema is always known.
func (d *sqlite) locate(context.Context, sqldb.Queryer) (string, error)      { return d.t.Schema, nil }
func (d *sqlite) firstSchema(context.Context, sqldb.Queryer) (string, error) { return d.t.Schema, nil }
func (d *sqlite) elsewhere(context.Context, sqldb.Queryer) (string, error)   { return "", nil }
