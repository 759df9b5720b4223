package seal_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/internal/seal"
)

func keyOf(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func TestSealsOpenToTheirTexts(t *testing.T) {
	b := seal.New(keyOf(1))
	for n := range 600 {
		for _, text := range []string{strings.Repeat("a", n), strings.Repeat("\x00", n), strings.Repeat("\x80", n)} {
			sealed := b.Seal(text)
			got, ok := b.Open(sealed)
			require.True(t, ok)
			require.Equal(t, text, got)
			require.Equal(t, sealed, b.Seal(text), "equal texts, equal seals")
		}
	}
}

func TestLengthsTellNothing(t *testing.T) {
	b := seal.New(keyOf(1))
	lengths := map[int]int{}
	for n := range 1000 {
		lengths[len(b.Seal(strings.Repeat("x", n)))]++
	}
	require.Equal(t, map[int]int{171: 112, 342: 128, 683: 256, 1366: 504}, lengths)
}

func TestForgedSealsDontOpen(t *testing.T) {
	b := seal.New(keyOf(1))
	sealed := b.Seal("a position")
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	require.NoError(t, err)
	require.True(t, seal.WellFormed(sealed))
	refused := func(s string) {
		t.Helper()
		_, ok := b.Open(s)
		require.False(t, ok, s)
	}
	for i := range len(raw) * 8 {
		raw[i/8] ^= 1 << (i % 8)
		refused(base64.RawURLEncoding.EncodeToString(raw))
		raw[i/8] ^= 1 << (i % 8)
	}
	for n := range raw {
		refused(base64.RawURLEncoding.EncodeToString(raw[:n]))
		require.False(t, seal.WellFormed(base64.RawURLEncoding.EncodeToString(raw[:n])))
	}
	last := sealed[:len(sealed)-1]
	for _, s := range []string{"", "a position", sealed + "A", sealed + "\n", sealed[:9] + "\r\n" + sealed[9:], last + "z", sealed + sealed, strings.Repeat("A", 171), sealed + "="} {
		refused(s)
	}
}

func TestKeys(t *testing.T) {
	older, old, now := seal.New(keyOf(1)), seal.New(keyOf(2)), seal.New(keyOf(3), keyOf(2), keyOf(1))
	for _, b := range []*seal.Box{older, old, now} {
		text, ok := now.Open(b.Seal("x"))
		require.True(t, ok)
		require.Equal(t, "x", text)
	}
	_, ok := old.Open(older.Seal("x"))
	require.False(t, ok)
	_, ok = old.Open(now.Seal("x"))
	require.False(t, ok, "nothing is made with a former key")
}

func BenchmarkSeal(b *testing.B) {
	box := seal.New(keyOf(1))
	for b.Loop() {
		box.Open(box.Seal("sqlite:123456"))
	}
}

// FuzzOpen: nothing but what was sealed opens.
func FuzzOpen(f *testing.F) {
	b := seal.New(keyOf(1))
	f.Add("")
	f.Add(b.Seal(""))
	f.Add(b.Seal(strings.Repeat("x", 200)))
	f.Fuzz(func(t *testing.T, sealed string) {
		if text, ok := b.Open(sealed); ok && b.Seal(text) != sealed {
			t.Fatalf("%q opens to %q, whose seal is another", sealed, text)
		}
	})
}
