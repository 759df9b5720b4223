package hooks

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// catalogued is a SQLite database whose catalog is read.
type catalogued struct {
	t      *testing.T
	db     *gorm.DB
	plugin *Plugin
	trail  *audit.Trail
}

func newCatalogued(t *testing.T, ddl ...string) *catalogued {
	t.Helper()
	file := filepath.Join(t.TempDir(), "host.db")
	db, err := gorm.Open(sqlite.Open("file:"+file+"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	sqlDB, err := db.DB()
	require.NoError(t, err)
	sqlDB.SetMaxOpenConns(1) // temporary tables and attached databases are a connection's
	t.Cleanup(func() { require.NoError(t, sqlDB.Close()) })
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	for _, s := range ddl {
		_, err := sqlDB.Exec(s)
		require.NoError(t, err, s)
	}
	p := New(trail, nil).(*Plugin)
	require.NoError(t, db.Use(p))
	return &catalogued{t, db, p, trail}
}

// table reads a table by the name that a statement has.
func (c *catalogued) table(schema, name string) *table {
	c.t.Helper()
	pool := c.db.Statement.ConnPool
	got, err := c.plugin.tableOf(context.Background(), pool, c.plugin.unitOf(pool), schema, name)
	require.NoError(c.t, err)
	return got
}

func (c *catalogued) keys(name string) string {
	c.t.Helper()
	var list []string
	for _, u := range c.table("", name).uniques {
		list = append(list, described(u.name+"("+strings.Join(u.columns, ",")+")", map[string]bool{"plain": u.plain}))
	}
	return strings.Join(list, "; ")
}

// entries are the action and object of each entry so far.
func (c *catalogued) entries() []string {
	c.t.Helper()
	var list []string
	for e, err := range c.trail.All(context.Background(), audit.Query{Sort: audit.SortTime}) {
		require.NoError(c.t, err)
		list = append(list, e.Action+" "+e.Object.Type+" "+e.Object.ID)
	}
	return list
}

func TestUniqueKeysOfSQLite(t *testing.T) {
	for _, tt := range []struct{ name, ddl, index, want string }{
		{"the rowid's alias", "CREATE TABLE t (id integer PRIMARY KEY, n int)", "", "PRIMARY(id) plain"},
		{"not an alias of the rowid", "CREATE TABLE t (id integer PRIMARY KEY DESC, n int)", "", "PRIMARY(id) plain"},
		{"no key", "CREATE TABLE t (id integer, n int)", "", ""},
		{"an index on the alias", "CREATE TABLE t (id integer PRIMARY KEY)", "CREATE UNIQUE INDEX i ON t (id)", "PRIMARY(id) plain; i(id) plain"},
		{"composite, in its own order", "CREATE TABLE t (a int, b int, PRIMARY KEY (b, a))", "", "PRIMARY(b,a) plain"},
		{"without rowid", "CREATE TABLE t (a int, b text, PRIMARY KEY (b, a)) WITHOUT ROWID", "", "PRIMARY(b,a) plain"},
		{"a constraint", "CREATE TABLE t (id integer PRIMARY KEY, a int UNIQUE)", "", "PRIMARY(id) plain; sqlite_autoindex_t_1(a) plain"},
		{"the column's collation", "CREATE TABLE t (a text COLLATE NOCASE)", "CREATE UNIQUE INDEX i ON t (a)", "i(a) plain"},
		{"named again", "CREATE TABLE t (a text COLLATE nocase)", "CREATE UNIQUE INDEX i ON t (a COLLATE NOCASE)", "i(a) plain"},
		{"a collation of its own", "CREATE TABLE t (a text)", "CREATE UNIQUE INDEX i ON t (a COLLATE NOCASE)", "i(a)"},
		{"binary on a column that ignores case", "CREATE TABLE t (a text COLLATE NOCASE)", "CREATE UNIQUE INDEX i ON t (a COLLATE binary)", "i(a)"},
		{"a primary key under another collation", "CREATE TABLE t (a text, PRIMARY KEY (a COLLATE NOCASE))", "", "PRIMARY(a)"},
		{"a check's collation is not the column's", "CREATE TABLE t (a text CHECK (a COLLATE NOCASE <> 'x'))", "CREATE UNIQUE INDEX i ON t (a)", "i(a) plain"},
		{"behind a default in parentheses", "CREATE TABLE t (z int, a text DEFAULT (lower('A,B')) COLLATE NOCASE, b text)", "CREATE UNIQUE INDEX i ON t (b, a)", "i(b,a) plain"},
		{"a default that reads like a collation", "CREATE TABLE t (a text DEFAULT 'COLLATE NOCASE' /* COLLATE NOCASE */)", "CREATE UNIQUE INDEX i ON t (a)", "i(a) plain"},
		{"partial", "CREATE TABLE t (a int, b int)", "CREATE UNIQUE INDEX i ON t (a) WHERE b > 0", "i(a)"},
		{"an expression", "CREATE TABLE t (a text, b int)", "CREATE UNIQUE INDEX i ON t (b, lower(a))", "i(b,)"},
		{"not unique", "CREATE TABLE t (a int)", "CREATE INDEX i ON t (a)", ""},
		{"odd names", "CREATE TABLE t (\"a,b\" text COLLATE NOCASE, [c d] text COLLATE RTRIM, `e``f` text, 'g h' text COLLATE NOCASE)",
			"CREATE UNIQUE INDEX i ON t (\"a,b\", [c d], `e``f`, \"g h\")", "i(a,b,c d,e`f,g h) plain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCatalogued(t, tt.ddl, tt.index)
			require.Equal(t, tt.want, c.keys("t"))
		})
	}
}

func TestWordsOfSQLitesDDL(t *testing.T) {
	for _, tt := range []struct {
		name, ddl       string
		rowid, replaces bool
		rowidName       string
	}{
		{"plain", "CREATE TABLE t (id integer PRIMARY KEY)", true, false, "rowid"},
		{"without rowid", "CREATE TABLE t (id int PRIMARY KEY) WITHOUT ROWID", false, false, ""},
		{"without rowid, spread out", "CREATE TABLE t (id int PRIMARY KEY)\n\tstrict , /* ) */ without -- )\n rowid", false, false, ""},
		{"strict", "CREATE TABLE t (id int PRIMARY KEY) STRICT", true, false, "rowid"},
		{"a comment says so", "CREATE TABLE t (id int PRIMARY KEY) /* WITHOUT ROWID */", true, false, "rowid"},
		{"a default says so", "CREATE TABLE t (id int PRIMARY KEY, a text DEFAULT ') WITHOUT ROWID', b text DEFAULT 'ON CONFLICT REPLACE')", true, false, "rowid"},
		{"a name says so", "CREATE TABLE t (id int PRIMARY KEY, \"ON CONFLICT REPLACE\" int UNIQUE)", true, false, "rowid"},
		{"replaces on a column", "CREATE TABLE t (id int PRIMARY KEY, a int UNIQUE ON CONFLICT REPLACE)", true, true, "rowid"},
		{"replaces on a table", "CREATE TABLE t (id int, a int, UNIQUE (a)\n  on /* so */ conflict\treplace)", true, true, "rowid"},
		{"replaces by the primary key", "CREATE TABLE t (id int PRIMARY KEY ON CONFLICT REPLACE)", true, true, "rowid"},
		{"replaces NULL only", "CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL ON CONFLICT REPLACE DEFAULT 1)", true, false, "rowid"},
		{"ignores", "CREATE TABLE t (id int PRIMARY KEY ON CONFLICT IGNORE)", true, false, "rowid"},
		{"a column rowid", "CREATE TABLE t (RowID text)", true, false, "_rowid_"},
		{"columns rowid and _rowid_", "CREATE TABLE t (rowid text, [_ROWID_] int)", true, false, "oid"},
		{"all names taken", "CREATE TABLE t (rowid text, _rowid_ int, oid int)", true, false, ""},
		{"the alias is called rowid", "CREATE TABLE t (rowid integer PRIMARY KEY, _rowid_ int, oid int)", true, false, "rowid"},
		{"all names taken beside an alias", "CREATE TABLE t (\"i\"\"d\" integer PRIMARY KEY, rowid int, _rowid_ int, oid int)", true, false, "\"i\"\"d\""},
		{"all names taken, no alias", "CREATE TABLE t (id integer PRIMARY KEY DESC, rowid int, _rowid_ int, oid int)", true, false, ""},
		{"comments that don't nest", "CREATE TABLE t (id int PRIMARY KEY /* /* */ ON CONFLICT REPLACE)", true, true, "rowid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := newCatalogued(t, tt.ddl).table("", "t")
			require.Equal(t, tt.rowid, got.rowid, "rowid")
			require.Equal(t, tt.replaces, got.replaces, "replaces")
			require.Equal(t, tt.rowidName, got.rowidName())
		})
	}
}

func TestGeneratedColumnsOfSQLite(t *testing.T) {
	c := newCatalogued(t, "CREATE TABLE t (id integer PRIMARY KEY, n int, twice int AS (n * 2), thrice int GENERATED ALWAYS AS (n * 3) STORED)")
	var list []string
	for _, col := range c.table("", "t").columns {
		list = append(list, described(col.name, map[string]bool{"generated": col.generated}))
	}
	require.Equal(t, []string{"id", "n", "twice generated", "thrice generated"}, list)
}

func TestNamesOfSQLiteMeanWhatTheDatabaseResolves(t *testing.T) {
	c := newCatalogued(t,
		"CREATE TABLE Items (Id integer PRIMARY KEY)",
		"ATTACH ':memory:' AS Side",
		"CREATE TABLE side.items (id integer PRIMARY KEY, a int)",
		"CREATE TABLE side.only (id int PRIMARY KEY) WITHOUT ROWID",
		"CREATE TABLE side.kids (id integer PRIMARY KEY, p int REFERENCES only(id) ON DELETE CASCADE)",
		"CREATE TEMP TABLE scratch (id integer PRIMARY KEY)",
		"CREATE VIEW seen AS SELECT * FROM items",
	)
	for _, tt := range []struct{ schema, name, object, at string }{
		{"", "items", "Items", "main.Items"},
		{"", "ITEMS", "Items", "main.Items"},
		{"MAIN", "items", "Items", "main.Items"},
		{"side", "ITEMS", "Side.items", "Side.items"},
		{"", "only", "Side.only", "Side.only"},
		{"", "Scratch", "temp.scratch", "temp.scratch"},
		{"temp", "scratch", "temp.scratch", "temp.scratch"},
		{"", "seen", "seen", "main.seen"},
	} {
		got := c.table(tt.schema, tt.name)
		require.Equal(t, tt.object, got.object)
		require.Equal(t, tt.at, got.schema+"."+got.name)
	}
	require.True(t, c.table("", "seen").view)
	require.False(t, c.table("", "only").rowid)
	require.Equal(t, "Side.kids(p) to (id) on delete cascade", c.table("", "only").referrers[0].String())
	require.Nil(t, c.table("", "nowhere"))
	require.Nil(t, c.table("", ""))
}

// A temporary table hides the main one from its own connection only.
func TestTemporaryTableHidesTheMainOne(t *testing.T) {
	c := newCatalogued(t, "CREATE TABLE items (id integer PRIMARY KEY)")
	require.Equal(t, "items", c.table("", "items").object)
	require.NoError(t, c.db.Exec("create temporary table if not exists Items (code text PRIMARY KEY)").Error)
	require.Equal(t, []string{"code"}, c.table("", "items").key)
	require.NoError(t, c.db.Exec("CREATE TABLE other (id int)").Error)
	require.Equal(t, "temp.Items", c.table("", "ITEMS").object)
	sqlDB, err := c.db.DB()
	require.NoError(t, err)
	_, err = sqlDB.Exec("DROP TABLE temp.items") // another connection has no such table
	require.NoError(t, err)
	require.Equal(t, []string{"id"}, c.table("", "items").key)
}

func TestVirtualTablesOfSQLite(t *testing.T) {
	c := newCatalogued(t,
		"CREATE VIRTUAL TABLE docs USING fts5(title, body)",
		"CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1)",
	)
	for _, name := range []string{"docs", "boxes"} {
		require.True(t, c.table("", name).view, name)
		require.Empty(t, c.table("", name).referrers)
	}
	require.Len(t, c.table("", "docs").columns, 2, "hidden columns are not part of *")
	require.Equal(t, []string{"id"}, c.table("", "docs_data").key, "a shadow table is a table")
	require.NoError(t, c.db.Table("docs").Create(map[string]any{"title": "a", "body": "b"}).Error)
	require.NoError(t, c.db.Table("docs").Where("docs MATCH ?", "a").Update("body", "c").Error)
	require.NoError(t, c.db.Table("docs").Where("rowid = 1").Delete(nil).Error)
	require.NoError(t, c.db.Table("boxes").Create(map[string]any{"id": 1, "x0": 1, "x1": 2}).Error)
	require.Equal(t, []string{"execute docs ", "execute docs ", "execute docs ", "execute boxes "}, c.entries())
}

// DDL that is rolled back leaves nothing behind, and DDL that commits is noticed.
func TestTablesChangedInATransactionAreReadAgain(t *testing.T) {
	c := newCatalogued(t, "CREATE TABLE items (id integer PRIMARY KEY, a int)")
	require.NoError(t, c.db.Table("items").Create(map[string]any{"a": 1}).Error)
	_ = c.db.Transaction(func(tx *gorm.DB) error {
		require.NoError(t, tx.SavePoint("here").Error)
		require.NoError(t, tx.Exec("ALTER TABLE items ADD COLUMN b int").Error)
		require.NoError(t, tx.Table("items").Create(map[string]any{"b": 1}).Error)
		got, err := c.plugin.tableOf(context.Background(), tx.Statement.ConnPool, c.plugin.unitOf(tx.Statement.ConnPool), "", "items")
		require.NoError(t, err)
		require.Len(t, got.columns, 3)
		require.NoError(t, tx.RollbackTo("here").Error)
		got, err = c.plugin.tableOf(context.Background(), tx.Statement.ConnPool, c.plugin.unitOf(tx.Statement.ConnPool), "", "items")
		require.NoError(t, err)
		require.Len(t, got.columns, 2)
		return fmt.Errorf("rolled back")
	})
	require.Len(t, c.table("", "items").columns, 2)
	require.NoError(t, c.db.Transaction(func(tx *gorm.DB) error { return tx.Exec("ALTER TABLE items ADD COLUMN b int").Error }))
	require.Len(t, c.table("", "items").columns, 3)
}

// A read that began before a change doesn't leave its table behind.
func TestAReadThatAChangeOvertakesIsNotKept(t *testing.T) {
	var c catalog
	before := c.known()
	c.forget()
	before.names.Store(tableKey{name: "t"}, &table{name: "t"})
	require.Nil(t, c.known().byName(tableKey{name: "t"}))
}

func TestTablesAreReadByManyGoroutines(t *testing.T) {
	c := newCatalogued(t, "CREATE TABLE a (id integer PRIMARY KEY)", "CREATE TABLE b (id integer PRIMARY KEY)")
	var wg sync.WaitGroup
	errs := make(chan error, 8*20)
	pool := c.db.Statement.ConnPool
	for range 8 {
		wg.Go(func() {
			for i := range 20 {
				name := string(rune('a' + i%2))
				got, err := c.plugin.tableOf(context.Background(), pool, c.plugin.unitOf(pool), "", name)
				if err == nil && (got == nil || got.name != name || len(got.key) != 1) {
					err = fmt.Errorf("%s is %v", name, got)
				}
				errs <- err
				if i%5 == 0 {
					c.plugin.forgetTables()
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

// counted counts the statements that go through it.
type counted struct {
	gorm.ConnPool
	n int
}

func (c *counted) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	c.n++
	return c.ConnPool.QueryContext(ctx, query, args...)
}

func (c *counted) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	c.n++
	return c.ConnPool.QueryRowContext(ctx, query, args...)
}

func TestFourStatementsReadATableOfSQLite(t *testing.T) {
	c := newCatalogued(t, "CREATE TABLE items (id integer PRIMARY KEY)")
	conn := &counted{ConnPool: c.db.Statement.ConnPool}
	u := c.plugin.unitOf(conn)
	for range 3 {
		_, err := c.plugin.tableOf(context.Background(), conn, u, "", "items")
		require.NoError(t, err)
	}
	require.Equal(t, 4, conn.n)
}

func TestSchemasOfASearchPath(t *testing.T) {
	for path, want := range map[string][]string{
		``:                            {"pg_catalog"},
		`"$user", public`:             {"pg_catalog", "me", "public"},
		` Two,"Two" ,$user,"a,""b"""`: {"pg_catalog", "two", "Two", "me", `a,"b"`},
		`tenant-1, pg_catalog`:        {"tenant-1", "pg_catalog"},
	} {
		require.Equal(t, want, schemasOf(path, "me"), path)
	}
	require.Equal(t, `{"a","b \\ \" c"}`, postgresArray([]string{"a", `b \ " c`}))
}
