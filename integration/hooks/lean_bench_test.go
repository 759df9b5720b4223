package hooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/storage/gormstore"
)

// BenchmarkLean compares capture into a trail with every index and into one with
// those of Lean left out: each work runs in turn without the plugin and with each
// of the two. Reported are the medians' ratios to plain GORM.
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
				for i := range b.N + 3 { // the first ones warm up
					for k := range sides {
						s := sides[(k+i)%len(sides)] // who goes first changes
						v := w.prepare(b, s.db)
						begin := time.Now()
						require.NoError(b, w.run(s.db, v))
						if i >= 3 {
							s.spent = append(s.spent, time.Since(begin))
						}
					}
				}
				plain := float64(sides[0].median())
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(sides[1].median())/plain, "all-ratio")
				b.ReportMetric(float64(sides[2].median())/plain, "lean-ratio")
			})
		}
	}
}
