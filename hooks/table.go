package hooks

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"gorm.io/gorm"
)

// table is what the database says of a table: its columns in order, their
// types, and its keys. It is read once, and again when rows have other columns
// or DDL went through GORM.
type table struct {
	schema, name string // as the statement names it; schema is "" where it names none
	object       string // the name that entries carry, one whichever way it was named
	columns      []column
	byName       map[string]int
	key          []string   // the primary key, in column order; nil if there is none
	uniques      []uniqueOn // unique indexes and constraints, the primary key's included
	rowType      string     // PostgreSQL: the type of its rows, with schema: a table may be called like a type
	view         bool
	rowid        bool         // SQLite: has a rowid
	referrers    []foreignKey // foreign keys that pass on what happens to its rows

	oid          uint32 // PostgreSQL: the relation's
	fingerprint  int64  // PostgreSQL: of its columns (fingerprintQuery)
	parts        bool   // PostgreSQL: partitioned or inherited from, so that its rows have other tableoids
	rules        bool   // PostgreSQL: a rewrite rule changes what INSERT, UPDATE or DELETE do
	ambiguous    bool   // PostgreSQL: other schemas have a relation of that name; which one is meant depends on search_path
	selfTriggers bool   // an AFTER trigger may change the row that fired it
	replaces     bool   // SQLite: its DDL says ON CONFLICT REPLACE
	versioned    bool   // MariaDB: system-versioned

	last     atomic.Pointer[columnSet]
	exact    atomic.Pointer[[]int]
	allNames atomic.Pointer[[]string]
}

type column struct {
	name     string
	kind     kind
	auto     bool   // auto-increment
	typeText string // as the database says it

	invisible bool // MariaDB: not part of *
	generated bool // computed by the database; also the row_start and row_end of MariaDB's system versioning
}

type uniqueOn struct {
	name    string
	columns []string // "" for a part that is an expression
	// plain: each part is a column under the column's own collation, and the
	// index is not partial. Only a plain index can be asked by the values inserted.
	plain bool
}

type tableKey struct {
	db           *sql.DB
	schema, name string
}

func (t *table) column(name string) (column, bool) {
	i, ok := t.byName[name]
	if !ok {
		return column{}, false
	}
	return t.columns[i], true
}

func (t *table) isKey(name string) bool { return slices.Contains(t.key, name) }

// quoted is the table's name in SQL.
func (t *table) quoted(d dialect) string {
	if t.schema == "" {
		return d.quote(t.name)
	}
	return d.quote(t.schema) + "." + d.quote(t.name)
}

// tableOf returns what is known of a table; nil if the catalog has none of that
// name.
func (p *Plugin) tableOf(ctx context.Context, conn gorm.ConnPool, u *unit, schema, name string) (*table, error) {
	k := tableKey{dbOf(conn), schema, name}
	if t, ok := p.tables.Load(k); ok {
		return t.(*table), nil
	}
	// The catalog is read in the transaction too. Of what can't be locked, the
	// statement itself tells.
	_ = p.lockFirst(ctx, conn, u, &table{schema: schema, name: name})
	t, err := p.readTable(ctx, conn, schema, name)
	if err != nil || t == nil {
		return nil, err
	}
	p.tables.Store(k, t)
	return t, nil
}

// forgetTables: the next statement reads its table anew.
func (p *Plugin) forgetTables() { p.tables.Clear() }

func (p *Plugin) readTable(ctx context.Context, conn gorm.ConnPool, schema, name string) (*table, error) {
	t := &table{schema: schema, name: name, object: name, byName: map[string]int{}}
	if schema != "" {
		t.object = schema + "." + name
	}
	var err error
	switch p.dialect.name {
	case "sqlite":
		err = t.readSQLite(ctx, conn)
	case "postgres":
		err = t.readPostgres(ctx, conn, p.dialect)
	case "mysql":
		err = t.readMySQL(ctx, conn)
	}
	if err != nil {
		return nil, fmt.Errorf("hooks: reading the columns of %s: %w", t.object, err)
	}
	if len(t.columns) == 0 {
		return nil, nil
	}
	for i, c := range t.columns {
		t.byName[c.name] = i
	}
	if err := t.readReferrers(ctx, conn, p.dialect); err != nil {
		return nil, fmt.Errorf("hooks: reading what refers to %s: %w", t.object, err)
	}
	t.key = t.inColumnOrder(t.key)
	return t, nil
}

func (t *table) inColumnOrder(names []string) []string {
	var ordered []string
	for _, c := range t.columns {
		if slices.Contains(names, c.name) {
			ordered = append(ordered, c.name)
		}
	}
	return ordered
}

// eachRow runs a query and calls row with the scanner of each row.
func eachRow(ctx context.Context, conn gorm.ConnPool, row func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (t *table) readSQLite(ctx context.Context, conn gorm.ConnPool) error {
	schema := any(nil)
	if t.schema != "" {
		schema = t.schema
		if strings.EqualFold(t.schema, "main") {
			t.object = t.name
		}
	}
	keyParts := 0
	err := eachRow(ctx, conn, func(scan func(...any) error) error {
		var c column
		var pk, hidden int
		if err := scan(&c.name, &c.typeText, &pk, &hidden); err != nil {
			return err
		}
		if hidden == 1 {
			return nil // of a virtual table, not part of *
		}
		c.kind = sqliteKind(c.typeText)
		t.columns = append(t.columns, c)
		if pk > 0 {
			keyParts++
			t.key = append(t.key, c.name)
		}
		return nil
	}, `SELECT name, type, pk, hidden FROM pragma_table_xinfo(?, ?) ORDER BY cid`, t.name, schema)
	if err != nil || len(t.columns) == 0 {
		return err
	}
	master := "sqlite_master"
	if t.schema != "" {
		master = `"` + strings.ReplaceAll(t.schema, `"`, `""`) + `".sqlite_master`
	}
	var ddl string
	err = eachRow(ctx, conn, func(scan func(...any) error) error {
		var kind string
		if err := scan(&kind, &ddl); err != nil {
			return err
		}
		t.view = kind == "view"
		return nil
	}, `SELECT type, coalesce(sql, '') FROM `+master+` WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE`, t.name)
	if err != nil {
		return err
	}
	t.rowid = !t.view && !strings.Contains(strings.ToUpper(strings.Join(strings.Fields(ddl[strings.LastIndex(ddl, ")")+1:]), " ")), "WITHOUT ROWID")
	if keyParts > 0 {
		t.uniques = append(t.uniques, uniqueOn{name: "PRIMARY", columns: slices.Clone(t.key), plain: true})
	}
	return t.readUniques(ctx, conn, `SELECT il.name, ii.name FROM pragma_index_list(?, ?) il, pragma_index_info(il.name, ?) ii
		WHERE il."unique" = 1 AND il.origin <> 'pk' AND ii.name IS NOT NULL ORDER BY il.seq, ii.seqno`, t.name, schema, schema)
}

// readUniques reads rows of (index, column), columns of an index side by side.
func (t *table) readUniques(ctx context.Context, conn gorm.ConnPool, query string, args ...any) error {
	return eachRow(ctx, conn, func(scan func(...any) error) error {
		var index, col string
		if err := scan(&index, &col); err != nil {
			return err
		}
		if n := len(t.uniques); n == 0 || t.uniques[n-1].name != index {
			t.uniques = append(t.uniques, uniqueOn{name: index, plain: true})
		}
		last := &t.uniques[len(t.uniques)-1]
		last.columns = append(last.columns, col)
		return nil
	}, query, args...)
}

func (t *table) readPostgres(ctx context.Context, conn gorm.ConnPool, d dialect) error {
	name := t.quoted(d)
	err := eachRow(ctx, conn, func(scan func(...any) error) error {
		var c column
		var kind, namespace string
		var visible, plainType bool
		if err := scan(&c.name, &c.typeText, &kind, &namespace, &visible, &plainType); err != nil {
			return err
		}
		c.kind = postgresKind(c.typeText)
		t.columns = append(t.columns, c)
		t.view = kind == "v"
		if t.rowType = name; !plainType {
			t.rowType = d.quote(namespace) + "." + d.quote(t.name)
		}
		if t.object = t.name; !visible {
			t.object = namespace + "." + t.name
		}
		return nil
	}, `SELECT a.attname, format_type(a.atttypid, NULL), c.relkind::text, n.nspname, pg_table_is_visible(c.oid), COALESCE(to_regtype($1) = c.reltype, false)
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.oid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`, name)
	if err != nil || len(t.columns) == 0 {
		return err
	}
	if err := conn.QueryRowContext(ctx, `SELECT to_regclass($1)::oid::int8`, name).Scan(&t.oid); err != nil {
		return err
	}
	if err := conn.QueryRowContext(ctx, "SELECT "+t.fingerprintQuery()).Scan(&t.fingerprint); err != nil {
		return err
	}
	err = t.readUniques(ctx, conn, `SELECT CASE WHEN i.indisprimary THEN 'PRIMARY' ELSE ic.relname END, a.attname
		FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid
		CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, n)
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
		WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indexprs IS NULL AND k.n <= i.indnkeyatts
		ORDER BY i.indisprimary DESC, i.indexrelid, k.n`, name)
	t.keyFromUniques()
	return err
}

func (t *table) readMySQL(ctx context.Context, conn gorm.ConnPool) error {
	schema := any(nil)
	if t.schema != "" {
		schema = t.schema
	}
	err := eachRow(ctx, conn, func(scan func(...any) error) error {
		var c column
		var extra string
		var here, isJSON bool
		if err := scan(&c.name, &c.typeText, &extra, &here, &isJSON); err != nil {
			return err
		}
		c.kind = mysqlKind(c.typeText)
		if isJSON {
			c.kind = kindJSON
		}
		c.auto = strings.Contains(extra, "auto_increment")
		t.columns = append(t.columns, c)
		if here {
			t.object = t.name
		}
		return nil
	}, `SELECT COLUMN_NAME, COLUMN_TYPE, EXTRA, TABLE_SCHEMA = DATABASE(),
		COLUMN_TYPE = 'longtext' AND EXISTS (SELECT 1 FROM information_schema.CHECK_CONSTRAINTS cc
			WHERE cc.CONSTRAINT_SCHEMA = c.TABLE_SCHEMA AND cc.CHECK_CLAUSE = CONCAT('json_valid(`+"`', c.COLUMN_NAME, '`"+`)')
			AND cc.CONSTRAINT_NAME = c.COLUMN_NAME)
		FROM information_schema.COLUMNS c
		WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`, schema, t.name)
	if err != nil || len(t.columns) == 0 {
		return err
	}
	err = t.readUniques(ctx, conn, `SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS
		WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? AND NON_UNIQUE = 0
		ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`, schema, t.name)
	t.keyFromUniques()
	return err
}

func (t *table) keyFromUniques() {
	if len(t.uniques) > 0 && t.uniques[0].name == "PRIMARY" {
		t.key = t.uniques[0].columns
	}
}
