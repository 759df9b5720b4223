package capturetest

import (
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// disguise is a database, and what its texts are made of.
type disguise struct {
	name, database, settings string
	tables                   []string
	gaps, literals           []string
	reads, writes            []string
}

// gap is something between two tokens, white space for the most part.
func (d disguise) gap(rt *rapid.T) string {
	if drawn(rt, 0, 3) > 0 {
		return " "
	}
	return of(rt, d.gaps...)
}

// fill puts gaps in the place of "~", and literals in that of "#L".
func (d disguise) fill(rt *rapid.T, text string) string {
	for strings.Contains(text, "~") {
		text = strings.Replace(text, "~", d.gap(rt), 1)
	}
	for strings.Contains(text, "#L") {
		text = strings.Replace(text, "#L", of(rt, d.literals...), 1)
	}
	return text
}

// text is a statement that changes rows, among some that read.
func (d disguise) text(rt *rapid.T) string {
	var b strings.Builder
	for range drawn(rt, 0, 2) {
		b.WriteString(d.fill(rt, d.gap(rt)+of(rt, d.reads...)+of(rt, ";", ";", ";", "")+d.gap(rt)))
	}
	b.WriteString(d.fill(rt, d.gap(rt)+of(rt, d.writes...)+d.gap(rt)))
	for range drawn(rt, 0, 1) {
		b.WriteString(d.fill(rt, of(rt, ";", ";", "")+d.gap(rt)+of(rt, d.reads...)))
	}
	return b.String() + of(rt, "", "", "", ";", "-- x", of(rt, d.literals...))
}

var (
	commonGaps     = []string{"\n", "\t", "\f", "\r", "\v", "\u00a0", "\ufeff", "/**/", "/* x */", "/* ' */", "/*/*/", "/* /* */", "-- x\n", "--'\n", "--\r", "--x\r", "# x\n", ";", "/* open"}
	commonLiterals = []string{"1", "'x'", "'\\'", "'it''s'", `"n"`, "`n`", "x'00'", "';'", "'--'", "'/*'", "'*/'", `";"`, "`;'`", "1.5e-3", "'$$'", "E'a\\''", "'\\''", "N'x'", "1e", "0x1"}
	commonReads    = []string{
		"SELECT~#L", "SELECT #L,~#L", "SELECT * FROM things WHERE a~=~#L", "WITH x AS (SELECT #L) SELECT * FROM x", "EXPLAIN~DELETE FROM things", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a",
		"ROLLBACK TO a", "(SELECT 1)", "", "VALUES (1)", "START TRANSACTION", "COMMIT AND CHAIN",
	}
	commonWrites = []string{
		"UPDATE~things~SET n = n + 1", "DELETE~FROM~things WHERE n > 3", "INSERT~INTO things (n) VALUES (1)", "INSERT INTO things (n) SELECT n FROM things LIMIT 1",
		"UPDATE things SET a = #L, n = n + 1", "DELETE FROM things WHERE id = (SELECT max(id) FROM (SELECT id FROM things) x)", "INSERT INTO things (n) VALUES (2)~RETURNING~n",
		"WITH x AS (SELECT #L) UPDATE things SET n = n + 1", "(~UPDATE things SET n = 1)", "EXPLAIN~UPDATE things SET n = n + 1",
	}
)

func with(list []string, more ...string) []string { return slices.Concat(list, more) }

var postgresTables = []string{
	"CREATE TABLE things (id serial primary key, n int, a text)", "CREATE TABLE changes (n int)", "INSERT INTO things (n) VALUES (1), (2), (3)",
	"CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO changes VALUES (1); RETURN NULL; END $$",
	"CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE ON things FOR EACH ROW EXECUTE FUNCTION changed()",
}

func postgresDisguise(name, settings string) disguise {
	return disguise{
		name: name, database: "postgres", settings: settings, tables: postgresTables,
		gaps:     with(commonGaps, "/* /* */ */", "--\n"),
		literals: with(commonLiterals, "$$;$$", "$a$'$a$", "E'\\';'", "E'x'\n'\\''", "U&'\\'", `U&"n"`, "1a$$", "$1", "'a'::text", "ARRAY[1]", "B'1'"),
		reads: with(commonReads, "TABLE things", "SHOW search_path", "EXPLAIN (COSTS off) DELETE FROM things", "SET standard_conforming_strings = off", "SET LOCAL lock_timeout = 1",
			"DECLARE c CURSOR FOR SELECT 1", "DEALLOCATE ALL", "EXECUTE p", "END", "RELEASE a", "SELECT E'a'\n'b\\', c'"),
		writes: with(commonWrites, "WITH x AS~(UPDATE things SET n = n + 1 RETURNING *) SELECT * FROM x", "EXPLAIN~ANALYZE~UPDATE things SET n = n + 1", "EXPLAIN (ANALYZE) DELETE FROM things WHERE n > 3",
			`EXPLAIN~("analyze")~UPDATE things SET n = n + 1`, `EXPLAIN (U&"\0061nalyze") UPDATE things SET n = n + 1`, "EXPLAIN ANALYSE VERBOSE UPDATE things SET n = n + 1", "PREPARE p AS UPDATE things SET n = n + 1~;~EXECUTE p", "PREPARE p AS UPDATE things SET n = n + 1",
			"DO~$$ BEGIN UPDATE things SET n = n + 1; END $$", "COPY things (n) FROM PROGRAM 'echo 5'", "UPDATE~ONLY (things)~SET n = n + 1", `UPDATE~U&"thin\0067s"~SET n = n + 1`,
			"MERGE INTO things t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = t.n + 1 WHEN NOT MATCHED THEN INSERT (n) VALUES (1)",
			"WITH RECURSIVE x(key) AS (SELECT 1) SEARCH DEPTH FIRST BY key SET o UPDATE things SET n = n + 1", "CREATE TABLE IF NOT EXISTS c AS WITH x AS (DELETE FROM things RETURNING *) SELECT * FROM x"),
	}
}

var disguises = []disguise{
	{
		name: "sqlite", database: "sqlite",
		tables: []string{
			"CREATE TABLE things (id integer primary key, n int, a text)", "CREATE TABLE changes (n int)", "INSERT INTO things (n) VALUES (1), (2), (3)",
			"CREATE TRIGGER u AFTER UPDATE ON things BEGIN INSERT INTO changes VALUES (1); END",
			"CREATE TRIGGER i AFTER INSERT ON things BEGIN INSERT INTO changes VALUES (1); END",
			"CREATE TRIGGER d AFTER DELETE ON things BEGIN INSERT INTO changes VALUES (1); END",
		},
		gaps:     with(commonGaps, "\x00", " \v", " \ufeff"),
		literals: with(commonLiterals, "[n]", "[;']", "$a('", "@b(\"", ":::c(')", "?1"),
		reads:    with(commonReads, "PRAGMA table_info(things)", "PRAGMA user_version", "PRAGMA foreign_keys = 1", "RELEASE a", "BEGIN IMMEDIATE", "END"),
		writes:   with(commonWrites, "UPDATE OR FAIL things SET n = n + 1", "REPLACE INTO things (id, n) VALUES (1, 2)", "UPDATE~'things'~SET n = 7", "UPDATE main.[things] SET n = 7"),
	},
	postgresDisguise("postgres", ""),
	postgresDisguise("postgres in the simple protocol", " default_query_exec_mode=simple_protocol"),
	{
		name: "mariadb", database: "mariadb", settings: "&multiStatements=true",
		tables: []string{
			"CREATE TABLE things (id int auto_increment primary key, n int, a text)", "CREATE TABLE changes (n int)", "INSERT INTO things (n) VALUES (1), (2), (3)",
			"CREATE TRIGGER u AFTER UPDATE ON things FOR EACH ROW INSERT INTO changes VALUES (1)",
			"CREATE TRIGGER i AFTER INSERT ON things FOR EACH ROW INSERT INTO changes VALUES (1)",
			"CREATE TRIGGER d AFTER DELETE ON things FOR EACH ROW INSERT INTO changes VALUES (1)",
		},
		gaps:     with(commonGaps, "/*! */", "/*!99999 x */", "/*M! */", "--\x01\n", "#'\n", "/*+ x */", "-- '\n"),
		literals: with(commonLiterals, `"it\"s;"`, `'\'; '`, "_utf8'x'", "@a", "@'x;'", "'a' /*!99999 ' */", "1--1", "\"\\\\\"", "'\xbf\\'"),
		reads: with(commonReads, "SHOW TABLES", "DESC things", "SELECT~/*!40001 SQL_NO_CACHE */ 1", "SET @a = 1", "SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "SET sql_mode = 'ANSI_QUOTES'", "SET autocommit = 0",
			"SET autocommit = 1", "ANALYZE TABLE things", "CREATE TABLE IF NOT EXISTS other (id int)", "EXECUTE p", "RELEASE SAVEPOINT a", "LOCK TABLES things WRITE", "UNLOCK TABLES", "CREATE OR REPLACE PROCEDURE q() BEGIN SELECT 1; END"),
		writes: with(commonWrites, "/*!~UPDATE things SET n = n + 1~*/", "/*!50000UPDATE things SET n = n + 1 */", "/*M!~DELETE FROM things WHERE n > 3 */", "/*!99999 SELECT 1 */ UPDATE things SET n = n + 1",
			"SELECT 1~/*! ; UPDATE things SET n = n + 1 */", "PREPARE p FROM 'UPDATE things SET n = n + 1'~;~EXECUTE p", "PREPARE p FROM 'UPDATE things SET n = n + 1'", "EXECUTE~IMMEDIATE 'UPDATE things SET n = n + 1'",
			"SET~STATEMENT max_statement_time = 5 FOR~UPDATE things SET n = n + 1", "BEGIN~NOT ATOMIC UPDATE things SET n = n + 1; END", "ANALYZE~UPDATE things SET n = n + 1", "ANALYZE FORMAT=JSON DELETE FROM things WHERE n > 3",
			"IF 1 THEN UPDATE things SET n = n + 1; END IF", "REPLACE~things (id, n) VALUES (1, 2)", "INSERT things SET n = 1", "DELETE x FROM things AS x WHERE x.n > 3", "UPDATE things x JOIN things y ON x.id = y.id SET x.n = x.n + 1",
			"CREATE OR REPLACE PROCEDURE q() SELECT 1 AS begin; UPDATE things SET n = n + 1; SELECT 1 AS end", "CREATE OR REPLACE PROCEDURE q() UPDATE things SET n = n + 1; CALL q()", "UPDATE LOW_PRIORITY IGNORE~things~SET n = n + 1",
			"SELECT 'a\\' ; UPDATE things SET n = n + 1 -- '"),
	},
}
