package storage

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit/storage/gormstore"
)

// indexedEntries is what a table holds before an append to it is measured: the
// indexes have several levels, and more pages than one looks at by chance.
const indexedEntries = 100_000

// indexKinds are the indexes that a write could do without, and the groups of
// them that are asked about together.
func indexKinds(server string) map[string][]string {
	kinds := []string{"time", "tenant", "object", "type", "action", "user", "ip", "facet", "transaction", "request"}
	if server == "postgres" {
		kinds = append(kinds, "feed")
	}
	groups := map[string][]string{"all but the ID's": kinds}
	for _, kind := range kinds {
		groups[kind] = []string{kind}
	}
	return groups
}

// BenchmarkIndexes measures what each index costs an append of 1 and of 100
// entries in a transaction: the same entries go, in turn, to a table with every
// index and to one without that index, both of which hold 100,000. Reported are
// the medians and what of the whole append the index is.
func BenchmarkIndexes(b *testing.B) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			db := open(b, s.create(b))
			whole := migrated(b, db, nil)
			g := newGenerator(1)
			for range indexedEntries / 1000 {
				require.NoError(b, whole.Append(context.Background(), g.entries(1000)...))
			}
			groups := indexKinds(s.name)
			for _, name := range sortedKeys(groups) {
				without := withoutIndexes(b, db, s.name, groups[name])
				for _, n := range []int{1, 100} {
					b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
						pairAppends(b, db, whole, without, g, n)
					})
				}
				require.NoError(b, db.Exec("DROP TABLE less").Error)
				require.NoError(b, db.Exec("DROP TABLE less_schema").Error)
			}
		})
	}
}

// withoutIndexes makes a table that lacks these indexes; the others have grown
// entry by entry, as the first table's did.
func withoutIndexes(b *testing.B, db *gorm.DB, server string, kinds []string) *gormstore.Store {
	b.Helper()
	store := migrated(b, db, &gormstore.Options{Table: "less"})
	for _, kind := range kinds {
		drop := "DROP INDEX less_" + kind
		if server == "mysql" {
			drop += " ON less"
		}
		require.NoError(b, db.Exec(drop).Error)
	}
	columns := map[string]string{
		"sqlite":   "SELECT group_concat(name) FROM pragma_table_info('less') WHERE name <> 'seq'",
		"postgres": "SELECT string_agg(column_name, ',') FROM information_schema.columns WHERE table_name = 'less' AND column_name NOT IN ('seq', 'xid')",
		"mysql":    "SELECT group_concat(column_name) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'less' AND column_name <> 'seq'",
	}[server]
	var list string
	require.NoError(b, db.Raw(columns).Scan(&list).Error)
	require.NoError(b, db.Exec("INSERT INTO less ("+list+") SELECT "+list+" FROM audit_entries ORDER BY time").Error)
	if server == "postgres" {
		require.NoError(b, db.Exec("VACUUM ANALYZE less").Error)
	}
	return store
}

// pairAppends appends the same entries to both and rolls back; who goes first
// changes.
func pairAppends(b *testing.B, db *gorm.DB, whole, without *gormstore.Store, g *generator, n int) {
	ctx := context.Background()
	stores := []*gormstore.Store{whole, without}
	var took [2][]time.Duration
	for i := range b.N + 3 { // the first three warm up
		entries := g.entries(n)
		for k := range stores {
			k = (k + i) % 2
			tx, err := pool(b, db).BeginTx(ctx, nil)
			require.NoError(b, err)
			began := time.Now()
			require.NoError(b, stores[k].AppendTx(ctx, tx, entries...))
			if i >= 3 {
				took[k] = append(took[k], time.Since(began))
			}
			require.NoError(b, tx.Rollback())
		}
	}
	all, less := median(took[0]), median(took[1])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(all.Microseconds())/float64(n), "all-µs/entry")
	b.ReportMetric(float64(less.Microseconds())/float64(n), "without-µs/entry")
	b.ReportMetric(100*(1-float64(less)/float64(all)), "%-of-it")
}

func median(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
