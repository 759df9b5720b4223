package capturetest

import (
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Remark is a row whose statements carry comments.
type Remark struct {
	ID   int
	N    int
	Name string `gorm:"size:50"`
}

// HiddenRemark is one that is deleted softly.
type HiddenRemark struct {
	ID        int
	N         int
	Name      string
	DeletedAt gorm.DeletedAt
}

var remarkTables = []string{"remarks", "hidden_remarks", "others"}

func remarks(e *env) []string {
	list := []string{
		"CREATE TABLE remarks (id integer PRIMARY KEY, n integer, name varchar(50))",
		"CREATE TABLE hidden_remarks (id integer PRIMARY KEY, n integer, name varchar(50), deleted_at " + e.by("datetime", "timestamptz", "datetime(6)") + ")",
		"CREATE TABLE others (id integer PRIMARY KEY, remark_id integer, FOREIGN KEY (remark_id) REFERENCES remarks (id) ON DELETE CASCADE)",
	}
	for _, table := range []string{"remarks", "hidden_remarks"} {
		list = append(list, "INSERT INTO "+table+" (id, n, name) VALUES (1, 1, 'a -- b'), (2, 2, 'it''s /* so'), (3, 3, 'c;d'), (4, 4, 'e#f'), (5, 5, 'g')")
	}
	return append(list, "INSERT INTO others (id, remark_id) VALUES (1, 1), (2, 2), (3, 3)")
}

// testCommentsInConditions: what a condition ends or begins with is the host's
// matter.
func testCommentsInConditions(t *testing.T) {
	conditions := []struct {
		name, text string
		vars       []any
		only       []string
	}{
		{name: "a comment to the end", text: "id = 1 -- by job"},
		{name: "a comment behind a value", text: "id = ? -- by job", vars: []any{1}},
		{name: "a comment with a quote", text: "id = 1 -- it's late"},
		{name: "an empty comment", text: "id = 1 --"},
		{name: "a comment and a new line", text: "id = 1 -- by job\n"},
		{name: "a comment first", text: "-- by job\nid = 1"},
		{name: "a comment within", text: "id IN (1, -- one\n 2)"},
		{name: "a block", text: "id = 1 /* by job */"},
		{name: "a block first", text: "/* by job */ id = 1"},
		{name: "a block that holds another's beginning", text: "id = 1 /* a /* b */"},
		{name: "an open block", text: "id = 1 /* by job"},
		{name: "a semicolon", text: "id = 1;"},
		{name: "a semicolon and a blank", text: "id = 1 ; "},
		{name: "a semicolon and a comment", text: "id = 1; -- done"},
		{name: "two semicolons", text: "id = 1;;"},
		{name: "a number sign", text: "id = 1 # by job", only: []string{"mariadb"}},
		{name: "a comment that runs", text: "id = 1 /*!100000 OR id = 2 */", only: []string{"mariadb"}},
		{name: "two signs that are no comment", text: "id = 3 --1", only: []string{"mariadb"}},
		{name: "a text that looks like a comment", text: "name = 'a -- b'"},
		{name: "a text that opens a block", text: "name = 'it''s /* so'"},
		{name: "a text with a semicolon", text: "name = 'c;d' OR name = 'e#f'"},
		{name: "a text in dollars", text: "name = $$a -- b$$", only: []string{"postgres"}},
		{name: "a text with a backslash", text: `name = 'a\' OR name = 'c;d'`, only: []string{"sqlite", "postgres"}},
		{name: "an OR behind a comment", text: "id = 1 -- a\n OR id = 2"},
	}
	var cases []rowCase
	for _, c := range conditions {
		cases = append(cases, rowCase{name: c.name, only: c.only, tables: remarkTables, ddl: remarks, run: func(e *env, db *gorm.DB) {
			where := func(tx *gorm.DB) *gorm.DB { return tx.Where(c.text, c.vars...) }
			e.seeCode(where(db.Table("remarks")).Update("n", 11))
			e.seeCode(where(db.Model(&Remark{})).Updates(Remark{N: 12, Name: "x"}))
			e.seeCode(where(db.Model(&Remark{})).Where("n > 0").Update("n", gorm.Expr("n + 1")))
			e.seeCode(where(db.Where("n > 0").Model(&Remark{ID: 5})).Update("n", 13))
			e.seeCode(where(db.Model(&HiddenRemark{})).Update("n", 14))
			e.seeCode(where(db).Delete(&HiddenRemark{}))
			e.seeCode(where(db.Unscoped()).Delete(&HiddenRemark{}))
			e.seeCode(where(db).Delete(&Remark{}))
			e.seeCode(where(db.Table("others")).Delete(nil))
			if e.name != "mariadb" {
				var list []Remark
				tx := where(db.Model(&list).Clauses(clause.Returning{})).Update("n", 15)
				e.seeCode(tx)
				e.seen = append(e.seen, fmt.Sprint(list))
			}
		}})
	}
	runRowCases(t, cases...)
}

// testCommentsInOtherPlaces: Order, Table, joins and expressions take text too.
func testCommentsInOtherPlaces(t *testing.T) {
	cases := []rowCase{
		{name: "order", run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Model(&Remark{}).Where("id < 4").Order("id DESC -- oldest last").Update("n", 11))
			e.seeCode(db.Model(&Remark{}).Where("id < 4").Order("id DESC -- oldest last\n").Limit(2).Update("n", 12))
			e.seeCode(db.Model(&Remark{}).Where("id < 4").Order("id DESC /* oldest last */").Limit(1).Update("n", 13))
			e.seeCode(db.Where("id < 4").Order("id -- oldest").Delete(&Remark{}))
			e.seeCode(db.Where("id >= 4").Order("id -- oldest\n").Limit(1).Delete(&Remark{}))
		}},
		{name: "order, which hides the limit's placeholder", run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Model(&Remark{}).Where("id < ?", 4).Order("id -- oldest").Limit(2).Update("n", 12))
			e.seeCode(db.Where("id < ?", 4).Order("id /* oldest").Limit(2).Delete(&Remark{}))
			e.seeCode(db.Where("id < ? -- x", 4).Where("n > ?", 0).Delete(&Remark{}))
		}},
		{name: "a new value, which hides others", run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Model(&Remark{}).Where("id < 3").Updates(map[string]any{"n": gorm.Expr("n + 1 -- more"), "name": "x"}))
			e.seeCode(db.Model(&Remark{}).Where("id = ?", 3).Updates(map[string]any{"n": gorm.Expr("n + 1 /* more"), "name": "x"}))
			e.seeCode(db.Model(&Remark{}).Create(map[string]any{"id": 12, "n": gorm.Expr("4 -- four\n"), "name": "y"}))
			e.seeCode(db.Model(&Remark{}).Create(map[string]any{"id": gorm.Expr("13 -- id"), "n": 1, "name": "y"}))
			// One row is named by an argument, which must not take the place of a hidden one.
			e.seeCode(db.Where("id > 1").Delete(&Remark{}))
			e.seeCode(db.Model(&Remark{}).Where("id = 1").Updates(map[string]any{"n": gorm.Expr("n + 1 -- more"), "name": "x"}))
		}},
		{name: "table", run: func(e *env, db *gorm.DB) {
			for i, table := range []string{"remarks /* all */", "remarks -- all\n", "/* all */ remarks", "remarks AS r /* all */"} {
				e.seeCode(db.Table(table).Where("id = ?", i+1).Update("n", 11))
			}
			e.seeCode(db.Table("remarks /* all */").Where("id = 4").Delete(nil))
			e.seeCode(db.Table("remarks -- all\n").Where("id = 5").Delete(nil))
			e.seeCode(db.Table("remarks /* all */").Create(map[string]any{"id": 7, "n": 7}))
			e.seeCode(db.Table("remarks -- all\n").Create(map[string]any{"id": 8, "n": 8}))
		}},
		{name: "joined tables", only: []string{"mariadb"}, run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Table("remarks JOIN others o ON o.remark_id = remarks.id /* c */").Where("o.id < 3").Update("n", 11))
			e.seeCode(db.Table("remarks JOIN others o ON o.remark_id = remarks.id -- c\n").Where("o.id < 3").Update("n", 12))
			e.seeCode(db.Table("remarks, others AS o # c\n").Where("o.remark_id = remarks.id AND o.id < 3 -- d").Update("n", 13))
		}},
		{name: "a table beside it", only: []string{"postgres", "sqlite"}, run: func(e *env, db *gorm.DB) {
			for i, from := range []string{"others AS o /* c */", "others AS o -- c\n", "/* c */ others AS o"} {
				e.seeCode(db.Table("remarks").Clauses(clause.From{Tables: []clause.Table{{Name: from, Raw: true}}}).Where("o.remark_id = remarks.id AND o.id < 3").Update("n", 11+i))
			}
		}},
		{name: "new values", run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Model(&Remark{}).Where("id = 1").Update("n", gorm.Expr("n + 1 -- more\n")))
			e.seeCode(db.Model(&Remark{}).Where("id = 1").Update("n", gorm.Expr("n + 1 /* more */")))
			e.seeCode(db.Model(&Remark{}).Where("id = 1").Update("n", gorm.Expr("n + 1 -- more")))
			e.seeCode(db.Model(&Remark{}).Create(map[string]any{"id": 9, "n": gorm.Expr("4 -- four\n + 5")}))
			e.seeCode(db.Model(&Remark{}).Create(map[string]any{"id": 10, "n": gorm.Expr("4 /* four */")}))
			e.seeCode(db.Model(&Remark{}).Create(map[string]any{"id": 11, "n": gorm.Expr("4 -- four")}))
		}},
		{name: "an expression of its own", run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Model(&Remark{}).Clauses(clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "id = ? -- job\n", Vars: []any{1}}}}).Update("n", 11))
			e.seeCode(db.Model(&Remark{}).Where(clause.Expr{SQL: "id = 2 -- job"}).Update("n", 11))
			e.seeCode(db.Where(clause.NamedExpr{SQL: "id = @id -- job", Vars: []any{map[string]any{"id": 3}}}).Delete(&Remark{}))
			e.seeCode(db.Where(clause.Or(clause.Expr{SQL: "id = 4 -- job\n"}, clause.Expr{SQL: "id = 5 -- job"})).Delete(&Remark{}))
		}},
		{name: "upsert", run: func(e *env, db *gorm.DB) {
			for i, value := range []string{"7", "7 /* c */", "7 -- c\n", "7 -- c"} {
				on := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"n": gorm.Expr(value)})}
				e.seeCode(db.Clauses(on).Create(&[]Remark{{ID: 1, N: 1}, {ID: 20 + i, N: 2}}))
			}
		}},
		{name: "upsert under a condition", only: []string{"postgres", "sqlite"}, run: func(e *env, db *gorm.DB) {
			for i, where := range []string{"remarks.n < 100 /* c */", "remarks.n < 100 -- c\n", "remarks.n < 100 -- c"} {
				on := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"n"}), Where: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: where}}}}
				e.seeCode(db.Clauses(on).Create(&[]Remark{{ID: 1, N: 30 + i}, {ID: 20 + i, N: 2}}))
			}
		}},
		{name: "upsert on a partial index", only: []string{"postgres", "sqlite"}, run: func(e *env, db *gorm.DB) {
			e.ok(db.Exec("CREATE UNIQUE INDEX remarks_name ON remarks (name) WHERE n > 0"))
			on := clause.OnConflict{Columns: []clause.Column{{Name: "name"}}, TargetWhere: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "n > 0 -- c\n"}}},
				DoUpdates: clause.AssignmentColumns([]string{"n"})}
			e.seeCode(db.Clauses(on).Create(&[]Remark{{ID: 30, N: 30, Name: "g"}, {ID: 31, N: 2, Name: "h"}}))
		}},
		{name: "select", run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Model(&Remark{}).Where("id = 1").Select("n /* c */").Updates(map[string]any{"n": 5, "name": "z"}))
			e.seeCode(db.Model(&Remark{}).Where("id = 2").Select("n", "name").Updates(map[string]any{"n": 5, "name": "z -- z"}))
		}},
		{name: "save", run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Where("n > 0 -- c").Save(&Remark{ID: 1, N: 5, Name: "y"}))
			e.seeCode(db.Where("n > 0 -- c\n").Save(&Remark{ID: 2, N: 5, Name: "y"}))
			e.seeCode(db.Where("n > 0;").Save(&Remark{ID: 3, N: 5, Name: "y"}))
		}},
		{name: "a deletion that cascades", run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Table("remarks /* c */").Where("id = 1 -- c").Delete(nil))
			e.seeCode(db.Where("id = 2 /* c */").Delete(&Remark{}))
		}},
	}
	for i := range cases {
		cases[i].tables, cases[i].ddl = remarkTables, remarks
	}
	runRowCases(t, cases...)
}
