package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

func TestMaxRowsCutsAndSaysSo(t *testing.T) {
	trail := newTrail(t, entries(5)...)
	records := readCSV(t, write(t, export.CSV, trail, audit.Query{}, &export.Options{MaxRows: 3, Columns: formerColumns(t)}))
	require.Len(t, records, 5)
	assert.Equal(t, "1002", records[3][2])
	assert.Equal(t, []string{"# Cut off after 3 rows: more entries match.", "", "", "", "", "", ""}, records[4])

	records = readCSV(t, write(t, export.CSV, trail, audit.Query{}, &export.Options{MaxRows: 5}))
	assert.Len(t, records, 6, "a file that is exactly full is whole")

	var buf bytes.Buffer
	assert.Error(t, export.Write(context.Background(), &buf, export.CSV, trail, audit.Query{}, &export.Options{MaxRows: -1}))
}

func TestAReaderThatFailsHalfway(t *testing.T) {
	reader := brokenReader{newTrail(t, entries(5)...), 2}
	var buf bytes.Buffer
	err := export.Write(context.Background(), &buf, export.CSV, reader, audit.Query{}, nil)
	var partial *export.PartialError
	require.ErrorAs(t, err, &partial)
	assert.Equal(t, 2, partial.Rows)
	assert.ErrorIs(t, err, errBroken)
	records := readCSV(t, buf.String())
	require.Len(t, records, 4)
	assert.Equal(t, "# Incomplete: the export failed after 2 rows.", records[3][0])
	assert.NotContains(t, buf.String(), errBroken.Error(), "a database's words are not for the file")
}

func TestCancelStopsAtTheNextRow(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	columns := []export.Column{{Header: "n", Value: func(audit.Entry) any {
		if seen++; seen == 10 {
			cancel()
		}
		return seen
	}}}
	var buf bytes.Buffer
	err := export.Write(ctx, &buf, export.CSV, endless{newTrail(t), entries(1)[0], 0}, audit.Query{}, &export.Options{Columns: columns})
	assert.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 10, seen)
	assert.Contains(t, buf.String(), "# Incomplete: the export failed after 10 rows.")

	buf.Reset()
	err = export.Write(ctx, &buf, export.CSV, newTrail(t, entries(1)...), audit.Query{}, nil)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, buf.String(), "a context that is done before the start writes nothing")
}

type brokenWriter struct{ left int }

var errDiskFull = errors.New("no space left")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errDiskFull
	}
	return len(p), nil
}

func TestABrokenWriterEndsTheExport(t *testing.T) {
	for _, left := range []int{0, 100_000} {
		err := export.Write(context.Background(), &brokenWriter{left}, export.CSV, endless{newTrail(t), entries(1)[0], 0}, audit.Query{}, nil)
		var partial *export.PartialError
		require.ErrorAs(t, err, &partial)
		assert.ErrorIs(t, err, errDiskFull)
	}
}

func TestAQueryThatCannotBeMeantWritesNothing(t *testing.T) {
	trail := newTrail(t, entries(1)...)
	for param, q := range map[string]audit.Query{
		"sort":   {Sort: "colour"},
		"from":   {Filter: audit.Filter{From: noon, To: noon.Add(-1)}},
		"ip":     {Filter: audit.Filter{IPs: []string{"somewhere"}}},
		"cursor": {Cursor: "forged"},
	} {
		var buf bytes.Buffer
		err := export.Write(context.Background(), &buf, export.CSV, trail, q, nil)
		var query *audit.QueryError
		require.ErrorAs(t, err, &query, param)
		assert.Equal(t, param, query.Param)
		if param != "cursor" { // which only the reader can check
			assert.Empty(t, buf.String(), param)
		}
	}
	var buf bytes.Buffer
	assert.NoError(t, export.Write(context.Background(), &buf, export.CSV, trail, audit.Query{Limit: 5000}, nil), "a page's limit is none of an export's")
	assert.Error(t, export.Write(context.Background(), &buf, nil, trail, audit.Query{}, nil))
	assert.Error(t, export.Write(context.Background(), &buf, export.CSV, nil, audit.Query{}, nil))
	assert.Error(t, export.Write(context.Background(), &buf, export.CSV, trail, audit.Query{}, &export.Options{Columns: []export.Column{}}))
	assert.Error(t, export.Write(context.Background(), &buf, export.CSV, trail, audit.Query{}, &export.Options{Columns: []export.Column{{Header: "x"}}}))
}

func TestProgressKnowsTheTotalWhereTheReaderCanCount(t *testing.T) {
	trail := newTrail(t, entries(2500)...)
	progress := func(from audit.Reader, maxRows int) (calls []string) {
		write(t, export.CSV, from, audit.Query{}, &export.Options{MaxRows: maxRows, Progress: func(done, total int) {
			calls = append(calls, fmt.Sprintf("%d/%d", done, total))
		}})
		return calls
	}
	assert.Equal(t, []string{"0/2500", "1000/2500", "2000/2500", "2500/2500"}, progress(trail, 0))
	assert.Equal(t, []string{"0/1500", "1000/1500", "1500/1500"}, progress(trail, 1500))
	assert.Equal(t, []string{"0/2500", "1000/2500", "2000/2500", "2500/2500"}, progress(trail, 4000))
	assert.Equal(t, []string{"0/-1", "3/-1"}, progress(endless{trail, entries(1)[0], 3}, 0))
	assert.Equal(t, []string{"0/3", "3/3"}, progress(trail.Scope(audit.Filter{ObjectIDs: []string{"1000", "1001", "1002"}}), 0))
}

func TestTheExportIsRecorded(t *testing.T) {
	trail := newTrail(t, entries(5)...)
	ctx := audit.WithTenant(audit.WithActor(context.Background(), audit.Actor{Type: "user", Email: "auditor@example.com"}), "acme", "")
	var buf bytes.Buffer
	q := audit.Query{Filter: audit.Filter{Actions: []string{"update"}}}
	require.NoError(t, export.Write(ctx, &buf, export.CSV, trail, q, &export.Options{Record: trail, MaxRows: 4}))

	page, err := trail.Query(ctx, audit.Query{Filter: audit.Filter{Actions: []string{"export"}}})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	e := page.Entries[0]
	sum := sha256.Sum256(buf.Bytes())
	assert.Equal(t, "auditor@example.com", e.Actor.Email)
	assert.Equal(t, "acme", e.Tenant)
	assert.Equal(t, audit.Success, e.Outcome)
	assert.Equal(t, map[string]any{
		"format": "csv", "filter": "action=update", "sort": "-time", "rows": int64(4), "truncated": true,
		"bytes": int64(buf.Len()), "sha256": hex.EncodeToString(sum[:]),
	}, e.Metadata)

	err = export.Write(ctx, &buf, export.CSV, brokenReader{trail, 1}, q, &export.Options{Record: trail})
	require.ErrorIs(t, err, errBroken)
	page, err = trail.Query(ctx, audit.Query{Filter: audit.Filter{Actions: []string{"export"}, Outcomes: []audit.Outcome{audit.Failure}}})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	assert.Equal(t, int64(1), page.Entries[0].Metadata["rows"])
}

type brokenRecorder struct{}

func (brokenRecorder) Record(context.Context, ...audit.Entry) error { return errBroken }

// Fail closed: whoever can't be recorded doesn't get the whole file.
func TestAnExportThatCannotBeRecordedIsNotDelivered(t *testing.T) {
	for _, rows := range []int{3, 5000} {
		trail := newTrail(t, entries(rows)...)
		whole := write(t, export.CSV, trail, audit.Query{}, nil)
		var buf bytes.Buffer
		err := export.Write(context.Background(), &buf, export.CSV, trail, audit.Query{}, &export.Options{Record: brokenRecorder{}})
		require.ErrorIs(t, err, errBroken)
		assert.Less(t, buf.Len(), len(whole))
		assert.True(t, strings.HasPrefix(whole, buf.String()))
	}
}

// However many rows there are, none is kept.
func TestStreamedFormatsHoldNothing(t *testing.T) {
	for _, f := range []export.Format{export.CSV, export.JSONLines} {
		var first, last uint64
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		err := export.Write(context.Background(), io.Discard, f, endless{newTrail(t), entries(1)[0], 200_000}, audit.Query{}, &export.Options{Progress: func(done, _ int) {
			switch done {
			case 1000:
				first = heap()
			case 200_000:
				last = heap()
			}
		}})
		require.NoError(t, err)
		require.Positive(t, first)
		require.Positive(t, last)
		assert.Less(t, last, first+1<<20, f.Name())
	}
}

// Formats that write their file in one piece are held back too.
func TestAFileInOnePieceIsHeldBack(t *testing.T) {
	for _, f := range []export.Format{export.Excel, export.PDF} {
		from := endless{newTrail(t), entries(1)[0], 3000}
		opts := export.Options{Now: fixedNow}
		whole := write(t, f, from, audit.Query{}, &opts)
		require.Greater(t, len(whole), 64<<10, f.Name())
		opts.Record = brokenRecorder{}
		var buf bytes.Buffer
		require.ErrorIs(t, export.Write(context.Background(), &buf, f, from, audit.Query{}, &opts), errBroken)
		assert.Less(t, buf.Len(), len(whole)-1000, f.Name())
	}
}

func TestAFormatOfAHost(t *testing.T) {
	got := write(t, shout{}, newTrail(t, entries(2)...), audit.Query{Sort: "time"}, nil)
	assert.Equal(t, "UPDATE 1001!\nUPDATE 1000!\n", got)
	assert.Equal(t, "audit-logs_all.txt", export.FileName(shout{}, audit.Query{}))
}
