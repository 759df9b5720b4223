package storage

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

// BenchmarkFacetsBehind asks for the facets of the largest tenant while what is kept
// of them is some entries behind: none, nearly as many as are folded in, and nearly
// as many as are read, which are folded in by the first who asks. Reported are
// medians in milliseconds.
func BenchmarkFacetsBehind(b *testing.B) {
	for _, s := range servers {
		b.Run(s.name, func(b *testing.B) {
			ctx := context.Background()
			store, g := migrated(b, open(b, s.create(b)), nil), newGenerator(1)
			add := func(n int) {
				for some := range slices.Chunk(g.entries(n), 2000) {
					require.NoError(b, store.Append(ctx, some...))
				}
			}
			ask := func() time.Duration {
				began := time.Now()
				_, err := store.Facets(ctx, largeTenant)
				require.NoError(b, err)
				return time.Since(began)
			}
			for range 10 {
				add(10_000)
				ask()
			}
			for _, behind := range []int{0, 900, 19_000} {
				var took []time.Duration
				for i := range b.N {
					if i == 0 || behind > 1000 {
						add(behind)
					}
					took = append(took, ask())
				}
				b.ReportMetric(float64(median(took).Microseconds())/1000, fmt.Sprintf("behind-%d-ms", behind))
			}
			b.ReportMetric(0, "ns/op")
			_, err := store.Facets(ctx, audit.Filter{})
			require.NoError(b, err)
		})
	}
}
