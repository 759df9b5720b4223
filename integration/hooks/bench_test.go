package hooks_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

// account is a table of twelve columns, as hosts have them.
type account struct {
	ID        int64
	Name      string
	Email     string
	Plan      string
	Country   string
	Seats     int
	Balance   int64
	Active    bool
	Note      string
	OwnerID   int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// calls counts what goes to the driver.
type calls struct{ n atomic.Int64 }

// countingPool is a *sql.DB that counts.
type countingPool struct {
	*sql.DB
	calls *calls
}

func (p *countingPool) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	p.calls.n.Add(1)
	return p.DB.ExecContext(ctx, q, args...)
}

func (p *countingPool) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	p.calls.n.Add(1)
	return p.DB.QueryContext(ctx, q, args...)
}

func (p *countingPool) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	p.calls.n.Add(1)
	return p.DB.QueryRowContext(ctx, q, args...)
}

func (p *countingPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	p.calls.n.Add(1)
	tx, err := p.DB.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &countingTx{tx, p}, nil
}

func (p *countingPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

type countingTx struct {
	*sql.Tx
	pool *countingPool
}

func (t *countingTx) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	t.pool.calls.n.Add(1)
	return t.Tx.ExecContext(ctx, q, args...)
}

func (t *countingTx) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	t.pool.calls.n.Add(1)
	return t.Tx.QueryContext(ctx, q, args...)
}

func (t *countingTx) QueryRowContext(ctx context.Context, q string, args ...any) *sql.Row {
	t.pool.calls.n.Add(1)
	return t.Tx.QueryRowContext(ctx, q, args...)
}

func (t *countingTx) Commit() error {
	t.pool.calls.n.Add(1)
	return t.Tx.Commit()
}

func (t *countingTx) Rollback() error {
	t.pool.calls.n.Add(1)
	return t.Tx.Rollback()
}

func (t *countingTx) GetDBConn() (*sql.DB, error) { return t.pool.DB, nil }

// side is one of the two that are compared.
type side struct {
	db    *gorm.DB
	calls *calls
	spent []time.Duration // of each run
	busy  time.Duration   // on processors, all runs together
}

func (s *side) median() time.Duration {
	slices.Sort(s.spent)
	return s.spent[len(s.spent)/2]
}

// openSide makes a database of its own, dropped at the end; capture is into a
// trail with these options, or none.
func openSide(tb testing.TB, database string, trail *gormstore.Options) *side {
	tb.Helper()
	s := &side{calls: &calls{}}
	var dialector gorm.Dialector
	switch database {
	case "sqlite":
		dsn := "file:" + tb.TempDir() + "/bench.db?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)"
		conn, err := sql.Open(sqlite.DriverName, dsn)
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, conn.Close()) })
		dialector = &sqlite.Dialector{Conn: &countingPool{conn, s.calls}}
	case "postgres":
		conn, err := sql.Open("pgx", postgresDatabase(tb))
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, conn.Close()) })
		dialector = postgres.New(postgres.Config{Conn: &countingPool{conn, s.calls}})
	case "mariadb":
		conn, err := sql.Open("mysql", mariaDatabase(tb))
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, conn.Close()) })
		dialector = mysql.New(mysql.Config{Conn: &countingPool{conn, s.calls}})
	}
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard})
	require.NoError(tb, err)
	require.NoError(tb, db.AutoMigrate(&account{}))
	s.db = db
	if trail != nil {
		store, err := gormstore.New(db, trail)
		require.NoError(tb, err)
		require.NoError(tb, store.Migrate(context.Background()))
		audited, err := audit.New(store, nil)
		require.NoError(tb, err)
		require.NoError(tb, db.Use(hooks.New(audited, nil)))
	}
	return s
}

func postgresDatabase(tb testing.TB) string {
	tb.Helper()
	admin, err := sql.Open("pgx", "host=127.0.0.1 user=postgres dbname=postgres sslmode=disable")
	require.NoError(tb, err)
	if err := admin.Ping(); err != nil {
		_ = admin.Close()
		if os.Getenv("CI") != "" {
			tb.Fatalf("PostgreSQL does not answer on 127.0.0.1:5432: %v", err)
		}
		tb.Skipf("PostgreSQL does not answer on 127.0.0.1:5432: %v", err)
	}
	name := fmt.Sprintf("audit_bench_%d_%d", os.Getpid(), time.Now().UnixNano())
	_, err = admin.Exec("CREATE DATABASE " + name)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		_, err := admin.Exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)")
		require.NoError(tb, err)
		require.NoError(tb, admin.Close())
	})
	return "host=127.0.0.1 user=postgres sslmode=disable dbname=" + name
}

var accounts atomic.Int64

func newAccount() account {
	n := accounts.Add(1)
	return account{Name: fmt.Sprint("Account ", n), Email: fmt.Sprintf("a%d@example.com", n), Plan: "team", Country: "de", Seats: 5, Balance: 12345, Active: true, Note: "made by a benchmark", OwnerID: n % 100}
}

func newAccounts(n int) []account {
	list := make([]account, n)
	for i := range list {
		list[i] = newAccount()
	}
	return list
}

// work is what is measured: prepare is not.
type work struct {
	name    string
	prepare func(tb testing.TB, db *gorm.DB) any
	run     func(db *gorm.DB, prepared any) error
}

var nothing = func(testing.TB, *gorm.DB) any { return nil }

func oneAccount(tb testing.TB, db *gorm.DB) any {
	a := newAccount()
	require.NoError(tb, db.Session(&gorm.Session{Context: audit.Skip(context.Background(), "benchmark set-up")}).Create(&a).Error)
	return &a
}

func hundredAccounts(tb testing.TB, db *gorm.DB) any {
	list := newAccounts(100)
	owner := accounts.Add(1) + 1_000_000
	for i := range list {
		list[i].OwnerID = owner
	}
	require.NoError(tb, db.Session(&gorm.Session{Context: audit.Skip(context.Background(), "benchmark set-up")}).Create(&list).Error)
	return owner
}

var works = []work{
	{"create-1", nothing, func(db *gorm.DB, _ any) error { a := newAccount(); return db.Create(&a).Error }},
	{"create-100", nothing, func(db *gorm.DB, _ any) error { l := newAccounts(100); return db.Create(&l).Error }},
	{"create-1000", nothing, func(db *gorm.DB, _ any) error { l := newAccounts(1000); return db.CreateInBatches(&l, 100).Error }},
	{"update-by-key", oneAccount, func(db *gorm.DB, v any) error {
		return db.Model(v).Updates(map[string]any{"seats": 9, "plan": "enterprise"}).Error
	}},
	{"update-100-by-where", hundredAccounts, func(db *gorm.DB, v any) error {
		return db.Model(&account{}).Where("owner_id = ?", v).Updates(map[string]any{"seats": gorm.Expr("seats + 1"), "plan": "enterprise"}).Error
	}},
	{"delete-by-key", oneAccount, func(db *gorm.DB, v any) error { return db.Delete(v).Error }},
	{"transaction", oneAccount, func(db *gorm.DB, v any) error {
		return db.Transaction(func(tx *gorm.DB) error {
			a := newAccount()
			if err := tx.Create(&a).Error; err != nil {
				return err
			}
			for i := range 3 {
				if err := tx.Model(v).Update("seats", 10+i).Error; err != nil {
					return err
				}
			}
			return tx.Delete(v).Error
		})
	}},
}

// BenchmarkCapture runs each work in turn without and with the plugin, so that
// both meet the same noise, and reports the median times, the mean times on
// processors (of this process and the server's threads), the ratios, and the
// driver calls.
func BenchmarkCapture(b *testing.B) {
	for _, database := range []string{"sqlite", "postgres", "mariadb"} {
		for _, w := range works {
			b.Run(database+"/"+w.name, func(b *testing.B) { compare(b, database, w) })
		}
		b.Run(database+"/8-goroutines", func(b *testing.B) { compareParallel(b, database) })
	}
}

func compare(b *testing.B, database string, w work, setUp ...func(*gorm.DB) error) {
	sides := []*side{openSide(b, database, nil), openSide(b, database, &gormstore.Options{})}
	for _, s := range sides { // what is done once for a table is not measured
		for _, set := range setUp {
			require.NoError(b, set(s.db))
		}
		require.NoError(b, w.run(s.db, w.prepare(b, s.db)))
	}
	var count [2]int64
	processors := []*processor{processorOf(b, sides[0].db), processorOf(b, sides[1].db)}
	b.ResetTimer()
	for i := range b.N {
		for k := range sides {
			k = (k + i) % 2 // who goes first changes
			s := sides[k]
			v := w.prepare(b, s.db)
			busy := processors[k].spent()
			calls, begin := s.calls.n.Load(), time.Now()
			require.NoError(b, w.run(s.db, v))
			s.spent = append(s.spent, time.Since(begin))
			count[k] += s.calls.n.Load() - calls
			s.busy += processors[k].spent() - busy
		}
	}
	report(b, sides, count)
}

// BenchmarkGrowth shows how the cost grows with the rows of a statement and the
// columns of a row.
func BenchmarkGrowth(b *testing.B) {
	for _, database := range []string{"sqlite", "postgres"} {
		for _, rows := range []int{1, 10, 100, 1000} {
			w := work{"", nothing, func(db *gorm.DB, _ any) error {
				return db.Model(&account{}).Where("id <= ?", rows).Update("seats", gorm.Expr("seats + 1")).Error
			}}
			b.Run(fmt.Sprintf("%s/rows-%d", database, rows), func(b *testing.B) {
				compare(b, database, w, func(db *gorm.DB) error { l := newAccounts(rows); return db.CreateInBatches(&l, 100).Error })
			})
		}
		for _, columns := range []int{5, 20, 60} {
			w := work{"", nothing, func(db *gorm.DB, _ any) error {
				return db.Table("wides").Where("id = 1").Updates(map[string]any{"c1": gorm.Expr("c1 + 1")}).Error
			}}
			b.Run(fmt.Sprintf("%s/columns-%d", database, columns), func(b *testing.B) {
				compare(b, database, w, func(db *gorm.DB) error { return wideTable(db, columns) })
			})
		}
	}
}

// wideTable makes a table of one row.
func wideTable(db *gorm.DB, columns int) error {
	ddl, names, values := "CREATE TABLE wides (id integer PRIMARY KEY", "id", "1"
	for i := 1; i < columns; i++ {
		ddl += fmt.Sprintf(", c%d integer", i)
		names += fmt.Sprintf(", c%d", i)
		values += ", 7"
	}
	if err := db.Exec(ddl + ")").Error; err != nil {
		return err
	}
	return db.Exec("INSERT INTO wides (" + names + ") VALUES (" + values + ")").Error
}

func compareParallel(b *testing.B, database string) {
	sides := []*side{openSide(b, database, nil), openSide(b, database, &gormstore.Options{})}
	const goroutines, each = 8, 10
	var count [2]int64
	b.ResetTimer()
	for range b.N {
		for k, s := range sides {
			calls, begin := s.calls.n.Load(), time.Now()
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for range each {
						a := newAccount()
						if err := s.db.Create(&a).Error; err != nil {
							b.Error(err)
						}
						if err := s.db.Model(&a).Update("seats", 7).Error; err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			s.spent = append(s.spent, time.Since(begin))
			count[k] += s.calls.n.Load() - calls
		}
	}
	report(b, sides, count)
}

func report(b *testing.B, sides []*side, count [2]int64) {
	n := float64(b.N)
	b.ReportMetric(0, "ns/op")
	plain, audited := sides[0].median(), sides[1].median()
	b.ReportMetric(float64(plain.Microseconds()), "plain-µs/op")
	b.ReportMetric(float64(audited.Microseconds()), "audited-µs/op")
	b.ReportMetric(float64(audited)/float64(plain), "ratio")
	if sides[0].busy > 0 {
		b.ReportMetric(float64(sides[0].busy.Microseconds())/n, "plain-cpu-µs/op")
		b.ReportMetric(float64(sides[1].busy.Microseconds())/n, "audited-cpu-µs/op")
		b.ReportMetric(float64(sides[1].busy)/float64(sides[0].busy), "cpu-ratio")
	}
	b.ReportMetric(float64(count[0])/n, "plain-calls/op")
	b.ReportMetric(float64(count[1])/n, "audited-calls/op")
}
