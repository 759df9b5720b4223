package hooks_test

import (
	"context"
	"database/sql"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/storage/memstore"
)

// catalogued is a database whose catalog capture reads. Capture logs each table
// that it reads as a debug message.
type catalogued struct {
	t     *testing.T
	db    *gorm.DB
	trail *audit.Trail
	reads *catalogReads
}

func newCatalogued(t *testing.T, dialector gorm.Dialector, ddl ...string) *catalogued {
	t.Helper()
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	sqlDB, err := db.DB()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sqlDB.Close()) })
	for _, s := range ddl {
		_, err := sqlDB.Exec(s)
		require.NoError(t, err, s)
	}
	reads := &catalogReads{}
	trail, err := audit.New(memstore.New(), &audit.Options{Logger: slog.New(reads)})
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, nil)))
	return &catalogued{t, db, trail, reads}
}

// read has capture read a table, by a statement that touches no row.
func (c *catalogued) read(table string) tableRead { return c.readIn(c.db, table) }

func (c *catalogued) readIn(db *gorm.DB, table string) tableRead {
	c.t.Helper()
	before := c.reads.count()
	require.NoError(c.t, db.Table(table).Where("1 = 0").Delete(nil).Error)
	require.Greater(c.t, c.reads.count(), before, "the table was read before")
	return c.reads.last()
}

// objects are the action and object of each entry so far.
func (c *catalogued) objects() []string {
	c.t.Helper()
	var list []string
	for e, err := range c.trail.All(context.Background(), audit.Query{Sort: audit.SortTime}) {
		require.NoError(c.t, err)
		list = append(list, e.Action+" "+e.Object.Type+" "+e.Object.ID)
	}
	return list
}

// tableRead is what capture knows of a table.
type tableRead struct {
	Object, Table, Is                string
	Key, Columns, Uniques, Referrers []string
}

// catalogReads is a log handler that keeps the tables that were read.
type catalogReads struct {
	slog.Handler
	mu   sync.Mutex
	list []tableRead
}

func (r *catalogReads) Enabled(context.Context, slog.Level) bool { return true }

func (r *catalogReads) Handle(_ context.Context, record slog.Record) error {
	record.Attrs(func(a slog.Attr) bool {
		if a.Key == "table" {
			r.add(a.Value.Resolve().Group())
		}
		return true
	})
	return nil
}

func (r *catalogReads) add(attrs []slog.Attr) {
	values := map[string]slog.Value{}
	for _, a := range attrs {
		values[a.Key] = a.Value
	}
	texts := func(key string) []string {
		list, _ := values[key].Any().([]string)
		return list
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, tableRead{
		Object: values["object"].String(), Table: values["table"].String(), Is: values["is"].String(),
		Key: texts("key"), Columns: texts("columns"), Uniques: texts("uniques"), Referrers: texts("referrers"),
	})
}

func (r *catalogReads) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.list)
}

func (r *catalogReads) last() tableRead {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.list[len(r.list)-1]
}

// onOneConnection runs fn on a connection of its own, with settings of its own.
func onOneConnection(t *testing.T, db *gorm.DB, fn func(*gorm.DB)) {
	t.Helper()
	require.NoError(t, db.Connection(func(tx *gorm.DB) error {
		fn(tx.Session(&gorm.Session{NewDB: true}))
		return nil
	}))
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// another is a connection pool beside the application's.
func another(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// lastEntry is the entry that was appended last.
func (c *catalogued) lastEntry() audit.Entry {
	c.t.Helper()
	var last audit.Entry
	for e, err := range c.trail.All(context.Background(), audit.Query{Sort: audit.SortTime}) {
		require.NoError(c.t, err)
		last = e
	}
	return last
}

// lastFields are its fields that changed.
func (c *catalogued) lastFields() []string {
	c.t.Helper()
	var list []string
	for _, change := range c.lastEntry().Changes {
		list = append(list, change.Field)
	}
	return list
}

// A table costs a few statements at its first use, and none after it. On SQLite
// one of them takes the write lock.
func TestStatementsThatReadATable(t *testing.T) {
	for database, want := range map[string]int64{"sqlite": 5, "postgres": 1, "mariadb": 3} {
		t.Run(database, func(t *testing.T) {
			s := openSide(t, database, &gormstore.Options{})
			calls := func(table string) int64 {
				before := s.calls.n.Load()
				require.NoError(t, s.db.Table(table).Where("1 = 0").Delete(nil).Error)
				return s.calls.n.Load() - before
			}
			require.NoError(t, s.db.Exec("CREATE TABLE firsts (id int PRIMARY KEY)").Error)
			require.NoError(t, s.db.Exec("CREATE TABLE seconds (id int PRIMARY KEY)").Error)
			calls("firsts") // asks what the server is, too
			require.Equal(t, calls("firsts")+want, calls("seconds"))
		})
	}
}

// A name that several schemas have is asked for at each use, others are not.
func TestStatementsThatResolveANameOfPostgres(t *testing.T) {
	s := openSide(t, "postgres", &gormstore.Options{})
	calls := func(table string) int64 {
		before := s.calls.n.Load()
		require.NoError(t, s.db.Table(table).Where("1 = 0").Delete(nil).Error)
		return s.calls.n.Load() - before
	}
	for _, ddl := range []string{"CREATE SCHEMA other", "CREATE TABLE one (id int PRIMARY KEY)", "CREATE TABLE two (id int PRIMARY KEY)", "CREATE TABLE other.two (id int PRIMARY KEY)"} {
		require.NoError(t, s.db.Exec(ddl).Error)
	}
	calls("one")
	calls("two")
	require.Equal(t, calls("one")+1, calls("two"))
}
