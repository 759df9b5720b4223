package export_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

// People can't read 77 characters of a hash, and programs need them all.
func TestUnreadableValuesAreMarksForPeople(t *testing.T) {
	hash := func(digit string) string { return "hmac-sha256:" + strings.Repeat(digit, 64) }
	e := audit.Entry{Action: "update", Changes: []audit.Change{
		{Field: "password", Op: audit.OpReplace, Old: audit.Mask, New: audit.Mask, Redacted: audit.RedactedMasked},
		{Field: "pin", Op: audit.OpReplace, Old: hash("a"), New: hash("b"), Redacted: audit.RedactedHashed},
		{Field: "unkeyed", Op: audit.OpAdd, New: "sha256:" + strings.Repeat("c", 64), Redacted: audit.RedactedHashed},
		{Field: "was_null", Op: audit.OpReplace, New: audit.Mask, Redacted: audit.RedactedMasked},
		{Field: "forged", Op: audit.OpReplace, Old: "verdeckt", New: "hashed aaaaaaaa…"},
	}}
	opts := &export.Options{Labels: map[string]string{"masked": "verdeckt"}, Columns: formerColumns(t)}
	want := []string{
		"password: verdeckt → verdeckt", "pin: hashed aaaaaaaa… → hashed bbbbbbbb…", "unkeyed: (none) → hashed cccccccc…",
		"was_null: null → verdeckt", `forged: "verdeckt" → "hashed aaaaaaaa…"`,
	}
	rows := rowsOf(t, openExcel(t, write(t, export.Excel, single(e), audit.Query{}, opts)), "Entries")
	assert.Equal(t, strings.Join(want, "\n"), rows[1][4])
	page := pdfPages(t, write(t, export.PDF, single(e), audit.Query{}, opts))[0]
	for _, line := range want {
		assert.Contains(t, page, line)
	}
	csv := write(t, export.CSV, single(e), audit.Query{}, opts)
	assert.Contains(t, csv, "pin: "+hash("a")+" → "+hash("b")+" (hashed)")
	assert.Contains(t, csv, "password: [masked] → [masked]")
}

func TestFieldsThatTheFrameworkSetsCanBeLeftOut(t *testing.T) {
	step := func(field string) audit.Change {
		return audit.Change{Field: field, Op: audit.OpReplace, Old: int64(1), New: int64(2)}
	}
	both, alone := entries(2)[0], entries(2)[1]
	both.Changes = []audit.Change{step("updated_at"), step("role"), step("profile.updated_at"), step("seen")}
	alone.Changes = []audit.Change{step("updatedAt"), step("created_at")}
	trail := newTrail(t, both, alone)
	catalogue := audit.NewCatalogue(nil, nil)
	catalogue.SetAutomatic("users", "seen")
	columns, err := export.Columns("changes")
	require.NoError(t, err)
	opts := &export.Options{Columns: columns, FoldAutomatic: true, Catalogue: catalogue}
	assert.Equal(t, [][]string{{"Changes"}, {"role: 1 → 2\nprofile.updated_at: 1 → 2"}, {"updatedAt: 1 → 2\ncreated_at: 1 → 2"}},
		readCSV(t, write(t, export.CSV, trail, audit.Query{}, opts)))
	assert.Contains(t, write(t, export.JSONLines, trail, audit.Query{}, opts), `"updated_at"`)
	assert.Equal(t, "without fields that frameworks set, such as updated_at", factsOf(t, audit.Query{}, opts)["Changes"])
	opts.FoldAutomatic = false
	assert.Contains(t, write(t, export.CSV, trail, audit.Query{}, opts), "updated_at: 1 → 2\nrole: 1 → 2\nprofile.updated_at: 1 → 2\nseen")
	assert.NotContains(t, factsOf(t, audit.Query{}, opts), "Changes")
}

// A file says what was asked for, and what that was exactly.
func TestFilesNameThePeriod(t *testing.T) {
	trail := newTrail(t, entries(1)...)
	for _, c := range []struct{ query, name string }{
		{"range=30d", "Last 30 days, 20"}, {"range=today&tz=Asia/Tokyo", "Today, 20"}, {"range=custom&from=2026-01-01", "2026-01-01 to now"}, {"range=all", "all dates"},
	} {
		var opts export.Options
		var facts []export.Fact
		opts.Formats = []export.Format{catcher{catch: func(table *export.Table) { facts = table.Facts }}}
		w := get(t, handlerOf(t, trail, &opts), "GET", "/?"+c.query)
		require.Equal(t, 200, w.Code)
		assert.Contains(t, w.Header().Get("Content-Disposition"), "audit-logs_")
		assert.NotContains(t, w.Header().Get("Content-Disposition"), "T")
		assert.True(t, strings.HasPrefix(facts[1].Value, c.name), "%s: %s", c.query, facts[1].Value)
		assert.NotContains(t, facts[1].Value, ".", "a moving period is one of whole seconds")
	}
	got := factsOf(t, audit.Query{Filter: audit.Filter{From: noon.AddDate(0, 0, -30), To: noon}}, &export.Options{Period: audit.Last30d, Labels: map[string]string{"Last 30 days": "Letzte 30 Tage"}})
	assert.Equal(t, "Letzte 30 Tage, 2025-12-16 12:00:00.123456 to before 2026-01-15 12:00:00.123456", got["Date range"])
}
