package capturetest

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// upserted upserts rows by one way of meeting others.
func upserted(db *gorm.DB, table string, on clause.OnConflict, rows ...map[string]any) *gorm.DB {
	return db.Table(table).Clauses(on).Create(rows)
}

// meeting is ON CONFLICT of columns, which updates others; ON DUPLICATE KEY
// UPDATE takes no columns.
func meeting(update []string, columns ...string) clause.OnConflict {
	on := clause.OnConflict{DoUpdates: clause.AssignmentColumns(update)}
	for _, name := range columns {
		on.Columns = append(on.Columns, clause.Column{Name: name, Raw: name != "" && !isName(name)})
	}
	return on
}

// isName tells a column's name from an expression.
func isName(s string) bool {
	for _, c := range s {
		if c != '_' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

var (
	notMaria  = []string{"sqlite", "postgres"}
	notSQLite = []string{"postgres", "mariadb"}
)

// testUpsertKeys meets rows by every kind of key. Each case updates a row that is
// there, makes another, and repeats itself.
func testUpsertKeys(t *testing.T) {
	n := []string{"n"}
	runRowCases(t, []rowCase{
		{name: "a column's default", tables: []string{"up_default"}, ddl: everywhere("CREATE TABLE up_default (id integer PRIMARY KEY, singleton integer NOT NULL DEFAULT 1 UNIQUE, n integer)"),
			run: func(e *env, db *gorm.DB) {
				for i := range 3 {
					e.see(upserted(db, "up_default", meeting(n, "singleton"), map[string]any{"id": i + 1, "n": i}))
				}
				e.see(upserted(db, "up_default", meeting(n, "singleton"), map[string]any{"id": 9, "n": 9, "singleton": 2}))
				e.seeCode(upserted(db, "up_default", meeting(n, "singleton"), map[string]any{"id": 10, "n": 10, "singleton": gorm.Expr("DEFAULT")})) // an error in SQLite
			}},
		{name: "a default in a composite key", tables: []string{"up_tenant"}, ddl: everywhere("CREATE TABLE up_tenant (id integer PRIMARY KEY, tenant varchar(10) NOT NULL DEFAULT 'own', code varchar(10), n integer, UNIQUE (tenant, code))"),
			run: func(e *env, db *gorm.DB) {
				for i := range 3 {
					e.see(upserted(db, "up_tenant", meeting(n, "tenant", "code"), map[string]any{"id": i + 1, "code": "a", "n": i}, map[string]any{"id": i + 11, "code": "b", "n": i}))
				}
			}},
		{name: "a default of an expression", tables: []string{"up_today"}, ddl: everywhere("CREATE TABLE up_today (id integer PRIMARY KEY, day date DEFAULT (CURRENT_DATE) UNIQUE, n integer)"),
			run: func(e *env, db *gorm.DB) {
				for i := range 2 {
					e.see(upserted(db, "up_today", meeting(n, "day"), map[string]any{"id": i + 1, "n": i}))
				}
			}},
		{name: "a primary key with a default", tables: []string{"up_pk"}, ddl: everywhere("CREATE TABLE up_pk (code varchar(10) NOT NULL DEFAULT 'only' PRIMARY KEY, n integer)"),
			run: func(e *env, db *gorm.DB) {
				for i := range 3 {
					e.see(upserted(db, "up_pk", meeting(n, "code"), map[string]any{"n": i}))
				}
			}},
		{name: "a generated column", tables: []string{"up_generated"}, ddl: func(e *env) []string {
			return []string{"CREATE TABLE up_generated (id integer PRIMARY KEY, code varchar(20), low varchar(20) GENERATED ALWAYS AS (lower(code)) STORED UNIQUE, n integer)"}
		}, run: func(e *env, db *gorm.DB) {
			for i, code := range []string{"AbC", "aBc", "x", "ABC", "X"} {
				e.see(upserted(db, "up_generated", meeting([]string{"n", "code"}, "low"), map[string]any{"id": i + 1, "code": code, "n": i}))
			}
		}},
		{name: "a virtual column", only: []string{"sqlite", "mariadb"}, tables: []string{"up_virtual"}, ddl: everywhere("CREATE TABLE up_virtual (id integer PRIMARY KEY, a integer, b integer GENERATED ALWAYS AS (a % 10) VIRTUAL UNIQUE, n integer)"),
			run: func(e *env, db *gorm.DB) {
				for i, a := range []int{1, 11, 2, 21} {
					e.see(upserted(db, "up_virtual", meeting([]string{"n", "a"}, "b"), map[string]any{"id": i + 1, "a": a, "n": i}))
				}
			}},
		{name: "an expression index", only: notMaria, tables: []string{"up_email"}, ddl: everywhere("CREATE TABLE up_email (id integer PRIMARY KEY, email varchar(50), n integer)", "CREATE UNIQUE INDEX up_email_lower ON up_email (lower(email))"),
			run: func(e *env, db *gorm.DB) {
				for i, email := range []string{"Ann@example.org", "ann@EXAMPLE.org", "bob@example.org"} {
					e.see(upserted(db, "up_email", meeting(n, "lower(email)"), map[string]any{"id": i + 1, "email": email, "n": i}))
				}
			}},
		{name: "an expression index beside a column", only: notMaria, tables: []string{"up_mixed"}, ddl: everywhere("CREATE TABLE up_mixed (id integer PRIMARY KEY, tenant integer, email varchar(50), n integer)", "CREATE UNIQUE INDEX up_mixed_key ON up_mixed (tenant, lower(email))"),
			run: func(e *env, db *gorm.DB) {
				for i, email := range []string{"Ann", "ANN", "bob"} {
					e.see(upserted(db, "up_mixed", meeting(n, "tenant", "lower(email)"), map[string]any{"id": i + 1, "tenant": 1, "email": email, "n": i}))
				}
			}},
		{name: "a collation of the column", tables: []string{"up_nocase"}, ddl: func(e *env) []string {
			list := []string{"CREATE TABLE up_nocase (id integer PRIMARY KEY, name varchar(20) " + e.by("COLLATE NOCASE", "COLLATE case_blind", "COLLATE utf8mb4_general_ci") + " UNIQUE, n integer)"}
			if e.name == "postgres" {
				list = append([]string{"CREATE COLLATION IF NOT EXISTS case_blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"}, list...)
			}
			return list
		}, run: func(e *env, db *gorm.DB) {
			for i, name := range []string{"Ann", "ANN", "bob", "Bob"} {
				e.see(upserted(db, "up_nocase", meeting(n, "name"), map[string]any{"id": i + 1, "name": name, "n": i}))
			}
			e.see(upserted(db, "up_nocase", meeting([]string{"n", "name"}, "name"), map[string]any{"id": 20, "name": "aNN", "n": 7}))
		}},
		{name: "a collation of the index", only: []string{"sqlite"}, tables: []string{"up_collated"}, ddl: everywhere("CREATE TABLE up_collated (id integer PRIMARY KEY, name text, n integer)", "CREATE UNIQUE INDEX up_collated_name ON up_collated (name COLLATE NOCASE)"),
			run: func(e *env, db *gorm.DB) {
				for i, name := range []string{"Ann", "ANN", "bob", "Bob"} {
					e.see(upserted(db, "up_collated", meeting(n, "name COLLATE NOCASE"), map[string]any{"id": i + 1, "name": name, "n": i}))
				}
			}},
		{name: "a primary key with a collation", tables: []string{"up_keyed"}, ddl: func(e *env) []string {
			return []string{"CREATE TABLE up_keyed (name varchar(20) " + e.by("COLLATE NOCASE", "", "COLLATE utf8mb4_general_ci") + " PRIMARY KEY, n integer)"}
		}, run: func(e *env, db *gorm.DB) {
			for i, name := range []string{"Ann", "ANN", "bob", "Bob"} {
				e.see(upserted(db, "up_keyed", meeting(n, "name"), map[string]any{"name": name, "n": i}))
			}
		}},
		{name: "blanks at the end", tables: []string{"up_blank"}, ddl: func(e *env) []string {
			return []string{"CREATE TABLE up_blank (id integer PRIMARY KEY, name " + e.by("varchar(20) COLLATE RTRIM", "char(20)", "varchar(20)") + " UNIQUE, n integer)"}
		}, run: func(e *env, db *gorm.DB) {
			for i, name := range []string{"a", "a ", "b  ", "b"} {
				e.see(upserted(db, "up_blank", meeting(n, "name"), map[string]any{"id": i + 1, "name": name, "n": i}))
			}
		}},
		{name: "a partial index", only: notMaria, tables: []string{"up_partial"}, ddl: everywhere("CREATE TABLE up_partial (id integer PRIMARY KEY, code varchar(10), live integer, n integer)", "CREATE UNIQUE INDEX up_partial_code ON up_partial (code) WHERE live = 1",
			"INSERT INTO up_partial (id, code, live, n) VALUES (1, 'a', 0, 0), (2, 'a', 0, 0), (3, 'a', 1, 0)"),
			run: func(e *env, db *gorm.DB) {
				on := meeting(n, "code")
				on.TargetWhere = clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "live = 1"}}}
				e.see(upserted(db, "up_partial", on, map[string]any{"id": 4, "code": "a", "live": 1, "n": 4}, map[string]any{"id": 5, "code": "a", "live": 0, "n": 5}, map[string]any{"id": 6, "code": "b", "live": 1, "n": 6}))
			}},
		{name: "no primary key", watched: true, tables: []string{"up_keyless"}, ddl: everywhere("CREATE TABLE up_keyless (code varchar(10) UNIQUE, n integer)"),
			run: func(e *env, db *gorm.DB) {
				for i := range 3 {
					e.see(upserted(db, "up_keyless", meeting(n, "code"), map[string]any{"code": "a", "n": i}, map[string]any{"code": string(rune('b' + i)), "n": i}))
				}
			}},
		{name: "no primary key and a changed value", watched: true, tables: []string{"up_keyless_too"}, ddl: everywhere("CREATE TABLE up_keyless_too (code varchar(10) UNIQUE, other varchar(10), n integer)"),
			run: func(e *env, db *gorm.DB) {
				e.see(upserted(db, "up_keyless_too", meeting(n, "code"), map[string]any{"code": "a", "n": 1}, map[string]any{"code": "b", "n": 1}))
				on := clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.Assignments(map[string]any{"code": "z", "n": 9})}
				e.see(upserted(db, "up_keyless_too", on, map[string]any{"code": "a", "n": 3}, map[string]any{"code": "c", "n": 3}))
			}},
		{name: "a changed primary key", tables: []string{"up_changed"}, ddl: everywhere("CREATE TABLE up_changed (id integer PRIMARY KEY, code varchar(10) UNIQUE, n integer)", "INSERT INTO up_changed VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)"),
			run: func(e *env, db *gorm.DB) {
				e.see(upserted(db, "up_changed", meeting([]string{"id", "n"}, "code"), map[string]any{"id": 11, "code": "a", "n": 11}, map[string]any{"id": 14, "code": "d", "n": 14}))
				e.see(upserted(db, "up_changed", clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"id": 22})}, map[string]any{"id": 2, "code": "x", "n": 5}))
			}},
		{name: "a changed composite primary key", tables: []string{"up_composite"}, ddl: everywhere("CREATE TABLE up_composite (tenant integer, code varchar(10), serial integer UNIQUE, n integer, PRIMARY KEY (tenant, code))", "INSERT INTO up_composite VALUES (1, 'a', 100, 1), (1, 'b', 101, 2)"),
			run: func(e *env, db *gorm.DB) {
				e.see(upserted(db, "up_composite", meeting([]string{"code", "n"}, "serial"), map[string]any{"tenant": 1, "code": "z", "serial": 100, "n": 5}))
				e.see(upserted(db, "up_composite", meeting(n, "tenant", "code"), map[string]any{"tenant": 1, "code": "b", "serial": 7, "n": 6}, map[string]any{"tenant": 2, "code": "b", "serial": 8, "n": 6}))
			}},
		{name: "a table without rowids", only: []string{"sqlite"}, tables: []string{"up_norowid"}, ddl: everywhere("CREATE TABLE up_norowid (tenant integer DEFAULT 1, code text, n integer, u integer DEFAULT 7 UNIQUE, PRIMARY KEY (code, tenant)) WITHOUT ROWID"),
			run: func(e *env, db *gorm.DB) {
				for i := range 2 {
					e.see(upserted(db, "up_norowid", meeting(n, "tenant", "code"), map[string]any{"code": "a", "n": i, "u": 1}))
					e.see(upserted(db, "up_norowid", meeting(n, "u"), map[string]any{"code": string(rune('b' + i)), "n": i}))
				}
			}},
		{name: "values in another form", tables: []string{"up_forms"}, ddl: func(e *env) []string {
			return []string{"CREATE TABLE up_forms (id integer PRIMARY KEY, num decimal(10,2) UNIQUE, at " + e.by("text", "timestamptz", "datetime(6)") + " UNIQUE, n integer)",
				"INSERT INTO up_forms (id, num, n) VALUES (1, 1.5, 0), (2, 7, 0)"}
		}, run: func(e *env, db *gorm.DB) {
			e.see(upserted(db, "up_forms", meeting(n, "num"), map[string]any{"id": 11, "num": "1.50", "n": 1}))
			e.see(upserted(db, "up_forms", meeting(n, "num"), map[string]any{"id": 12, "num": "7.0", "n": 2}))
			e.see(upserted(db, "up_forms", meeting(n, "id"), map[string]any{"id": gorm.Expr("CAST('2' AS " + e.by("TEXT", "integer", "CHAR") + ")"), "num": 30, "n": 3}))
		}},
		{name: "values worked out", tables: []string{"up_exprs"}, ddl: everywhere("CREATE TABLE up_exprs (id integer PRIMARY KEY, code varchar(10) UNIQUE, n integer)", "INSERT INTO up_exprs VALUES (1, 'a', 1), (2, 'b', 2)"),
			run: func(e *env, db *gorm.DB) {
				of := e.by("up_exprs", "up_exprs", "(SELECT * FROM up_exprs) q")
				e.see(upserted(db, "up_exprs", meeting(n, "code"), map[string]any{"id": 11, "code": gorm.Expr("lower(?)", "A"), "n": 11}))
				e.see(upserted(db, "up_exprs", meeting(n, "id"), map[string]any{"id": gorm.Expr("1 + 1"), "code": "x", "n": 12}))
				e.see(upserted(db, "up_exprs", meeting(n, "code"), map[string]any{"id": 13, "code": gorm.Expr("(SELECT max(code) FROM " + of + ")"), "n": gorm.Expr("(SELECT count(*) FROM " + of + ")")}))
			}},
		{name: "a volatile value", tables: []string{"up_random"}, ddl: everywhere("CREATE TABLE up_random (id integer PRIMARY KEY, code integer UNIQUE, n integer)", "INSERT INTO up_random VALUES (1, 0, 1), (2, 1, 1), (3, 2, 1), (4, 3, 1)"),
			run: func(e *env, db *gorm.DB) {
				for i := range 12 {
					e.ok(upserted(db, "up_random", meeting(n, "code"), map[string]any{"id": 10 + i, "n": 20 + i, "code": gorm.Expr(e.by("abs(random()) % 6", "floor(random() * 6)::int", "floor(rand() * 6)"))}))
				}
			}},
		{name: "rows repeated in a statement", tables: []string{"up_twice"}, ddl: everywhere("CREATE TABLE up_twice (id integer PRIMARY KEY, code varchar(10) UNIQUE, n integer)", "INSERT INTO up_twice VALUES (1, 'a', 1)"),
			run: func(e *env, db *gorm.DB) {
				row := func(id int, code string, n int) map[string]any { return map[string]any{"id": id, "code": code, "n": n} }
				e.seeCode(upserted(db, "up_twice", meeting(n, "code"), row(2, "a", 2), row(3, "a", 3)))
				e.seeCode(upserted(db, "up_twice", meeting(n, "code"), row(4, "b", 4), row(5, "b", 5), row(6, "b", 4)))
				e.seeCode(upserted(db, "up_twice", meeting(n, "code"), row(7, "a", 7), row(8, "c", 8)))
			}},
	}...)
}
