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

// catalog caches tables as the database's catalog describes them. Its zero value
// is ready to use, by several goroutines.
type catalog struct {
	current   atomic.Pointer[knownTables]
	servers   sync.Map    // *sql.DB → what is asked once: the default search_path, *mysqlServer
	temporary sync.Map    // lower-case name → struct{}: the application made temporary tables of that name
	moves     atomic.Bool // the application sets search_path, or the current database
}

// knownTables are the tables read since the last DDL. A read that began before
// DDL stores its table in the knownTables of that time, which nothing uses any
// more.
type knownTables struct {
	names sync.Map // tableKey → *table
	oids  sync.Map // oidKey → *table
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

func (k *knownTables) byName(key tableKey) *table {
	t, ok := k.names.Load(key)
	if !ok {
		return nil
	}
	return t.(*table)
}

func (k *knownTables) byOID(key oidKey) *table {
	t, ok := k.oids.Load(key)
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

func (t target) key(db *sql.DB) tableKey { return tableKey{db, t.schema, t.name} }

// isName reports whether a table could have that name. The catalog is asked in
// the application's transaction, which any error aborts on PostgreSQL.
func (t target) isName() bool {
	all := t.schema + t.name
	return t.name != "" && !strings.ContainsRune(all, 0) && utf8.ValidString(all)
}

// databaseOf is the database of a connection. A single connection doesn't know its
// own: it is taken to be of the application's.
func (p *Plugin) databaseOf(conn gorm.ConnPool) *sql.DB {
	if db := dbOf(conn); db != nil {
		return db
	}
	return p.home
}

// tableOf returns a table of the catalog, and reads the key that its capture needs;
// nil if there is none of that name. The name is as the statement has it: without a
// schema, it means what the database resolves it to now.
func (p *Plugin) tableOf(ctx context.Context, conn gorm.ConnPool, u *unit, schema, name string) (*table, error) {
	t, err := p.lookUp(ctx, conn, u, schema, name)
	if err != nil || t == nil {
		return nil, err
	}
	if err := p.readKey(ctx, conn, u, t); err != nil {
		return nil, err
	}
	return t, nil
}

func (p *Plugin) lookUp(ctx context.Context, conn gorm.ConnPool, u *unit, schema, name string) (*table, error) {
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
	moves := schema == "" && p.tables.moves.Load()
	if moves && p.dialect.name == "mysql" {
		var err error
		if want.schema, err = currentDatabase(ctx, conn); err != nil {
			return nil, err
		}
	}
	known, fresh := p.tables.known(), u != nil && u.changesTables.Load()
	t := known.byName(want.key(p.databaseOf(conn)))
	switch {
	case t == nil || fresh:
		return p.readAndKeep(ctx, conn, u, want, known)
	case t.ambiguous || moves && t.oid != 0:
		return p.resolvedTable(ctx, conn, u, t, want)
	}
	return t, nil
}

// readAndKeep reads a table and caches it, unless the same name may mean another
// table at its next use.
func (p *Plugin) readAndKeep(ctx context.Context, conn gorm.ConnPool, u *unit, want target, known *knownTables) (*table, error) {
	t, err := p.readTable(ctx, conn, u, want)
	if t == nil || t.session || u != nil && u.changesTables.Load() {
		return t, err
	}
	db := p.databaseOf(conn)
	if want.oid == 0 {
		known.names.Store(want.key(db), t)
	}
	if t.oid != 0 {
		known.oids.Store(oidKey{db, t.oid}, t)
	}
	return t, err
}

// tableByOID returns a relation of PostgreSQL; nil if there is none of that OID.
// Call it when rows came back with another tableoid than expected: the next use
// of the name resolves it again.
func (p *Plugin) tableByOID(ctx context.Context, conn gorm.ConnPool, u *unit, oid uint32) (*table, error) {
	known, db := p.tables.known(), p.databaseOf(conn)
	t := known.byOID(oidKey{db, oid})
	if t == nil || u != nil && u.changesTables.Load() {
		var err error
		if t, err = p.readAndKeep(ctx, conn, u, target{oid: oid}, known); err != nil || t == nil {
			return nil, err
		}
	}
	for _, name := range []target{{name: t.name}, {schema: t.schema, name: t.name}} {
		if other := known.byName(name.key(db)); other != nil && other.oid != oid && !other.ambiguous {
			known.names.Delete(name.key(db))
		}
	}
	if err := p.readKey(ctx, conn, u, t); err != nil {
		return nil, err
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
		// Reading the catalog would begin a read transaction. If the lock fails, so
		// does the statement, in its own words.
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

// tablesChange is called before DDL. Only the transaction itself sees its DDL
// until it commits, so it reads its tables again at each use, and the cache is
// emptied at its end.
func (p *Plugin) tablesChange(conn gorm.ConnPool, ddl string) {
	if name := temporaryIn(ddl, p.dialect.sql()); name != "" {
		p.tables.temporary.Store(strings.ToLower(name), struct{}{})
	}
	if inTransaction(conn) {
		p.unitOf(conn).changesTables.Store(true)
	}
	p.forgetTables()
}

// noteSettings is called before a raw statement. After the first one that sets
// search_path or the current database, each use of a name without a schema asks
// the database what it means: another program may add a table to a schema at any
// time.
func (p *Plugin) noteSettings(query string) {
	if !p.tables.moves.Load() && len(query) < 1000 && p.movesNames(query) {
		p.tables.moves.Store(true)
	}
}

// movesNames reports whether a statement changes what names without a schema mean.
// "$user" in a search_path stands for the role.
func (p *Plugin) movesNames(query string) bool {
	list := sqltext.Tokens(query, p.dialect.sql(), 3)
	switch p.dialect.name {
	case "mysql":
		return isWord(list, 0, "USE")
	case "postgres":
		at := skipWords(list, 1, "LOCAL", "SESSION")
		return isWord(list, 0, "SET") && (isWord(list, at, "ROLE") || isWord(list, at, "AUTHORIZATION") || isWord(list, at, "SCHEMA")) ||
			strings.Contains(strings.ToLower(query), "search_path")
	}
	return false
}

// tablesChanged is called at the end of a transaction.
func (u *unit) tablesChanged() {
	if u.changesTables.Load() {
		u.plugin.forgetTables()
	}
}

// mayBeTemporary reports whether a name may mean a temporary table on one
// connection and another table on the next. PostgreSQL's catalog marks such names
// as ambiguous.
func (p *Plugin) mayBeTemporary(want target) bool {
	if p.dialect.name == "postgres" || p.dialect.name == "sqlite" && want.schema != "" {
		return false
	}
	_, is := p.tables.temporary.Load(strings.ToLower(want.name))
	return is
}

// isTemporary asks whether the name means a temporary table on this connection.
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
