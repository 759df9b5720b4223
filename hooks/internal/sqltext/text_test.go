package sqltext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// effects are texts by what they do and the databases on which they do it; the
// verb and the table stand behind an arrow.
var effects = map[Effect]map[string][]string{
	Reads: {
		"every database": {
			"SELECT 1", "select * from t for update;", " (SELECT 1)", "VALUES (1)", "SELECT 'x; DELETE FROM t'", "-- x\nSELECT 1", "/* x */ SELECT 1 -- y",
			"WITH x AS (SELECT 1) SELECT * FROM x", "WITH x AS (SELECT 1 FOR UPDATE) (SELECT * FROM x)", "EXPLAIN DELETE FROM t",
			"SELECT \"into\" FROM t", "SELECT 'into'", "SELECT into_date FROM t", "EXPLAIN SELECT 1", "SELECT replace(a, 'b', 'c') FROM t",
		},
		"sqlite": {
			"PRAGMA table_info(t)", "PRAGMA main.table_info('t')", "PRAGMA user_version", "EXPLAIN QUERY PLAN DELETE FROM t", "PRAGMA foreign_key_list = t",
			"SELECT 1 /* open",
		},
		"postgres": {
			"TABLE t", "SHOW x", "EXPLAIN (VERBOSE, FORMAT 'json') DELETE FROM t", "EXPLAIN ANALYZE SELECT 1", "EXPLAIN (SELECT 1)", "SELECT /* /* ; */ ; */ 1",
			"SELECT a ? 'b' AND c LIKE 'x' ESCAPE '\\'", "WITH x AS MATERIALIZED (SELECT 1 FOR NO KEY UPDATE) SELECT * FROM x", "SELECT $$; DELETE FROM t$$",
		},
		"mysql": {
			"TABLE t", "SHOW TABLES", "DESC t", "DESCRIBE t", "SELECT 1 # x", "SELECT /*!40001 SQL_NO_CACHE */ * FROM t", "EXPLAIN FORMAT=JSON UPDATE t SET a = 1",
			"ANALYZE FORMAT=JSON SELECT 1", "SELECT 'it\\'s; x'",
		},
	},
	Settles: {
		"every database": {
			"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "ROLLBACK TO SAVEPOINT a", "RELEASE a", "begin;", "BEGIN; COMMIT",
		},
		"sqlite": {
			"PRAGMA foreign_keys = 1", "PRAGMA journal_mode(WAL)", "PRAGMA foreign_keys = 1; PRAGMA busy_timeout = 1", "VACUUM", "ATTACH 'x' AS y", "ANALYZE",
			"BEGIN IMMEDIATE", "END TRANSACTION",
		},
		"postgres": {
			"SET x TO 1", "SET LOCAL search_path = a, b", "RESET ALL", "LISTEN a", "NOTIFY a, 'b'", "DISCARD ALL", "DEALLOCATE ALL", "SET TRANSACTION READ ONLY",
			"START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY", "DECLARE c CURSOR FOR SELECT 1", "FETCH 1 FROM c", "LOCK TABLE t", "VACUUM ANALYZE t",
			"PREPARE TRANSACTION 'x'", "ABORT",
		},
		"mysql": {"SET @a = 1", "SET NAMES utf8mb4", "USE x", "ANALYZE TABLE t", "START TRANSACTION WITH CONSISTENT SNAPSHOT", "LOCK TABLES t WRITE", "XA START 'x'"},
	},
	Defines: {
		"every database": {
			"CREATE TABLE IF NOT EXISTS s.t (a int) → CREATE s.t", "DROP TABLE IF EXISTS t → DROP t", "CREATE VIEW v AS SELECT 1 → CREATE",
			"CREATE TABLE a (b int); CREATE INDEX c ON a (b); → CREATE a", "ALTER TABLE \"t\" ADD a int → ALTER t",
		},
		"sqlite": {
			"CREATE TRIGGER x AFTER INSERT ON t BEGIN UPDATE t SET a = CASE WHEN 1 THEN 2 END; DELETE FROM u; END → CREATE",
			"CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN UPDATE t SET a = 1; END; CREATE TABLE b (c) → CREATE",
		},
		"postgres": {
			"CREATE RULE r AS ON DELETE TO t DO INSTEAD (UPDATE t SET a = 1; UPDATE u SET a = 1) → CREATE", "TRUNCATE ONLY t → TRUNCATE t",
			"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC; INSERT INTO t VALUES (1); SELECT CASE WHEN true THEN 1 END; END → CREATE",
			"CREATE TABLE t WITH (fillfactor = 10) AS SELECT 1 → CREATE t", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ DELETE FROM t; SELECT 1 $$ → CREATE",
		},
		"mysql": {
			"CREATE TRIGGER x BEFORE UPDATE ON t FOR EACH ROW BEGIN IF 1 THEN SET @a = 1; END IF; UPDATE u SET a = CASE WHEN 1 THEN 2 END; END → CREATE",
			"CREATE DEFINER=`a`@`b` PROCEDURE IF NOT EXISTS p() BEGIN l: BEGIN DELETE FROM t; END; END; → CREATE", "SET PASSWORD = 'x' → SET",
		},
	},
	Writes: {
		"every database": {
			"UPDATE users SET a = 1 → UPDATE users", "update s.\"t\" set a = 1 → UPDATE s.t", "INSERT INTO t(a) VALUES (1) → INSERT t", "(DELETE FROM t) → DELETE t",
			"SELECT 1; UPDATE t SET a = 1 → UPDATE t", "SELECT 1; SELECT 2 → SELECT", "SELECT * INTO a FROM b → SELECT", "WITH x AS (SELECT 1) DELETE FROM t → DELETE t",
			"WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x → DELETE t", "FOO BAR → FOO", "SELECT 'open → SELECT", "DELETE FROM t; SELECT 'open → DELETE t",
			"BEGIN; UPDATE t SET a = 1; COMMIT → UPDATE t", "-- x\n/* y */ DELETE FROM t → DELETE t", "CREATE TABLE a (b int); INSERT INTO a VALUES (1) → INSERT a",
			"CALL p() → CALL", "; ; DELETE FROM t → DELETE t", "BEGIN SELECT 1 → BEGIN", "'x' → UNKNOWN", "\u00a0UPDATE t SET a = 1 → \u00a0UPDATE", "MERGE INTO t USING s ON 1=1 → MERGE t",
			"SELECT 1;\nREPLACE INTO t VALUES (1) → REPLACE t",
		},
		"sqlite": {
			"INSERT OR REPLACE INTO main.t(a) VALUES (1) → INSERT main.t", "UPDATE OR FAIL [t] SET a = 1 → UPDATE t", "PRAGMA user_version = 5 → PRAGMA",
			"PRAGMA user_version(5) → PRAGMA", "EXPLAIN PRAGMA user_version = 5 → PRAGMA", "SELECT /* /* */ 1; DELETE FROM t -- */ → DELETE t", "DELETE FROM 't' → DELETE t",
			"CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END; DELETE FROM t → DELETE t", "SELECT $a('), 1; DELETE FROM t --') → DELETE t", "REPLACE INTO t VALUES (1) → REPLACE t",
			"CREATE TABLE trigger_x (a); DELETE FROM t → DELETE t",
		},
		"postgres": {
			"EXPLAIN ANALYZE DELETE FROM t → DELETE t", "EXPLAIN (ANALYZE, COSTS off) UPDATE t SET a = 1 → UPDATE t", "EXPLAIN (\"analyze\") DELETE FROM t → DELETE t",
			"EXPLAIN (U&\"\\0061nalyze\") DELETE FROM t → DELETE t", "EXPLAIN ANALYSE VERBOSE DELETE FROM t → DELETE t", "EXPLAIN ANALYZE EXECUTE x → EXECUTE",
			"PREPARE x AS DELETE FROM t → PREPARE", "EXECUTE x → EXECUTE", "DO $$ BEGIN DELETE FROM t; END $$ → DO", "COPY t FROM '/x' → COPY t", "UPDATE ONLY (t) SET a = 1 → UPDATE t",
			"SELECT E'a'\n'b\\', c' ; DELETE FROM t --' → DELETE t", "--x\rDELETE FROM t → DELETE t", "DECLARE c CURSOR FOR WITH x AS (DELETE FROM t RETURNING 1) SELECT 1 → DECLARE",
			"WITH RECURSIVE x AS (SELECT 1 AS key) SEARCH DEPTH FIRST BY key SET key UPDATE t SET a = 1 → UPDATE t", "CREATE TABLE c AS WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x → CREATE",
			"WITH x AS (UPDATE t SET a = 1 RETURNING *), y AS (DELETE FROM u RETURNING *) SELECT 1 → UPDATE t", "LOAD 'x' → LOAD",
			"CREATE FUNCTION f(begin atomic) RETURNS int LANGUAGE sql AS 'SELECT 1'; DELETE FROM t; END → DELETE t",
		},
		"mysql": {
			"/*! UPDATE t SET a = 1 */ → UPDATE t", "/*!50000UPDATE t SET a = 1 */ → UPDATE t", "SELECT 1 /*! INTO OUTFILE '/x' */ → SELECT", "/*M!100100 DELETE FROM t */ → DELETE t",
			"/*!99999 SELECT 1 */ DELETE FROM t → DELETE t", "SET STATEMENT max_statement_time = 1 FOR DELETE FROM t → SET", "SET @a = (SELECT f()) → SET", "HANDLER t OPEN → HANDLER",
			"LOAD DATA INFILE 'x' INTO TABLE t → LOAD t", "BEGIN NOT ATOMIC DELETE FROM t; END → BEGIN", "ANALYZE UPDATE t SET a = 1 → UPDATE t", "PREPARE x FROM 'DELETE FROM t' → PREPARE",
			"EXECUTE IMMEDIATE 'DELETE FROM t' → EXECUTE", "SELECT 'a\\' ; DELETE FROM t -- ' → DELETE t", "SELECT 1 /* /* */ ; DELETE FROM t → DELETE t", "SELECT 1--1; DELETE FROM t → DELETE t",
			"CREATE PROCEDURE p() SELECT 1 AS begin; DELETE FROM t; END → DELETE t", "CREATE USER event@localhost, begin; DELETE FROM t; END → DELETE t",
			"CREATE PROCEDURE begin() SELECT 1; DELETE FROM t; END → DELETE t", "CREATE PROCEDURE p() BEGIN SELECT 1 AS begin; END; DELETE FROM t; SELECT 1 AS end → DELETE t",
			"DELETE a, b FROM a JOIN b → DELETE a", "DO f() → DO", "DESC ANALYZE DELETE FROM t → DELETE t", "SELECT '\xbf\\' ; DELETE FROM t -- ' → SELECT",
		},
	},
}

func TestEffects(t *testing.T) {
	for effect, groups := range effects {
		for group, list := range groups {
			for name, d := range dialects {
				if group != name && group != "every database" {
					continue
				}
				for _, c := range list {
					sql, want, _ := strings.Cut(c, " → ")
					if d == MySQL {
						sql = strings.ReplaceAll(sql, `"`, "`")
					}
					got := Read(sql, d)
					require.Equal(t, effect, got.Effect, "%s: %q: %+v", name, sql, got)
					verb := got.Verb
					if got.Table != "" {
						verb = strings.TrimPrefix(got.Schema+"."+got.Table, ".")
						verb = got.Verb + " " + verb
					}
					if effect > Settles {
						require.Equal(t, want, verb, "%s: %q", name, sql)
					}
					require.False(t, ReadsOnly(sql) && effect != Reads && !strings.Contains(sql, "open"), "%q", sql)
				}
			}
		}
	}
}

func TestTargets(t *testing.T) {
	writes := map[string][]string{
		"every database": {
			"DELETE FROM trail", "delete from TRAIL where 1 = 1", "UPDATE public.trail SET a = 1", "UPDATE \"trail\" SET a = 1", "INSERT INTO x.\"Trail\" VALUES (1)",
			"SELECT 1; DELETE FROM trail", "WITH x AS (SELECT 1) DELETE FROM trail", "WITH y AS (INSERT INTO a VALUES (1) RETURNING *), x AS (DELETE FROM trail) SELECT 1",
			"DROP TABLE a, trail", "TRUNCATE TABLE trail", "ALTER TABLE trail ADD a int", "ALTER TABLE x RENAME TO trail", "DELETE FROM a; DROP TABLE trail CASCADE",
			"EXPLAIN ANALYZE SELECT 1; REPLACE INTO trail VALUES (1)",
		},
		"sqlite": {
			"DELETE FROM 'trail'", "DELETE FROM [trail]", "CREATE TRIGGER x AFTER INSERT ON a BEGIN DELETE FROM trail; END", "CREATE TRIGGER x AFTER INSERT ON trail BEGIN SELECT 1; END",
			"INSERT OR IGNORE INTO main . trail VALUES (1)",
		},
		"postgres": {
			"TRUNCATE a, ONLY (trail)", "DELETE FROM ONLY (trail)", "UPDATE U&\"\\0074rail\" SET a = 1", "UPDATE U&\"!0074rail\" UESCAPE '!' SET a = 1", "COPY trail FROM '/x'", "MERGE INTO trail USING a ON true WHEN MATCHED THEN DELETE",
			"EXPLAIN ANALYZE DELETE FROM trail", "PREPARE x AS DELETE FROM trail",
		},
		"mysql": {
			"DELETE a, trail FROM a JOIN trail", "DELETE x FROM trail AS x", "UPDATE a JOIN trail ON 1 = 1 SET trail.b = 1", "/*! DELETE */ FROM trail", "/*! DELETE FROM trail */",
			"RENAME TABLE trail TO x", "LOAD DATA INFILE 'x' INTO TABLE trail", "DELETE FROM a USING a JOIN trail", "DROP INDEX x ON trail",
			"SET STATEMENT x = 1 FOR DELETE FROM trail", "CREATE PROCEDURE p() DELETE FROM trail", "INSERT trail VALUES (1)",
		},
	}
	reads := []string{
		"SELECT * FROM trail", "INSERT INTO a SELECT * FROM trail", "DELETE FROM a WHERE b IN (SELECT c FROM trail)", "UPDATE a SET trail = 1", "WITH x AS (SELECT * FROM trail) DELETE FROM a",
		"CREATE VIEW v AS SELECT * FROM trail", "DELETE FROM trails", "UPDATE a SET b = 'trail'", "SELECT 1; SELECT * FROM trail",
	}
	match := func(_, table string) bool { return strings.EqualFold(table, "trail") }
	for name, d := range dialects {
		for group, list := range writes {
			for _, sql := range list {
				if group != name && group != "every database" {
					continue
				}
				if d == MySQL {
					sql = strings.ReplaceAll(sql, `"`, "`")
				}
				_, found := Read(sql, d).Target(match)
				require.True(t, found, "%s: %s", name, sql)
			}
		}
		for _, sql := range reads {
			target, found := Read(sql, d).Target(match)
			require.False(t, found, "%s: %s: %v", name, sql, target)
		}
	}
}

func TestControls(t *testing.T) {
	for sql, want := range map[string][]Control{
		"SAVEPOINT sp1;":                                 {{Verb: "SAVEPOINT", Savepoint: "SP1"}},
		"/* x */ savepoint \"Sp 1\"":                     {{Verb: "SAVEPOINT", Savepoint: "SP 1"}},
		"ROLLBACK WORK TO sp1":                           {{Verb: "ROLLBACK", Savepoint: "SP1"}},
		"ROLLBACK TRANSACTION TO SAVEPOINT sp1":          {{Verb: "ROLLBACK", Savepoint: "SP1"}},
		"RELEASE SAVEPOINT sp1":                          {{Verb: "RELEASE", Savepoint: "SP1"}},
		"SAVEPOINT savepoint":                            {{Verb: "SAVEPOINT", Savepoint: "SAVEPOINT"}},
		"ROLLBACK":                                       {{Verb: "ROLLBACK"}},
		"SAVEPOINT a; DELETE FROM t; ROLLBACK TO a":      {{Verb: "SAVEPOINT", Savepoint: "A"}, {Verb: "ROLLBACK", Savepoint: "A"}},
		"BEGIN READ ONLY":                                {{Verb: "BEGIN", ReadOnly: true}},
		"SET TRANSACTION READ ONLY":                      {{Verb: "SET", ReadOnly: true}},
		"SET TRANSACTION ISOLATION LEVEL READ COMMITTED": nil,
		"SET LOCAL transaction_read_only = on":           {{Verb: "SET", ReadOnly: true}},
		"SET transaction_read_only TO off":               {{Verb: "SET"}},
		"END":                                            {{Verb: "COMMIT"}},
		"SELECT 1 FROM savepoint sp":                     nil,
	} {
		require.Equal(t, want, Read(sql, PostgreSQL).Controls, sql)
	}
	require.Empty(t, Read("BEGIN NOT ATOMIC UPDATE t SET a = 1; END", MySQL).Controls)
}

func FuzzRead(f *testing.F) {
	for _, groups := range effects {
		for _, list := range groups {
			for _, sql := range list {
				f.Add(sql)
			}
		}
	}
	f.Fuzz(func(t *testing.T, sql string) {
		for _, d := range dialects {
			x := Read(sql, d)
			HeadOf(sql, d)
			if x.Effect == Writes {
				require.NotEmpty(t, x.Verb, sql)
				require.NotEqual(t, Reads, Read("SELECT 1;"+sql, d).Effect, sql)
			}
		}
	})
}
