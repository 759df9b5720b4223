package storage

import (
	"context"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// sizeVariable is how many entries BenchmarkReads fills each database with.
const sizeVariable = "AUDIT_STORAGE_ENTRIES"

// BenchmarkReads measures the standard queries and reports their median and
// 99th percentile in microseconds.
func BenchmarkReads(b *testing.B) {
	n := 100_000
	if s := os.Getenv(sizeVariable); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			db := open(b, s.create(b))
			store := migrated(b, db, nil)
			g := newGenerator(1)
			for left := n; left > 0; left -= 5000 {
				require.NoError(b, store.Append(context.Background(), g.entries(min(left, 5000))...))
			}
			if s.name == "postgres" {
				require.NoError(b, db.Exec("VACUUM ANALYZE audit_entries").Error)
			}
			reads := measured(store, g)
			names := make([]string, 0, len(reads))
			for name := range reads {
				names = append(names, name)
			}
			slices.Sort(names)
			for _, name := range names {
				b.Run(name, func(b *testing.B) { percentiles(b, reads[name]) })
			}
		})
	}
}

func measured(store *gormstore.Store, g *generator) map[string]func() error {
	ctx := context.Background()
	reads := map[string]func() error{}
	for name, q := range standardQueries(g) {
		reads[name] = func() error {
			_, err := store.Query(ctx, q)
			return err
		}
	}
	tenant := audit.Filter{Tenants: []string{tenantName(0)}}
	first, err := store.Query(ctx, audit.Query{Filter: tenant})
	if err == nil && first.Next != "" {
		reads["a tenant's next page"] = func() error {
			_, err := store.Query(ctx, audit.Query{Filter: tenant, Cursor: first.Next})
			return err
		}
	}
	for name, keyword := range map[string]string{"rare": "user4999@", "common": "example", "absent": "no such words"} {
		reads["keyword, "+name] = func() error {
			_, err := store.Query(ctx, audit.Query{Filter: audit.Filter{Tenants: tenant.Tenants, Keyword: keyword}})
			return err
		}
	}
	reads["facets of a tenant"] = func() error { _, err := store.Facets(ctx, tenant); return err }
	reads["facets of all"] = func() error { _, err := store.Facets(ctx, audit.Filter{}); return err }
	reads["count up to 10,000"] = func() error { _, _, err := store.Count(ctx, tenant, 10_000); return err }
	return reads
}

func percentiles(b *testing.B, read func() error) {
	took := make([]time.Duration, 0, b.N)
	for range b.N {
		began := time.Now()
		if err := read(); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
	b.ReportMetric(float64(took[min(len(took)-1, len(took)*99/100)].Microseconds()), "p99-µs")
	b.ReportMetric(0, "ns/op")
}
