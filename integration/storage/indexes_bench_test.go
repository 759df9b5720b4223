package storage

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit/storage/gormstore"
)

// indexedEntries is what a table holds before an append to it is measured: the
// indexes have several levels, and more pages than one looks at by chance.
const indexedEntries = 100_000

// indexKinds are the indexes that a write could do without, and the groups of
// them that are asked about together.
func indexKinds(server string) map[string][]string {
	kinds := []string{"time", "tenant", "object", "type", "action", "user", "actor", "ip", "project", "facet", "transaction", "request"}
	if server == "postgres" {
		kinds = append(kinds, "feed")
	}
	groups := map[string][]string{"nothing": nil, "all": kinds, "all of Lean": nil}
	for _, index := range gormstore.Lean() {
		groups["all of Lean"] = append(groups["all of Lean"], string(index))
	}
	for _, kind := range kinds {
		groups[kind] = []string{kind}
	}
	return groups
}

// BenchmarkIndexes measures what each index costs an append of 1 and of 100
// entries in a transaction to a table of 100,000, with the index and without it
// in turn. It counts the processor time of the database alone, where that can be
// read, since what else the machine does is no part of it. "nothing" is the
// control: what it reports is noise.
func BenchmarkIndexes(b *testing.B) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			db := open(b, s.create(b)).Session(&gorm.Session{Logger: logger.Discard})
			pool(b, db).SetMaxOpenConns(1) // whose processor time it is
			store := migrated(b, db, nil)
			g := newGenerator(1)
			for range indexedEntries / 1000 {
				require.NoError(b, store.Append(context.Background(), g.entries(1000)...))
			}
			if s.name == "postgres" {
				require.NoError(b, db.Exec("VACUUM ANALYZE audit_entries").Error)
			}
			groups := indexKinds(s.name)
			for _, name := range sortedKeys(groups) {
				sides := []appends{{store, nil}, {store, groups[name]}}
				if s.name == "mysql" { // whose DROP INDEX is no part of a transaction
					sides[1] = appends{copyWithout(b, db, groups[name]), nil}
				}
				for _, n := range []int{1, 100} {
					b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) { pairAppends(b, db, sides, g, n) })
				}
				if s.name == "mysql" {
					require.NoError(b, db.Exec("DROP TABLE less, less_schema").Error)
				}
			}
		})
	}
}

// appends go to a store in transactions that first drop these indexes, and are
// rolled back.
type appends struct {
	store   *gormstore.Store
	without []string
}

// copyWithout makes a table that lacks these indexes; the others have grown
// entry by entry, as those of the trail did.
func copyWithout(b *testing.B, db *gorm.DB, kinds []string) *gormstore.Store {
	b.Helper()
	store := migrated(b, db, &gormstore.Options{Table: "less"})
	for _, kind := range kinds {
		require.NoError(b, db.Exec("DROP INDEX less_"+kind+" ON less").Error)
	}
	require.NoError(b, db.Exec("INSERT INTO less SELECT * FROM audit_entries ORDER BY seq").Error)
	return store
}

// pairAppends appends the same entries to both; who goes first changes.
func pairAppends(b *testing.B, db *gorm.DB, sides []appends, g *generator, n int) {
	ctx := context.Background()
	runtime.LockOSThread() // SQLite's work is this thread's own
	defer runtime.UnlockOSThread()
	clock := processorTime(b, db)
	var took [2][]time.Duration
	for i := range b.N {
		entries := g.entries(n + 1)
		for k := range sides {
			k = (k + i) % 2
			tx := db.Begin()
			for _, kind := range sides[k].without {
				require.NoError(b, tx.Exec("DROP INDEX audit_entries_"+kind).Error)
			}
			require.NoError(b, sides[k].store.AppendTx(ctx, tx.Statement.ConnPool, entries[0]), "which plans the statement anew")
			if n > 1 {
				require.NoError(b, sides[k].store.AppendTx(ctx, tx.Statement.ConnPool, g.entries(n)...))
			}
			began := clock()
			require.NoError(b, sides[k].store.AppendTx(ctx, tx.Statement.ConnPool, entries[1:]...))
			took[k] = append(took[k], clock()-began)
			require.NoError(b, tx.Rollback().Error)
		}
	}
	all, less := quiet(took[0]), quiet(took[1])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(all.Nanoseconds())/1000/float64(n), "all-µs/entry")
	b.ReportMetric(float64(less.Nanoseconds())/1000/float64(n), "without-µs/entry")
	b.ReportMetric(100*(1-float64(less)/float64(all)), "%-of-it")
}

// processorTime is how long the thread that does the database's work has run so
// far, as Linux tells it of a thread of this machine; else the time that passes.
func processorTime(b *testing.B, db *gorm.DB) func() time.Duration {
	thread := "thread-self" // SQLite's
	if ask := map[string]string{
		"postgres": "SELECT pg_backend_pid()", "mysql": "SELECT tid FROM information_schema.processlist WHERE id = CONNECTION_ID()",
	}[db.Dialector.Name()]; ask != "" {
		require.NoError(b, db.Raw(ask).Scan(&thread).Error)
	}
	ran := func() (time.Duration, error) {
		text, err := os.ReadFile("/proc/" + thread + "/schedstat")
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		return time.Duration(n), err
	}
	if _, err := ran(); err != nil {
		b.Logf("the time that passed: %v", err)
		began := time.Now()
		return func() time.Duration { return time.Since(began) }
	}
	return func() time.Duration {
		time.Sleep(300 * time.Microsecond) // it is counted when the thread stops to run
		n, err := ran()
		require.NoError(b, err)
		return n
	}
}

// quiet is the lower quartile: what else the machine does only ever adds.
func quiet(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/4]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
