package sqltext

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWithoutValues(t *testing.T) {
	for d, list := range map[Dialect]map[string]string{
		PostgreSQL: {
			"UPDATE t SET a = 'x''y', b = 1.5e-3 WHERE c = $1 AND d = ?":    "UPDATE t SET a = ?, b = ? WHERE c = $1 AND d = ?",
			`SELECT E'a\'b', x'00', "col", $tag$secret$tag$, t1.c2`:         `SELECT ?, ?, "col", ?, t1.c2`,
			"UPDATE t\n\tSET a = @name -- secret\nWHERE b = :named /* s */": "UPDATE t SET a = @name WHERE b = :named",
			"SELECT a::text, arr[1] FROM t":                                 "SELECT a::text, arr[?] FROM t",
			"INSERT INTO t VALUES ('unterminated":                           "INSERT INTO t VALUES (?",
			"UPDATE t SET a = E'x'\n'secret'; DELETE FROM u":                "UPDATE t SET a = ?; DELETE FROM u",
			`UPDATE t SET a = '\', b = 'secret'`:                            "UPDATE t SET a = ?, b = ?",
			"UPDATE t SET a = U&'s\\0041' WHERE b = 1e$$":                   "UPDATE t SET a = ? WHERE b = ?e$$ …",
		},
		SQLite: {
			"UPDATE [my t] SET a = $a('), b = 'secret' -- )'":     "UPDATE [my t] SET a = $a('), b = ?",
			"UPDATE t SET a = x'00'; DELETE FROM u WHERE b = -.5": "UPDATE t SET a = ?; DELETE FROM u WHERE b = -?",
			"UPDATE t SET a = 1\x00 'secret'":                     "UPDATE t SET a = ?",
		},
		MySQL: {
			"SELECT \"secret\", 'a\\'b', `c`":                "SELECT ?, ?, `c`",
			"/*!50000 UPDATE t SET a = 'secret' */":          "UPDATE t SET a = ?",
			"UPDATE t SET a = _utf8'secret', b = N'x' # 's'": "UPDATE t SET a = _utf8?, b = ?",
			"SELECT /*!99999 ' */ 'secret' /*' */":           "SELECT ? …",
			"SELECT /*!99999 1, */ 'secret'":                 "SELECT ?, ?",
			"PREPARE x FROM 'UPDATE t SET a = 1'":            "PREPARE x FROM ?",
		},
	} {
		for sql, want := range list {
			require.Equal(t, want, WithoutValues(sql, d), sql)
		}
	}
}
