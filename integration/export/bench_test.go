package export_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/driver/postgres"
)

// BenchmarkExport compares each format with what one would write by hand and
// with the databases' own tools, side by side: every iteration runs both, each
// in a process of its own. AUDIT_EXPORT_ROWS is how many rows, 100000 unless it
// says otherwise; a PDF of more is left out.
//
// Metrics: rows/s and peak-MB (resident memory, on Linux) of the format,
// base-rows/s and base-MB of what it is compared with (0 for the databases'
// tools); cpu-ratio and wall-ratio are ours over theirs, in processor
// time of the process and in time that passed. COPY and sqlite3 do next to
// nothing of what an export does (they write changes as stored), and COPY's work
// is the server's, so only wall-ratio says something there.
func BenchmarkExport(b *testing.B) {
	rows := 100_000
	if s := os.Getenv("AUDIT_EXPORT_ROWS"); s != "" {
		var err error
		rows, err = strconv.Atoi(s)
		require.NoError(b, err)
	}
	b.Run("generated", func(b *testing.B) { // without a database: each format's own work and memory
		compare(b, "generated:"+strconv.Itoa(rows), rows, "csv", "hand-csv", "jsonl", "hand-jsonl", "xlsx", "hand-xlsx", "pdf", "hand-pdf", "pdf", "hand-bare-pdf")
	})
	b.Run("sqlite", func(b *testing.B) {
		db := newSQLite(b)
		fill(b, db, rows)
		compare(b, db, rows, "csv", "hand-loop", "csv", "hand-raw", "csv", "sqlite3", "csv", "hand-csv",
			"jsonl", "hand-jsonl", "xlsx", "hand-xlsx", "pdf", "hand-pdf", "pdf", "hand-bare-pdf")
	})
	b.Run("postgres", func(b *testing.B) {
		db := newPostgres(b)
		fill(b, db, rows)
		compare(b, db, rows, "csv", "hand-loop", "csv", "hand-raw", "csv", "copy", "csv", "hand-csv",
			"jsonl", "hand-jsonl", "xlsx", "hand-xlsx", "pdf", "hand-pdf", "pdf", "hand-bare-pdf")
	})
}

// fill records the sample entries.
func fill(b *testing.B, db string, rows int) {
	b.Helper()
	dialector := openSQLite(db)
	if strings.HasPrefix(db, "postgres") {
		dialector = postgres.Open(db)
	}
	trail, pool, err := openTrail(dialector)
	require.NoError(b, err)
	defer pool.Close()
	for n := 0; n < rows; n += 1000 {
		require.NoError(b, trail.Record(context.Background(), samples(n, min(n+1000, rows))...))
	}
	if strings.HasPrefix(db, "postgres") {
		_, err := pool.Exec("VACUUM ANALYZE audit_entries")
		require.NoError(b, err)
	}
}

func compare(b *testing.B, db string, rows int, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		ours, theirs := pairs[i], pairs[i+1]
		if ours == "pdf" && rows > 100_000 {
			continue
		}
		b.Run(ours+"/"+theirs, func(b *testing.B) {
			var a, z usage
			for range b.N {
				z.add(measure(b, theirs, db))
				a.add(measure(b, ours, db))
			}
			total := float64(rows) * float64(b.N)
			b.ReportMetric(total/a.wall.Seconds(), "rows/s")
			b.ReportMetric(total/z.wall.Seconds(), "base-rows/s")
			b.ReportMetric(a.peak, "peak-MB")
			b.ReportMetric(z.peak, "base-MB")
			b.ReportMetric(a.cpu.Seconds()/z.cpu.Seconds(), "cpu-ratio")
			b.ReportMetric(a.wall.Seconds()/z.wall.Seconds(), "wall-ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// usage is what a process took.
type usage struct {
	wall, cpu time.Duration
	peak      float64 // MB resident, the most of all runs
}

func (u *usage) add(v usage) {
	u.wall += v.wall
	u.cpu += v.cpu
	u.peak = max(u.peak, v.peak)
}

func measure(b *testing.B, name, db string) usage {
	b.Helper()
	file := filepath.Join(b.TempDir(), "out")
	cmd := command(b, name, db, file)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	wall := time.Since(start)
	require.NoError(b, err, "%s: %s", name, out)
	info, err := os.Stat(file)
	require.NoError(b, err)
	require.Positive(b, info.Size(), name)
	require.NoError(b, os.Remove(file))
	kilobytes, _ := strconv.Atoi(strings.TrimSpace(string(out))) // only jobs of ours tell
	return usage{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), float64(kilobytes) / 1024}
}
