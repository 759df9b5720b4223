package export_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

// BenchmarkFormats is each format's own work, a row an operation: the reader
// yields one entry over and over.
func BenchmarkFormats(b *testing.B) {
	e := entries(1)[0]
	e.Changes = append(e.Changes, audit.Change{Field: "updated_by", Op: audit.OpReplace, Old: int64(1), New: int64(2)})
	from := endless{newTrail(b), e, 10_000}
	for _, f := range []export.Format{export.CSV, export.JSONLines, export.Excel, export.PDF} {
		b.Run(fmt.Sprint(f.Name()), func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				require.NoError(b, export.Write(context.Background(), io.Discard, f, from, audit.Query{}, nil))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/row")
		})
	}
}
