package hooks

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseStatements(t *testing.T) {
	for sql, want := range map[string]statement{
		"SELECT 1":                                              {},
		"select * from t for update":                            {},
		"(SELECT 1)":                                            {},
		"UPDATE users SET a = 1":                                {verb: "UPDATE", table: "users"},
		"update only \"my \"\"t\" set a=1":                      {verb: "UPDATE", table: `my "t`},
		"UPDATE `s`.`t` AS x SET a=1":                           {verb: "UPDATE", schema: "s", table: "t", alias: "x"},
		"UPDATE t x SET a=1":                                    {verb: "UPDATE", table: "t", alias: "x"},
		"UPDATE a JOIN b ON a.x=b.x SET a.y=1":                  {verb: "UPDATE", table: "a", joined: true},
		"UPDATE a x, b SET x.y=1":                               {verb: "UPDATE", table: "a", alias: "x", joined: true},
		"INSERT INTO t(a) VALUES (1)":                           {verb: "INSERT", table: "t"},
		"INSERT OR REPLACE INTO main.t(a) x":                    {verb: "INSERT", schema: "main", table: "t"},
		"REPLACE INTO t VALUES (1)":                             {verb: "REPLACE", table: "t"},
		"DELETE FROM public.t USING b":                          {verb: "DELETE", schema: "public", table: "t"},
		"delete from [t] where 1":                               {verb: "DELETE", table: "t"},
		"-- note\n/* a /* b */ c */ DELETE FROM t":              {verb: "DELETE", table: "t"},
		"WITH x AS (SELECT 1) UPDATE t SET a=1":                 {verb: "UPDATE", table: "t"},
		"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x": {verb: "DELETE", table: "t"},
		"WITH x AS (SELECT 1 FOR UPDATE) SELECT * FROM x":       {},
		"EXPLAIN DELETE FROM t":                                 {},
		"EXPLAIN ANALYZE DELETE FROM t":                         {verb: "DELETE", table: "t"},
		"MERGE INTO t USING s ON 1=1":                           {verb: "MERGE", table: "t"},
		"CALL work()":                                           {verb: "CALL"},
		"TRUNCATE t":                                            {verb: "TRUNCATE", ddl: true, table: "t"},
		"CREATE TABLE IF NOT EXISTS s.t (a int)":                {verb: "CREATE", ddl: true, schema: "s", table: "t"},
		"DROP TABLE IF EXISTS t":                                {verb: "DROP", ddl: true, table: "t"},
		"SAVEPOINT a":                                           {},
		"PRAGMA foreign_keys = 1":                               {},
		"":                                                      {},
	} {
		require.Equal(t, want, parse(sql, false), sql)
	}
}

func TestWithoutValues(t *testing.T) {
	for sql, want := range map[string]string{
		"UPDATE t SET a = 'x''y', b = 1.5e-3 WHERE c = $1 AND d = ?":    "UPDATE t SET a = ?, b = ? WHERE c = $1 AND d = ?",
		`SELECT E'a\'b', x'00', "col", $tag$secret$tag$, t1.c2`:         `SELECT ?, ?, "col", ?, t1.c2`,
		"UPDATE t\n\tSET a = @name -- secret\nWHERE b = :named /* s */": "UPDATE t SET a = @name WHERE b = :named",
		"SELECT a::text, arr[1] FROM t":                                 "SELECT a::text, arr[?] FROM t",
		"INSERT INTO t VALUES ('unterminated":                           "INSERT INTO t VALUES (?",
	} {
		require.Equal(t, want, withoutValues(sql, false), sql)
	}
	require.Equal(t, "SELECT ?, ?, `c`", withoutValues("SELECT \"secret\", 'a\\'b', `c`", true))
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"UPDATE t SET a='x'", "WITH x AS (INSERT INTO", "$a$ $b$", "/*/*", "[", "E'\\", "\"", "x'"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, sql string, mysql bool) {
		parse(sql, mysql)
		withoutValues(sql, mysql)
		savepointOf(sql)
		last := 0
		for _, tok := range tokens(sql, mysql) {
			require.GreaterOrEqual(t, tok.start, last)
			require.LessOrEqual(t, tok.end, len(sql))
			last = tok.end
		}
	})
}

func TestSavepointStatements(t *testing.T) {
	for sql, want := range map[string][2]string{
		"SAVEPOINT sp1":              {"SAVEPOINT", "SP1"},
		"savepoint sp1;":             {"SAVEPOINT", "SP1"},
		"ROLLBACK TO SAVEPOINT sp1":  {"ROLLBACK", "SP1"},
		"ROLLBACK TO sp1":            {"ROLLBACK", "SP1"},
		"ROLLBACK WORK TO sp1":       {"ROLLBACK", "SP1"},
		"RELEASE SAVEPOINT sp1":      {"RELEASE", "SP1"},
		"ROLLBACK":                   {},
		"SELECT 1 FROM savepoint sp": {},
	} {
		verb, name := savepointOf(sql)
		require.Equal(t, want, [2]string{verb, name}, sql)
	}
}
