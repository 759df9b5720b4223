package hooks

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

func TestHeadOfStatements(t *testing.T) {
	for sql, want := range map[string]statement{
		"SELECT 1":                                              {},
		"select * from t for update":                            {},
		"(SELECT 1)":                                            {},
		"UPDATE users SET a = 1":                                {verb: "UPDATE", table: "users"},
		"update only \"my \"\"t\" set a=1":                      {verb: "UPDATE", table: `my "t`},
		"UPDATE \"s\".\"t\" AS x SET a=1":                       {verb: "UPDATE", schema: "s", table: "t", alias: "x"},
		"UPDATE t x SET a=1":                                    {verb: "UPDATE", table: "t", alias: "x"},
		"UPDATE a JOIN b ON a.x=b.x SET a.y=1":                  {verb: "UPDATE", table: "a", joined: true},
		"UPDATE a x, b SET x.y=1":                               {verb: "UPDATE", table: "a", alias: "x", joined: true},
		"INSERT INTO t(a) VALUES (1)":                           {verb: "INSERT", table: "t"},
		"INSERT OR REPLACE INTO main.t(a) x":                    {verb: "INSERT", schema: "main", table: "t"},
		"REPLACE INTO t VALUES (1)":                             {verb: "REPLACE", table: "t"},
		"DELETE FROM public.t USING b":                          {verb: "DELETE", schema: "public", table: "t"},
		"-- note\n/* a /* b */ c */ DELETE FROM t":              {verb: "DELETE", table: "t"},
		"WITH x AS (SELECT 1) UPDATE t SET a=1":                 {verb: "UPDATE", table: "t"},
		"WITH x AS (SELECT 1) UPDATE t y SET a=1":               {verb: "UPDATE", table: "t", alias: "y"},
		"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x": {verb: "DELETE", table: "t"},
		"WITH x AS (SELECT 1 FOR UPDATE) SELECT * FROM x":       {},
		"EXPLAIN DELETE FROM t":                                 {},
		"EXPLAIN ANALYZE DELETE FROM t":                         {verb: "DELETE", table: "t"},
		"MERGE INTO t USING s ON 1=1":                           {verb: "MERGE", table: "t", alias: ""},
		"CALL work()":                                           {verb: "CALL"},
		"TRUNCATE t":                                            {verb: "TRUNCATE", ddl: true, table: "t"},
		"CREATE TABLE IF NOT EXISTS s.t (a int)":                {verb: "CREATE", ddl: true, schema: "s", table: "t"},
		"DROP TABLE IF EXISTS t":                                {verb: "DROP", ddl: true, table: "t"},
		"SAVEPOINT a":                                           {},
		"":                                                      {},
	} {
		require.Equal(t, want, headOf(sql, sqltext.PostgreSQL), sql)
	}
	require.Equal(t, statement{verb: "DELETE", table: "t"}, headOf("delete from [t] where 1", sqltext.SQLite))
	for sql, want := range map[string]statement{
		"UPDATE `t` SET `a` = ?":                                                           {verb: "UPDATE", table: "t"},
		"UPDATE t IGNORE INDEX (a) SET n = 1":                                              {verb: "UPDATE", table: "t"},
		"UPDATE t AS x USE INDEX FOR ORDER BY (a) SET n = 1":                               {verb: "UPDATE", table: "t", alias: "x"},
		"UPDATE t FORCE KEY (a, b, c, d, e, f, g, h) JOIN u ON u.id = t.id SET n = 1":      {verb: "UPDATE", table: "t", joined: true},
		"UPDATE t x USE INDEX (a) IGNORE KEY FOR JOIN (b), u SET n = 1":                    {verb: "UPDATE", table: "t", alias: "x", joined: true},
		"UPDATE t PARTITION (p0, p1, p2, p3, p4, p5) AS x JOIN u ON u.id = t.id SET n = 1": {verb: "UPDATE", table: "t", alias: "x", joined: true},
		"UPDATE LOW_PRIORITY IGNORE t SET n = 1":                                           {verb: "UPDATE", table: "t", ignores: true},
		"INSERT IGNORE INTO s.t (n) VALUES (1)":                                            {verb: "INSERT", schema: "s", table: "t", ignores: true},
		"INSERT INTO `ignore` (n) VALUES (1)":                                              {verb: "INSERT", table: "ignore"},
	} {
		require.Equal(t, want, headOf(sql, sqltext.MySQL), sql)
	}
	require.Equal(t, statement{verb: "UPDATE", table: "t", alias: "ignore"}, headOf("UPDATE t ignore SET a = 1", sqltext.PostgreSQL))
}
