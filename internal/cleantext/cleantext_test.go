package cleantext_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/internal/cleantext"
)

func TestText(t *testing.T) {
	for given, want := range map[string]string{
		"": "", "plain": "plain", "a\x00b": `a\x00b`, "\xff": `\xff`, "é\xc3": `é\xc3`, "\x00\xfe\x00": `\x00\xfe\x00`, "\uFFFD": "\uFFFD",
		"\xed\xa0\x80": `\xed\xa0\x80`, "\xf5\x80": `\xf5\x80`, "😀": "😀", `\x00`: `\x00`, "\xc0\xaf": `\xc0\xaf`,
	} {
		assert.Equal(t, want, cleantext.Text(given), "%q", given)
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x00\xff\xed\xa0\x80😀")
	f.Fuzz(func(t *testing.T, s string) {
		c := cleantext.Text(s)
		require.True(t, utf8.ValidString(c) && !strings.Contains(c, "\x00"))
		require.Equal(t, c, cleantext.Text(c))
		if utf8.ValidString(s) && !strings.Contains(s, "\x00") {
			require.Equal(t, s, c)
		}
	})
}

func TestName(t *testing.T) {
	long := strings.Repeat("é", 300)
	a, b := cleantext.Name(long+"a"), cleantext.Name(long+"b")
	assert.NotEqual(t, a, b, "two long texts that differ stay different")
	assert.Equal(t, a, cleantext.Name(long+"a"))
	assert.Equal(t, a, cleantext.Name(a), "what is clean stays as it is")
	assert.True(t, strings.HasPrefix(a, "ééé") && strings.HasSuffix(a, "é…sha256:"+fmt.Sprintf("%x", sha256.Sum256([]byte(long+"a")))), a)
	assert.Equal(t, strings.Repeat("x", 512), cleantext.Name(strings.Repeat("x", 512)))
	assert.Len(t, cleantext.Name(strings.Repeat("x", 513)), 512)
	assert.Equal(t, `a\x00b\xffc`, cleantext.Name("a\x00b\xffc"))
}
