package audit_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
)

func recorded(t *testing.T, r *audit.Redaction, e audit.Entry) audit.Entry {
	t.Helper()
	trail := newTrail(t, nil, r)
	require.NoError(t, trail.Record(t.Context(), e))
	return only(t, trail)
}

func sha(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestALongValueIsToldByItsDigest(t *testing.T) {
	long := strings.Repeat("é", audit.DefaultMaxValue/2) // exactly the bound
	list := func(n int) []any { return []any{strings.Repeat("x", n)} }
	for what, c := range map[string]struct {
		redaction *audit.Redaction
		value     any
		want      any
		redacted  string
	}{
		"at the bound":       {nil, long, long, ""},
		"past it":            {nil, long + "!", map[string]any{"size": int64(len(long) + 1), "sha256": sha(long + "!"), "beginning": strings.Repeat("é", 512)}, audit.RedactedTruncated},
		"another bound":      {&audit.Redaction{MaxValue: 4}, "abcde", map[string]any{"size": int64(5), "sha256": sha("abcde"), "beginning": "abcde"}, audit.RedactedTruncated},
		"no bound":           {&audit.Redaction{MaxValue: -1}, long + long, long + long, ""},
		"a structured value": {&audit.Redaction{MaxValue: 100}, list(200), map[string]any{"size": int64(204), "sha256": sha(`["` + strings.Repeat("x", 200) + `"]`)}, audit.RedactedTruncated},
		"a short one":        {&audit.Redaction{MaxValue: 100}, list(50), list(50), ""},
		"NULL":               {&audit.Redaction{MaxValue: 4}, nil, nil, ""},
		"a number":           {&audit.Redaction{MaxValue: 4}, int64(123456), int64(123456), ""},
		"cut before":         {&audit.Redaction{MaxText: 3, MaxValue: 4}, "abcdef", "abc", audit.RedactedTruncated},
	} {
		got := recorded(t, c.redaction, audit.Entry{Action: "update", Changes: []audit.Change{{Field: "body", Old: "old", New: c.value}}}).Changes[0]
		assert.Equal(t, c.want, got.New, what)
		assert.Equal(t, c.redacted, got.Redacted, what)
		assert.Equal(t, "old", got.Old, what)
	}
	// A secret stays one, however long.
	masked := recorded(t, nil, audit.Entry{Action: "update", Changes: []audit.Change{{Field: "token", New: long + "!"}}}).Changes[0]
	assert.Equal(t, audit.Mask, masked.New)
	assert.Equal(t, audit.RedactedMasked, masked.Redacted)
}

// Of values that are too long together the longest go first, of equally long ones
// the last, and no more than are needed.
func TestTheValuesOfAnEntryHaveABound(t *testing.T) {
	e := audit.Entry{Action: "create"}
	for i := range 450 {
		e.Changes = append(e.Changes, audit.Change{Field: fmt.Sprintf("c%03d", i), Op: audit.OpAdd, New: strings.Repeat("x", 60_000)})
	}
	e.Changes = append(e.Changes, audit.Change{Field: "short", Op: audit.OpAdd, New: "kept"}, audit.Change{Field: "longest", Op: audit.OpAdd, New: strings.Repeat("y", 70_000)})
	got := recorded(t, nil, e)
	whole := 0
	for _, c := range got.Changes {
		if c.Redacted == "" {
			whole++
		}
	}
	for i, c := range got.Changes[:whole-1] {
		assert.Empty(t, c.Redacted, "%d of %d", i, whole)
	}
	assert.Equal(t, "kept", got.Changes[450].New)
	assert.Equal(t, audit.RedactedTruncated, got.Changes[451].Redacted)
	assert.LessOrEqual(t, got.Size(), audit.DefaultMaxEntry+1000)
	assert.Greater(t, got.Size(), audit.DefaultMaxEntry-100_000)
	assert.Len(t, e.Changes[299].New, 60_000, "the caller's entry is left as it is")

	unbound := recorded(t, &audit.Redaction{MaxEntry: -1}, e)
	assert.Empty(t, unbound.Changes[299].Redacted)
	assert.Len(t, unbound.Changes[451].New, 70_000)
}

func TestWhatIsNoValueHasABoundToo(t *testing.T) {
	long := strings.Repeat("é", audit.DefaultMaxValue)
	path := "doc." + long
	e := recorded(t, nil, audit.Entry{
		Action: "update", Error: long, Comment: long, Object: audit.Object{Name: long}, Request: audit.Request{UserAgent: long, Path: long},
		OnBehalfOf: &audit.Actor{Name: long}, Changes: []audit.Change{{Field: path + "1", New: 1}, {Field: path + "2", New: 2}},
		Metadata: map[string]any{"statement": long, "rows": 7},
	})
	for _, s := range []string{e.Error, e.Comment, e.Object.Name, e.Request.UserAgent, e.Request.Path, e.OnBehalfOf.Name} {
		assert.LessOrEqual(t, len(s), 64<<10, "they are too long together")
		assert.True(t, utf8.ValidString(s))
		assert.True(t, strings.HasSuffix(s, "…sha256:"+sha(long)))
	}
	alone := recorded(t, nil, audit.Entry{Action: "update", Comment: long, Error: long[:audit.DefaultMaxValue]})
	assert.Len(t, alone.Error, audit.DefaultMaxValue)
	assert.LessOrEqual(t, len(alone.Comment), audit.DefaultMaxValue)
	assert.NotEqual(t, e.Changes[0].Field, e.Changes[1].Field)
	assert.True(t, strings.HasPrefix(e.Changes[0].Field, "doc.éé"))
	assert.Equal(t, sha(long), e.Metadata["statement"].(map[string]any)["sha256"])
	assert.EqualValues(t, 7, e.Metadata["rows"])

	many := map[string]any{}
	for i := range 10 {
		many[fmt.Sprint(i)] = strings.Repeat("x", 900_000)
	}
	e = recorded(t, nil, audit.Entry{Action: "import", Metadata: many})
	assert.Less(t, e.Size(), 10_000)
	assert.NotNil(t, e.Metadata["metadata"].(map[string]any)["sha256"])
}

// Size is that of the JSON form, within what is said about it.
func TestSizeIsAboutThatOfJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.StringN(1, 20, -1).Draw(t, "unit")
		e := audit.Entry{Action: "update", Error: unit, Changes: []audit.Change{
			{Field: "text", New: strings.Repeat(unit, rapid.IntRange(0, 500).Draw(t, "times"))},
			{Field: "list", Old: []any{unit, int64(7), 1.5, nil, true, map[string]any{unit: []any{unit}}}},
		}, Metadata: map[string]any{"a": unit}}
		raw, err := json.Marshal(e.Changes)
		require.NoError(t, err)
		require.Greater(t, e.Size()+6*1024+1024, len(raw), "less by no more than a short text's escapes")
		require.Less(t, e.Size(), 6*len(raw)+2048)
	})
}

func BenchmarkEnrichCaptured(b *testing.B) {
	trail := newTrail(b, nil, nil)
	changes := []audit.Change{
		{Field: "id", Op: audit.OpAdd, New: int64(4711)}, {Field: "name", Op: audit.OpAdd, New: "Account"}, {Field: "plan", Op: audit.OpAdd, New: "team"},
		{Field: "note", Op: audit.OpAdd, New: strings.Repeat("made by a benchmark ", 20)}, {Field: "created_at", Op: audit.OpAdd, New: "2026-01-02T03:04:05.678901Z"},
	}
	entries := make([]audit.Entry, 1)
	b.ReportAllocs()
	for b.Loop() {
		entries[0] = audit.Entry{Action: audit.ActionCreate, Object: audit.Object{Type: "accounts", ID: "4711"}, Changes: changes}
		if err := trail.EnrichCaptured(b.Context(), entries); err != nil {
			b.Fatal(err)
		}
	}
}
