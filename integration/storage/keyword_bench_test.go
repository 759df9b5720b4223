package storage

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
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
	tables := []string{"_terms", "_terms_of"}
	if server == "sqlite" {
		tables = append(tables, "_texts_search")
	}
	for _, s := range tables {
		require.NoError(b, db.Exec("DROP TABLE audit_entries"+s).Error)
	}
}

// BenchmarkRefresh brings up to date what is kept beside the entries, after 2,000
// were appended: of the records that there are, and each of a record of its own.
// Reported are the microseconds of each entry, with the keyword index and without,
// of which the difference is the texts'.
func BenchmarkRefresh(b *testing.B) {
	for _, s := range servers[:2] {
		for _, own := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/own records=%v", s.name, own), func(b *testing.B) {
				stores, g := keywordStores(b, s)
				each := func(store *gormstore.Store, entries []audit.Entry) time.Duration {
					require.NoError(b, store.Append(context.Background(), entries...))
					began := time.Now()
					require.NoError(b, store.Refresh(context.Background()))
					return time.Since(began) / time.Duration(len(entries))
				}
				pairStores(b, stores, func() []audit.Entry { return someEntries(g, own) }, each)
			})
		}
	}
}

// BenchmarkKeywordPurge purges 2,000 entries, with what is kept of them.
func BenchmarkKeywordPurge(b *testing.B) {
	for _, s := range servers[:2] {
		b.Run(s.name, func(b *testing.B) {
			stores, g := keywordStores(b, s)
			each := func(store *gormstore.Store, entries []audit.Entry) time.Duration {
				require.NoError(b, store.Append(context.Background(), entries...))
				require.NoError(b, store.Refresh(context.Background()))
				began := time.Now()
				n, err := store.Purge(context.Background(), audit.Filter{}, len(entries))
				require.NoError(b, err)
				require.Equal(b, len(entries), n)
				return time.Since(began) / time.Duration(n)
			}
			pairStores(b, stores, func() []audit.Entry { return someEntries(g, false) }, each)
		})
	}
}

// keywordStores are one without the keyword index and one with it, of 20,000 entries.
func keywordStores(b *testing.B, s server) ([]*gormstore.Store, *generator) {
	db := open(b, s.create(b))
	stores := []*gormstore.Store{
		migrated(b, db, &gormstore.Options{Table: "without"}),
		migrated(b, db, &gormstore.Options{Table: "with_keywords", KeywordIndex: true}),
	}
	g := newGenerator(1)
	for range 20 {
		entries := g.entries(1000)
		for _, store := range stores {
			require.NoError(b, store.Append(context.Background(), entries...))
			require.NoError(b, store.Refresh(context.Background()))
		}
	}
	return stores, g
}

func someEntries(g *generator, own bool) []audit.Entry {
	entries := g.entries(2000)
	for i := range entries {
		if own {
			entries[i].Object.ID = uuid.NewString()
			entries[i].Object.Name = "Order " + entries[i].Object.ID
		}
	}
	return entries
}

func pairStores(b *testing.B, stores []*gormstore.Store, some func() []audit.Entry, each func(*gormstore.Store, []audit.Entry) time.Duration) {
	var took [2][]time.Duration
	for i := range b.N {
		entries := some()
		for k := range stores {
			k = (k + i) % 2
			took[k] = append(took[k], each(stores[k], entries))
		}
	}
	without, with := middle(took[0]), middle(took[1])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(without.Nanoseconds())/1000, "without-µs/entry")
	b.ReportMetric(float64(with.Nanoseconds())/1000, "with-µs/entry")
	b.ReportMetric(float64(with)/float64(without), "ratio")
}

// middle is the median.
func middle(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)/2]
}
