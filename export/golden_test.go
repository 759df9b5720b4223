package export_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenEntries have every field, every kind of value, and what is hard to
// write down.
func goldenEntries() []audit.Entry {
	return []audit.Entry{
		{
			ID: "01943f3a-1c00-7000-8000-000000000001", Time: time.Date(2026, 1, 7, 8, 9, 10, 123456000, time.UTC),
			Tenant: "acme", Project: "web", Action: "update", Outcome: audit.Success, Comment: "Asked for in ticket 4711",
			Actor:      audit.Actor{Type: "user", ID: "7", Name: "John Doe", Email: "john.doe@example.com"},
			OnBehalfOf: &audit.Actor{Type: "user", ID: "8", Name: "Jane Roe", Email: "jane.roe@example.com"},
			Object:     audit.Object{Type: "security_groups", ID: "tenant_id=1,code=de", Name: "Office VPN", Product: "network"},
			Changes: []audit.Change{
				{Field: "name", Op: audit.OpReplace, Old: "Office", New: "Office VPN"},
				{Field: "note", Op: audit.OpReplace, Old: nil, New: ""},
				{Field: "settings.theme", Op: audit.OpAdd, New: map[string]any{"dark": true, "levels": []any{int64(1), 2.5, nil, "x"}}},
				{Field: "tags[2]", Op: audit.OpRemove, Old: "old"},
				{Field: "big", Op: audit.OpReplace, Old: int64(9007199254740993), New: uint64(18446744073709551615)},
				{Field: "price", Op: audit.OpReplace, Old: json.Number("0.10000000000000000001"), New: -0.5},
				{Field: "password", Op: audit.OpReplace, Old: "a", New: "b"},
				{Field: "email", Op: audit.OpReplace, Redacted: audit.RedactedErased},
			},
			Request:       audit.Request{IP: "2001:db8::7", UserAgent: "Mozilla/5.0 (X11)", ID: "req-1", Method: "PATCH", Path: "/groups/1"},
			TransactionID: "0194e0c0-0000-7000-8000-00000000000a",
			Metadata:      map[string]any{"details": map[string]any{"rows": int64(3)}, "html": "<b>&</b>"},
		},
		{
			ID: "01943f3a-1c00-7000-8000-000000000002", Time: time.Date(1999, 12, 31, 23, 59, 59, 999999000, time.UTC),
			Action: "login", Outcome: audit.Denied, Error: "wrong password, line one\nline two",
			Actor: audit.Actor{Type: "apiKey", ID: "key-9"},
		},
		{
			ID: "01943f3a-1c00-7000-8000-000000000003", Time: time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), Action: "=1+1",
			Object:  audit.Object{Name: "漢字 العربية עברית Ελληνικά 🎉 \u202Eevil", ID: "-5"},
			Changes: []audit.Change{{Field: "text", Op: audit.OpReplace, Old: "nul\x00, \"quotes\", tab\tand\r\nline", New: "a → b"}},
		},
		{ID: "01943f3a-1c00-7000-8000-000000000004", Time: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), Action: "a"},
	}
}

// shortHostileEntries are those that a repository likes to hold. Integration
// tests read them from their golden file, and give them to other programs.
func shortHostileEntries() []audit.Entry {
	return slices.DeleteFunc(hostileEntries(), func(e audit.Entry) bool { return len(e.Comment) > 1000 })
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "%s; go test -update writes it anew", path)
}

func TestGoldenFiles(t *testing.T) {
	trail := newTrail(t, goldenEntries()...)
	golden(t, "entries.jsonl", write(t, export.JSONLines, trail, audit.Query{}, nil))
	named, err := export.Columns(strings.Fields("time type record name product tenant project action outcome error comment changes user actor_type actor " +
		"on_behalf_of ip user_agent request method path transaction metadata entry")...)
	require.NoError(t, err)
	golden(t, "entries.csv", write(t, export.CSV, trail, audit.Query{}, &export.Options{Columns: named}))
	golden(t, "full.csv", write(t, export.CSV, trail, audit.Query{}, &export.Options{Columns: export.FullColumns()}))
	golden(t, "hostile.jsonl", write(t, export.JSONLines, newTrail(t, shortHostileEntries()...), audit.Query{}, nil))
	golden(t, "truncated.jsonl", write(t, export.JSONLines, trail, audit.Query{}, &export.Options{MaxRows: 1}))
}
