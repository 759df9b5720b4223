package storagetest

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

var valueContracts = []contract{
	{name: "values/exact", why: "A read returns the recorded values themselves: integers and decimals exact, NULL and absent told apart, structures whole.", run: tryExactValues},
	{name: "values/large", why: "A field of a megabyte is stored and returned whole.", run: tryLargeValues},
	{name: "values/text", why: "Every text that Record lets through is stored and returned byte for byte.", run: tryHostileTexts},
	{name: "values/empty", why: "What an entry leaves empty is returned empty.", run: tryEmptyEntry},
	{name: "values/time", why: "Times are kept to the microsecond, in UTC, for the years 1 to 9999.", run: tryTimes},
	{name: "values/changes", why: "Changes keep their order, their number and their names.", run: tryManyChanges},
}

// exactValues are what other systems round, cut, mix up or refuse.
func exactValues() map[string]any {
	return map[string]any{
		"null": nil, "true": true, "false": false, "zero": int64(0), "one": int64(1), "empty text": "", "the text null": "null",
		"2^53":   int64(1) << 53,
		"2^53+1": int64(1)<<53 + 1, "-2^53-1": -(int64(1)<<53 + 1), "smallest int64": int64(math.MinInt64), "largest int64": int64(math.MaxInt64),
		"2^63": uint64(1) << 63, "largest uint64": uint64(math.MaxUint64),
		"beyond uint64": json.Number("18446744073709551616"), "long integer": json.Number("-123456789012345678901234567890"),
		"long decimal": json.Number("0.1000000000000000055511151231257827"), "beyond float64": json.Number("1e400"),
		"tenth": 0.1, "half": 0.5, "third": 1.0 / 3, "tiny": 1e-7, "smallest float": math.SmallestNonzeroFloat64, "largest float": math.MaxFloat64,
		"NUL": "a\x00b", "quotes": `'"` + "`", "backslashes": `\ \\ \n \u0000 \x00`, "html": "<script>&amp;</script>", "lines": "a\r\nb\n\rc\u2028d",
		"emoji": "👩‍👩‍👧‍👦 😀", "combining": "e\u0301\u0323", "right to left": "\u202Eمرحبا", "controls": "\x01\x02\x1f\x7f", "number-like": "1e5",
		"byte order mark": "\uFEFFx", "not a character": "\uFFFE\uFFFF", "private": "\U0010FFFF", "blanks": "  a  ",
		"empty list": []any{}, "empty object": map[string]any{}, "nested": map[string]any{
			"list": []any{nil, []any{}, map[string]any{"x": []any{int64(math.MaxInt64), "1", int64(1), 1.5, false}}},
			"":     "the empty key", "a.b": "a dot", "NUL\x00": "in a key", "$number": "7", "ключ": map[string]any{"null": nil},
		},
	}
}

func tryExactValues(c *trial) {
	var entries []audit.Entry
	for name, v := range exactValues() {
		other := map[string]any{"beside": v}
		entries = append(entries, audit.Entry{
			Action: "update", Time: epoch, Comment: name, Metadata: map[string]any{"value": v, name: []any{v}},
			Changes: []audit.Change{
				{Field: "a", Op: audit.OpAdd, New: v}, {Field: "b", Op: audit.OpRemove, Old: v},
				{Field: "c", Op: audit.OpReplace, Old: v, New: other}, {Field: "d", Op: audit.OpReplace, Old: other, New: v},
				{Field: "e", Op: audit.OpReplace, Old: nil, New: v, Redacted: audit.RedactedMasked},
			},
		})
	}
	c.roundTripTwice(entries...)
}

// roundTripTwice is roundTrip of entries that are then stored again: what is stored is
// what was given.
func (c *trial) roundTripTwice(entries ...audit.Entry) {
	c.t.Helper()
	c.append(c.roundTrip(entries...)...)
}

// roundTrip stores entries and fails unless both ways of reading return them.
func (c *trial) roundTrip(entries ...audit.Entry) (stored []audit.Entry) {
	c.t.Helper()
	stored = c.complete(entries...)
	c.append(stored...)
	for _, e := range stored {
		got, err := c.store.Get(c.ctx, e.ID)
		if err != nil {
			c.broken("Get of the entry with comment %q: %v", e.Comment, err)
		}
		if d := compareEntries(e, got); d != "" {
			c.alsoBroken("comment %q: %s", e.Comment, d)
		}
	}
	c.wantAll(stored, audit.Query{Limit: 1000})
	return stored
}

func tryLargeValues(c *trial) {
	long := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	wide := strings.Repeat("😀é", 1<<17)
	list := make([]any, 20_000)
	for i := range list {
		list[i] = int64(i)
	}
	c.roundTrip(
		audit.Entry{Action: "update", Time: epoch, Comment: "in a change", Changes: []audit.Change{{Field: "notes", Old: long, New: wide}, {Field: "list", Old: list, New: nil}}},
		audit.Entry{Action: "update", Time: epoch, Comment: "in the metadata", Metadata: map[string]any{"body": long}},
		audit.Entry{Action: "update", Time: epoch, Comment: wide},
		audit.Entry{Action: "update", Time: epoch, Error: long, Object: audit.Object{Name: long}, Request: audit.Request{Path: wide, UserAgent: long}},
	)
}

func tryHostileTexts(c *trial) {
	var entries []audit.Entry
	for name, v := range exactValues() {
		s, ok := v.(string)
		if !ok {
			continue
		}
		a := audit.Actor{Type: s, ID: s, Name: s, Email: s}
		e := audit.Entry{
			Time: epoch, Tenant: s, Project: s, Actor: a, OnBehalfOf: &a, Action: "x" + s, Error: s, Comment: name + s,
			Object:        audit.Object{Type: s, ID: s, Name: s, Product: s},
			Request:       audit.Request{IP: s, UserAgent: s, ID: s, Method: s, Path: s},
			TransactionID: s, Metadata: map[string]any{s: s},
		}
		if s != "" {
			e.Changes = []audit.Change{{Field: s, New: s}}
		}
		entries = append(entries, e)
	}
	c.roundTripTwice(entries...)
}

func tryEmptyEntry(c *trial) {
	c.roundTripTwice(audit.Entry{Action: "login", Time: epoch})
}

func tryTimes(c *trial) {
	var entries []audit.Entry
	for _, t := range []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), time.Date(999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(1582, 10, 10, 0, 0, 0, 0, time.UTC), time.Date(1899, 12, 31, 0, 0, 0, 0, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.UnixMicro(0).UTC(), time.UnixMicro(1).UTC(),
		time.Date(2026, 3, 29, 1, 30, 0, 123_456_000, time.UTC), time.Date(2026, 10, 25, 1, 30, 0, 1000, time.UTC),
		time.Date(2016, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(2026, 3, 29, 3, 30, 0, 0, time.FixedZone("", 2*60*60)),
	} {
		entries = append(entries, audit.Entry{Action: "login", Time: t, Comment: fmt.Sprint(t)})
	}
	c.roundTripTwice(entries...)
}

func tryManyChanges(c *trial) {
	var many []audit.Change
	for i := range 700 {
		many = append(many, audit.Change{Field: fmt.Sprintf("column_%d.%s", i%650, c.one(fieldPool)), Op: audit.OpReplace, Old: int64(i), New: c.one(namePool)})
	}
	long := strings.Repeat("settings.", 400) + "x"
	c.roundTripTwice(
		audit.Entry{Action: "update", Time: epoch, Changes: many},
		audit.Entry{Action: "update", Time: epoch, Changes: []audit.Change{{Field: "same", New: "1"}, {Field: "same", New: "2"}, {Field: long, New: "3"}}},
	)
}
