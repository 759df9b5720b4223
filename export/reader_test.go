package export_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/memstore"
)

var noon = time.Date(2026, 1, 15, 12, 0, 0, 123456000, time.UTC)

// newTrail is a trail in memory with these entries on it.
func newTrail(t testing.TB, entries ...audit.Entry) *audit.Trail {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(context.Background(), entries...))
	return trail
}

// formerColumns are what files had by default before they said how it ended.
func formerColumns(t testing.TB) []export.Column {
	t.Helper()
	columns, err := export.Columns("time", "type", "record", "action", "changes", "user", "ip")
	require.NoError(t, err)
	return columns
}

// entries are n plain ones, the newest first.
func entries(n int) []audit.Entry {
	list := make([]audit.Entry, n)
	for i := range list {
		list[i] = audit.Entry{
			ID:   fmt.Sprintf("01900000-0000-7000-8000-%012d", n-i),
			Time: noon.Add(-time.Duration(i) * time.Minute), Action: audit.ActionUpdate, Outcome: audit.Success,
			Actor:   audit.Actor{Type: "user", ID: "7", Name: "John Doe", Email: "john.doe@example.com"},
			Object:  audit.Object{Type: "users", ID: fmt.Sprint(1000 + i), Name: "Office VPN"},
			Request: audit.Request{IP: "192.0.2.7"},
			Changes: []audit.Change{{Field: "role", Op: audit.OpReplace, Old: "viewer", New: "admin"}},
		}
	}
	return list
}

// hostileTexts are what an attacker, or a careless form, puts into a field.
func hostileTexts() []string {
	return []string{
		`=HYPERLINK("http://evil.example","click")`, `+1+cmd|' /C calc'!A0`, `-2+3+cmd|' /C calc'!A0`, `@SUM(1+1)*cmd|' /C calc'!A0`,
		"＝1+1", "\t=1+1", "\r=1+1", "-5", "+49 30 123456", "-12.50", "",
		`"quoted"`, `a "b" c`, "semi;colon,comma\ttab", "line\nbreak", "carriage\rreturn", "windows\r\nbreak", "two\n\nbreaks\n", "\n",
		"nul\x00byte", "bell\x07", "escape\x1b[31mred", "\u202Ertl override\u202C", "\u2066isolate\u2069", "\u200bzero\u200dwidth\ufeff",
		"<script>alert(1)</script> & <b>bold</b>", "_x0041_ _x005F_", "\\.", "\\N", " leading", "trailing ", "null", "(none)", "a → b", "x: y",
		"Ελληνικά", "Кириллица", "Tiếng Việt đặc biệt", "漢字かな交じり文", "한국어", "العربية ١٢٣ نص", "עברית 123 טקסט", "emoji 🎉👩‍👩‍👧 end", "e\u0301 combining",
		"\ufffd\ufffe", "\U0001D11E clef", strings.Repeat("long text ", 4000), strings.Repeat("🎉", 17000), strings.Repeat("x", 32767), strings.Repeat("x", 32768),
	}
}

// hostileEntries hold each hostile text in every field that takes text.
func hostileEntries() []audit.Entry {
	var list []audit.Entry
	for i, raw := range hostileTexts() {
		s := storage.CleanText(raw) // as the trail does, save in changes and metadata
		list = append(list, audit.Entry{
			ID: fmt.Sprintf("01900000-0000-7000-9000-%012d", i), Time: noon.Add(-time.Duration(i) * time.Second),
			Action: "update", Actor: audit.Actor{Name: s}, Comment: s, Error: s,
			Object:  audit.Object{Type: "things", ID: s[:min(len(s), 100)], Name: s},
			Request: audit.Request{IP: "2001:db8::1", UserAgent: s},
			Changes: []audit.Change{
				{Field: "value", Op: audit.OpReplace, Old: raw, New: nil},
				{Field: "nested", Op: audit.OpAdd, New: map[string]any{"text": raw, "list": []any{raw, int64(1), true, nil}}},
				{Field: "gone", Op: audit.OpRemove, Old: raw},
			},
			Metadata: map[string]any{"key": raw},
		})
	}
	return list
}

var errBroken = errors.New("connection to the database lost")

// brokenReader fails after a number of entries.
type brokenReader struct {
	audit.Reader
	after int
}

func (b brokenReader) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		n := 0
		for e, err := range b.Reader.All(ctx, q) {
			if n == b.after {
				yield(audit.Entry{}, errBroken)
				return
			}
			if !yield(e, err) {
				return
			}
			n++
		}
	}
}

// endless yields the same entry until it is told to stop, looking at no context.
type endless struct {
	audit.Reader
	entry audit.Entry
	limit int // 0: none
}

func (s endless) All(context.Context, audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		for i := 0; s.limit == 0 || i < s.limit; i++ {
			if !yield(s.entry, nil) {
				return
			}
		}
	}
}

// catcher is a format that shows its table to a test.
type catcher struct {
	shout
	catch func(*export.Table)
}

func (c catcher) Write(w io.Writer, t *export.Table) error {
	c.catch(t)
	return c.shout.Write(w, t)
}

func zipReader(file []byte) (*zip.Reader, error) {
	return zip.NewReader(bytes.NewReader(file), int64(len(file)))
}
