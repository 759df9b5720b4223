package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// ErrPartitions is gormstore.ErrPartitions.
var ErrPartitions = errors.New("gormstore: the table is not partitioned as Options.Partitions says")

// postgres: IDs are uuid (16 bytes, compared as bytes), times timestamptz (8
// bytes that count microseconds, readable in every tool), texts COLLATE "C", so
// that they compare by their bytes whatever the database's locale. Changes and
// metadata are text as encoding/json made it: jsonb would refuse \u0000 and lose
// the digits and the order of what it keeps.
//
// xid is the transaction that wrote the entry. With a snapshot it tells what was
// committed since, in which no late commit is lost: that is the live feed.
//
// With months, the table of entries is partitioned. A unique index of a partitioned table
// must contain what it is partitioned by, and an ID is unique whatever its time. So each
// ID is a row of a small table of its own, whose primary key it is.
type postgres struct{ months bool }

const postgresText = `text COLLATE "C"`

var postgresDialect = dialect{
	quote: `"`, collation: ` COLLATE "C"`, ifNotExists: true, partialIndexes: true,
	types: map[kind]string{
		uuidKind: "uuid", formKind: "smallint", timeKind: "timestamptz", saltKind: "bytea",
		nameKind: "text", sortKeyKind: "text", wordKind: "text", textKind: "text",
	},
	versions: "version integer PRIMARY KEY, applied_at text NOT NULL)",
	secret:   "text", name: postgresText,
	checkpoints: struct{ name, text, number, end string }{postgresText, "text", "bigint", ""},
	feedTable:   func(t Table) string { return t.Base },
	repair: func(t Table) string {
		return "UPDATE " + t.Quoted(`"`) + " SET xid = '3'::xid8 WHERE " + yetToCome
	},
	keywords: postgresKeywords,
}

// PostgresType is a column's type where a statement has to name it.
func PostgresType(name string) string { return postgresDialect.types[columnNamed(name).kind] }

func (d postgres) entries(t Table) []string {
	columns, table := definitions(1, postgresDialect), t.Quoted(`"`)
	if !d.months {
		return []string{`CREATE TABLE ` + table + ` (
	` + columns[0] + ` PRIMARY KEY,
	seq bigint GENERATED ALWAYS AS IDENTITY,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	` + strings.Join(columns[1:], ",\n\t") + `
)`}
	}
	return []string{
		`CREATE TABLE ` + table + ` (
	` + columns[0] + `,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	` + strings.Join(columns[1:], ",\n\t") + `
) PARTITION BY RANGE (time)`,
		"CREATE TABLE " + t.SchemaIndex("default", `"`) + " PARTITION OF " + table + " DEFAULT",
		`CREATE TABLE ` + t.In(t.IDs(), `"`) + ` (
	id uuid NOT NULL PRIMARY KEY,
	seq bigint GENERATED ALWAYS AS IDENTITY,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	time timestamptz NOT NULL
)`,
	}
}

// yetToCome is the condition of transactions that this server hasn't had: a dump that was
// restored into a younger server has some. The feed would not have them until then.
const yetToCome = "xid >= pg_snapshot_xmax(pg_current_snapshot())"

func repairMonths(t Table) string {
	return "WITH old AS (UPDATE " + t.In(t.IDs(), `"`) + " SET xid = '3'::xid8 WHERE " + yetToCome + " RETURNING id, time) " +
		"UPDATE " + t.Quoted(`"`) + " e SET xid = '3'::xid8 FROM old WHERE e.id = old.id AND e.time = old.time"
}

func (postgres) exists(t Table, name string) string {
	return "SELECT count(*) FROM (SELECT to_regclass(" + Literal(t.In(name, `"`)) + ") AS found) t WHERE found IS NOT NULL"
}

func (postgres) indexesExist(t Table, kinds []string) string {
	names := make([]string, len(kinds))
	for i, kind := range kinds {
		names[i] = Literal(t.SchemaIndex(kind, `"`))
	}
	return "SELECT count(to_regclass(name)) FROM unnest(ARRAY[" + strings.Join(names, ", ") + "]) AS name"
}

// check: pg_class.relkind is "r" for a table, "p" for a partitioned one.
func (d postgres) check(ctx context.Context, q sqldb.Queryer, t Table) error {
	want := "r"
	if d.months {
		want = "p"
	}
	n, err := sqldb.Number(ctx, q, "SELECT count(*) FROM pg_class WHERE oid = to_regclass($1) AND relkind IN ('r', 'p') AND relkind::text <> $2", t.Quoted(`"`), want)
	if err != nil || n == 0 {
		return err
	}
	if d.months {
		return fmt.Errorf("%w: %s is one table, and the option says Monthly; see docs/storage.md for how to move its entries", ErrPartitions, t.Name())
	}
	return fmt.Errorf("%w: %s is partitioned, and the option doesn't say Monthly", ErrPartitions, t.Name())
}

// lock holds an advisory lock to the end of a transaction, in which fn runs.
func (postgres) lock(ctx context.Context, db *sql.DB, t Table, fn func(sqldb.Conn) error) error {
	return sqldb.InTx(ctx, db, nil, func(m sqldb.Conn) error {
		if _, err := m.ExecContext(ctx, t.PostgresLock()); err != nil {
			return err
		}
		if n, err := sqldb.Number(ctx, m, "SELECT current_setting('server_version_num')::int"); err != nil {
			return err
		} else if n < 130000 {
			return fmt.Errorf("PostgreSQL 13 or later is needed, and this is %d.%d", n/10000, n%10000)
		}
		return fn(m)
	})
}

// PostgresLock takes the lock of this table's migrations, until the end of the
// transaction.
func (t Table) PostgresLock() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte("gormstore " + t.Name())) // never fails
	return "SELECT pg_advisory_xact_lock(" + strconv.Itoa(int(h.Sum64()>>1)) + ")"
}

// postgresKeywords is a GIN index of pg_trgm's trigrams. The extension may be in a schema
// that isn't on the search path.
func postgresKeywords(s Schema) Feature {
	t := s.table
	return Feature{
		Option: "KeywordIndex",
		There:  s.HasTerms(),
		Statements: append(s.termTables(""), `DO $do$
DECLARE
	query CONSTANT text := 'SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = ''pg_trgm''';
	schema text;
BEGIN
	EXECUTE query INTO schema;
	IF schema IS NULL THEN
		CREATE EXTENSION pg_trgm;
		EXECUTE query INTO schema;
	END IF;
	EXECUTE `+Literal("CREATE INDEX "+t.Index("terms_search", `"`)+" ON "+t.In(t.Terms(), `"`)+" USING gin (lower(search) ")+` || schema || '.gin_trgm_ops)';
END
$do$`),
		Lacks: func(err error) string {
			switch {
			case sqldb.HasState(err, "42501"): // insufficient_privilege
				return "a superuser, or who may create in the database, must run CREATE EXTENSION pg_trgm there"
			case sqldb.HasState(err, "0A000", "58P01"): // feature_not_supported, undefined_file
				return "the server lacks the extension pg_trgm (Debian: postgresql-contrib); install it, then run CREATE EXTENSION pg_trgm as a superuser"
			}
			return ""
		},
	}
}
