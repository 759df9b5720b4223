package storage

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// BenchmarkKeywordReads asks the same of a store without the keyword index and of
// one with it, in turn, and reports the median of each in microseconds. The size
// is that of BenchmarkScale.
func BenchmarkKeywordReads(b *testing.B) {
	for _, s := range servers[:2] {
		for _, n := range sizes(b) {
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				db, plain := trailOf(b, s.name, n)
				began := time.Now()
				store := migrated(b, db, &gormstore.Options{KeywordIndex: true})
				b.Logf("Migrate took %v", time.Since(began))
				b.Cleanup(func() { dropKeywordIndex(b, db, s.name) })
				if s.name == "postgres" {
					require.NoError(b, db.Exec("VACUUM ANALYZE audit_entries").Error)
				}
				reads := keywordReads()
				for _, name := range sortedKeys(reads) {
					b.Run(name, func(b *testing.B) { pairReads(b, plain, store, reads[name]) })
				}
			})
		}
	}
}

func keywordReads() map[string]func(*gormstore.Store) error {
	reads := map[string]func(*gormstore.Store) error{}
	ctx := context.Background()
	for frequency, keyword := range map[string]string{"common": "example", "one in 300": "object 77", "rare": "user4999@", "absent": "no such words"} {
		for where, tenants := range map[string][]string{"a tenant": {tenantName(0)}, "all": nil} {
			for order, sort := range map[string]audit.Sort{"newest": "", "by user": audit.SortUser} {
				q := audit.Query{Filter: audit.Filter{Keyword: keyword, Tenants: tenants}, Sort: sort}
				reads[frequency+", "+where+", "+order] = func(s *gormstore.Store) error {
					_, err := s.Query(ctx, q)
					return err
				}
			}
			f := audit.Filter{Keyword: keyword, Tenants: tenants}
			reads[frequency+", "+where+", count"] = func(s *gormstore.Store) error {
				_, _, err := s.Count(ctx, f, 10_000)
				return err
			}
		}
	}
	return reads
}

func pairReads(b *testing.B, plain, store *gormstore.Store, read func(*gormstore.Store) error) {
	var took [2][]time.Duration
	for i := range b.N {
		for k, s := range []*gormstore.Store{plain, store} {
			began := time.Now()
			require.NoError(b, read(s))
			if i > 0 || b.N == 1 { // the first warms up
				took[k] = append(took[k], time.Since(began))
			}
		}
	}
	without, with := middle(took[0]), middle(took[1])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(without.Microseconds()), "without-µs")
	b.ReportMetric(float64(with.Microseconds()), "with-µs")
	b.ReportMetric(float64(with)/float64(without), "ratio")
}

func dropKeywordIndex(b *testing.B, db *gorm.DB, server string) {
	tables := []string{"_texts", "_texts_of", "_texts_upto"}
	if server == "sqlite" {
		tables = append(tables, "_texts_search")
	}
	for _, s := range tables {
		require.NoError(b, db.Exec("DROP TABLE audit_entries"+s).Error)
	}
}

// BenchmarkKeywordWrites appends the same entries, in turn, to a table without
// the keyword index and to one with it, and commits. Reported are the means: what
// the index gathers, some append pays for all.
func BenchmarkKeywordWrites(b *testing.B) {
	for _, s := range servers[:2] {
		db := open(b, s.create(b))
		g := newGenerator(1)
		stores := []*gormstore.Store{
			migrated(b, db, &gormstore.Options{Table: "without"}),
			migrated(b, db, &gormstore.Options{Table: "with_keywords", KeywordIndex: true}),
		}
		for range 20 {
			for _, store := range stores {
				require.NoError(b, store.Append(context.Background(), g.entries(1000)...))
			}
		}
		for _, n := range []int{1, 100} {
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) { pairCommits(b, db, stores, g, n) })
		}
	}
}

func pairCommits(b *testing.B, db *gorm.DB, stores []*gormstore.Store, g *generator, n int) {
	ctx := context.Background()
	var took [2]time.Duration
	for i := range b.N {
		entries := g.entries(n)
		for k := range stores {
			k = (k + i) % 2
			began := time.Now()
			tx, err := pool(b, db).BeginTx(ctx, nil)
			require.NoError(b, err)
			require.NoError(b, stores[k].AppendTx(ctx, tx, entries...))
			require.NoError(b, tx.Commit())
			took[k] += time.Since(began)
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[0].Microseconds())/float64(b.N*n), "without-µs/entry")
	b.ReportMetric(float64(took[1].Microseconds())/float64(b.N*n), "with-µs/entry")
	b.ReportMetric(float64(took[1])/float64(took[0]), "ratio")
}

// middle is the median.
func middle(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}
