package jsonvalue

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/words"
)

// slowChange reads a change by encoding/json alone: what the parser must agree
// with.
type slowChange Change

func (c *slowChange) UnmarshalJSON(raw []byte) error {
	var f struct {
		Field, Op, Redacted string
		Old, New            json.RawMessage
	}
	err := json.Unmarshal(raw, &f)
	if err != nil {
		return err
	}
	*c = slowChange{Field: f.Field, Op: f.Op, Redacted: f.Redacted}
	if len(f.Old) > 0 {
		if c.Old, err = decodeAny(f.Old); err != nil {
			return err
		}
	}
	if len(f.New) > 0 {
		c.New, err = decodeAny(f.New)
	}
	return err
}

func slowChanges(raw []byte) ([]Change, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var slow []slowChange
	if err := json.Unmarshal(raw, &slow); err != nil || slow == nil {
		return nil, err
	}
	changes := make([]Change, len(slow))
	for i := range slow {
		changes[i] = Change(slow[i])
	}
	return changes, nil
}

// assertAgree: the same value, or an error of both.
func assertAgree[T any](t assert.TestingT, raw []byte, read, slow func([]byte) (T, error)) {
	want, wantErr := slow(raw)
	before := string(raw)
	got, err := read(raw)
	if wantErr != nil {
		assert.Error(t, err, "%q", words.Clip(before))
		return
	}
	assert.NoError(t, err, "%q", words.Clip(before))
	for i := range raw {
		raw[i] = '!' // what was read shares nothing with it
	}
	assert.Equal(t, want, got, "%q", words.Clip(before))
}

// hostileJSON is what a parser gets wrong.
func hostileJSON() []string {
	deep := func(open, shut string, n int) string { return strings.Repeat(open, n) + strings.Repeat(shut, n) }
	list := []string{
		"", " ", "null", " null ", "nul", "nullx", "truE", "true false", "[]", " [ ] ", "{}", "[,]", "[1,]", "[1 2]", "{,}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`,
		"0", "-0", "-", "+1", "01", "-01", "1.", ".5", "1.5", "-1.50", "1.0", "0.1", "1e3", "1E+3", "1e", "1e+", "1.5.3", "1-2", "1e5-3", "9999999999999999999",
		"999999999999999999", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551616", "1e400", "1e-400",
		"0.1234567890123456789", "123456789012345.6", "1234567890123456.7", "0.000000000000001", "1e21", "100000000000000000000000", "5e-324", "1_000", "0x10", "NaN", "Infinity",
		`"a"`, `"`, `"a`, `"a\`, `"a\"`, `"a\u12"`, `"\u00e9\n\t\r\b\f\/\\\""`, `"\x41"`, `"\u+123"`, `"\u0000"`, "\"a\x00b\"", "\"a\nb\"", "\"a\x7fb\"",
		`"\ud83d\ude00"`, `"\ud83d"`, `"\ude00"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\ud83d\ud83d"`, `"\uD83D\uDE00"`, "\"\xff\"", "\"\xc3\x28\"", "\"\\n\xff\"", "\"\xed\xa0\x80\"", "\"é→🎉\"",
		`{"a":1,"a":2}`, `{"a":{"b":1},"a":{"c":2}}`, `{"":1}`, `{"a":1}x`, "\ufeff1", "1\x00", "1 //", "[\"a\",\"b\\n\",3,{\"c\":[null,true]}]",
		deep("[", "]", 499), deep("[", "]", 500), deep("[", "]", 501), deep("[", "]", 9999), deep("[", "]", 10001), deep(`{"a":`, "", 600), deep("[", "", 20000),
		`"` + strings.Repeat("long ", 2000) + `"`, `["` + strings.Repeat("x", maxShared) + `","\u0041"]`,
	}
	changes := []string{
		"[null]", "[[]]", "[{}]", "[{},{}]", `[{"field":"a","op":"add","new":1}]`, `[{"new":1,"op":"add","field":"a"}]`, `[{"field":"a","op":"add","new":1},]`,
		`[{"Field":"a","OP":"add","neW":1}]`, `[{"field":null,"op":null,"old":null,"new":null,"redacted":null}]`, `[{"field":"a","field":"b"}]`, `[{"old":1,"old":2}]`,
		`[{"old":1,"Old":2}]`, `[{"field":1}]`, `[{"op":"other","redacted":"shredded"}]`, `[{"field":"a","more":{"x":1}}]`, `[{"field":"a","old":[1,{"b":"c"}],"new":9007199254740993}]`,
		`[{"field":"a","op":"replace","old":"\ud800","new":"b"}]`, `[{"field":"a" "op":"add"}]`, `[{"field":"a"}`, `{"field":"a"}`, ` [ { "field" : "a" , "op" : "remove" , "old" : 1.5 } ] `,
		`[{"field":"a","old":` + deep("[", "]", 700) + `}]`, `[{"field":"a","old":"` + strings.Repeat(`\"field\":`, 9000) + `"}]`, "[{\"field\":\"\xff\"}]",
	}
	return append(list, changes...)
}

func TestTheParserAgreesWithEncodingJSON(t *testing.T) {
	for _, raw := range hostileJSON() {
		assertAgree(t, []byte(raw), Decode, decodeAny)
		assertAgree(t, []byte(raw), DecodeChanges[Change], slowChanges)
		for cut := range min(len(raw), 80) {
			assertAgree(t, []byte(raw[:cut]), Decode, decodeAny)
			assertAgree(t, []byte(raw[:cut]), DecodeChanges[Change], slowChanges)
		}
	}
}

// Else the tests above would hold for a parser that never reads anything.
func TestTheParserGivesUpOnNothingOrdinary(t *testing.T) {
	for _, raw := range []string{
		"null", "true", "false", "0", "-0", "12", "-7.5", "1e3", "9223372036854775808", `""`, `"a"`, `"\u00e9\n"`, `"\ud83d\ude00"`, "\"é🎉\"", "[]", "{}",
		` [ 1 , "a" , { "b" : [ null ] } ] `, "0.1234567890123456789", strings.Repeat("[", 400) + strings.Repeat("]", 400),
	} {
		_, ok := parseValue([]byte(raw))
		assert.True(t, ok, raw)
	}
	rapid.Check(t, func(t *rapid.T) {
		c := Change{Field: rapid.String().Draw(t, "field"), Op: opReplace, Old: normalValue(3).Draw(t, "old"), New: normalValue(3).Draw(t, "new"), Redacted: rapid.SampledFrom([]string{"", "hashed"}).Draw(t, "redacted")}
		marshalled, err := json.Marshal([]Change{c})
		require.NoError(t, err)
		for _, raw := range [][]byte{AppendChanges(nil, []Change{c}), marshalled} {
			p := parser{raw: raw}
			got, ok := changesIn[Change](&p)
			require.True(t, ok && p.atEnd(), "%s", raw)
			require.Equal(t, []Change{c}, got)
		}
	})
}

// One short value must not keep a megabyte in memory.
func TestAValueOfALongTextSharesNothing(t *testing.T) {
	raw := []byte(`[{"field":"kept","op":"add","new":"` + strings.Repeat("x", 1<<20) + `"}]`)
	p := parser{raw: raw}
	changes, ok := changesIn[Change](&p)
	require.True(t, ok)
	assert.Equal(t, "kept", changes[0].Field)
	assert.Empty(t, p.text)
}

func TestDecimalsThatAreReadAtOnceAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`-?(0|[1-9][0-9]{0,9})\.[0-9]{1,9}`).Draw(t, "decimal")
		assertAgree(t, []byte(s), Decode, decodeAny)
	})
}

func FuzzParserAgreesWithEncodingJSON(f *testing.F) {
	for _, raw := range hostileJSON() {
		if len(raw) < 300 {
			f.Add([]byte(raw))
		}
	}
	f.Add(AppendChanges(nil, []Change{{Field: "a.b[2]", Op: opReplace, Old: "x\"\n\x01é", New: uint64(math.MaxUint64), Redacted: "masked"}}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		assertAgree(t, append([]byte(nil), raw...), Decode, decodeAny)
		assertAgree(t, append([]byte(nil), raw...), DecodeChanges[Change], slowChanges)
		assertAgree(t, append([]byte(nil), raw...), DecodeMetadata, func(raw []byte) (map[string]any, error) {
			var m map[string]any
			if len(raw) == 0 {
				return nil, nil
			}
			v, err := decodeAny(raw)
			if err == nil && v != nil {
				var ok bool
				if m, ok = v.(map[string]any); !ok {
					err = assert.AnError
				}
			}
			if len(m) == 0 {
				m = nil
			}
			return m, err
		})
	})
}

func BenchmarkDecodeChanges(b *testing.B) {
	raw := AppendChanges(nil, []Change{
		{Field: "name", Op: opReplace, Old: "Alice Example", New: "Alice B. Example"},
		{Field: "seats", Op: opReplace, Old: int64(5), New: int64(9)},
		{Field: "updated_at", Op: opReplace, Old: "2026-01-02T03:04:05.123456Z", New: "2026-01-02T03:04:06.123456Z"},
	})
	for _, by := range []struct {
		name string
		read func([]byte) ([]Change, error)
	}{{"parser", DecodeChanges[Change]}, {"encoding-json", slowChanges}} {
		b.Run(by.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = by.read(raw)
			}
		})
	}
}
