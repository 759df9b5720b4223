package capturetest

import (
	"context"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

var (
	orReplace = clause.Insert{Modifier: "OR REPLACE"}
	orFail    = clause.Update{Modifier: "OR FAIL"}
)

// testMeetingsWithin: a row of a statement meets another row of the same
// statement.
func testMeetingsWithin(t *testing.T) {
	table := everywhere("CREATE TABLE within (id integer PRIMARY KEY, code varchar(10) DEFAULT 'd' UNIQUE, n integer)", "INSERT INTO within VALUES (1, 'a', 1), (2, 'd', 5)")
	row := func(id int, code string, n int) map[string]any { return map[string]any{"id": id, "code": code, "n": n} }
	larger := meeting([]string{"n"}, "code")
	larger.Where = clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "within.n < excluded.n"}}}
	only := []string{"sqlite"} // PostgreSQL refuses to update a row twice
	runRowCases(t, []rowCase{
		{name: "a condition", only: only, tables: []string{"within"}, ddl: table, run: func(e *env, db *gorm.DB) {
			e.see(upserted(db, "within", larger, row(3, "x", 3), row(4, "x", 2), row(5, "x", 4)))
			e.see(upserted(db, "within", larger, row(6, "a", 0), row(7, "a", 9), row(8, "a", 8), row(9, "y", 1)))
		}},
		{name: "a condition and a default", only: only, tables: []string{"within"}, ddl: table, run: func(e *env, db *gorm.DB) {
			e.see(upserted(db, "within", larger, map[string]any{"id": 3, "n": 3}, map[string]any{"id": 4, "n": 7}, map[string]any{"id": 5, "n": 6}))
		}},
		{name: "a changed key", only: only, tables: []string{"within"}, ddl: table, run: func(e *env, db *gorm.DB) {
			e.see(upserted(db, "within", meeting([]string{"id", "n"}, "code"), row(3, "x", 3), row(4, "x", 4), row(5, "a", 5), row(6, "a", 6), row(1, "z", 7)))
		}},
		{name: "a changed value", only: only, tables: []string{"within"}, ddl: table, run: func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.Assignments(map[string]any{"code": gorm.Expr("within.code || '!'")})}
			e.see(upserted(db, "within", on, row(3, "a", 3), row(4, "a", 4), row(5, "a", 5)))
		}},
		{name: "a value worked out", only: only, tables: []string{"within"}, ddl: table, run: func(e *env, db *gorm.DB) {
			e.see(upserted(db, "within", larger, map[string]any{"id": 3, "code": gorm.Expr("lower('X')"), "n": 3}, row(4, "x", 2), row(5, "x", 4)))
		}},
	}...)
}

// testReplacedMeetings: what else leads a REPLACE to the rows that it removes.
func testReplacedMeetings(t *testing.T) {
	only := []string{"sqlite"}
	update := clause.Update{Modifier: "OR REPLACE"}
	tree := everywhere("CREATE TABLE rep_tree (id integer PRIMARY KEY, code text UNIQUE, parent integer REFERENCES rep_tree (id) ON DELETE CASCADE ON UPDATE CASCADE)",
		"INSERT INTO rep_tree VALUES (1, 'a', NULL), (2, 'b', 1), (3, 'c', 2), (4, 'd', NULL), (5, 'e', 4)")
	runRowCases(t, []rowCase{
		{name: "an expression index", only: only, tables: []string{"rep_expr"}, ddl: everywhere("CREATE TABLE rep_expr (id integer PRIMARY KEY, name text, n integer)", "CREATE UNIQUE INDEX rep_expr_name ON rep_expr (lower(name))", "CREATE UNIQUE INDEX rep_expr_n ON rep_expr (n, upper(name)) WHERE n > 1",
			"INSERT INTO rep_expr VALUES (1, 'Ann', 1), (2, 'Bob', 2), (3, 'Cid', 3)"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Clauses(orReplace).Table("rep_expr").Create([]map[string]any{{"id": 11, "name": "ANN", "n": 5}, {"id": 12, "name": "ann", "n": 6}, {"id": 13, "name": "dora", "n": 7}}))
				e.see(db.Clauses(update).Table("rep_expr").Where("id = 13").Update("name", "BOB"))
			}},
		{name: "the default of a NOT NULL column", only: only, tables: []string{"rep_notnull"}, ddl: everywhere("CREATE TABLE rep_notnull (id integer PRIMARY KEY, u integer NOT NULL DEFAULT 7 UNIQUE, n integer)", "INSERT INTO rep_notnull VALUES (1, 7, 1), (2, 8, 2)"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Clauses(orReplace).Table("rep_notnull").Create(map[string]any{"id": 3, "u": nil, "n": 5}))
				e.see(db.Clauses(update).Table("rep_notnull").Where("id = 2").Update("u", nil))
			}},
		{name: "a value worked out", only: only, tables: []string{"rep_random"}, ddl: everywhere("CREATE TABLE rep_random (id integer PRIMARY KEY, code integer UNIQUE, n integer)", "INSERT INTO rep_random VALUES (1, 0, 1), (2, 1, 1), (3, 2, 1), (4, 3, 1)"),
			run: func(e *env, db *gorm.DB) {
				for i := range 8 {
					e.ok(db.Clauses(orReplace).Table("rep_random").Create([]map[string]any{{"id": 10 + i, "n": i, "code": gorm.Expr("abs(random()) % 6")}, {"id": 20 + i, "n": i, "code": gorm.Expr("abs(random()) % 6")}}))
					e.ok(db.Clauses(update).Table("rep_random").Where("code = abs(random()) % 6").Update("code", gorm.Expr("abs(random()) % 6")))
				}
			}},
		{name: "a written row", only: only, tables: []string{"rep_two"}, ddl: everywhere("CREATE TABLE rep_two (id integer PRIMARY KEY, a integer UNIQUE, b integer UNIQUE)", "INSERT INTO rep_two VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3)"),
			run: func(e *env, db *gorm.DB) {
				row := func(id, a, b int) map[string]any { return map[string]any{"id": id, "a": a, "b": b} }
				// The second row meets the first, and row 2 beside it; the third is the first again.
				e.see(db.Clauses(orReplace).Table("rep_two").Create([]map[string]any{row(11, 1, 9), row(12, 1, 2), row(11, 8, 8), row(1, 8, 7), row(3, 7, 7)}))
			}},
		{name: "names of the log's columns", only: only, tables: []string{"rep_names"}, ddl: everywhere("CREATE TABLE rep_names (place integer PRIMARY KEY, seq integer UNIQUE, op text, v0 integer UNIQUE, rowid text)", "INSERT INTO rep_names VALUES (1, 1, 'a', 1, 'x'), (2, 2, 'b', 2, 'y')"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Clauses(orReplace).Table("rep_names").Create([]map[string]any{{"place": 3, "seq": 1, "op": "c", "v0": 2}, {"place": 4, "seq": 1, "op": "d", "v0": 3}}))
			}},
		{name: "a table without rowids and two keys", only: only, tables: []string{"rep_without"}, ddl: everywhere("CREATE TABLE rep_without (a text, v1 text, u integer UNIQUE, PRIMARY KEY (v1, a)) WITHOUT ROWID", "INSERT INTO rep_without VALUES ('a', 'b', 1), ('a', 'c', 2), (x'00', 'c', 3)"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Clauses(orReplace).Table("rep_without").Create([]map[string]any{{"a": "a", "v1": "b", "u": 2}, {"a": "z", "v1": "z", "u": 3}, {"a": "y", "v1": "z", "u": 3}}))
				e.see(db.Clauses(update).Table("rep_without").Where("u < 9").Update("v1", "q"))
			}},
		{name: "a tree", only: only, tables: []string{"rep_tree"}, ddl: tree, run: func(e *env, db *gorm.DB) {
			e.see(db.Clauses(orReplace).Table("rep_tree").Create([]map[string]any{{"id": 9, "code": "a", "parent": 4}, {"id": 5, "code": "z", "parent": nil}}))
		}},
		{name: "a tree that moves", only: only, tables: []string{"rep_tree"}, ddl: tree, run: func(e *env, db *gorm.DB) {
			e.see(db.Clauses(update).Table("rep_tree").Where("id = 1").Update("id", 4))
			e.see(upserted(db, "rep_tree", meeting([]string{"id"}, "code"), map[string]any{"id": 30, "code": "a"}, map[string]any{"id": 31, "code": "x"}))
		}},
		{name: "triggers of its own", only: only, tables: []string{"rep_self"}, ddl: everywhere("CREATE TABLE rep_self (id integer PRIMARY KEY, code text UNIQUE, n integer, at integer)", "INSERT INTO rep_self VALUES (1, 'a', 1, 0), (2, 'b', 2, 0)",
			"CREATE TRIGGER rep_self_made AFTER INSERT ON rep_self BEGIN UPDATE rep_self SET at = n + 100 WHERE id = NEW.id; END",
			"CREATE TRIGGER rep_self_gone AFTER DELETE ON rep_self BEGIN INSERT INTO rep_self VALUES (OLD.id + 1000, NULL, 0, 0); END"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Clauses(orReplace).Table("rep_self").Create([]map[string]any{{"id": 11, "code": "a", "n": 5}, {"id": 2, "code": "x", "n": 6}}))
				e.ok(db.Exec("PRAGMA recursive_triggers = 1"))
				defer db.Exec("PRAGMA recursive_triggers = 0")
				e.see(db.Clauses(orReplace).Table("rep_self").Create(map[string]any{"id": 21, "code": "x", "n": 7}))
			}},
	}...)
}

// testPartialTriggers: a trigger that fails the statement and keeps what it did.
func testPartialTriggers(t *testing.T) {
	inTransaction := func(run func(e *env, tx *gorm.DB)) func(e *env, db *gorm.DB) {
		return func(e *env, db *gorm.DB) {
			_ = db.Transaction(func(tx *gorm.DB) error { run(e, tx); return nil })
		}
	}
	stopping := func(event string) func(*env) []string {
		return everywhere("CREATE TABLE stops (id integer PRIMARY KEY, n integer)", "INSERT INTO stops VALUES (1, 1), (2, 2), (3, 3)",
			"CREATE TRIGGER stops_at BEFORE "+event+" ON stops WHEN "+map[bool]string{true: "OLD", false: "NEW"}[event == "DELETE"]+".id = 3 BEGIN SELECT RAISE(FAIL, 'three'); END")
	}
	only, tables := []string{"sqlite"}, []string{"stops"}
	runRowCases(t, []rowCase{
		{name: "update", only: only, tables: tables, ddl: stopping("UPDATE"), run: inTransaction(func(e *env, tx *gorm.DB) { e.seeCode(tx.Table("stops").Where("id > 0").Update("n", 9)) })},
		{name: "delete", only: only, tables: tables, ddl: stopping("DELETE"), run: inTransaction(func(e *env, tx *gorm.DB) { e.seeCode(tx.Table("stops").Where("id > 0").Delete(nil)) })},
		{name: "create", only: only, tables: tables, ddl: func(e *env) []string { return append(stopping("INSERT")(e), "DELETE FROM stops") }, run: inTransaction(func(e *env, tx *gorm.DB) {
			e.seeCode(tx.Table("stops").Create([]map[string]any{{"id": 1, "n": 1}, {"id": 3, "n": 1}}))
		})},
		{name: "a key in the DDL", only: only, tables: tables, ddl: everywhere("CREATE TABLE stops (id integer PRIMARY KEY, n integer UNIQUE ON CONFLICT FAIL)", "INSERT INTO stops VALUES (1, 1), (2, 2), (3, 3)"), run: inTransaction(func(e *env, tx *gorm.DB) {
			e.seeCode(tx.Table("stops").Where("id > 0").Update("n", 9))
			e.seeCode(tx.Table("stops").Create([]map[string]any{{"id": 7, "n": 7}, {"id": 8, "n": 7}}))
		})},
		{name: "with cascades", only: only, tables: []string{"stop_parents", "stop_kids"}, ddl: everywhere("CREATE TABLE stop_parents (id integer PRIMARY KEY, n integer UNIQUE)", "CREATE TABLE stop_kids (id integer PRIMARY KEY, n integer REFERENCES stop_parents (n) ON UPDATE CASCADE)",
			"INSERT INTO stop_parents VALUES (1, 1), (2, 2), (3, 3)", "INSERT INTO stop_kids VALUES (1, 1), (2, 2), (3, 3)"), run: inTransaction(func(e *env, tx *gorm.DB) {
			e.seeCode(tx.Clauses(orFail).Table("stop_parents").Where("id > 0").Update("n", 9))
		})},
		{name: "within the statement's own transaction", only: only, tables: tables, ddl: stopping("UPDATE"), run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Table("stops").Where("id > 0").Update("n", 9))
		}},
	}...)
}

// testLoggedAmongOthers: a logged statement leaves nothing behind, and disturbs
// nothing around it.
func testLoggedAmongOthers(t *testing.T) {
	only := []string{"sqlite"}
	table := everywhere("CREATE TABLE amid (id integer PRIMARY KEY, code text UNIQUE, n integer)", "INSERT INTO amid VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)")
	replace := func(db *gorm.DB, id int, code string) *gorm.DB {
		return db.Clauses(orReplace).Table("amid").Create(map[string]any{"id": id, "code": code, "n": id})
	}
	runRowCases(t, []rowCase{
		{name: "open rows", only: only, tables: []string{"amid"}, ddl: table, run: func(e *env, db *gorm.DB) {
			e.no(db.Transaction(func(tx *gorm.DB) error {
				rows, err := tx.Table("amid").Select("id").Where("id < 4").Order("id").Rows()
				e.no(err)
				defer rows.Close()
				for n := 0; rows.Next(); n++ {
					e.see(replace(tx, 11+n, string(rune('a'+n))))
				}
				return rows.Err()
			}))
		}},
		{name: "a savepoint", only: only, tables: []string{"amid"}, ddl: table, run: func(e *env, db *gorm.DB) {
			e.no(db.Transaction(func(tx *gorm.DB) error {
				tx.SavePoint("s")
				e.see(replace(tx, 11, "a"))
				tx.RollbackTo("s")
				e.see(replace(tx, 12, "a"))
				return nil
			}))
			e.see(replace(db, 13, "b"))
		}},
		{name: "prepared statements", only: only, tables: []string{"amid"}, ddl: table, run: func(e *env, db *gorm.DB) {
			prepared := db.Session(&gorm.Session{PrepareStmt: true})
			for i := range 3 {
				e.see(replace(prepared, 11+i, "a"))
				e.see(prepared.Table("amid").Where("id = ?", 11+i).Update("n", 7))
			}
		}},
		{name: "a failure", only: only, tables: []string{"amid"}, ddl: func(e *env) []string {
			return append(table(e), "CREATE TRIGGER amid_never BEFORE INSERT ON amid WHEN NEW.n > 20 BEGIN SELECT RAISE(ABORT, 'never'); END")
		}, run: func(e *env, db *gorm.DB) {
			_ = db.Transaction(func(tx *gorm.DB) error {
				e.seeCode(replace(tx, 21, "a"))
				e.see(replace(tx, 12, "a"))
				return nil
			})
		}},
		{name: "a cancelled statement", only: only, tables: []string{"amid"}, ddl: table, run: func(e *env, db *gorm.DB) {
			_ = db.Transaction(func(tx *gorm.DB) error {
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				e.seeCode(replace(tx.WithContext(ctx), 11, "a"))
				e.see(replace(tx, 12, "a"))
				return nil
			})
		}},
		{name: "values that are returned", only: only, tables: []string{"amid"}, ddl: table, run: func(e *env, db *gorm.DB) {
			type amid struct {
				ID   int
				Code string
				N    int
			}
			list := []amid{{ID: 11, Code: "a"}, {ID: 12, Code: "z"}}
			on := meeting([]string{"id"}, "code")
			e.see(db.Table("amid").Clauses(on, clause.Returning{Columns: []clause.Column{{Name: "n + 1 AS n", Raw: true}}}).Create(&list))
			e.want(list[0].N == 2, "%v", list)
		}},
	}...)
}

// testReturnedText: a RETURNING of the host's own text, where rows are passed over.
func testReturnedText(t *testing.T) {
	table := everywhere("CREATE TABLE told (id integer PRIMARY KEY, code varchar(10) UNIQUE, n integer)", "INSERT INTO told VALUES (1, 'a', 1), (2, 'b', 2)")
	type told struct {
		ID   int
		Code string
		N    int
	}
	var cases []rowCase
	for _, text := range []string{"*", "n + 1 AS n, id"} {
		returning := clause.Returning{Columns: []clause.Column{{Name: text, Raw: true}}}
		nothing := clause.OnConflict{DoNothing: true}
		cases = append(cases, rowCase{name: text, only: notMaria, tables: []string{"told"}, ddl: table, run: func(e *env, db *gorm.DB) {
			e.see(db.Table("told").Clauses(nothing, returning).Create(&[]told{{ID: 3, Code: "a"}, {ID: 4, Code: "c"}}))
			e.see(db.Table("told").Clauses(meeting([]string{"n"}, "code"), returning).Create(&[]told{{ID: 5, Code: "a", N: 7}, {ID: 6, Code: "d"}}))
			e.see(db.Table("told").Clauses(returning).Create(&told{ID: 7, Code: "e"}))
			var list []told
			if text != "*" || e.name == "sqlite" { // PostgreSQL has one entry for it
				e.see(db.Model(&list).Table("told").Clauses(returning).Where("id < 3").Update("n", 9))
			}
			e.see(db.Table("told").Clauses(returning).Where("id = 2").Delete(&list))
			e.want(len(list) > 0, "nothing came back")
		}})
	}
	runRowCases(t, cases...)
}
