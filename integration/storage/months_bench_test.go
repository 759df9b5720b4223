package storage

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// BenchmarkMonths compares one table with sixty months that hold the same
// entries (AUDIT_STORAGE_ENTRIES of them): each read, append and purge goes to the
// one and to the other in turn. Reported are the medians, and the months' over
// the table's.
func BenchmarkMonths(b *testing.B) {
	n := 100_000
	if s := os.Getenv(sizeVariable); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(b, err)
	}
	ctx := context.Background()
	db := open(b, createPostgres(b))
	table := migrated(b, db, nil)
	g := newSpread(1, n, 60)
	for left := n; left > 0; left -= 5000 {
		require.NoError(b, table.Append(ctx, g.entries(min(left, 5000))...))
	}
	opts := monthly
	opts.Table = "audit_trail"
	months := migrated(b, db, &opts)
	_, err := pool(b, db).Exec(moving(b))
	require.NoError(b, err)
	require.NoError(b, db.Exec("VACUUM ANALYZE audit_entries").Error)
	require.NoError(b, db.Exec("VACUUM ANALYZE audit_trail").Error)
	require.NoError(b, db.Exec("VACUUM ANALYZE audit_trail_ids").Error)

	for _, store := range []*gormstore.Store{table, months} {
		_, err := store.Facets(ctx, audit.Filter{}) // from here on they are kept
		require.NoError(b, err)
	}
	ofTable, ofMonths := measured(table, g), measured(months, g)
	head, err := table.Head(ctx)
	require.NoError(b, err)
	for name, of := range map[string]*gormstore.Store{"table": table, "months": months} {
		reads := map[string]map[string]func() error{"table": ofTable, "months": ofMonths}[name]
		reads["tail, nothing new"] = func() error { _, _, err := of.Tail(ctx, audit.Filter{}, head, 50); return err }
		reads["tail from the beginning"] = func() error { _, _, err := of.Tail(ctx, audit.Filter{}, "", 50); return err }
		reads["get"] = func() error { _, err := of.Get(ctx, g.first().entry().ID); return err }
	}
	for _, name := range sortedKeys(ofTable) {
		b.Run(name, func(b *testing.B) { inTurn(b, ofTable[name], ofMonths[name]) })
	}
	for _, k := range []int{1, 100} {
		b.Run(fmt.Sprintf("append %d", k), func(b *testing.B) {
			fresh := newGenerator(2)
			fresh.began = time.Now()
			var entries []audit.Entry
			add := func(to *gormstore.Store) func() error { return func() error { return appendOnly(db, to, entries) } }
			inTurn(b, func() error { entries = fresh.entries(k); return add(table)() }, add(months))
		})
	}
	b.Run("purge a month", func(b *testing.B) {
		month := g.began.AddDate(0, 1, 0)
		inTurn(b, func() error { return purgeBefore(table, month) }, func() error {
			err := purgeBefore(months, month)
			month = month.AddDate(0, 1, 0)
			return err
		})
	})
}

func purgeBefore(store *gormstore.Store, month time.Time) error {
	first := time.Date(month.Year(), month.Month(), 1, 0, 0, 0, 0, time.UTC)
	_, err := store.Purge(context.Background(), audit.Filter{To: first}, 1_000_000_000)
	return err
}

// appendOnly rolls back, so that both stay as large as they are.
func appendOnly(db *gorm.DB, store *gormstore.Store, entries []audit.Entry) error {
	tx := db.Begin()
	defer tx.Rollback()
	return store.AppendTx(context.Background(), tx.Statement.ConnPool, entries...)
}

// inTurn runs the one and then the other, and reports how long each took.
func inTurn(b *testing.B, one, other func() error) {
	var took [2][]time.Duration
	for range b.N {
		for i, run := range []func() error{one, other} {
			began := time.Now()
			require.NoError(b, run())
			took[i] = append(took[i], time.Since(began))
		}
	}
	slices.Sort(took[0])
	slices.Sort(took[1])
	table, months := took[0][b.N/2], took[1][b.N/2]
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(table.Microseconds())/1000, "table-ms")
	b.ReportMetric(float64(months.Microseconds())/1000, "months-ms")
	b.ReportMetric(float64(months)/float64(table), "ratio")
}
