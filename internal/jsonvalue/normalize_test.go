package jsonvalue_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/jsonvalue"
)

type colour string

type point struct {
	X    int     `json:"x"`
	Y    float32 `json:"y"`
	Note *string `json:"note"`
}

type marshaler struct{ text string }

func (m marshaler) MarshalJSON() ([]byte, error) { return []byte(m.text), nil }

func TestNormalize(t *testing.T) {
	four := 4
	at := time.Date(2026, 3, 1, 13, 0, 0, 123456789, time.FixedZone("CET", 3600))
	for _, c := range []struct{ given, want any }{
		{nil, nil}, {true, true}, {"x", "x"}, {"", ""}, {colour("red"), "red"},
		{7, int64(7)}, {int8(-7), int64(-7)}, {int32(7), int64(7)}, {uint8(7), int64(7)}, {uint64(7), int64(7)}, {&four, int64(4)}, {(*int)(nil), nil},
		{uint64(math.MaxInt64), int64(math.MaxInt64)}, {uint64(math.MaxInt64) + 1, uint64(math.MaxInt64) + 1}, {uint64(math.MaxUint64), uint64(math.MaxUint64)},
		{1.0, int64(1)}, {math.Copysign(0, -1), int64(0)}, {1.5, 1.5}, {float32(0.1), 0.1}, {1e-7, 1e-7},
		{float64(1 << 53), int64(1 << 53)}, {float64(1<<53 + 2), int64(1<<53 + 2)}, {1e19, uint64(1e19)}, {1e20, json.Number("100000000000000000000")}, {1e21, 1e21},
		{json.Number("1"), int64(1)}, {json.Number("-0"), int64(0)}, {json.Number("1.0"), int64(1)}, {json.Number("1e3"), int64(1000)}, {json.Number("1.10"), 1.1},
		{json.Number("0.30000000000000004"), 0.30000000000000004}, {json.Number("18446744073709551615"), uint64(math.MaxUint64)},
		{json.Number("18446744073709551616"), json.Number("18446744073709551616")}, {json.Number("0.1000000000000000055"), json.Number("0.1000000000000000055")},
		{json.Number("1e400"), json.Number("1e400")}, {json.Number("9007199254740993.0"), int64(9007199254740993)},
		{[]byte("hi"), "aGk="}, {[]byte(nil), nil}, {[]byte{}, ""},
		{at, "2026-03-01T12:00:00.123456789Z"},
		{[]any{1, "a", nil}, []any{int64(1), "a", nil}}, {[]int{1, 2}, []any{int64(1), int64(2)}}, {[]any(nil), nil}, {[]any{}, []any{}},
		{map[string]any{"at": at, "b": []byte("hi")}, map[string]any{"at": "2026-03-01T12:00:00.123456789Z", "b": "aGk="}}, {map[string]any(nil), nil},
		{map[int]string{1: "a"}, map[string]any{"1": "a"}},
		{point{X: 1, Y: 0.5}, map[string]any{"x": int64(1), "y": 0.5, "note": nil}},
		{marshaler{`{"n":9007199254740993}`}, map[string]any{"n": int64(9007199254740993)}}, {json.RawMessage(`[1.0]`), []any{int64(1)}},
		{"a\x00b", "a\x00b"}, {"a\xffb", `a\xffb`}, {[]any{"\xc3"}, []any{`\xc3`}}, {map[string]any{"\xfe": "\xfd"}, map[string]any{`\xfe`: `\xfd`}},
		{"<&>\u2028", "<&>\u2028"},
	} {
		got, err := jsonvalue.Normalize(c.given)
		require.NoError(t, err, "%#v", c.given)
		assert.Equal(t, c.want, got, "%#v", c.given)
	}
}

func TestNormalizeRefusesWhatJSONCannotExpress(t *testing.T) {
	cycle := map[string]any{}
	cycle["self"] = []any{cycle}
	type node struct{ Next *node }
	ring := &node{}
	ring.Next = ring
	for name, v := range map[string]any{
		"NaN": math.NaN(), "infinity": math.Inf(-1), "channel": make(chan int), "function": func() {}, "complex": 1i, "cycle": cycle, "ring": ring,
		"nested NaN": map[string]any{"a": []any{math.NaN()}}, "empty number": json.Number(""), "no number": json.Number("0x1"), "text": json.Number(`"a"`),
		"blank": json.Number("1 "), "list": json.Number("[1]"), "bad marshaler": marshaler{"{"},
	} {
		_, err := jsonvalue.Normalize(v)
		assert.Error(t, err, name)
	}
}

// A decimal below the smallest float64 must not become zero.
func TestNumberBelowTheSmallestFloatKeepsItsText(t *testing.T) {
	for _, s := range []string{"1e-400", "4e-324", "2.4703282292062328e-324"} {
		v, err := jsonvalue.Decode([]byte(s))
		require.NoError(t, err)
		assert.Equal(t, json.Number(s), v)
	}
}

// A whole number in exponent form must not go through a float64.
func TestWholeNumberInExponentFormStaysExact(t *testing.T) {
	v, err := jsonvalue.Decode([]byte("8409200671001E6"))
	require.NoError(t, err)
	assert.Equal(t, int64(8409200671001000000), v)
}

// A large whole float64 read back from JSON must be what was recorded.
func TestLargeWholeFloatSurvivesJSON(t *testing.T) {
	for _, x := range []float64{1 << 53, 1<<53 + 2, 1 << 62, 1 << 63, 1 << 64, 1e20, 999999999999999868928, 1e21, 1e22, math.MaxFloat64, -1e19} {
		assertStable(t, x)
	}
}

// assertStable fails unless a value in normal form stays as it is through
// Normalize, through JSON, and in its canonical encoding.
func assertStable(t assert.TestingT, v any) {
	n, err := jsonvalue.Normalize(v)
	if !assert.NoError(t, err) {
		return
	}
	again, err := jsonvalue.Normalize(n)
	assert.NoError(t, err)
	assert.Equal(t, n, again, "Normalize of what it gave")
	raw, err := json.Marshal(n)
	assert.NoError(t, err)
	back, err := jsonvalue.Decode(raw)
	assert.NoError(t, err, "%s", raw)
	assert.Equal(t, n, back, "through JSON: %s", raw)
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

func TestNormalFormIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { assertStable(t, anyValue(3).Draw(t, "value")) })
}

// The number that is kept is the number that was given, exactly.
func TestNumbersStayExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "number")
		want, ok := new(big.Rat).SetString(s)
		require.True(t, ok)
		v, err := jsonvalue.Decode([]byte(s))
		require.NoError(t, err)
		got, ok := new(big.Rat).SetString(numberText(v))
		require.True(t, ok, "%v", v)
		assert.Zero(t, want.Cmp(got), "%s became %v", s, v)
	})
}

// numberText is the decimal that a value is written as.
func numberText(v any) string {
	if n, ok := v.(json.Number); ok {
		return string(n)
	}
	raw, _ := json.Marshal(v)
	return string(raw)
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`null`, `1`, `-0`, `1e400`, `1e-400`, `1E5`, `0.1`, `123456789012345678901234567890`, `"\u0000\ud800"`, `[1,[2,{"a":null}]]`, `{"":"","a":{"$number":"1"}}`, `1 2`, ``, `{`, "\"\xff\"",
		`[` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `]`, `999999999999999999999`, `1.0`, `100000000000000000000`, `1e21`, `-1e-7`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := jsonvalue.Decode(raw)
		if err != nil {
			return
		}
		out, err := json.Marshal(v)
		require.NoError(t, err)
		again, err := jsonvalue.Decode(out)
		require.NoError(t, err)
		require.Equal(t, v, again)
		if n, err := jsonvalue.Normalize(v); err == nil { // it may be nested too deep
			require.Equal(t, v, n)
		}
		require.Equal(t, json.Valid(raw), true)
	})
}

func TestDecodeRefusesMoreThanOneValue(t *testing.T) {
	for _, s := range []string{"", " ", "1 2", "{} []", "nul", `{"a":1}x`, "[1,]", "NaN"} {
		_, err := jsonvalue.Decode([]byte(s))
		assert.Error(t, err, "%q", s)
	}
	v, err := jsonvalue.Decode([]byte(" \r\n[1]\t\n"))
	require.NoError(t, err)
	assert.Equal(t, []any{int64(1)}, v)
}

func ExampleNormalize() {
	v, err := jsonvalue.Normalize(map[string]any{"size": uint8(7), "ratio": 0.5, "at": time.Unix(0, 0)})
	fmt.Printf("%v %T %v\n", v, v.(map[string]any)["size"], err)
	_, err = jsonvalue.Normalize(math.NaN())
	fmt.Println(err)
	// Output:
	// map[at:1970-01-01T00:00:00Z ratio:0.5 size:7] int64 <nil>
	// NaN is no JSON number
}
