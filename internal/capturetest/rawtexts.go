package capturetest

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/storage/gormstore"
)

const update = "UPDATE things SET n = n + 1"

// writingTexts change a row, each in a way of its own, by the name of the
// disguise on which they do so.
var writingTexts = map[string]map[string]string{
	"": {
		"plain":                       update,
		"behind a comment":            "/* SELECT */ -- x\n" + update,
		"in parentheses of comments":  "/*(*/" + update + "/*)*/",
		"with a semicolon":            update + " ; -- end",
		"with a value like a comment": "UPDATE things SET a = '--', n = n + 1",
	},
	"sqlite": {
		"several statements":       "SELECT 1; " + update,
		"nested comments":          "SELECT 1 /* /* */; " + update + " -- */",
		"a name in brackets":       "SELECT 1 AS [;']; " + update + " -- ']",
		"REPLACE":                  "REPLACE INTO things (id, n) VALUES (1, 9)",
		"PRAGMA in front":          "PRAGMA table_info(things); " + update,
		"its own transaction":      "BEGIN; " + update + "; COMMIT",
		"an open comment behind":   update + " /* open",
		"a trigger's end in front": "CREATE TRIGGER IF NOT EXISTS x AFTER INSERT ON changes BEGIN SELECT 1; END; " + update,
	},
	"postgres": {
		"several statements":       "SELECT 1; " + update,
		"nested comments":          "/* /* */ SELECT 1; -- */ " + update,
		"a carriage return":        "-- x\r" + update,
		"a dollar-quoted text":     "SELECT $a$ ' $a$; " + update + " -- '",
		"a text on two lines":      "SELECT E'a'\n'b\\', c' ; " + update + " --'",
		"a dollar in a name":       "SELECT 1 AS a$$; " + update + " -- $$",
		"WITH that writes":         "WITH x AS (" + update + " RETURNING *) SELECT * FROM x",
		"WITH in front":            "WITH x AS (SELECT 1) " + update,
		"EXPLAIN ANALYZE":          "EXPLAIN ANALYZE " + update,
		"EXPLAIN with options":     "EXPLAIN (COSTS off, ANALYZE) " + update,
		"EXPLAIN, quoted":          `EXPLAIN ("analyze") ` + update,
		"EXPLAIN ANALYSE":          "EXPLAIN ANALYSE " + update,
		"PREPARE and EXECUTE":      "PREPARE p AS " + update + "; EXECUTE p; DEALLOCATE p",
		"DO":                       "DO $$ BEGIN " + update + "; END $$",
		"COPY":                     "COPY things (n) FROM PROGRAM 'echo 7'",
		"MERGE":                    "MERGE INTO things t USING (SELECT 1 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = 5",
		"ONLY in parentheses":      "UPDATE ONLY (things) SET n = n + 1",
		"a name in escapes":        `UPDATE U&"thin\0067s" SET n = n + 1`,
		"a setting in front":       "SET LOCAL lock_timeout = 1000; " + update,
		"a body's end in front":    "CREATE OR REPLACE FUNCTION f(begin int) RETURNS int LANGUAGE sql AS 'SELECT 1'; " + update,
		"a search clause in front": "WITH RECURSIVE x(key) AS (SELECT 1 UNION ALL SELECT key FROM x WHERE false) SEARCH DEPTH FIRST BY key SET o " + update,
	},
	"mariadb": {
		"several statements":     "SELECT 1; " + update,
		"an executable comment":  "/*! " + update + " */",
		"one of a version":       "/*!50000" + update + " */",
		"MariaDB's own":          "/*M!100100 " + update + " */",
		"one that is skipped":    "/*!99999 SELECT 1 */ " + update,
		"PREPARE and EXECUTE":    "PREPARE p FROM '" + update + "'; EXECUTE p; DEALLOCATE PREPARE p",
		"EXECUTE IMMEDIATE":      "EXECUTE IMMEDIATE '" + update + "'",
		"BEGIN NOT ATOMIC":       "BEGIN NOT ATOMIC " + update + "; END",
		"SET STATEMENT":          "SET STATEMENT max_statement_time = 5 FOR " + update,
		"ANALYZE":                "ANALYZE FORMAT=JSON " + update,
		"a hash":                 "SELECT 1 # ; SELECT 2\n; " + update,
		"dashes without a space": "SELECT 1--1; " + update,
		"a backslash":            `SELECT 'it\'s'; ` + update + " -- '",
		"several tables":         "UPDATE things x JOIN things y ON x.id = y.id SET x.n = x.n + 1",
		"IF":                     "IF 1 THEN " + update + "; END IF",
		"a procedure in front":   "CREATE OR REPLACE PROCEDURE q() SELECT 1 AS begin; " + update + "; SELECT 1 AS end",
		"CALL":                   "CREATE OR REPLACE PROCEDURE q() " + update + "; CALL q()",
	},
}

// readingTexts change nothing, and run under RawRefuse.
var readingTexts = map[string][]string{
	"":       {"SELECT 1", "SELECT '; DELETE FROM things'", "SELECT 1 -- ; DELETE FROM things", "WITH x AS (SELECT 1) SELECT * FROM x", "EXPLAIN " + update, "SELECT * FROM things /* ; */ ;"},
	"sqlite": {"PRAGMA table_info(things)", "VALUES (1)", "PRAGMA busy_timeout = 100; PRAGMA foreign_keys = 1", "EXPLAIN QUERY PLAN " + update},
	"postgres": {
		"TABLE things", "SHOW search_path", "SELECT * FROM things FOR NO KEY UPDATE", "EXPLAIN ANALYZE SELECT 1", "EXPLAIN (COSTS off) " + update, "SET lock_timeout = 1000", "DISCARD PLANS",
		"LISTEN x", "SELECT /* /* ; */ ; */ 1",
	},
	"mariadb": {"SHOW TABLES", "DESC things", "SELECT /*!40001 SQL_NO_CACHE */ * FROM things", "SET @a = 1", "SELECT 1 # ; DELETE FROM things", `SELECT 'it\'s; x'`, "ANALYZE SELECT 1"},
}

// intoTexts make something of what they select, though not in things.
var intoTexts = map[string][]string{
	"postgres": {"SELECT 1 AS id INTO things_made", "WITH x AS (SELECT 2 AS id) SELECT id INTO TEMP things_made_too FROM x"},
	"mariadb":  {"SELECT 1 INTO @made", "SELECT id FROM things LIMIT 1 INTO @made"},
}

// unclearTexts fail, or can't be read to their end. They count as writing.
var unclearTexts = map[string][]string{
	"":         {"FROBNICATE things", "SELECT 'open"},
	"sqlite":   {"SELECT [open", "PRAGMA user_version = 3"},
	"postgres": {"SELECT $$open", "SELECT 1 /* /* */", `SELECT "open`, "SELECT E'open\\'"},
	"mariadb":  {"SELECT `open", "SELECT 1 /* open", "SELECT 1 INTO OUTFILE '/no/such/file'", `SELECT 'open\\''`},
}

// RawTexts runs texts that write and texts that read on each database: the first
// are recorded, or refused under RawRefuse, the second neither.
func RawTexts(t *testing.T) {
	eachDisguise(t, hooks.Options{Raw: hooks.RawRecord}, func(t *testing.T, m *masked) {
		for name, text := range textsOf(m.database) {
			t.Run(name, func(t *testing.T) { m.mustRecord(t, text) })
		}
		for _, text := range intoTexts[m.database] {
			t.Run(text, func(t *testing.T) {
				_, entries := m.counts(t)
				check(t, m.db.Exec(text).Error)
				if _, now := m.counts(t); now != entries+1 {
					t.Errorf("%q: %d entries", text, now-entries)
				}
			})
		}
	})
	eachDisguise(t, hooks.Options{Raw: hooks.RawRefuse}, func(t *testing.T, m *masked) {
		for name, text := range textsOf(m.database) {
			t.Run(name, func(t *testing.T) { m.mustRefuse(t, text) })
		}
		for _, text := range slices.Concat(intoTexts[m.database], unclearTexts[""], unclearTexts[m.database]) {
			t.Run(text, func(t *testing.T) { m.mustRefuse(t, text) })
		}
		for _, text := range slices.Concat(readingTexts[""], readingTexts[m.database]) {
			t.Run(text, func(t *testing.T) { m.mustRead(t, text) })
		}
	})
}

func eachDisguise(t *testing.T, opts hooks.Options, run func(t *testing.T, m *masked)) {
	for _, d := range disguises {
		if slices.Contains(dbtest.Names, d.database) {
			t.Run(d.name, func(t *testing.T) { run(t, newMasked(t, d, opts)) })
		}
	}
}

func textsOf(database string) map[string]string {
	all := map[string]string{}
	for _, list := range []map[string]string{writingTexts[""], writingTexts[database]} {
		for name, text := range list {
			all[name] = text
		}
	}
	return all
}

func (m *masked) mustRecord(t *testing.T, text string) {
	changes, entries := m.counts(t)
	check(t, m.db.Exec(text).Error)
	changesNow, entriesNow := m.counts(t)
	if changesNow == changes || entriesNow != entries+1 {
		t.Errorf("%q: %d changes, %d entries", text, changesNow-changes, entriesNow-entries)
	}
}

func (m *masked) mustRefuse(t *testing.T, text string) {
	changes, entries := m.counts(t)
	if err := m.db.Exec(text).Error; !errors.Is(err, hooks.ErrRawRefused) {
		t.Errorf("%q: %v", text, err)
	}
	if changesNow, entriesNow := m.counts(t); changesNow != changes || entriesNow != entries {
		t.Errorf("%q: %d changes, %d entries", text, changesNow-changes, entriesNow-entries)
	}
}

func (m *masked) mustRead(t *testing.T, text string) {
	_, entries := m.counts(t)
	check(t, m.db.Exec(text).Error)
	if _, now := m.counts(t); now != entries {
		t.Errorf("%q: %d entries", text, now-entries)
	}
}

// ReadOnly runs texts that may write in a read-only transaction: they make no
// entries, and no failures.
func ReadOnly(t *testing.T) {
	eachDisguise(t, hooks.Options{Raw: hooks.RawRecord}, func(t *testing.T, m *masked) {
		if m.database == "sqlite" {
			check(t, m.db.Exec("PRAGMA query_only = 1").Error) // the driver has no read-only transactions
		}
		_, entries := m.counts(t)
		texts := []string{"SELECT 1; SELECT 2", "SELECT count(*) FROM things"}
		if m.database == "postgres" {
			texts = append(texts, "DO $$ BEGIN PERFORM 1; END $$", "PREPARE p AS SELECT 1", "EXECUTE p")
		}
		check(t, m.db.Transaction(func(tx *gorm.DB) error {
			for _, text := range texts {
				if err := tx.Exec(text).Error; err != nil {
					return fmt.Errorf("%q: %w", text, err)
				}
			}
			return nil
		}, &sql.TxOptions{ReadOnly: true}))
		if err := m.db.Transaction(func(tx *gorm.DB) error { return tx.Exec(update).Error }, &sql.TxOptions{ReadOnly: true}); err == nil {
			t.Error("a read-only transaction could write")
		}
		if m.database == "postgres" {
			check(t, m.db.Transaction(func(tx *gorm.DB) error {
				return errors.Join(tx.Exec("SET TRANSACTION READ ONLY").Error, tx.Exec("SELECT 1; SELECT 2").Error)
			}))
		}
		if _, now := m.counts(t); now != entries {
			t.Errorf("%d entries", now-entries)
		}
	})
}

// TrailWrites runs statements that would change the log's own tables: they are
// refused. Reading is free, and the store passes.
func TrailWrites(t *testing.T) {
	texts := map[string][]string{
		"": {
			"DELETE FROM audit_entries", "UPDATE audit_entries SET action = 'x'", "INSERT INTO audit_entries (id) VALUES ('x')", "DROP TABLE audit_entries", "ALTER TABLE audit_entries ADD x int",
			"SELECT 1; DELETE FROM audit_entries", "DROP TABLE IF EXISTS other, audit_entries_schema", "DELETE FROM AUDIT_ENTRIES",
		},
		"sqlite": {`DELETE FROM main."audit_entries"`, "DELETE FROM 'audit_entries'", "WITH x AS (SELECT 1) DELETE FROM audit_entries"},
		"postgres": {
			"TRUNCATE audit_entries", "TRUNCATE things, audit_entries CASCADE", `DELETE FROM public."audit_entries"`, "WITH x AS (DELETE FROM audit_entries RETURNING *) SELECT * FROM x", "COPY audit_entries FROM PROGRAM 'echo'",
			"DO $$ BEGIN DELETE FROM audit_entries; END $$", "EXPLAIN ANALYZE DELETE FROM audit_entries", "PREPARE p AS DELETE FROM audit_entries", `DELETE FROM U&"audit\005fentries"`, "DELETE FROM ONLY (audit_entries)",
		},
		"mariadb": {
			"TRUNCATE TABLE audit_entries", "/*! DELETE FROM audit_entries */", "RENAME TABLE audit_entries TO x", "PREPARE p FROM 'DELETE FROM audit_entries'", "DELETE FROM `audit_entries`",
			"DELETE a FROM things t JOIN audit_entries a", "REPLACE INTO audit_entries (id) VALUES ('x')", "EXECUTE IMMEDIATE 'TRUNCATE audit_entries'",
		},
	}
	eachDisguise(t, hooks.Options{Raw: hooks.RawRecord}, func(t *testing.T, m *masked) {
		check(t, m.db.Exec(update).Error)
		_, entries := m.counts(t)
		for _, text := range slices.Concat(texts[""], texts[m.database]) {
			var refused *hooks.TrailWriteError
			if err := m.db.Exec(text).Error; !errors.As(err, &refused) || !strings.Contains(err.Error(), "hooks.Options.TrailWrites") {
				t.Errorf("%q: %v", text, err)
			}
		}
		if _, now := m.counts(t); now != entries {
			t.Errorf("%d entries, where there were %d", now, entries)
		}
		check(t, m.db.Exec("UPDATE things SET n = (SELECT count(*) FROM audit_entries)").Error)
		store, err := gormstore.New(m.db, nil) // on the handle that captures
		check(t, err)
		check(t, store.Migrate(t.Context()))
		check(t, store.Refresh(t.Context()))
		if n, err := store.Purge(t.Context(), audit.Filter{To: time.Now().Add(time.Hour)}, 100); err != nil || n == 0 {
			t.Errorf("%d entries are purged, %v", n, err)
		}
	})
}

// TrailWritesAllowed empties and drops the log's tables under Options.TrailWrites.
func TrailWritesAllowed(t *testing.T) {
	eachDisguise(t, hooks.Options{TrailWrites: true}, func(t *testing.T, m *masked) {
		for _, text := range emptyings[m.database] {
			t.Run(text, func(t *testing.T) {
				check(t, m.db.Exec(update).Error)
				check(t, m.db.Exec(text).Error)
				if _, entries := m.counts(t); entries != 0 {
					t.Errorf("%d entries", entries)
				}
			})
		}
		check(t, m.db.Exec("DROP TABLE audit_entries").Error)
	})
}

// emptyings are ways of suites that empty all tables, under TrailWrites.
var emptyings = map[string][]string{
	"sqlite":   {"DELETE FROM audit_entries"},
	"postgres": {"DELETE FROM audit_entries", "TRUNCATE audit_entries", "TRUNCATE things, audit_entries RESTART IDENTITY CASCADE"},
	"mariadb":  {"DELETE FROM audit_entries", "TRUNCATE TABLE audit_entries"},
}

// EndByHand ends transactions by statements: what they commit has its entries, and
// nothing else.
func EndByHand(t *testing.T) {
	eachDisguise(t, hooks.Options{Raw: hooks.RawRecord}, func(t *testing.T, m *masked) {
		for _, c := range []struct {
			first, end, second string
		}{
			{update, "COMMIT", update}, {update, "/* x */ ROLLBACK", update}, {"SELECT 1", "COMMIT", "UPDATE things SET n = 1"}, {update, "CREATE TABLE IF NOT EXISTS more (n int)", update},
		} {
			for _, commit := range []bool{false, true} {
				changes, entries := m.counts(t)
				tx := m.db.Begin()
				for _, text := range []string{c.first, c.end, c.second} {
					check(t, tx.Exec(text).Error)
				}
				if commit {
					tx.Commit()
				} else {
					tx.Rollback()
				}
				// Each update changes every row.
				var rows int
				check(t, m.db.Raw("SELECT count(*) FROM things").Scan(&rows).Error)
				changesNow, entriesNow := m.counts(t)
				if (changesNow-changes)/rows != entriesNow-entries {
					t.Errorf("%v, commit %v: %d changes of %d rows, %d entries", c, commit, changesNow-changes, rows, entriesNow-entries)
				}
			}
		}
	})
}
