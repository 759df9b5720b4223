package storage

import (
	"context"
	"fmt"
	"slices"
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
	kinds := []string{"time", "tenant", "object", "type", "action", "user", "ip", "facet", "transaction", "request"}
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
// entries in a transaction: the same entries go, in turn, to a table with every
// index and to one without that index, both of which hold the same 100,000 and
// are as old. Reported are the lower quartiles, and what of the whole their
// difference is. "nothing" is the control: what it reports is noise.
func BenchmarkIndexes(b *testing.B) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			db := open(b, s.create(b))
			trail := migrated(b, db, nil)
			g := newGenerator(1)
			for range indexedEntries / 1000 {
				require.NoError(b, trail.Append(context.Background(), g.entries(1000)...))
			}
			groups := indexKinds(s.name)
			for _, name := range sortedKeys(groups) {
				whole := withoutIndexes(b, db, s.name, "whole", nil)
				less := withoutIndexes(b, db, s.name, "less", groups[name])
				for _, n := range []int{1, 100} {
					b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
						pairAppends(b, db, whole, less, g, n)
					})
				}
				for _, t := range append(whole.Tables(), less.Tables()...) {
					require.NoError(b, db.Exec("DROP TABLE "+t).Error)
				}
			}
		})
	}
}

// withoutIndexes makes a table that lacks these indexes; the others have grown
// entry by entry, as those of the trail did.
func withoutIndexes(b *testing.B, db *gorm.DB, server, table string, kinds []string) *gormstore.Store {
	b.Helper()
	db = db.Session(&gorm.Session{Logger: logger.Discard})
	store := migrated(b, db, &gormstore.Options{Table: table})
	for _, kind := range kinds {
		drop := "DROP INDEX " + table + "_" + kind
		if server == "mysql" {
			drop += " ON " + table
		}
		require.NoError(b, db.Exec(drop).Error)
	}
	columns := map[string]string{
		"sqlite":   "SELECT group_concat(name) FROM pragma_table_info(?) WHERE name <> 'seq'",
		"postgres": "SELECT string_agg(column_name, ',') FROM information_schema.columns WHERE table_name = ? AND column_name NOT IN ('seq', 'xid')",
		"mysql":    "SELECT group_concat(column_name) FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? AND column_name <> 'seq'",
	}[server]
	var list string
	require.NoError(b, db.Raw(columns, table).Scan(&list).Error)
	require.NoError(b, db.Exec("INSERT INTO "+table+" ("+list+") SELECT "+list+" FROM audit_entries ORDER BY time").Error)
	if server == "postgres" {
		require.NoError(b, db.Exec("VACUUM ANALYZE "+table).Error)
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
	all, less := quiet(took[0]), quiet(took[1])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(all.Microseconds())/float64(n), "all-µs/entry")
	b.ReportMetric(float64(less.Microseconds())/float64(n), "without-µs/entry")
	b.ReportMetric(100*(1-float64(less)/float64(all)), "%-of-it")
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
