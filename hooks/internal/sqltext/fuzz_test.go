package sqltext

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzReading(f *testing.F) {
	for _, s := range []string{
		"UPDATE t SET a='x'", "$a$ $b$", "/*/*", "[", "E'\\", "\"", "x'", "/*!50000 a */", "U&\"\\+00006", "$a(:", "1e-", "--\r#\n", "a\x00b", ":::a(", "\ufeff",
		"/*! '*/ */", "1e$$", "E'a'\n'", `;"\"`,
	} {
		for d := range len(dialects) {
			f.Add(s, d, 3)
		}
	}
	f.Fuzz(func(t *testing.T, sql string, d, at int) {
		dialect := Dialect(uint(d) % 3)
		InCode(sql, dialect, at, len(sql), 0)
		end, complete := End(sql, dialect)
		require.True(t, 0 <= end && end <= len(sql))
		if complete && end > 0 {
			require.True(t, InCode(sql, dialect, end), "the end of %q is not in code", sql)
			again, complete := End(sql[:end], dialect)
			require.True(t, complete && again == end, "%q ends at %d, and its beginning at %d", sql, end, again)
			more, complete := End(sql[:end]+" RETURNING 1", dialect)
			require.True(t, complete && more == end+len(" RETURNING 1"), "%q can't go on", sql)
		}
		for _, r := range readings(sql, dialect) {
			s, last := newScanner(sql, r), 0
			for {
				tok, ok := s.step()
				if !ok {
					break
				}
				require.True(t, last <= tok.Start && tok.Start < tok.End && tok.End <= len(sql))
				last = tok.End
			}
		}
	})
}
