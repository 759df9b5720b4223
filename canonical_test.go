package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/jsonvalue"
)

var updateVectors = flag.Bool("update-vectors", false, "write testdata/canonical.json anew; only for vectors that are new, for what is released stays for ever")

// vector is an entry's JSON form, its canonical encoding and that one's SHA-256.
// The file is for other languages to check themselves against.
type vector struct {
	Name      string          `json:"name"`
	Entry     json.RawMessage `json:"entry"`
	Canonical string          `json:"canonical"`
	SHA256    string          `json:"sha256"`
}

func vectorEntries() (names []string, entries []audit.Entry) {
	at := time.Date(2026, 3, 1, 12, 30, 59, 123_456_000, time.UTC)
	id := func(n int) string { return fmt.Sprintf("0195c0de-0000-7000-8000-%012x", n) }
	add := func(name string, e audit.Entry) {
		e.ID, e.Action = id(len(entries)), "update"
		if e.Time.IsZero() {
			e.Time = at
		}
		names, entries = append(names, name), append(entries, e)
	}
	change := func(old, new any) audit.Entry {
		return audit.Entry{Outcome: audit.Success, Changes: []audit.Change{{Field: "value", Op: audit.OpReplace, Old: old, New: new}}}
	}
	add("the least that an entry has", audit.Entry{})
	add("every field", audit.Entry{
		Tenant: "acme", Project: "web", Actor: audit.Actor{Type: "user", ID: "7", Name: "Ada Lovelace", Email: "ada@example.com"}, OnBehalfOf: &audit.Actor{Type: "user", ID: "8"},
		Outcome: audit.Denied, Error: "not allowed", Comment: "ticket 12", Object: audit.Object{Type: "vpns", ID: "tenant_id=1,code=de", Name: "Office VPN", Product: "core"},
		Request:       audit.Request{IP: "2001:db8::1", UserAgent: "curl/8", ID: "r-1", Method: "PUT", Path: "/vpns/1"},
		TransactionID: "0195c0de-1111-7000-8000-000000000000", Metadata: map[string]any{"size": int64(3)},
		Changes: []audit.Change{{Field: "name", Op: audit.OpReplace, Old: "VPN", New: "Office VPN"}, {Field: "token", Op: audit.OpReplace, Old: audit.Mask, New: audit.Mask, Redacted: audit.RedactedMasked}},
	})
	add("a time without fraction", audit.Entry{Time: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, 1)})
	add("absent and NULL", audit.Entry{Changes: []audit.Change{{Field: "a", Op: audit.OpAdd}, {Field: "b", Op: audit.OpRemove}, {Field: "c", Op: audit.OpReplace}, {Field: "d", Op: audit.OpReplace, Old: "", New: nil}}})
	add("integers that a double holds", change(int64(1<<53), int64(-1<<53)))
	add("integers that a double does not hold", change(int64(1<<53+1), uint64(math.MaxUint64)))
	add("decimals", change(0.1, 1e-7))
	add("decimals that a double does not hold", change(json.Number("0.1000000000000000055511151231257827"), json.Number("1e400")))
	add("large doubles", change(1e21, math.MaxFloat64))
	add("names that begin with a dollar sign", audit.Entry{Metadata: map[string]any{"$number": "1", "$$": nil, "n": uint64(1 << 63), "inner": map[string]any{"$number": int64(1)}}})
	add("order of names by UTF-16", audit.Entry{Metadata: map[string]any{"\ufb33": int64(1), "😀": int64(2), "é": int64(3), "e": int64(4), "E": int64(5), "": int64(6), "\r": int64(7)}})
	add("text", audit.Entry{Comment: "\"\\/\b\f\n\r\t\x01\x1f\x7f<&>\u2028\u2029é😀", Metadata: map[string]any{"nul": "a\x00b"}})
	add("structures", change([]any{nil, true, false, []any{}, map[string]any{}}, map[string]any{"b": []any{int64(1)}, "a": map[string]any{"z": nil, "y": ""}}))
	return names, entries
}

const vectorFile = "testdata/canonical.json"

// The golden vectors never change: hashes were made over such bytes.
func TestCanonicalVectors(t *testing.T) {
	names, entries := vectorEntries()
	if *updateVectors {
		writeVectors(t, names, entries)
	}
	raw, err := os.ReadFile(vectorFile)
	require.NoError(t, err)
	var vectors []vector
	require.NoError(t, json.Unmarshal(raw, &vectors))
	require.Len(t, vectors, len(entries))
	for i, v := range vectors {
		var e audit.Entry
		require.NoError(t, json.Unmarshal(v.Entry, &e), v.Name)
		if entries[i].Outcome == "" {
			entries[i].Outcome = audit.Success
		}
		assert.Equal(t, entries[i], e, "%s: what is read from the form", v.Name)
		for _, from := range []audit.Entry{e, entries[i]} {
			got, err := from.Canonical()
			require.NoError(t, err)
			assert.Equal(t, v.Canonical, string(got), v.Name)
			sum := sha256.Sum256(got)
			assert.Equal(t, v.SHA256, hex.EncodeToString(sum[:]), v.Name)
		}
	}
}

func writeVectors(t *testing.T, names []string, entries []audit.Entry) {
	var vectors []vector
	for i, e := range entries {
		raw, err := json.Marshal(e)
		require.NoError(t, err)
		canonical, err := e.Canonical()
		require.NoError(t, err)
		sum := sha256.Sum256(canonical)
		vectors = append(vectors, vector{names[i], raw, string(canonical), hex.EncodeToString(sum[:])})
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	require.NoError(t, enc.Encode(vectors))
	require.NoError(t, os.MkdirAll("testdata", 0o755))
	require.NoError(t, os.WriteFile(vectorFile, b.Bytes(), 0o644))
}

// anyComplete draws entries as they are on a trail.
func anyComplete() *rapid.Generator[audit.Entry] {
	return rapid.Custom(func(t *rapid.T) audit.Entry {
		e := anyEntry().Draw(t, "entry")
		e.Comment, e.Error = anyText().Draw(t, "comment"), anyText().Draw(t, "error")
		if rapid.Bool().Draw(t, "on behalf of") {
			e.OnBehalfOf = &audit.Actor{Name: anyText().Draw(t, "whom")}
		}
		for i := range e.Changes {
			e.Changes[i].Op = rapid.SampledFrom([]string{audit.OpAdd, audit.OpReplace, audit.OpRemove}).Draw(t, "op")
			e.Changes[i].Old, e.Changes[i].New = anyValue(2).Draw(t, "old"), anyValue(2).Draw(t, "new")
		}
		e.Metadata = rapid.MapOfN(anyText(), anyValue(2), 0, 3).Draw(t, "metadata")
		return e
	})
}

// The JSON form is read back into an equal entry, with the same canonical
// bytes; those are valid JSON, and canonical once more.
func TestFormAndCanonicalRoundTrip(t *testing.T) {
	trail := newTrail(t, nil, &audit.Redaction{Secret: func(string) bool { return false }})
	rapid.Check(t, func(t *rapid.T) {
		ready, err := trail.Enrich(t.Context(), anyComplete().Draw(t, "entry"))
		require.NoError(t, err)
		e := ready[0]
		raw, err := json.Marshal(e)
		require.NoError(t, err)
		var back audit.Entry
		require.NoError(t, json.Unmarshal(raw, &back))
		require.Equal(t, withoutEmpty(e), withoutEmpty(back))

		canonical, err := e.Canonical()
		require.NoError(t, err)
		again, err := back.Canonical()
		require.NoError(t, err)
		require.Equal(t, string(canonical), string(again))

		var v any
		require.NoError(t, json.Unmarshal(canonical, &v))
		twice, err := jsonvalue.AppendCanonical(nil, v)
		require.NoError(t, err)
		require.Equal(t, string(canonical), string(twice), "any implementation of RFC 8785 makes the same of it")
	})
}

func withoutEmpty(e audit.Entry) audit.Entry {
	if len(e.Changes) == 0 {
		e.Changes = nil
	}
	return e
}

// Two entries that differ have different canonical bytes.
func TestNoTwoValuesShareAnEncoding(t *testing.T) {
	values := []any{
		nil, "", "null", int64(0), "0", false, []any{}, map[string]any{}, []any{nil}, int64(1<<53 + 1), float64(1 << 54), json.Number("9007199254740993.5"), json.Number("1e400"), "1e400",
		map[string]any{"$number": "9007199254740993"}, map[string]any{"$$number": "9007199254740993"}, map[string]any{"$number": int64(1)}, uint64(1 << 63), "9223372036854775808",
		map[string]any{"a": int64(1), "b": int64(2)}, []any{"a", int64(1)}, "a\x00", `a\u0000`, "a",
	}
	seen := map[string]any{}
	for _, v := range values {
		for _, c := range []audit.Change{{Field: "f", Op: audit.OpAdd, New: v}, {Field: "f", Op: audit.OpRemove, Old: v}, {Field: "f", Op: audit.OpReplace, Old: v}, {Field: "f", Op: audit.OpReplace, New: v}} {
			if c.Op == audit.OpReplace && v == nil {
				continue // the two are one
			}
			raw, err := audit.Entry{Time: time.Unix(0, 0), Action: "x", Changes: []audit.Change{c}}.Canonical()
			require.NoError(t, err)
			assert.NotContains(t, seen, string(raw), "%#v and %#v", c, seen[string(raw)])
			seen[string(raw)] = c
		}
	}
}

func FuzzEntryForm(f *testing.F) {
	_, entries := vectorEntries()
	for _, e := range entries {
		raw, err := json.Marshal(e)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Add([]byte(`{"v":1,"time":"2026-01-01T00:00:00Z","action":"x","metadata":{"a":1e400},"changes":[{"field":"a","op":"add"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var e audit.Entry
		if json.Unmarshal(raw, &e) != nil {
			return
		}
		e.Time = e.Time.Truncate(time.Microsecond)
		out, err := json.Marshal(e)
		require.NoError(t, err)
		var again audit.Entry
		require.NoError(t, json.Unmarshal(out, &again))
		first, err := e.Canonical()
		require.NoError(t, err)
		second, err := again.Canonical()
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
	})
}

func TestEntryFormRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"no version": `{"time":"2026-01-01T00:00:00Z","action":"x"}`, "a later version": `{"v":2,"time":"2026-01-01T00:00:00Z"}`, "no time": `{"v":1}`, "a time that is none": `{"v":1,"time":"now"}`, "a year of five digits in UTC": `{"v":1,"time":"9999-12-31T23:59:59-10:00"}`,
		"metadata that is no object": `{"v":1,"time":"2026-01-01T00:00:00Z","metadata":[1]}`, "a list": `[]`, "text": `"x"`, "changes that are none": `{"v":1,"time":"2026-01-01T00:00:00Z","changes":[1]}`,
	} {
		var e audit.Entry
		assert.Error(t, json.Unmarshal([]byte(s), &e), name)
	}
}

func TestEntryFormWithoutOutcomeIsASuccess(t *testing.T) {
	var e audit.Entry
	require.NoError(t, json.Unmarshal([]byte(`{"v":1,"time":"2026-01-01T00:00:00Z","action":"x"}`), &e))
	assert.Equal(t, audit.Success, e.Outcome)
}

func ExampleEntry_Canonical() {
	e := audit.Entry{
		ID: "0195c0de-0000-7000-8000-000000000001", Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Action: "update",
		Changes: []audit.Change{{Field: "balance", Old: int64(1), New: int64(9007199254740993)}},
	}
	raw, err := e.Canonical()
	fmt.Println(string(raw), err)
	// Output: {"action":"update","changes":[{"field":"balance","new":{"$number":"9007199254740993"},"old":1,"op":"replace"}],"id":"0195c0de-0000-7000-8000-000000000001","outcome":"success","time":"2026-03-01T12:00:00.000000Z","v":1} <nil>
}

// anyValue draws Go values that JSON can express, odd ones among them.
func anyValue(depth int) *rapid.Generator[any] {
	leaf := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(), rapid.Int64().AsAny(), rapid.Uint64().AsAny(),
		rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).AsAny(), rapid.Float32Range(-math.MaxFloat32, math.MaxFloat32).AsAny(),
		rapid.SliceOfN(rapid.Byte(), 0, 8).AsAny(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 8), func(b []byte) string { return string(b) }).AsAny(),
		rapid.Map(rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?`), func(s string) json.Number { return json.Number(s) }).AsAny(),
		rapid.Map(rapid.Int64Range(-(1<<60), 1<<60), func(n int64) float64 { return float64(n) }).AsAny(),
	}
	if depth > 0 {
		inner := anyValue(depth - 1)
		leaf = append(leaf, rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 4).AsAny())
	}
	return rapid.OneOf(leaf...)
}
