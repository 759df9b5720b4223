package audit

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDecodeScalarAgreesWithTheDecoder(t *testing.T) {
	for _, raw := range []string{`"a"`, `""`, `"é→"`, `0`, `-0`, `7`, `-123456789012345678`, `999999999999999999`, "null", "true", "false"} {
		v, ok := decodeScalar([]byte(raw))
		assert.True(t, ok, raw)
		want, err := decodeAny([]byte(raw))
		assert.NoError(t, err)
		assert.Equal(t, want, v, raw)
	}
	for _, raw := range []string{"", " 1", "1 ", "01", "-", "+1", "1.5", "1e3", "9999999999999999999", `"`, `"a`, `"a\n"`, "\"a\n\"", `"a"b"`, "\"\xff\"", "nul", "[]", "{}", `"a" `, "truE"} {
		_, ok := decodeScalar([]byte(raw))
		assert.False(t, ok, "%q", raw)
	}
}

func FuzzDecodeScalar(f *testing.F) {
	for _, raw := range []string{`"a"`, `-0`, `12`, "null", `"\u00e9"`, "1e2", "\"\xc3\x28\""} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, ok := decodeScalar(raw)
		if !ok {
			return
		}
		want, err := decodeAny(raw)
		assert.NoError(t, err)
		assert.Equal(t, want, v)
	})
}
