package hooks_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit/storage/gormstore"

	"github.com/gormtrail/audit"
)

// BenchmarkMillionRows updates and deletes 1,000,000 rows in one statement each,
// without and with capture, and reports the ratio and the highest heap seen.
// It takes about a minute: go test ./hooks -run - -bench MillionRows -benchtime 1x
func BenchmarkMillionRows(b *testing.B) {
	const rows = 1_000_000
	for _, database := range []string{"sqlite", "postgres"} {
		for name, run := range map[string]func(db *gorm.DB) *gorm.DB{
			"update": func(db *gorm.DB) *gorm.DB {
				return db.Model(&account{}).Where("seats >= 0").Update("seats", gorm.Expr("seats + 1"))
			},
			"delete": func(db *gorm.DB) *gorm.DB { return db.Where("seats >= 0").Delete(&account{}) },
		} {
			b.Run(database+"/"+name, func(b *testing.B) {
				var spent [2]time.Duration
				var heap [2]uint64
				for i, trail := range []*gormstore.Options{nil, {}} {
					s := openSide(b, database, trail)
					fill(b, s.db, rows)
					watch := watchHeap()
					begin := time.Now()
					result := run(s.db)
					spent[i] = time.Since(begin)
					heap[i] = watch()
					require.NoError(b, result.Error)
					require.EqualValues(b, rows, result.RowsAffected)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(spent[0].Seconds(), "plain-s")
				b.ReportMetric(spent[1].Seconds(), "audited-s")
				b.ReportMetric(float64(spent[1])/float64(spent[0]), "ratio")
				b.ReportMetric(float64(heap[0])/1e6, "plain-heap-MB")
				b.ReportMetric(float64(heap[1])/1e6, "audited-heap-MB")
			})
		}
	}
}

// fill makes rows inside the database.
func fill(tb testing.TB, db *gorm.DB, rows int) {
	tb.Helper()
	series := "generate_series(1, %d) AS g(n)"
	if db.Name() == "sqlite" {
		series = "(WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g WHERE n < %d) SELECT n FROM g) AS g"
	}
	skip := db.WithContext(audit.Skip(context.Background(), "benchmark set-up"))
	require.NoError(tb, skip.Exec(fmt.Sprintf(`INSERT INTO accounts (name, email, plan, country, seats, balance, active, note, owner_id)
		SELECT 'Account', 'a@example.com', 'team', 'de', 5, n, true, 'made by a benchmark', n %% 100 FROM `+series, rows)).Error)
}

// watchHeap returns a function that ends the watch and tells the highest heap.
func watchHeap() func() uint64 {
	var highest atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	runtime.GC()
	go func() {
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			highest.Store(max(highest.Load(), m.HeapInuse))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-done
		return highest.Load()
	}
}
