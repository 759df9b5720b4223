package export_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

func TestChangesText(t *testing.T) {
	for want, c := range map[string]audit.Change{
		"role: viewer → admin":            {Field: "role", Op: audit.OpReplace, Old: "viewer", New: "admin"},
		"role: viewer → root":             {Field: "role", Old: "viewer", New: "root"},
		"name: (none) → Ann":              {Field: "name", Op: audit.OpAdd, Old: "no meaning", New: "Ann"},
		"name: Ann → (none)":              {Field: "name", Op: audit.OpRemove, Old: "Ann"},
		`name: "(none)" → "null"`:         {Field: "name", Op: audit.OpReplace, Old: "(none)", New: "null"},
		`name: null → ""`:                 {Field: "name", Op: audit.OpReplace, New: ""},
		`on: true → "true"`:               {Field: "on", Op: audit.OpReplace, Old: true, New: "true"},
		"n: 9007199254740993 → 1.5":       {Field: "n", Op: audit.OpReplace, Old: int64(9007199254740993), New: 1.5},
		"n: 18446744073709551615 → 1e400": {Field: "n", Op: audit.OpReplace, Old: uint64(18446744073709551615), New: json.Number("1e400")},
		`tags[2]: ["a<b",null] → {"k":1}`: {Field: "tags[2]", Op: audit.OpReplace, Old: []any{"a<b", nil}, New: map[string]any{"k": int64(1)}},
		`x: "a\nrole: user → admin" → b`:  {Field: "x", Op: audit.OpReplace, Old: "a\nrole: user → admin", New: "b"},
		`x: "a → b" → " c"`:               {Field: "x", Op: audit.OpReplace, Old: "a → b", New: " c"},
		`x: "\"q\"" → say "hi"`:           {Field: "x", Op: audit.OpReplace, Old: `"q"`, New: `say "hi"`},
		`"a: b\nc": 1 → 2`:                {Field: "a: b\nc", Op: audit.OpReplace, Old: int64(1), New: int64(2)},
		`x: "a\u2028b" → c`:               {Field: "x", Op: audit.OpReplace, Old: "a\u2028b", New: "c"},
		`x: "a\u0000b" → c`:               {Field: "x", Op: audit.OpReplace, Old: "a\x00b", New: "c"},
		"pin: [masked] → [masked]":        {Field: "pin", Op: audit.OpReplace, Old: audit.Mask, New: audit.Mask, Redacted: audit.RedactedMasked},
		"mail: null → null (erased)":      {Field: "mail", Op: audit.OpReplace, Redacted: audit.RedactedErased},
		"big: abc → abd (truncated)":      {Field: "big", Op: audit.OpReplace, Old: "abc", New: "abd", Redacted: audit.RedactedTruncated},
	} {
		assert.Equal(t, want, export.ChangesText([]audit.Change{c}))
	}
	assert.Equal(t, "a: 1 → 2\nb: 3 → 4", export.ChangesText([]audit.Change{
		{Field: "a", Op: audit.OpReplace, Old: int64(1), New: int64(2)}, {Field: "b", Op: audit.OpReplace, Old: int64(3), New: int64(4)},
	}))
}

// No field and no value can look like a further change, or like another field.
func TestChangesCannotBeForged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("ab: → \n\r\"\\\u2028\u0085null"))))
		n := rapid.IntRange(1, 3).Draw(t, "n")
		var changes []audit.Change
		for range n {
			changes = append(changes, audit.Change{Field: text.Draw(t, "field"), Op: audit.OpReplace, Old: text.Draw(t, "old"), New: text.Draw(t, "new")})
		}
		lines := strings.FieldsFunc(export.ChangesText(changes), func(r rune) bool { return strings.ContainsRune("\n\r\u0085\u2028\u2029", r) })
		if len(lines) != n {
			t.Fatalf("%d changes became %d lines: %q", n, len(lines), lines)
		}
		for i, line := range lines {
			field, rest := readText(line, ":")
			old, rest := readText(strings.TrimPrefix(rest, ": "), " → ")
			new, _ := readText(strings.TrimPrefix(rest, " → "), "\x00")
			if c := changes[i]; field != c.Field || old != c.Old || new != c.New {
				t.Fatalf("%q reads as %q, %q, %q, and is of %q", line, field, old, new, c)
			}
		}
	})
}

// readText reads a text as it is, up to a mark, or as a JSON string.
func readText(line, end string) (text, rest string) {
	if !strings.HasPrefix(line, `"`) {
		text, _, _ = strings.Cut(line, end)
		return text, line[len(text):]
	}
	d := json.NewDecoder(strings.NewReader(line))
	if err := d.Decode(&text); err != nil {
		return "not JSON: " + line, ""
	}
	return text, line[d.InputOffset():]
}

func TestColumnsByName(t *testing.T) {
	seen := map[string]bool{}
	e := audit.Entry{
		ID: "e", Time: noon, Tenant: "t", Project: "p", Action: "a", Error: "er", Comment: "c", TransactionID: "tx",
		Actor: audit.Actor{Type: "at", ID: "ai", Name: "an", Email: "ae"}, OnBehalfOf: &audit.Actor{Type: "ot", ID: "oi", Name: "on", Email: "oe"},
		Object:  audit.Object{Type: "ot", ID: "oi", Name: "on", Product: "op"},
		Request: audit.Request{IP: "ip", UserAgent: "ua", ID: "ri", Method: "m", Path: "pa"},
		Changes: []audit.Change{{Field: "f"}}, Metadata: map[string]any{"k": "v"}, Damaged: "d",
	}
	for _, c := range export.AllColumns() {
		assert.False(t, seen[c.Name], c.Name)
		seen[c.Name] = true
		assert.NotEmpty(t, c.Header)
		assert.NotEmpty(t, c.Value(e), c.Name)
		assert.NotPanics(t, func() { c.Value(audit.Entry{}) })
		assert.Contains(t, export.Texts(), c.Header)
	}
	_, err := export.Columns("time", "colour")
	require.ErrorContains(t, err, `"colour" is not a column; there are time, outcome, action`)
}

// factsOf is what a report says about itself.
func factsOf(t *testing.T, q audit.Query, opts *export.Options) map[string]string {
	var got map[string]string
	catch := func(table *export.Table) {
		got = map[string]string{}
		for _, f := range table.Facts {
			got[f.Label] += f.Value
		}
	}
	write(t, catcher{catch: catch}, newTrail(t), q, opts)
	return got
}

func TestFactsSayWhatWasAskedFor(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC) }
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	got := factsOf(t, audit.Query{Filter: audit.Filter{
		From: day, To: day.AddDate(0, 1, 0), Actions: []string{"create", "a, b", ""}, Outcomes: []audit.Outcome{audit.Denied}, IPs: []string{"10.0.0.0/8"},
		Severities: []audit.Severity{audit.Warning, audit.Alarm}, WithoutReads: true, Keyword: "vpn", Not: []audit.Filter{{Users: []string{"root"}, To: day.Add(time.Hour)}},
	}, Sort: "-user"}, &export.Options{Now: now})
	assert.Equal(t, map[string]string{
		"Report": "Audit log", "Date range": "2026-01-01 to 2026-01-31", "Action": `create, "a, b", ""`, "Outcome": "denied", "IP address": "10.0.0.0/8",
		"Severity": "Warning, Alarm", "Reads": "hidden", "Keyword": "vpn", "Not": "(Date range: the beginning to before 2026-01-01 01:00:00; Performed by: root)",
		"Sorted by": "Performed by, descending", "Time zone": "UTC", "Exported at": "2026-02-03 04:05:06 UTC",
	}, got)
	got = factsOf(t, audit.Query{Sort: audit.SortRecorded}, &export.Options{Now: now})
	assert.Equal(t, "Order of recording, ascending", got["Sorted by"])
	got = factsOf(t, audit.Query{Filter: audit.Filter{From: day.Add(time.Minute)}}, &export.Options{Now: now, Title: "Q1", Labels: map[string]string{"Filters": "Filter", "none": "keine", "now": "jetzt"}})
	assert.Equal(t, map[string]string{
		"Report": "Q1", "Date range": "2026-01-01 00:01:00 to jetzt", "Filter": "keine", "Sorted by": "Timestamp, newest first", "Time zone": "UTC", "Exported at": "2026-02-03 04:05:06 UTC",
	}, got)
}
