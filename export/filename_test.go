package export

import (
	"mime"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestFileNameShowsTheFirstAndTheLastDayCovered(t *testing.T) {
	for _, c := range []struct {
		from, to, want string
	}{
		{"2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "audit-logs_2026-01-01_2026-01-31.csv"},
		{"2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "audit-logs_2026-01-01_2026-01-01.csv"},
		{"2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z", "audit-logs_2024-02-01_2024-02-29.csv"},
		{"2026-01-01T01:00:00+01:00", "2026-01-31T19:00:00-05:00", "audit-logs_2026-01-01_2026-01-31.csv"},
		{"2026-01-01T08:30:00Z", "2026-01-31T17:00:00Z", "audit-logs_2026-01-01_2026-01-31.csv"},
		{"2026-01-01T08:30:15.5Z", "2026-02-01T00:00:00Z", "audit-logs_2026-01-01_2026-01-31.csv"},
		{"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000001Z", "audit-logs_2026-01-01_2026-01-01.csv"},
		{"2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "audit-logs_2026-01-01_2026-01-01.csv"},
		{"2026-01-01T00:00:00Z", "", "audit-logs_from_2026-01-01.csv"},
		{"", "2026-02-01T00:00:00Z", "audit-logs_until_2026-01-31.csv"},
		{"", "2026-01-31T17:00:00Z", "audit-logs_until_2026-01-31.csv"},
		{"", "", "audit-logs_all.csv"},
	} {
		var q audit.Query
		if c.from != "" {
			q.From = at(c.from)
		}
		if c.to != "" {
			q.To = at(c.to)
		}
		assert.Equal(t, c.want, FileName(CSV, q))
	}
}

// "audit-logs_2026-10-31T21-53-12_2026-11-30T21-53-12.xlsx" says nothing to anybody,
// and in Auckland named the wrong days.
func TestFilesOfPeriodsAreNamedByDaysOfTheZone(t *testing.T) {
	auckland, err := time.LoadLocation("Pacific/Auckland")
	require.NoError(t, err)
	now := at("2026-11-30T12:30:15.123456Z") // the first of December there
	for period, want := range map[audit.Period]string{
		audit.Today: "2026-12-01_2026-12-01", audit.Yesterday: "2026-11-30_2026-11-30", audit.Last24h: "2026-11-30_2026-12-01",
		audit.Last7d: "2026-11-24_2026-12-01", audit.Last30d: "2026-11-01_2026-12-01", audit.Last90d: "2026-09-02_2026-12-01",
		audit.ThisMonth: "2026-12-01_2026-12-31", audit.LastMonth: "2026-11-01_2026-11-30",
	} {
		from, to, ok := period.Range(now, auckland)
		require.True(t, ok, period)
		q := audit.Query{Filter: audit.Filter{From: from, To: to}}
		assert.Equal(t, "audit-logs_"+want+".xlsx", fileName("Audit logs", Excel, q, auckland), period)
	}
	from, to, _ := audit.Last30d.Range(now, time.UTC)
	assert.Equal(t, "audit-logs_2026-10-31_2026-11-30.xlsx", FileName(Excel, audit.Query{Filter: audit.Filter{From: from, To: to}}))
}

func TestFileNameTakesDaysInTheReportsZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	q := audit.Query{Filter: audit.Filter{From: at("2026-03-01T00:00:00+01:00"), To: at("2026-04-01T00:00:00+02:00")}}
	assert.Equal(t, "q1-größe_2026-03-01_2026-03-31.csv", fileName("Q1: Größe?", CSV, q, berlin))
}

// Whatever a report is called, the header is one line that says attachment and
// carries a name that every file system takes.
func TestDispositionOfAnyTitle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		title := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			"", "..", "../../etc/passwd", `C:\windows\x.exe`, "a\r\nSet-Cookie: x=1", `"; filename="evil.exe`, "\u202Egpj.exe", "CON", "日本語の報告", strings.Repeat("ä", 500), "\xff\xfe", "a;b=c", "100%",
		})).Draw(t, "title")
		name := fileName(title, CSV, audit.Query{}, time.UTC)
		header := disposition(name)
		for i := range len(header) {
			if header[i] < ' ' || header[i] > '~' {
				t.Fatalf("%q has a byte that no header takes", header)
			}
		}
		kind, params, err := mime.ParseMediaType(header)
		if err != nil || kind != "attachment" {
			t.Fatalf("%q: %s, %v", header, kind, err)
		}
		if params["filename"] != name {
			t.Fatalf("%q carries %q, not %q", header, params["filename"], name)
		}
		if !utf8.ValidString(name) || len(name) > 200 || strings.ContainsAny(name, "/\\:*?\"<>|\r\n\x00 ") || strings.HasPrefix(name, ".") {
			t.Fatalf("%q is not a safe name", name)
		}
	})
}
