package hooks

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// PostgreSQL's catalog is asked in the application's transaction, which an error
// would abort. So no query here fails because a name, a schema or a privilege is
// missing. One statement reads a whole table by the relation's OID, so that
// neither search_path nor concurrent DDL can mix two tables.

// postgresTarget is the OID of the wanted table, or NULL. The parameters are an
// OID, a schema and a name. Statements may have a name unquoted in upper case, so
// the lower-case name is tried too.
const postgresTarget = `CASE WHEN $1::bigint <> 0 THEN $1::bigint::oid
	WHEN $2::text = '' THEN COALESCE(to_regclass(quote_ident($3::text)), to_regclass(quote_ident(lower($3::text))))::oid
	ELSE (SELECT found.oid FROM pg_class found JOIN pg_namespace at ON at.oid = found.relnamespace
		WHERE found.relname IN ($3::text::name, lower($3::text)::name)
			AND (at.nspname IN ($2::text::name, lower($2::text)::name) OR lower($2::text) = 'pg_temp' AND at.oid = pg_my_temp_schema())
		ORDER BY at.nspname = $2::text::name DESC, found.relname = $3::text::name DESC LIMIT 1) END`

// resolvePostgres returns the OID of what a name means on this connection now; 0
// if it means nothing.
func resolvePostgres(ctx context.Context, conn gorm.ConnPool, want target) (uint32, error) {
	var oid int64
	err := conn.QueryRowContext(ctx, `SELECT COALESCE(`+postgresTarget+`, 0)::bigint`, int64(want.oid), want.schema, want.name).Scan(&oid)
	return uint32(oid), err
}

// postgresTable is the result of readPostgresTable.
type postgresTable struct {
	OID                uint32
	Fingerprint        int64
	Schema, Name, Kind string
	Temporary          bool
	Bare               bool // Object.Type has no schema
	Ambiguous          bool
	Parts, Rules       bool
	Triggers           bool // the table or a part of it has triggers that fire after a change
	AnyTriggers        bool // some table has triggers
	Columns            []struct {
		Name, Type      string
		Auto, Generated bool
	}
	Uniques []struct {
		Name              string
		Columns           []string
		Plain, Deferrable bool
	}
	Referrers []postgresReferrer
}

type postgresReferrer struct {
	Name, Schema, Table   string
	Bare                  bool
	Columns, Refers, Kept []string
	OnDelete, OnUpdate    string
}

// postgresBare is true if entries name the relation c of schema n without the
// schema: n is on the connection's default search_path, and no schema before it
// has a relation of that name.
func postgresBare(c, n string) string {
	return `(` + n + `.nspname::text = ANY ($4::text[]) AND NOT EXISTS (
		SELECT FROM pg_class earlier JOIN pg_namespace at ON at.oid = earlier.relnamespace WHERE earlier.relname = ` + c + `.relname
			AND array_position($4::text[], at.nspname::text) < array_position($4::text[], ` + n + `.nspname::text)))`
}

// postgresUserTrigger is true of a trigger g, with its function p, that is not one
// of the server's own.
const postgresUserTrigger = `p.oid = g.tgfoid AND p.pronamespace <> 'pg_catalog'::regnamespace AND g.tgenabled <> 'D'`

// postgresAfter is true of a trigger g that fires after rows were inserted,
// updated or deleted.
const postgresAfter = `g.tgtype & 66 = 0 AND g.tgtype & 28 <> 0`

// readPostgresTable reads a table as JSON. A foreign key of partitions appears
// once, as that of the partitioned table; a key that refers to a partition, or to
// a table that inherits, also passes on what a statement on the whole table does.
// (confdelsetcols and indnullsnotdistinct came with version 15.)
var readPostgresTable = `WITH RECURSIVE target(oid) AS (SELECT ` + postgresTarget + `),
	under(oid) AS (SELECT oid FROM target UNION SELECT i.inhrelid FROM pg_inherits i JOIN under ON i.inhparent = under.oid)
SELECT json_build_object('oid', c.oid::bigint, 'fingerprint', ` + fingerprintOf("c.oid") + `, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind::text,
	'temporary', c.relpersistence = 't', 'bare', ` + postgresBare("c", "n") + `,
	'ambiguous', c.relpersistence = 't' OR EXISTS (SELECT FROM pg_class other WHERE other.relname = c.relname AND other.oid <> c.oid),
	'parts', c.relkind = 'p' OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid),
	'rules', EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN' AND w.ev_enabled <> 'D'),
	'triggers', EXISTS (SELECT FROM pg_trigger g JOIN pg_proc p ON ` + postgresUserTrigger + `
		WHERE g.tgrelid IN (SELECT oid FROM under) AND ` + postgresAfter + `),
	'anyTriggers', EXISTS (SELECT FROM pg_trigger g JOIN pg_proc p ON ` + postgresUserTrigger + `),
	'columns', (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, NULL),
			'auto', a.attidentity <> '', 'generated', a.attgenerated <> '') ORDER BY a.attnum)
		FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
	'uniques', (SELECT json_agg(json_build_object('name', CASE WHEN i.indisprimary THEN 'PRIMARY' ELSE ic.relname END, 'columns', k.columns,
			'plain', k.plain AND i.indpred IS NULL AND (k.filled OR NOT COALESCE((to_jsonb(i)->>'indnullsnotdistinct')::boolean, false)),
			'deferrable', NOT i.indimmediate) ORDER BY i.indisprimary DESC, i.indexrelid)
		FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid CROSS JOIN LATERAL (
			SELECT json_agg(COALESCE(a.attname, '') ORDER BY k.n) AS columns,
				bool_and(a.attname IS NOT NULL AND a.attcollation = k.coll) AS plain, bool_and(COALESCE(a.attnotnull, false)) AS filled
			FROM unnest(i.indkey::int2[], i.indcollation::oid[]) WITH ORDINALITY AS k(attnum, coll, n)
			LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
			WHERE k.n <= i.indnkeyatts) k
		WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid),
	'referrers', (SELECT json_agg(json_build_object('name', f.conname, 'schema', fn.nspname, 'table', fc.relname, 'bare', ` + postgresBare("fc", "fn") + `,
			'onDelete', f.confdeltype::text, 'onUpdate', f.confupdtype::text, 'columns', k.columns, 'refers', k.refers, 'kept', k.kept) ORDER BY f.oid)
		FROM pg_constraint f
		JOIN pg_class fc ON fc.oid = COALESCE(pg_partition_root(f.conrelid), f.conrelid) JOIN pg_namespace fn ON fn.oid = fc.relnamespace
		CROSS JOIN LATERAL (
			SELECT json_agg(a.attname ORDER BY k.n) AS columns, json_agg(r.attname ORDER BY k.n) AS refers, json_agg(a.attname ORDER BY k.n)
				FILTER (WHERE jsonb_typeof(to_jsonb(f)->'confdelsetcols') = 'array' AND NOT to_jsonb(f)->'confdelsetcols' @> to_jsonb(k.attnum)) AS kept
			FROM unnest(f.conkey, f.confkey) WITH ORDINALITY AS k(attnum, refers, n)
			JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.attnum
			JOIN pg_attribute r ON r.attrelid = f.confrelid AND r.attnum = k.refers) k
		WHERE f.confrelid IN (SELECT oid FROM under) AND NOT EXISTS (
				SELECT FROM pg_constraint up WHERE up.oid = f.conparentid AND up.confrelid IN (SELECT oid FROM under))
			AND ` + postgresPassesOn + `)
	)::text
	FROM target JOIN pg_class c ON c.oid = target.oid JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind IN ('r', 'p', 'v', 'f')`

// readPostgres reads a table in one statement, and what its triggers do in one or
// more.
func (p *Plugin) readPostgres(ctx context.Context, conn gorm.ConnPool, want target) (*table, error) {
	path, err := p.defaultPath(ctx, conn)
	if err != nil {
		return nil, err
	}
	var text string
	err = conn.QueryRowContext(ctx, readPostgresTable, int64(want.oid), want.schema, want.name, path).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var read postgresTable
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		return nil, err
	}
	t := read.table(p.dialect)
	if !t.view && (read.Triggers || read.AnyTriggers && len(t.referrers) > 0) {
		err = t.writesBackPostgres(ctx, conn)
	}
	t.selfTriggers = t.writesBack != 0
	return t, err
}

func (r *postgresTable) table(d dialect) *table {
	t := &table{
		schema: r.Schema, name: r.Name, oid: r.OID, fingerprint: r.Fingerprint, view: r.Kind == "v",
		ambiguous: r.Ambiguous, parts: r.Parts, rules: r.Rules,
	}
	t.rowType = t.quoted(d)
	t.object = objectIn(r.Schema, r.Name, r.Bare)
	if r.Temporary {
		t.object = "pg_temp." + r.Name
	}
	for _, c := range r.Columns {
		t.columns = append(t.columns, column{name: c.Name, kind: postgresKind(c.Type), typeText: c.Type, auto: c.Auto, generated: c.Generated})
	}
	for _, u := range r.Uniques {
		t.uniques = append(t.uniques, uniqueOn{name: u.Name, columns: u.Columns, plain: u.Plain, deferrable: u.Deferrable})
	}
	for _, f := range r.Referrers {
		t.referrers = append(t.referrers, foreignKey{
			name: f.Name, schema: f.Schema, table: f.Table, object: objectIn(f.Schema, f.Table, f.Bare), columns: f.Columns,
			refers: f.Refers, kept: f.Kept, onDelete: action(f.OnDelete), onUpdate: action(f.OnUpdate),
		})
	}
	t.finish()
	return t
}

// objectIn is how entries name a table.
func objectIn(schema, name string, bare bool) string {
	if bare {
		return name
	}
	return schema + "." + name
}

// defaultPath returns the schemas of the search_path that connections begin with,
// as an array of PostgreSQL. It is asked for once per *sql.DB, so that entries
// name a table in one way whatever search_path is now.
func (p *Plugin) defaultPath(ctx context.Context, conn gorm.ConnPool) (string, error) {
	db := p.databaseOf(conn)
	if path, ok := p.tables.servers.Load(db); ok {
		return path.(string), nil
	}
	var setting, user string
	err := conn.QueryRowContext(ctx, `SELECT COALESCE(max(reset_val), ''), session_user::text FROM pg_settings WHERE name = 'search_path'`).Scan(&setting, &user)
	if err != nil {
		return "", err
	}
	path := postgresArray(schemasOf(setting, user))
	p.tables.servers.Store(db, path)
	return path, nil
}

// schemasOf are the schemas of a search_path, in the order in which they are
// searched: pg_catalog comes first, unless it is named.
func schemasOf(path, user string) []string {
	var list []string
	for _, name := range splitIdentifiers(path) {
		if name == "$user" {
			name = user
		}
		list = append(list, name)
	}
	if !slices.Contains(list, "pg_catalog") {
		list = append([]string{"pg_catalog"}, list...)
	}
	return list
}

// splitIdentifiers reads a list of names as PostgreSQL's settings have it: split
// by commas, quoted or not.
func splitIdentifiers(setting string) []string {
	var list []string
	for rest := trimmed(setting); rest != ""; {
		end := strings.IndexByte(rest, ',')
		name := ""
		switch {
		case rest[0] == '"':
			end = quotedEnd(rest)
			name = unquoted(rest[:end])
		case end < 0:
			end = len(rest)
			fallthrough
		default:
			name = strings.ToLower(trimmed(rest[:end]))
		}
		list = append(list, name)
		rest = strings.TrimPrefix(trimmed(rest[end:]), ",")
		rest = trimmed(rest)
	}
	return list
}

func trimmed(s string) string { return strings.Trim(s, " \t\n\r\v\f") }

// quotedEnd is the place behind the quoted name that a setting begins with.
func quotedEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '"':
		case i+1 < len(s) && s[i+1] == '"':
			i++
		default:
			return i + 1
		}
	}
	return len(s)
}

// postgresArray writes an array of texts as PostgreSQL reads it.
func postgresArray(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
	}
	return "{" + strings.Join(quoted, ",") + "}"
}
