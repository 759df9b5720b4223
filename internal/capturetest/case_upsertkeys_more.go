package capturetest

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// UpSetting is the model: its key has a default.
type UpSetting struct {
	ID        int
	Singleton int `gorm:"not null;default:1;uniqueIndex"`
	N         int
}

// testUpsertMeetings: several keys, none at all, triggers, and updates that leave
// a row as it was.
func testUpsertMeetings(t *testing.T) {
	n := []string{"n"}
	two := everywhere("CREATE TABLE up_two (id integer PRIMARY KEY, code varchar(10) UNIQUE, serial integer DEFAULT 5 UNIQUE, n integer)", "INSERT INTO up_two VALUES (1, 'a', 1, 1), (2, 'b', 2, 2), (3, 'c', 5, 3)")
	runRowCases(t, []rowCase{
		{name: "a model's default", tables: []string{"up_settings"}, ddl: everywhere("CREATE TABLE up_settings (id integer PRIMARY KEY, singleton integer NOT NULL DEFAULT 1 UNIQUE, n integer)"),
			run: func(e *env, db *gorm.DB) {
				for i := range 3 {
					s := UpSetting{ID: i + 1, N: i}
					e.see(db.Clauses(meeting(n, "singleton")).Create(&s))
					e.want(s.Singleton == 1 || e.name == "mariadb", "singleton is %d", s.Singleton)
				}
			}},
		{name: "any key", only: []string{"sqlite", "mariadb"}, tables: []string{"up_two"}, ddl: two, run: func(e *env, db *gorm.DB) {
			e.see(upserted(db, "up_two", meeting(n), map[string]any{"id": 11, "code": "a", "serial": 11, "n": 11}))
			e.see(upserted(db, "up_two", meeting(n), map[string]any{"id": 2, "code": "y", "serial": 12, "n": 12}))
			e.see(upserted(db, "up_two", meeting(n), map[string]any{"id": 13, "code": "z", "n": 13}))
			e.see(upserted(db, "up_two", meeting(n), map[string]any{"id": 14, "code": "new", "serial": 14, "n": 14}))
		}},
		{name: "two rows at once", only: []string{"sqlite", "mariadb"}, tables: []string{"up_two"}, ddl: two, run: func(e *env, db *gorm.DB) {
			e.see(upserted(db, "up_two", meeting(n), map[string]any{"id": 1, "code": "b", "serial": 5, "n": 11}))
		}},
		{name: "another key than the one named", tables: []string{"up_two"}, ddl: two, run: func(e *env, db *gorm.DB) {
			e.seeCode(upserted(db, "up_two", meeting(n, "code"), map[string]any{"id": 1, "code": "a", "serial": 7, "n": 11}))
			e.seeCode(upserted(db, "up_two", meeting(n, "code"), map[string]any{"id": 3, "code": "q", "serial": 9, "n": 12})) // an error, not on MariaDB
		}},
		{name: "the primary key's placeholder", tables: []string{"up_two"}, ddl: two, run: func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, UpdateAll: true}
			e.see(db.Table("up_two").Clauses(on).Create(&[]map[string]any{{"id": 1, "code": "up", "serial": 31, "n": 1}, {"id": 31, "code": "new", "serial": 32, "n": 1}}))
		}},
		{name: "a constraint's name", only: []string{"postgres"}, tables: []string{"up_named"}, ddl: everywhere("CREATE TABLE up_named (id integer PRIMARY KEY, code varchar(10), n integer, CONSTRAINT up_named_code UNIQUE (code))", "INSERT INTO up_named VALUES (1, 'a', 1)"),
			run: func(e *env, db *gorm.DB) {
				e.see(upserted(db, "up_named", clause.OnConflict{OnConstraint: "up_named_code", DoUpdates: clause.AssignmentColumns(n)}, map[string]any{"id": 2, "code": "a", "n": 2}, map[string]any{"id": 3, "code": "b", "n": 2}))
			}},
		{name: "NULLs", tables: []string{"up_nulls"}, ddl: everywhere("CREATE TABLE up_nulls (id integer PRIMARY KEY, tenant integer, code varchar(10), n integer, UNIQUE (tenant, code))"),
			run: func(e *env, db *gorm.DB) {
				for i := range 2 {
					e.see(upserted(db, "up_nulls", meeting(n, "tenant", "code"), map[string]any{"id": 10*i + 1, "tenant": nil, "code": "a", "n": i}, map[string]any{"id": 10*i + 2, "tenant": 1, "code": nil, "n": i},
						map[string]any{"id": 10*i + 3, "tenant": 1, "code": "a", "n": i}))
				}
			}},
		{name: "NULLs that are one", only: []string{"postgres"}, tables: []string{"up_null"}, ddl: everywhere("CREATE TABLE up_null (id integer PRIMARY KEY, tenant integer, code varchar(10), n integer, UNIQUE NULLS NOT DISTINCT (tenant, code))"),
			run: func(e *env, db *gorm.DB) {
				for i := range 2 {
					e.see(upserted(db, "up_null", meeting(n, "tenant", "code"), map[string]any{"id": 10*i + 1, "tenant": nil, "code": "a", "n": i}, map[string]any{"id": 10*i + 2, "tenant": 1, "code": nil, "n": i}))
				}
			}},
		{name: "a NULL in SQLite's primary key", only: []string{"sqlite"}, tables: []string{"up_nullkey"}, watched: true, ddl: everywhere("CREATE TABLE up_nullkey (code text PRIMARY KEY, n integer)"),
			run: func(e *env, db *gorm.DB) {
				for i := range 2 {
					e.see(upserted(db, "up_nullkey", meeting(n, "code"), map[string]any{"code": nil, "n": i}, map[string]any{"code": "a", "n": i}))
				}
			}},
		{name: "a trigger that changes the key", only: notSQLite, tables: []string{"up_before"}, ddl: func(e *env) []string {
			list := []string{"CREATE TABLE up_before (id integer PRIMARY KEY, code varchar(10) UNIQUE, n integer)", "INSERT INTO up_before VALUES (1, 'a', 1)"}
			if e.name == "mariadb" {
				return append(list, "CREATE TRIGGER up_before_code BEFORE INSERT ON up_before FOR EACH ROW SET NEW.code = lower(NEW.code)")
			}
			return append(list, "CREATE OR REPLACE FUNCTION up_before_code() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.code = lower(NEW.code); RETURN NEW; END $$",
				"CREATE TRIGGER up_before_code BEFORE INSERT ON up_before FOR EACH ROW EXECUTE FUNCTION up_before_code()")
		}, run: func(e *env, db *gorm.DB) {
			e.see(upserted(db, "up_before", meeting(n, "code"), map[string]any{"id": 2, "code": "A", "n": 2}, map[string]any{"id": 3, "code": "B", "n": 3}))
		}},
		{name: "a trigger that makes the row first", only: []string{"sqlite"}, tables: []string{"up_first"}, ddl: everywhere("CREATE TABLE up_first (id integer PRIMARY KEY, code text UNIQUE, n integer)",
			"CREATE TRIGGER up_first_row BEFORE INSERT ON up_first WHEN NEW.n >= 0 AND NOT EXISTS (SELECT 1 FROM up_first WHERE code = NEW.code) BEGIN INSERT INTO up_first VALUES (NEW.id + 100, NEW.code, -1); END"),
			run: func(e *env, db *gorm.DB) {
				e.see(upserted(db, "up_first", meeting(n, "code"), map[string]any{"id": 1, "code": "a", "n": 1}))
			}},
		{name: "nothing is done", tables: []string{"up_nothing"}, ddl: everywhere("CREATE TABLE up_nothing (id integer PRIMARY KEY, code varchar(10) DEFAULT 'd' UNIQUE, n integer)", "INSERT INTO up_nothing VALUES (1, 'a', 1)"),
			run: func(e *env, db *gorm.DB) {
				nothing := clause.OnConflict{DoNothing: true}
				e.see(upserted(db, "up_nothing", nothing, map[string]any{"id": 2, "code": "a", "n": 2}))
				e.see(upserted(db, "up_nothing", nothing, map[string]any{"id": 3, "code": "a", "n": 2}, map[string]any{"id": 4, "code": "b", "n": 2}, map[string]any{"id": 1, "code": "c", "n": 2}, map[string]any{"id": 5, "code": "b", "n": 2}))
				e.see(upserted(db, "up_nothing", nothing, map[string]any{"id": 6, "n": 2}))
				e.see(upserted(db, "up_nothing", nothing, map[string]any{"id": 7, "n": 2}))
				if e.name != "mariadb" {
					e.see(upserted(db, "up_nothing", clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoNothing: true}, map[string]any{"id": 8, "code": "a", "n": 2}, map[string]any{"id": 9, "code": "z", "n": 2}))
				}
			}},
		{name: "nothing changes", tables: []string{"up_same"}, ddl: everywhere("CREATE TABLE up_same (id integer PRIMARY KEY, code varchar(10) DEFAULT 'd' UNIQUE, n integer)", "INSERT INTO up_same VALUES (1, 'a', 1), (2, 'd', 1)"),
			run: func(e *env, db *gorm.DB) {
				e.see(upserted(db, "up_same", meeting(n, "code"), map[string]any{"id": 3, "code": "a", "n": 1}))
				e.see(upserted(db, "up_same", meeting(n, "code"), map[string]any{"id": 4, "n": 1}))
			}, after: func(e *env) { e.want(len(e.entries) == 0, "%d entries", len(e.entries)) }},
		{name: "a condition that leaves rows alone", only: notMaria, tables: []string{"up_where"}, ddl: everywhere("CREATE TABLE up_where (id integer PRIMARY KEY, code varchar(10) DEFAULT 'd' UNIQUE, n integer)", "INSERT INTO up_where VALUES (1, 'a', 1), (2, 'd', 5)"),
			run: func(e *env, db *gorm.DB) {
				on := meeting(n, "code")
				on.Where = clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "up_where.n < excluded.n OR up_where.n IS NULL"}}}
				e.see(upserted(db, "up_where", on, map[string]any{"id": 3, "code": "a", "n": 0}, map[string]any{"id": 4, "code": "b", "n": 0}))
				e.see(upserted(db, "up_where", on, map[string]any{"id": 5, "n": 2}))
				e.see(upserted(db, "up_where", on, map[string]any{"id": 6, "n": 6}))
			}},
		{name: "an expression of old and new", tables: []string{"up_sum"}, ddl: everywhere("CREATE TABLE up_sum (id integer PRIMARY KEY, code varchar(10) DEFAULT 'd' UNIQUE, n integer)", "INSERT INTO up_sum VALUES (1, 'a', 1), (2, 'd', 5)"),
			run: func(e *env, db *gorm.DB) {
				sum := e.by("up_sum.n + excluded.n", "up_sum.n + excluded.n", "n + VALUES(n)")
				on := clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.Assignments(map[string]any{"n": gorm.Expr(sum)})}
				e.see(upserted(db, "up_sum", on, map[string]any{"id": 3, "code": "a", "n": 10}, map[string]any{"id": 4, "code": "b", "n": 10}))
				e.see(upserted(db, "up_sum", on, map[string]any{"id": 5, "n": 10}))
			}},
	}...)
}
