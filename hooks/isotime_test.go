package hooks

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestParseISO(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-01 08:20:30.123456+00":  "2026-03-01T08:20:30.123456Z",
		"2026-03-01 08:20:30+05:30":      "2026-03-01T02:50:30Z",
		"1900-01-01 00:00:00-00:25:21":   "1900-01-01T00:25:21Z",
		"2026-03-01T08:20:30Z":           "2026-03-01T08:20:30Z",
		"2026-03-01 08:20":               "2026-03-01T08:20:00Z",
		"2026-03-01":                     "2026-03-01T00:00:00Z",
		"2026-03-01 08:20:30.1234567899": "2026-03-01T08:20:30.123456789Z",
		"0000-00-00 00:00:00":            "", "2026-02-30": "", "2026-03-01 24:00:00": "", "10000-01-01 00:00:00": "",
		"0044-03-15 00:00:00 BC": "", "infinity": "", "": "", "2026-03-01 08:20:30+1": "",
	} {
		got, ok := parseISO(text)
		if want == "" {
			assert.False(t, ok, text)
			continue
		}
		assert.True(t, ok, text)
		assert.Equal(t, want, got.Format(time.RFC3339Nano), text)
	}
}

func TestParseISOReadsWhatTimeWrites(t *testing.T) {
	layouts := []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999-07:00", "2006-01-02 15:04:05.999999-07"}
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-62_000_000_000, 250_000_000_000).Draw(t, "seconds"), 1000*rapid.Int64Range(0, 999_999).Draw(t, "micros")).
			In(time.FixedZone("", 3600*rapid.IntRange(-12, 14).Draw(t, "hours")))
		text := at.Format(rapid.SampledFrom(layouts).Draw(t, "layout"))
		got, ok := parseISO(text)
		if !ok || !got.Equal(at) {
			t.Fatalf("%q is read as %v, %v", text, got, ok)
		}
	})
}
