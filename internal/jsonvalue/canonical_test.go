package jsonvalue_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/internal/jsonvalue"
)

// The numbers of RFC 8785, appendix B: IEEE 754 bits and their text.
func TestNumbersOfRFC8785(t *testing.T) {
	for bits, want := range map[uint64]string{
		0x0000000000000000: "0", 0x8000000000000000: "0", 0x0000000000000001: "5e-324", 0x8000000000000001: "-5e-324",
		0x7fefffffffffffff: "1.7976931348623157e+308", 0xffefffffffffffff: "-1.7976931348623157e+308",
		0x4340000000000000: "9007199254740992", 0xc340000000000000: "-9007199254740992", 0x4430000000000000: "295147905179352830000",
		0x44b52d02c7e14af5: "9.999999999999997e+22", 0x44b52d02c7e14af6: "1e+23", 0x44b52d02c7e14af7: "1.0000000000000001e+23",
		0x444b1ae4d6e2ef4e: "999999999999999700000", 0x444b1ae4d6e2ef4f: "999999999999999900000", 0x444b1ae4d6e2ef50: "1e+21",
		0x3eb0c6f7a0b5ed8c: "9.999999999999997e-7", 0x3eb0c6f7a0b5ed8d: "0.000001",
		0x41b3de4355555553: "333333333.3333332", 0x41b3de4355555554: "333333333.33333325", 0x41b3de4355555555: "333333333.3333333",
		0x41b3de4355555556: "333333333.3333334", 0x41b3de4355555557: "333333333.33333343",
		0xbecbf647612f3696: "-0.0000033333333333333333", 0x43143ff3c1cb0959: "1424953923781206.2",
	} {
		got, err := jsonvalue.AppendCanonical(nil, math.Float64frombits(bits))
		require.NoError(t, err)
		assert.Equal(t, want, string(got), "%016x", bits)
	}
	for _, bits := range []uint64{0x7fffffffffffffff, 0x7ff0000000000000, 0xfff0000000000000} {
		_, err := jsonvalue.AppendCanonical(nil, math.Float64frombits(bits))
		assert.Error(t, err, "%016x", bits)
	}
}

// The examples of RFC 8785, sections 3.2.2 and 3.2.3.
func TestExamplesOfRFC8785(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{`{
		  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
		  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
		  "literals": [null, true, false]
		}`, `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`},
		{`{
		  "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
		  "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis"
		}`, `{"\r":"Carriage Return","1":"One","` + "\u0080" + `":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","😀":"Emoji: Grinning Face","` + "\ufb33" + `":"Hebrew Letter Dalet With Dagesh"}`},
	} {
		var v any // with numbers as float64, which is all that RFC 8785 knows
		require.NoError(t, json.Unmarshal([]byte(c.given), &v))
		got, err := jsonvalue.AppendCanonical(nil, v)
		require.NoError(t, err)
		assert.Equal(t, c.want, string(got))
	}
}

func TestAppendCanonicalRefuses(t *testing.T) {
	for name, v := range map[string]any{
		"a large integer": int64(1<<53 + 1), "a small one": int64(-1<<53 - 1), "uint64": uint64(1), "json.Number": json.Number("1"), "an int": 1,
		"bytes that are no text": "\xff", "such a key": map[string]any{"\xff": nil}, "inside a list": []any{[]any{math.NaN()}}, "a struct": struct{}{},
	} {
		_, err := jsonvalue.AppendCanonical(nil, v)
		assert.Error(t, err, name)
	}
	got, err := jsonvalue.AppendCanonical([]byte("x="), []any{})
	require.NoError(t, err)
	assert.Equal(t, "x=[]", string(got))
}
