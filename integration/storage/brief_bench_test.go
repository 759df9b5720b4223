package storage

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

// BenchmarkBrief reads pages of 50 entries whose changes are 16 kB each, whole and
// as a list view, in turns.
func BenchmarkBrief(b *testing.B) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			store := migrated(b, open(b, s.create(b)), nil)
			ctx := context.Background()
			g := newGenerator(1)
			for range 10 {
				entries := g.entries(100)
				for i := range entries {
					entries[i].Tenant = tenantName(0)
					for range 40 {
						entries[i].Changes = append(entries[i].Changes, audit.Change{Field: "text", Op: audit.OpReplace, Old: strings.Repeat(g.id(began), 5), New: strings.Repeat(g.id(began), 5)})
					}
				}
				require.NoError(b, store.Append(ctx, entries...))
			}
			var whole, brief []time.Duration
			for k := range b.N {
				for turn := range 2 {
					q := audit.Query{Filter: largeTenant, Brief: (k+turn)%2 == 0}
					began := time.Now()
					_, err := store.Query(ctx, q)
					require.NoError(b, err)
					if took := time.Since(began); q.Brief {
						brief = append(brief, took)
					} else {
						whole = append(whole, took)
					}
				}
			}
			b.ReportMetric(float64(median(brief).Microseconds())/1000, "brief-ms")
			b.ReportMetric(float64(median(whole).Microseconds())/1000, "whole-ms")
			b.ReportMetric(float64(median(brief))/float64(median(whole)), "brief/whole")
			b.ReportMetric(0, "ns/op")
		})
	}
}
