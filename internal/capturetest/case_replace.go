package capturetest

import (
	"errors"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Spot is a row with two unique values beside its key.
type Spot struct {
	ID    int
	Email *string
	Slug  *string
	N     int
}

// TableName implements schema.Tabler.
func (Spot) TableName() string { return "spots" }

func spot(id int, email, slug string, n int) Spot {
	s := Spot{ID: id, N: n}
	if email != "" {
		s.Email = &email
	}
	if slug != "" {
		s.Slug = &slug
	}
	return s
}

// spots has five rows, and rows that refer to them; rule is what the DDL says of
// conflicts.
func spots(rule, onDelete string) func(e *env) []string {
	return everywhere("CREATE TABLE spots (id integer PRIMARY KEY, email varchar(20) UNIQUE "+rule+", slug varchar(20) UNIQUE "+rule+", n integer)",
		"CREATE TABLE spot_kids (id integer PRIMARY KEY, spot_id integer, FOREIGN KEY (spot_id) REFERENCES spots (id) "+onDelete+")",
		"INSERT INTO spots (id, email, slug, n) VALUES (1, 'a', 'p', 1), (2, 'b', 'q', 2), (3, 'c', 'r', 3), (4, NULL, NULL, 4), (5, 'e', 's', 5)",
		"INSERT INTO spot_kids (id, spot_id) VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 2)")
}

var spotTables = []string{"spots", "spot_kids"}

// testReplacedRows: SQLite deletes the rows that hold a value which a statement
// gives to another row, where the statement or the table says REPLACE.
func testReplacedRows(t *testing.T) {
	update := clause.Update{Modifier: "OR REPLACE"}
	insert := clause.Insert{Modifier: "OR REPLACE"}
	ways := []struct {
		name string
		// own says that the statement names REPLACE itself.
		own bool
		run func(e *env, db *gorm.DB)
	}{
		{"update to another's value", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(update).Model(&Spot{}).Where("id = 1").Update("email", "b"))
		}},
		{"update to two others' values", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(update).Model(&Spot{ID: 1}).Updates(map[string]any{"email": "b", "slug": "r", "n": 9}))
		}},
		{"update of all to one value", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(update).Model(&Spot{}).Where("id < 4").Updates(map[string]any{"email": "z", "n": gorm.Expr("n + 1")}))
		}},
		{"update of the key", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(update).Model(&Spot{}).Where("id = 3").Update("id", 1))
		}},
		{"update of keys into each other", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(update).Table("spots").Where("id < 4").Update("id", gorm.Expr("id + 1")))
		}},
		{"update that replaces nothing", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(update).Table("spots").Where("id < 4").Update("n", 7))
		}},
		{"update that returns", true, func(e *env, db *gorm.DB) {
			var list []Spot
			e.see(db.Clauses(update, clause.Returning{}).Model(&list).Where("id = 5").Update("slug", "p"))
			e.want(len(list) == 1, "%d rows returned", len(list))
		}},
		{"insert over a key", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(insert).Create(ptr(spot(1, "x", "y", 9))))
		}},
		{"insert over two rows", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(insert).Create(ptr(spot(9, "a", "q", 9))))
		}},
		{"insert over three rows", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(insert).Create(ptr(spot(3, "a", "q", 9))))
		}},
		{"insert of several", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(insert).Create(&[]Spot{spot(9, "a", "v", 1), spot(10, "w", "q", 2), spot(11, "x", "y", 3), spot(12, "x", "z", 4)}))
		}},
		{"insert of maps", true, func(e *env, db *gorm.DB) {
			e.see(db.Clauses(insert).Table("spots").Create([]map[string]any{{"id": 9, "email": "a", "n": 9}, {"id": 10, "slug": "q"}}))
		}},
		{"create", false, func(e *env, db *gorm.DB) { e.see(db.Create(ptr(spot(9, "a", "y", 9)))) }},
		{"create of several", false, func(e *env, db *gorm.DB) {
			e.see(db.Create(&[]Spot{spot(9, "a", "q", 1), spot(10, "c", "y", 2), spot(11, "w", "y", 3)}))
		}},
		{"save of a key that is there", false, func(e *env, db *gorm.DB) { e.see(db.Save(ptr(spot(1, "b", "p", 9)))) }},
		{"save of a key that is not", false, func(e *env, db *gorm.DB) { e.see(db.Save(ptr(spot(9, "b", "p", 9)))) }},
		{"save of several", false, func(e *env, db *gorm.DB) { e.see(db.Save(&[]Spot{spot(1, "b", "p", 9), spot(10, "c", "y", 2)})) }},
		{"upsert", false, func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"email", "n"})}
			e.see(db.Clauses(on).Create(&[]Spot{spot(1, "b", "t", 9), spot(11, "c", "u", 9)}))
		}},
		{"upsert by another key", false, func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: []clause.Column{{Name: "email"}}, DoUpdates: clause.AssignmentColumns([]string{"slug", "n"})}
			e.see(db.Clauses(on).Create(&[]Spot{spot(9, "a", "q", 9), spot(10, "y", "r", 9)}))
		}},
		{"plain update", false, func(e *env, db *gorm.DB) {
			e.see(db.Model(&Spot{}).Where("id = 1").Update("email", "b"))
			e.see(db.Model(&Spot{}).Where("id = 3").Updates(map[string]any{"slug": "p", "n": 8}))
		}},
		{"plain update of all to one value", false, func(e *env, db *gorm.DB) {
			e.see(db.Table("spots").Where("id < 4").Update("slug", "z"))
		}},
	}
	for _, onDelete := range []string{"", "ON DELETE CASCADE", "ON DELETE SET NULL"} {
		name := onDelete
		if name == "" {
			name = "no cascade"
		}
		t.Run(name, func(t *testing.T) {
			var cases []rowCase
			for _, w := range ways {
				rule := "ON CONFLICT REPLACE"
				if w.own {
					rule = ""
				}
				make := spots(rule, onDelete)
				if onDelete == "" {
					make = func(e *env) []string { return append(spots(rule, "")(e), "DELETE FROM spot_kids") }
				}
				cases = append(cases, rowCase{name: w.name, only: []string{"sqlite"}, tables: spotTables, ddl: make, run: w.run})
			}
			runRowCases(t, cases...)
		})
	}
}

// testReplacedKeys: other keys that the DDL has replaced.
func testReplacedKeys(t *testing.T) {
	only := []string{"sqlite"}
	runRowCases(t, []rowCase{
		{name: "a primary key", only: only, tables: []string{"rep_pk"}, ddl: everywhere("CREATE TABLE rep_pk (code text PRIMARY KEY ON CONFLICT REPLACE, n integer)", "INSERT INTO rep_pk VALUES ('a', 1), ('b', 2)"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Table("rep_pk").Create([]map[string]any{{"code": "a", "n": 5}, {"code": "c", "n": 5}, {"code": "c", "n": 6}}))
				e.see(db.Table("rep_pk").Where("code = 'a'").Update("code", "b"))
			}},
		{name: "a composite key", only: only, tables: []string{"rep_pair"}, ddl: everywhere("CREATE TABLE rep_pair (a integer, b integer, n integer, PRIMARY KEY (a, b), UNIQUE (a, n) ON CONFLICT REPLACE)", "INSERT INTO rep_pair VALUES (1, 1, 1), (1, 2, 2), (2, 1, 1)"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Table("rep_pair").Create([]map[string]any{{"a": 1, "b": 3, "n": 1}, {"a": 2, "b": 3, "n": 3}}))
				e.see(db.Table("rep_pair").Where("b = 2").Update("n", 1))
			}},
		{name: "a table without rowids", only: only, tables: []string{"rep_norowid"}, ddl: everywhere("CREATE TABLE rep_norowid (code text PRIMARY KEY, u integer DEFAULT 7 UNIQUE ON CONFLICT REPLACE) WITHOUT ROWID", "INSERT INTO rep_norowid VALUES ('a', 7), ('b', 8)"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Table("rep_norowid").Create(map[string]any{"code": "c"}))
				e.see(db.Table("rep_norowid").Where("code = 'c'").Update("u", 8))
			}},
		{name: "a default", only: only, tables: []string{"rep_default"}, ddl: everywhere("CREATE TABLE rep_default (id integer PRIMARY KEY, u integer DEFAULT 7 UNIQUE, n integer)", "INSERT INTO rep_default VALUES (1, 7, 1), (2, 8, 2)"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Clauses(clause.Insert{Modifier: "OR REPLACE"}).Table("rep_default").Create(map[string]any{"id": 3, "n": 5}))
			}},
		{name: "an index's own collation", only: only, tables: []string{"rep_nocase"}, ddl: everywhere("CREATE TABLE rep_nocase (id integer PRIMARY KEY, name text, n integer)", "CREATE UNIQUE INDEX rep_nocase_name ON rep_nocase (name COLLATE NOCASE)", "INSERT INTO rep_nocase VALUES (1, 'Ann', 1), (2, 'Bob', 2)"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Clauses(clause.Insert{Modifier: "OR REPLACE"}).Table("rep_nocase").Create(map[string]any{"id": 3, "name": "ANN", "n": 5}))
				e.see(db.Clauses(clause.Update{Modifier: "OR REPLACE"}).Table("rep_nocase").Where("id = 3").Update("name", "BOB"))
			}},
		{name: "a generated column", only: only, tables: []string{"rep_gen"}, ddl: everywhere("CREATE TABLE rep_gen (id integer PRIMARY KEY, a integer, b integer GENERATED ALWAYS AS (a % 10) STORED UNIQUE ON CONFLICT REPLACE)", "INSERT INTO rep_gen (id, a) VALUES (1, 1), (2, 2)"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Table("rep_gen").Create(map[string]any{"id": 3, "a": 11}))
				e.see(db.Table("rep_gen").Where("id = 3").Update("a", 22))
			}},
		{name: "a NOT NULL column", only: only, tables: []string{"rep_null"}, ddl: everywhere("CREATE TABLE rep_null (id integer PRIMARY KEY, n integer NOT NULL ON CONFLICT REPLACE DEFAULT 5)", "INSERT INTO rep_null VALUES (1, 1)"),
			run: func(e *env, db *gorm.DB) {
				e.see(db.Table("rep_null").Create(map[string]any{"id": 2, "n": nil}))
				e.see(db.Table("rep_null").Where("id = 1").Update("n", nil))
			}},
		{name: "no primary key", only: only, watched: true, tables: []string{"rep_keyless"}, ddl: everywhere("CREATE TABLE rep_keyless (code text UNIQUE ON CONFLICT REPLACE, n integer)", "INSERT INTO rep_keyless VALUES ('a', 1), ('b', 2)"),
			run: func(e *env, db *gorm.DB) {
				e.ok(e.plain.Exec("PRAGMA recursive_triggers = 1")) // the judge's triggers see what is replaced
				defer e.plain.Exec("PRAGMA recursive_triggers = 0")
				e.see(db.Table("rep_keyless").Create(map[string]any{"code": "a", "n": 5}))
				e.see(db.Table("rep_keyless").Where("code = 'a'").Update("code", "b"))
			}},
	}...)
}

// testPartialStatements: a statement under FAIL or IGNORE does part of its work.
// Where it failed and the host commits nevertheless, that part is on the trail or
// the commit is refused.
func testPartialStatements(t *testing.T) {
	without := func(e *env) []string { return append(spots("", "")(e), "DELETE FROM spot_kids") }
	inTransaction := func(run func(e *env, tx *gorm.DB)) func(e *env, db *gorm.DB) {
		return func(e *env, db *gorm.DB) {
			_ = db.Transaction(func(tx *gorm.DB) error { run(e, tx); return nil })
		}
	}
	only := []string{"sqlite"}
	runRowCases(t, []rowCase{
		{name: "insert or ignore", only: only, tables: spotTables, ddl: without, run: func(e *env, db *gorm.DB) {
			e.see(db.Clauses(clause.Insert{Modifier: "OR IGNORE"}).Create(&[]Spot{spot(1, "x", "x", 9), spot(9, "a", "y", 9), spot(10, "y", "y", 9)}))
		}},
		{name: "insert ignore", only: []string{"mariadb"}, tables: spotTables, ddl: without, run: func(e *env, db *gorm.DB) {
			e.see(db.Clauses(clause.Insert{Modifier: "IGNORE"}).Create(&[]Spot{spot(1, "x", "x", 9), spot(9, "a", "y", 9), spot(10, "y", "y", 9)}))
		}},
		{name: "update or ignore", only: only, tables: spotTables, ddl: without, run: func(e *env, db *gorm.DB) {
			e.see(db.Clauses(clause.Update{Modifier: "OR IGNORE"}).Table("spots").Where("id < 4").Updates(map[string]any{"email": "z", "n": 9}))
		}},
		{name: "update ignore", only: []string{"mariadb"}, tables: spotTables, ddl: without, run: func(e *env, db *gorm.DB) {
			e.see(db.Clauses(clause.Update{Modifier: "IGNORE"}).Table("spots").Where("id < 4").Updates(map[string]any{"email": "z", "n": 9}))
		}},
		{name: "insert or fail in a transaction", only: only, tables: spotTables, ddl: without, run: inTransaction(func(e *env, tx *gorm.DB) {
			e.seeCode(tx.Clauses(clause.Insert{Modifier: "OR FAIL"}).Create(&[]Spot{spot(8, "x", "x", 9), spot(9, "a", "y", 9), spot(10, "y", "y", 9)}))
		})},
		{name: "update or fail in a transaction", only: only, tables: spotTables, ddl: without, run: inTransaction(func(e *env, tx *gorm.DB) {
			e.seeCode(tx.Clauses(clause.Update{Modifier: "OR FAIL"}).Table("spots").Where("id < 4").Updates(map[string]any{"email": "z", "n": 9}))
		})},
		{name: "update or rollback", only: only, tables: spotTables, ddl: without, run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Clauses(clause.Update{Modifier: "OR ROLLBACK"}).Table("spots").Where("id < 4").Updates(map[string]any{"email": "z", "n": 9}))
			e.see(db.Table("spots").Where("id = 1").Update("n", 12))
		}},
		{name: "a table that ignores", only: only, tables: spotTables, ddl: func(e *env) []string { return append(spots("ON CONFLICT IGNORE", "")(e), "DELETE FROM spot_kids") }, run: func(e *env, db *gorm.DB) {
			e.see(db.Create(&[]Spot{spot(8, "x", "x", 9), spot(9, "a", "y", 9), spot(10, "y", "y", 9)}))
			e.see(db.Table("spots").Where("id < 4").Updates(map[string]any{"email": "z", "n": 9}))
		}},
		{name: "a failed statement in a transaction that goes on", tables: spotTables, ddl: without, only: []string{"sqlite", "mariadb"}, run: inTransaction(func(e *env, tx *gorm.DB) {
			e.seeCode(tx.Table("spots").Where("id < 4").Updates(map[string]any{"email": "z", "n": 9}))
			e.seeCode(tx.Create(&[]Spot{spot(8, "x", "x", 9), spot(9, "a", "y", 9)}))
			e.see(tx.Table("spots").Where("id = 2").Update("n", 12))
			err := tx.Transaction(func(inner *gorm.DB) error {
				e.see(inner.Table("spots").Where("id = 3").Update("n", 12))
				return errors.New("undo")
			})
			e.want(err != nil, "the savepoint was kept")
		})},
	}...)
}
