package storage

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// BenchmarkHistory measures a record's newest page in the order of its changes
// beside that in the order of time, each first in half of the rounds, and all of
// its history both ways. It reports the medians in milliseconds and, as the
// geometric mean of the rounds, how many times the order of time the other takes.
func BenchmarkHistory(b *testing.B) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			n := sizes(b)[0]
			store := historyOf(b, s, n)
			known := newGenerator(1).entries(2000)
			of := func(k int) audit.Filter {
				e := known[k%len(known)]
				return audit.Filter{ObjectTypes: []string{e.Object.Type}, ObjectIDs: []string{e.Object.ID}}
			}
			in := func(f audit.Filter, tenant string) audit.Filter {
				f.Tenants = []string{tenant}
				return f
			}
			for name, filter := range map[string]func(int) audit.Filter{
				"a record in its tenant": func(k int) audit.Filter { return in(of(k), known[k%len(known)].Tenant) },
				"a record in all":        of,
				"the busiest": func(int) audit.Filter {
					return in(audit.Filter{ObjectTypes: []string{"type-00"}, ObjectIDs: []string{"0"}}, tenantName(0))
				},
				"the plan's": func(int) audit.Filter {
					return audit.Filter{ObjectTypes: []string{"type-01"}, ObjectIDs: []string{"7"}}
				},
			} {
				b.Run(name+", page", func(b *testing.B) { compareOrders(b, store, filter, onePage) })
				b.Run(name+", whole", func(b *testing.B) { compareOrders(b, store, filter, whole) })
			}
		})
	}
}

func historyOf(b *testing.B, s server, n int) *gormstore.Store {
	if s.name != "mysql" {
		_, store := trailOf(b, s.name, n)
		return store
	}
	db := open(b, s.create(b))
	store, g := migrated(b, db, nil), newGenerator(1)
	for range n / 1000 {
		require.NoError(b, store.Append(context.Background(), g.entries(1000)...))
	}
	require.NoError(b, db.Exec("ANALYZE TABLE audit_entries").Error)
	return store
}

func onePage(store *gormstore.Store, q audit.Query) (int, error) {
	page, err := store.Query(context.Background(), q)
	if err != nil {
		return 0, err
	}
	return len(page.Entries), nil
}

func whole(store *gormstore.Store, q audit.Query) (n int, err error) {
	for _, err := range store.All(context.Background(), q) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func compareOrders(b *testing.B, store *gormstore.Store, filter func(int) audit.Filter, read func(*gormstore.Store, audit.Query) (int, error)) {
	var took timings
	began, entries := time.Now(), 0
	for k := range b.N {
		var n [2]int
		for turn := range 2 {
			way := (k + turn) % 2
			q := audit.Query{Filter: filter(k), Sort: []audit.Sort{audit.SortRecorded.Reverse(), audit.Newest}[way]}
			began := time.Now()
			var err error
			n[way], err = read(store, q)
			require.NoError(b, err)
			*[]*[]time.Duration{&took.store, &took.hand}[way] = append(*[]*[]time.Duration{&took.store, &took.hand}[way], time.Since(began))
		}
		require.Equal(b, n[0], n[1])
		if entries += n[0]; time.Since(began) > patience && k >= 3 {
			break
		}
	}
	b.ReportMetric(float64(entries)/float64(len(took.store)), "entries")
	b.ReportMetric(float64(median(took.store).Microseconds())/1000, "recorded-ms")
	b.ReportMetric(float64(median(took.hand).Microseconds())/1000, "time-ms")
	b.ReportMetric(took.ratio(), "ratio")
	b.ReportMetric(float64(percentile(took.store, undisturbed))/float64(percentile(took.hand, undisturbed)), "ratio-p10")
	b.ReportMetric(0, "ns/op")
}
