package hooks_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/dbresolver"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

// article is in the database of the trail, parcel in the one of another source.
type (
	article struct {
		ID   uint
		Name string
		N    int
	}
	parcel struct {
		ID   uint
		Name string
		N    int
	}
)

var resolverDatabases = []string{"sqlite", "postgres", "mariadb"}

// newDSN makes a database of its own.
func newDSN(tb testing.TB, database string) string {
	switch database {
	case "postgres":
		return postgresDatabase(tb)
	case "mariadb":
		return mariaDatabase(tb)
	}
	return sqliteFile(filepath.Join(tb.TempDir(), "host.db"))
}

func sqliteFile(path string) string {
	return "file:" + path + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"
}

func dialectorOf(database, dsn string) gorm.Dialector {
	switch database {
	case "postgres":
		return postgres.Open(dsn)
	case "mariadb":
		return mysql.Open(dsn)
	}
	return sqlite.Open(dsn)
}

// openDSN opens a pool of one database, closed at the end.
func openDSN(tb testing.TB, database, dsn string, config gorm.Config) *gorm.DB {
	tb.Helper()
	config.Logger = logger.Discard
	db, err := gorm.Open(dialectorOf(database, dsn), &config)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = poolOf(tb, db).Close() })
	return db
}

func poolOf(tb testing.TB, db *gorm.DB) *sql.DB {
	tb.Helper()
	p, err := db.DB()
	require.NoError(tb, err)
	return p
}

// resolved is a host whose statements dbresolver sends to sources of its own.
type resolved struct {
	*gorm.DB
	trail  *audit.Trail
	plugin *hooks.Plugin
	beside *gorm.DB // sees the trail's database past all of them
}

// way is how a host sets them up.
type way struct {
	hooksFirst, prepared, skipsDefault bool
	connections                        int
	options                            hooks.Options
}

func (w way) String() string {
	return fmt.Sprintf("hooks first %v, prepared %v, no default transaction %v, %d connections", w.hooksFirst, w.prepared, w.skipsDefault, w.connections)
}

func ways() (list []way) {
	for i := range 8 {
		list = append(list, way{hooksFirst: i&1 != 0, prepared: i&2 != 0, skipsDefault: i&4 != 0, connections: 1 + i%3})
	}
	return list
}

// resolve opens the home database with a trail in it, and dbresolver with config.
func (w way) resolve(t *testing.T, database, home string, configure func(*dbresolver.DBResolver) *dbresolver.DBResolver) resolved {
	t.Helper()
	beside := openDSN(t, database, home, gorm.Config{})
	require.NoError(t, beside.AutoMigrate(&article{}))
	db := openDSN(t, database, home, gorm.Config{PrepareStmt: w.prepared, SkipDefaultTransaction: w.skipsDefault})
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(context.Background()))
	trail, err := audit.New(store, &audit.Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	plugin := hooks.New(trail, &w.options).(*hooks.Plugin)
	resolver := configure(&dbresolver.DBResolver{})
	if w.hooksFirst {
		require.NoError(t, db.Use(plugin))
	}
	require.NoError(t, db.Use(resolver))
	if !w.hooksFirst {
		require.NoError(t, db.Use(plugin))
	}
	t.Cleanup(func() { closePools(t, resolver) })
	limitPools(t, resolver, w.connections)
	poolOf(t, db).SetMaxOpenConns(w.connections)
	return resolved{db, trail, plugin, beside}
}

func eachPool(t *testing.T, resolver *dbresolver.DBResolver, do func(*sql.DB)) {
	require.NoError(t, resolver.Call(func(c gorm.ConnPool) error {
		pool, err := (&gorm.DB{Config: &gorm.Config{ConnPool: c}}).DB()
		if err == nil {
			do(pool)
		}
		return err
	}))
}

func closePools(t *testing.T, resolver *dbresolver.DBResolver) {
	eachPool(t, resolver, func(p *sql.DB) { _ = p.Close() })
}

func limitPools(t *testing.T, resolver *dbresolver.DBResolver, n int) {
	eachPool(t, resolver, func(p *sql.DB) { p.SetMaxOpenConns(n) })
}

// lines are the trail, oldest first.
func (r resolved) lines(t *testing.T) (list []string) {
	t.Helper()
	store, err := gormstore.New(r.beside, nil)
	require.NoError(t, err)
	for e, err := range store.All(context.Background(), audit.Query{Sort: audit.SortTime}) {
		require.NoError(t, err)
		s := e.Action + " " + e.Object.Type + " " + e.Object.ID
		for _, c := range e.Changes {
			if c.Field == "n" {
				s += fmt.Sprintf(" n:%v→%v", c.Old, c.New)
			}
		}
		list = append(list, s)
	}
	return list
}

// onResolved runs a test for each database and way. One that waits for itself
// is a failure, not a hang.
func onResolved(t *testing.T, run func(t *testing.T, database string, w way)) {
	for _, database := range resolverDatabases {
		for _, w := range ways() {
			t.Run(database+"/"+w.String(), func(t *testing.T) {
				done := make(chan struct{})
				watch := time.AfterFunc(2*time.Minute, func() { panic(t.Name() + " waits for itself") })
				defer watch.Stop()
				defer close(done)
				run(t, database, w)
			})
		}
	}
}

// Sources in the database of the trail are other pools that lead there: their
// writes and entries are one transaction.
func TestSourcesInTheTrailsDatabase(t *testing.T) {
	onResolved(t, func(t *testing.T, database string, w way) {
		home := newDSN(t, database)
		r := w.resolve(t, database, home, func(d *dbresolver.DBResolver) *dbresolver.DBResolver {
			return d.Register(dbresolver.Config{Sources: []gorm.Dialector{dialectorOf(database, home)}, Replicas: []gorm.Dialector{dialectorOf(database, home)}})
		})
		a := article{Name: "a"}
		require.NoError(t, r.Create(&a).Error)
		require.NoError(t, r.Model(&a).Update("n", 2).Error)
		begins := map[string]func() *gorm.DB{
			"begin":  func() *gorm.DB { return r.Begin() },
			"source": func() *gorm.DB { return r.Clauses(dbresolver.Write).Begin() },
		}
		for _, kind := range []string{"begin", "source"} {
			tx := begins[kind]()
			require.NoError(t, tx.Error)
			require.NoError(t, tx.Model(&a).Update("n", gorm.Expr("n + 1")).Error)
			require.NoError(t, tx.Commit().Error)
			tx = begins[kind]()
			require.NoError(t, tx.Model(&a).Update("n", gorm.Expr("n + 100")).Error)
			require.NoError(t, tx.Create(&article{Name: "gone"}).Error)
			require.NoError(t, tx.Rollback().Error)
		}
		require.NoError(t, r.Exec("UPDATE articles SET n = n + 1").Error)
		require.NoError(t, r.Delete(&a).Error)
		assert.Equal(t, []string{
			"create articles 1 n:<nil>→0", "update articles 1 n:0→2", "update articles 1 n:2→3", "update articles 1 n:3→4",
			"execute articles ", "destroy articles 1 n:5→<nil>",
		}, r.lines(t))
	})
}

// Replicas alone: writes stay with the *gorm.DB's own pool.
func TestReplicasOfTheTrailsDatabase(t *testing.T) {
	onResolved(t, func(t *testing.T, database string, w way) {
		home := newDSN(t, database)
		r := w.resolve(t, database, home, func(d *dbresolver.DBResolver) *dbresolver.DBResolver {
			return d.Register(dbresolver.Config{Replicas: []gorm.Dialector{dialectorOf(database, home)}})
		})
		a := article{Name: "a"}
		require.NoError(t, r.Create(&a).Error)
		require.NoError(t, r.First(&a, a.ID).Error)
		require.NoError(t, r.Transaction(func(tx *gorm.DB) error { return tx.Model(&a).Update("n", 7).Error }))
		assert.Equal(t, []string{"create articles 1 n:<nil>→0", "update articles 1 n:0→7"}, r.lines(t))
	})
}

// apart is a source in a database of its own for parcels, and one in the trail's
// for everything else.
func (w way) apart(t *testing.T, database string) (r resolved, parcels *gorm.DB) {
	t.Helper()
	home, other := newDSN(t, database), newDSN(t, database)
	parcels = openDSN(t, database, other, gorm.Config{})
	require.NoError(t, parcels.AutoMigrate(&parcel{}))
	return w.resolve(t, database, home, func(d *dbresolver.DBResolver) *dbresolver.DBResolver {
		return d.Register(dbresolver.Config{Sources: []gorm.Dialector{dialectorOf(database, other)}}, &parcel{}, "parcels").
			Register(dbresolver.Config{Sources: []gorm.Dialector{dialectorOf(database, home)}})
	}), parcels
}

// What is written to another database is on the trail once it is committed, and
// not if it is rolled back.
func TestASourceInAnotherDatabase(t *testing.T) {
	onResolved(t, func(t *testing.T, database string, w way) {
		r, parcels := w.apart(t, database)
		one := article{Name: "a"}
		require.NoError(t, r.Create(&one).Error)
		p := parcel{Name: "p"}
		require.NoError(t, r.Create(&p).Error)
		require.NoError(t, r.Model(&p).Update("n", 2).Error)
		begin := func() *gorm.DB { return r.Clauses(dbresolver.Use("parcels"), dbresolver.Write).Begin() }
		tx := begin()
		require.NoError(t, tx.Model(&p).Update("n", 3).Error)
		assert.Len(t, r.lines(t), 3, "nothing is told before the commit")
		require.NoError(t, tx.Commit().Error)
		tx = begin()
		require.NoError(t, tx.Delete(&p).Error)
		require.NoError(t, tx.Rollback().Error)
		require.NoError(t, r.Exec("UPDATE parcels SET n = 4").Error)
		require.NoError(t, r.Delete(&p).Error)
		require.NoError(t, r.Model(&one).Update("n", 1).Error)
		assert.Equal(t, []string{
			"create articles 1 n:<nil>→0", "create parcels 1 n:<nil>→0", "update parcels 1 n:0→2", "update parcels 1 n:2→3",
			"execute parcels ", "destroy parcels 1 n:4→<nil>", "update articles 1 n:0→1",
		}, r.lines(t))
		assert.Zero(t, countOf(t, parcels, "parcels"))
	})
}

func countOf(t *testing.T, db *gorm.DB, table string) (n int64) {
	t.Helper()
	require.NoError(t, db.Session(&gorm.Session{NewDB: true}).Table(table).Count(&n).Error)
	return n
}

// handedIn is a transaction on the other database whose commit the plugin can't
// see.
func handedIn(t *testing.T, r resolved, parcels *gorm.DB) (*gorm.DB, *sql.Tx) {
	t.Helper()
	tx, err := poolOf(t, parcels).Begin()
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() }) // of one that a failure left open
	session := r.Session(&gorm.Session{NewDB: true, Context: context.Background()})
	session.Statement.ConnPool = tx
	return session, tx
}

// Where entries could neither join the transaction nor wait for its commit, the
// statement doesn't run: a host that passes over the error commits nothing.
func TestAWriteWithoutAnEntryIsRefusedBeforeItRuns(t *testing.T) {
	onResolved(t, func(t *testing.T, database string, w way) {
		r, parcels := w.apart(t, database)
		require.NoError(t, parcels.Create(&parcel{Name: "old"}).Error)
		for what, write := range map[string]func(*gorm.DB) *gorm.DB{
			"create": func(db *gorm.DB) *gorm.DB { return db.Create(&parcel{Name: "p"}) },
			"save":   func(db *gorm.DB) *gorm.DB { return db.Save(&parcel{ID: 1, Name: "p"}) },
			"update": func(db *gorm.DB) *gorm.DB { return db.Model(&parcel{}).Where("n = 0").Update("n", 9) },
			"delete": func(db *gorm.DB) *gorm.DB { return db.Where("n = 0").Delete(&parcel{}) },
			"exec":   func(db *gorm.DB) *gorm.DB { return db.Exec("UPDATE parcels SET n = 9") },
			"raw":    func(db *gorm.DB) *gorm.DB { return db.Raw("UPDATE parcels SET n = 9").Scan(&[]parcel{}) },
			"map": func(db *gorm.DB) *gorm.DB {
				return db.Table("parcels").Create(map[string]any{"name": "m", "n": 9})
			},
		} {
			session, tx := handedIn(t, r, parcels)
			err := write(session).Error
			require.ErrorContains(t, err, "in another database", what)
			require.NoError(t, tx.Commit(), what)
			assert.EqualValues(t, 1, countOf(t, parcels.Where("n = 0 AND name = 'old'"), "parcels"), what)
		}
		assert.Empty(t, r.lines(t))

		session, tx := handedIn(t, r, parcels)
		skipped := session.WithContext(audit.Skip(context.Background(), "import"))
		require.Error(t, skipped.Create(&parcel{Name: "s"}).Error, "the entry of the skip can't be written either")
		require.NoError(t, tx.Commit())
		assert.EqualValues(t, 1, countOf(t, parcels, "parcels"))

		// A skip that is on the trail already needs no further entry.
		ctx := audit.Skip(context.Background(), "import")
		require.NoError(t, r.WithContext(ctx).Create(&article{Name: "s"}).Error)
		session, tx = handedIn(t, r, parcels)
		require.NoError(t, session.WithContext(ctx).Create(&parcel{Name: "s"}).Error)
		require.NoError(t, session.WithContext(ctx).Exec("UPDATE parcels SET n = 9").Error)
		require.NoError(t, tx.Commit())
		assert.EqualValues(t, 2, countOf(t, parcels, "parcels"))
	})
}

func TestFailOpenLetsSuchAWritePass(t *testing.T) {
	onResolved(t, func(t *testing.T, database string, w way) {
		w.options.FailOpen = true
		r, parcels := w.apart(t, database)
		session, tx := handedIn(t, r, parcels)
		require.NoError(t, session.Create(&parcel{Name: "p"}).Error)
		require.NoError(t, session.Model(&parcel{}).Where("n = 0").Update("n", 9).Error)
		require.NoError(t, tx.Commit())
		assert.EqualValues(t, 1, countOf(t, parcels.Where("n = 9"), "parcels"))
		assert.Empty(t, r.lines(t))
	})
}

// A transaction that was handed in, of another pool of the trail's database, is
// appended to.
func TestATransactionOfAnotherPoolOfTheTrailsDatabase(t *testing.T) {
	onResolved(t, func(t *testing.T, database string, w way) {
		home := newDSN(t, database)
		r := w.resolve(t, database, home, func(d *dbresolver.DBResolver) *dbresolver.DBResolver {
			return d.Register(dbresolver.Config{Sources: []gorm.Dialector{dialectorOf(database, home)}})
		})
		other := openDSN(t, database, home, gorm.Config{})
		poolOf(t, other).SetMaxOpenConns(1) // the transaction has the only one
		for _, commit := range []bool{false, true} {
			session, tx := handedIn(t, r, other)
			require.NoError(t, session.Create(&article{Name: "a"}).Error)
			if commit {
				require.NoError(t, tx.Commit())
			} else {
				require.NoError(t, tx.Rollback())
			}
		}
		assert.Len(t, r.lines(t), 1)
	})
}

// The trail's own pool may have no connection to spare while another pool's
// transaction is asked which database it is in.
func TestTheTrailsOnlyConnectionIsInUse(t *testing.T) {
	for _, database := range resolverDatabases {
		t.Run(database, func(t *testing.T) {
			home := newDSN(t, database)
			r := way{connections: 1}.resolve(t, database, home, func(d *dbresolver.DBResolver) *dbresolver.DBResolver {
				return d.Register(dbresolver.Config{Sources: []gorm.Dialector{dialectorOf(database, home)}})
			})
			conn, err := poolOf(t, r.DB).Conn(context.Background())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, r.Create(&article{Name: "a"}).Error)
			assert.Len(t, r.lines(t), 1)
		})
	}
}

// A context that has ended fails the statement, and says nothing of databases.
func TestAnEndedContextIsNoOtherDatabase(t *testing.T) {
	onResolved(t, func(t *testing.T, database string, w way) {
		home := newDSN(t, database)
		r := w.resolve(t, database, home, func(d *dbresolver.DBResolver) *dbresolver.DBResolver {
			return d.Register(dbresolver.Config{Sources: []gorm.Dialector{dialectorOf(database, home)}})
		})
		ctx, cancel := context.WithCancel(context.Background())
		tx := r.Clauses(dbresolver.Write).Begin()
		cancel()
		err := tx.WithContext(ctx).Create(&article{Name: "a"}).Error
		require.ErrorIs(t, err, context.Canceled)
		require.NotContains(t, err.Error(), "another database")
		_ = tx.Rollback()
		require.NoError(t, r.Create(&article{Name: "b"}).Error)
		assert.Len(t, r.lines(t), 1)
	})
}

// With an outbox in the home database, what is written elsewhere goes there after
// its commit, and on from there.
func TestEntriesOfAnotherDatabaseTakeTheOutbox(t *testing.T) {
	for _, database := range resolverDatabases {
		t.Run(database, func(t *testing.T) {
			home, other, away := newDSN(t, database), newDSN(t, database), newDSN(t, database)
			db := openDSN(t, database, home, gorm.Config{})
			parcels := openDSN(t, database, other, gorm.Config{})
			require.NoError(t, db.AutoMigrate(&article{}))
			require.NoError(t, parcels.AutoMigrate(&parcel{}))
			outbox, err := gormstore.New(db, &gormstore.Options{Table: "audit_outbox"})
			require.NoError(t, err)
			require.NoError(t, outbox.Migrate(context.Background()))
			remote, err := gormstore.New(openDSN(t, database, away, gorm.Config{}), nil)
			require.NoError(t, err) // not migrated: it takes nothing yet
			trail, err := audit.New(remote, &audit.Options{Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			resolver := dbresolver.Register(dbresolver.Config{Sources: []gorm.Dialector{dialectorOf(database, other)}}, &parcel{})
			require.NoError(t, db.Use(resolver))
			t.Cleanup(func() { closePools(t, resolver) })
			plugin := hooks.New(trail, &hooks.Options{Outbox: outbox}).(*hooks.Plugin)
			require.NoError(t, db.Use(plugin))

			require.NoError(t, db.Create(&article{Name: "a"}).Error)
			require.NoError(t, db.Create(&parcel{Name: "p"}).Error)
			n, _, err := outbox.Count(context.Background(), audit.Filter{}, 10)
			require.NoError(t, err)
			assert.Equal(t, 2, n)
			require.NoError(t, remote.Migrate(context.Background()))
			require.NoError(t, plugin.Deliver(context.Background()))
			n, _, err = remote.Count(context.Background(), audit.Filter{}, 10)
			require.NoError(t, err)
			assert.Equal(t, 2, n)
		})
	}
}
