package hooks

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// catalog holds the tables that were read, until somebody changes one. Its zero
// value is ready to use, by several goroutines.
type catalog struct {
	current   atomic.Pointer[knownTables]
	servers   sync.Map // *sql.DB → *server
	temporary sync.Map // lower-case name → struct{}: the application made temporary tables of that name
}

// knownTables are the tables that were read since the last change. A read that
// began before a change stores its table in knownTables that nobody uses any
// more.
type knownTables struct {
	byName sync.Map // tableKey → *table
	byOID  sync.Map // oidKey → *table
}

type tableKey struct {
	db           *sql.DB
	schema, name string
}

type oidKey struct {
	db  *sql.DB
	oid uint32
}

func (c *catalog) known() *knownTables {
	if k := c.current.Load(); k != nil {
		return k
	}
	c.current.CompareAndSwap(nil, &knownTables{})
	return c.current.Load()
}

func (c *catalog) forget() { c.current.Store(&knownTables{}) }

func (k *knownTables) named(key tableKey) *table {
	t, ok := k.byName.Load(key)
	if !ok {
		return nil
	}
	return t.(*table)
}

func (k *knownTables) numbered(key oidKey) *table {
	t, ok := k.byOID.Load(key)
	if !ok {
		return nil
	}
	return t.(*table)
}

// target is the table to read: by its name as a statement has it, or by its OID.
type target struct {
	schema, name string
	oid          uint32
}

func (t target) String() string {
	switch {
	case t.oid != 0:
		return fmt.Sprintf("the relation with OID %d", t.oid)
	case t.schema != "":
		return t.schema + "." + t.name
	}
	return t.name
}

// isName reports whether a database could have a table of that name: it is asked
// in the application's transaction, where PostgreSQL forgives no error.
func (t target) isName() bool {
	all := t.schema + t.name
	return t.name != "" && !strings.ContainsRune(all, 0) && utf8.ValidString(all)
}

// tableOf returns what is known of a table; nil if the catalog has none of that
// name. The name is as the statement has it: without a schema, it means what the
// database resolves it to now.
func (p *Plugin) tableOf(ctx context.Context, conn gorm.ConnPool, u *unit, schema, name string) (*table, error) {
	want := target{schema: schema, name: name}
	if !want.isName() {
		return nil, nil
	}
	if p.mayBeTemporary(want) && p.isTemporary(ctx, conn, want) {
		if p.dialect.name == "mysql" {
			return nil, nil // the catalog has another table of that name, if any
		}
		return p.readTable(ctx, conn, u, want)
	}
	k := tableKey{dbOf(conn), schema, name}
	known, fresh := p.tables.known(), u != nil && u.changesTables.Load()
	if t := known.named(k); t != nil && !fresh {
		if t.ambiguous {
			return p.resolvedTable(ctx, conn, u, t, want)
		}
		return t, nil
	}
	t, err := p.readTable(ctx, conn, u, want)
	if t != nil && !t.session && !fresh {
		known.byName.Store(k, t)
		if t.oid != 0 {
			known.byOID.Store(oidKey{k.db, t.oid}, t)
		}
	}
	return t, err
}

// tableByOID returns what is known of a relation of PostgreSQL; nil if there is
// none of that OID. It is for rows that came back with another tableoid than the
// name led to: that name is asked for again at its next use.
func (p *Plugin) tableByOID(ctx context.Context, conn gorm.ConnPool, u *unit, oid uint32) (*table, error) {
	k := oidKey{dbOf(conn), oid}
	known, fresh := p.tables.known(), u != nil && u.changesTables.Load()
	t := known.numbered(k)
	if t == nil || fresh {
		var err error
		if t, err = p.readTable(ctx, conn, u, target{oid: oid}); err != nil || t == nil {
			return nil, err
		}
		if !fresh {
			known.byOID.Store(k, t)
		}
	}
	for _, name := range []tableKey{{k.db, "", t.name}, {k.db, t.schema, t.name}} {
		if other := known.named(name); other != nil && other.oid != oid && !other.ambiguous {
			known.byName.Delete(name)
		}
	}
	return t, nil
}

// resolvedTable is the table that an ambiguous name means on this connection
// now.
func (p *Plugin) resolvedTable(ctx context.Context, conn gorm.ConnPool, u *unit, last *table, want target) (*table, error) {
	oid, err := resolvePostgres(ctx, conn, want)
	switch {
	case err != nil:
		return nil, fmt.Errorf("hooks: resolving the name %s: %w", want, err)
	case oid == 0:
		return nil, nil
	case oid == last.oid:
		return last, nil
	}
	return p.tableByOID(ctx, conn, u, oid)
}

// readTable reads a table from the catalog; nil if there is none.
func (p *Plugin) readTable(ctx context.Context, conn gorm.ConnPool, u *unit, want target) (*table, error) {
	var t *table
	var err error
	switch p.dialect.name {
	case "sqlite":
		// The catalog is read in the transaction too. Of what can't be locked, the
		// statement itself tells.
		_ = p.lockFirst(ctx, conn, u, &table{schema: want.schema, name: want.name})
		t, err = p.readSQLite(ctx, conn, want)
	case "postgres":
		t, err = p.readPostgres(ctx, conn, want)
	case "mysql":
		t, err = p.readMySQL(ctx, conn, want)
	}
	if err != nil {
		return nil, fmt.Errorf("hooks: reading what the catalog says of %s: %w", want, err)
	}
	if t == nil || len(t.columns) == 0 {
		return nil, nil
	}
	p.trail.Logger().DebugContext(ctx, "audit: read a table from the catalog", "table", t)
	return t, nil
}

// forgetTables has the next statement read its table from the catalog.
func (p *Plugin) forgetTables() { p.tables.forget() }

// tablesChange is called before DDL. What a transaction has changed only itself
// sees until it commits: its tables are read again at each use, and all tables
// at its end.
func (p *Plugin) tablesChange(conn gorm.ConnPool, ddl string) {
	if name := temporaryIn(ddl, p.dialect.sql()); name != "" {
		p.tables.temporary.Store(strings.ToLower(name), struct{}{})
	}
	if inTransaction(conn) {
		p.unitOf(conn).changesTables.Store(true)
	}
	p.forgetTables()
}

// tablesChanged is called at the end of a transaction.
func (u *unit) tablesChanged() {
	if u.changesTables.Load() {
		u.plugin.forgetTables()
	}
}

// mayBeTemporary reports whether a name may mean a temporary table on one
// connection and another table on the next, without the catalog saying that it is
// ambiguous.
func (p *Plugin) mayBeTemporary(want target) bool {
	if p.dialect.name == "postgres" || p.dialect.name == "sqlite" && want.schema != "" {
		return false
	}
	_, is := p.tables.temporary.Load(strings.ToLower(want.name))
	return is
}

// isTemporary asks whether it does so on this connection.
func (p *Plugin) isTemporary(ctx context.Context, conn gorm.ConnPool, want target) bool {
	if p.dialect.name == "mysql" {
		return isTemporaryMySQL(ctx, conn, p.dialect, want)
	}
	return isTemporarySQLite(ctx, conn, want)
}

// temporaryIn is the name of the temporary table or view that DDL makes; "" if it
// makes none.
func temporaryIn(ddl string, d sqltext.Dialect) string {
	list := sqltext.Tokens(ddl, d, 24)
	if !isWord(list, 0, "CREATE") {
		return ""
	}
	temporary := false
	for i := range list {
		switch {
		case isWord(list, i, "TEMP"), isWord(list, i, "TEMPORARY"):
			temporary = true
		case isWord(list, i, "TABLE"), isWord(list, i, "VIEW"):
			schema, name, _ := nameAt(ddl, list, skipWords(list, i+1, "IF", "NOT", "EXISTS"))
			if temporary || strings.EqualFold(schema, "temp") {
				return name
			}
			return ""
		}
	}
	return ""
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
