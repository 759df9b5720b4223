package hooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/storage/gormstore"
)

// BenchmarkLean compares capture into a trail with every index and into one with
// those of Lean left out: each work runs in turn without the plugin and with each
// of the two. Reported are the ratios to plain GORM, of the medians and of
// the processor time.
func BenchmarkLean(b *testing.B) {
	for _, database := range []string{"sqlite", "postgres", "mariadb"} {
		for _, w := range works {
			if w.name == "create-1000" || w.name == "delete-by-key" {
				continue
			}
			b.Run(database+"/"+w.name, func(b *testing.B) {
				sides := []*side{
					openSide(b, database, nil),
					openSide(b, database, &gormstore.Options{}),
					openSide(b, database, &gormstore.Options{Without: gormstore.Lean()}),
				}
				var processors []*processor
				for _, s := range sides {
					require.NoError(b, w.run(s.db, w.prepare(b, s.db))) // what is done once is not measured
					processors = append(processors, processorOf(b, s.db))
				}
				for i := range b.N {
					for k := range sides {
						k = (k + i) % len(sides) // who goes first changes
						s := sides[k]
						v := w.prepare(b, s.db)
						busy, begin := processors[k].spent(), time.Now()
						require.NoError(b, w.run(s.db, v))
						s.spent = append(s.spent, time.Since(begin))
						s.busy += processors[k].spent() - busy
					}
				}
				plain := float64(sides[0].median())
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(sides[1].median())/plain, "all-ratio")
				b.ReportMetric(float64(sides[2].median())/plain, "lean-ratio")
				if busy := float64(sides[0].busy); busy > 0 {
					b.ReportMetric(float64(sides[1].busy)/busy, "all-cpu-ratio")
					b.ReportMetric(float64(sides[2].busy)/busy, "lean-cpu-ratio")
				}
			})
		}
	}
}
