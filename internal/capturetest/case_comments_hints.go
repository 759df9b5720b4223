package capturetest

import (
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// hintAt puts text before a clause, behind its name or after it, as gorm.io/hints
// does (CommentBefore, Comment, CommentAfter, New, UseIndex).
type hintAt struct{ clause, text, place string }

// ModifyStatement implements gorm.StatementModifier.
func (h hintAt) ModifyStatement(stmt *gorm.Statement) {
	c := stmt.Clauses[h.clause]
	switch h.place {
	case "before":
		c.BeforeExpression = h
	case "after":
		c.AfterExpression = h
	default:
		c.AfterNameExpression = h
	}
	stmt.Clauses[h.clause] = c
}

// Build implements clause.Expression.
func (h hintAt) Build(b clause.Builder) { b.WriteString(h.text) }

// testHints puts comments at every clause of every statement.
func testHints(t *testing.T) {
	statements := []struct {
		name    string
		clauses []string
		run     func(e *env, db *gorm.DB)
	}{
		{"update", []string{"UPDATE", "SET", "WHERE"}, func(e *env, db *gorm.DB) {
			e.seeCode(db.Model(&Remark{}).Where("id = ?", 1).Update("n", 11))
			e.seeCode(db.Table("remarks").Where("id > 3").Updates(map[string]any{"n": gorm.Expr("n + 1"), "name": "x"}))
		}},
		{"update that returns", []string{"UPDATE", "SET", "WHERE", "RETURNING"}, func(e *env, db *gorm.DB) {
			if e.name != "mariadb" {
				var list []Remark
				e.seeCode(db.Model(&list).Clauses(clause.Returning{Columns: []clause.Column{{Name: "id"}, {Name: "n"}}}).Where("id < 3").Update("n", gorm.Expr("n + 20")))
				e.seeCode(db.Model(&list).Clauses(clause.Returning{}).Where("id < 3").Update("n", gorm.Expr("n + 20")))
				e.want(len(list) == 0 || list[0].N > 20, "%v", list)
			}
		}},
		{"soft delete", []string{"UPDATE", "SET", "WHERE"}, func(e *env, db *gorm.DB) {
			e.seeCode(db.Where("id < 3").Delete(&HiddenRemark{}))
		}},
		{"delete", []string{"DELETE", "FROM", "WHERE"}, func(e *env, db *gorm.DB) {
			e.seeCode(db.Where("id < ?", 3).Delete(&Remark{}))
			e.seeCode(db.Table("hidden_remarks").Where("id < ?", 3).Delete(nil))
		}},
		{"create", []string{"INSERT", "VALUES", "RETURNING"}, func(e *env, db *gorm.DB) {
			e.seeCode(db.Create(&[]Remark{{ID: 11, N: 1}, {ID: 12, N: 2}}))
			e.seeCode(db.Create(&Remark{N: 3, ID: 13}))
			e.seeCode(db.Table("remarks").Create(map[string]any{"id": 14, "n": 4}))
		}},
		{"upsert", []string{"INSERT", "VALUES", "ON CONFLICT", "RETURNING"}, func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"n", "name"})}
			e.seeCode(db.Clauses(on).Create(&[]Remark{{ID: 1, N: 30}, {ID: 21, N: 2}}))
			e.seeCode(db.Clauses(clause.OnConflict{DoNothing: true}).Create(&[]Remark{{ID: 2, N: 30}, {ID: 22, N: 2}}))
			e.seeCode(db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&Remark{ID: 3, N: 30}))
		}},
		{"save", []string{"UPDATE", "INSERT", "SET", "WHERE", "ON CONFLICT"}, func(e *env, db *gorm.DB) {
			e.seeCode(db.Save(&Remark{ID: 1, N: 40, Name: "s"}))
			e.seeCode(db.Save(&Remark{ID: 31, N: 40, Name: "s"}))
			e.seeCode(db.Save(&[]Remark{{ID: 1, N: 41}, {ID: 32, N: 41}}))
		}},
	}
	places := []string{"before", "name", "after"}
	texts := map[string]string{"block": "/* trace=00-4bf9; it's */", "line": "-- trace\n"}
	for _, s := range statements {
		t.Run(s.name, func(t *testing.T) {
			var cases []rowCase
			for _, name := range s.clauses {
				for _, place := range places {
					cases = append(cases, rowCase{name: strings.ToLower(name) + " " + place, tables: remarkTables, ddl: remarks, run: func(e *env, db *gorm.DB) {
						s.run(e, db.Clauses(hintAt{name, texts["block"], place}).Session(&gorm.Session{}))
						s.run(e, db.Clauses(hintAt{name, texts["line"], place}).Session(&gorm.Session{}))
					}})
				}
			}
			runRowCases(t, cases...)
		})
	}
}

// testTrailingHints: a comment that ends the statement, as tracing libraries put
// it there.
func testTrailingHints(t *testing.T) {
	trailing := func(name, text string, run func(e *env, db *gorm.DB)) rowCase {
		return rowCase{name: name, tables: remarkTables, ddl: remarks, run: func(e *env, db *gorm.DB) {
			run(e, db.Clauses(hintAt{strings.ToUpper(strings.SplitN(name, ":", 2)[0]), text, "after"}).Session(&gorm.Session{}))
		}}
	}
	update := func(e *env, db *gorm.DB) { e.seeCode(db.Model(&Remark{}).Where("id = 1").Update("n", 11)) }
	remove := func(e *env, db *gorm.DB) { e.seeCode(db.Where("id = 1").Delete(&Remark{})) }
	create := func(e *env, db *gorm.DB) { e.seeCode(db.Table("remarks").Create(map[string]any{"id": 14, "n": 4})) }
	upsert := func(e *env, db *gorm.DB) {
		on := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"n"})}
		e.seeCode(db.Table("remarks").Clauses(on).Create([]map[string]any{{"id": 1, "n": 4}, {"id": 15, "n": 4}}))
	}
	runRowCases(t,
		trailing("where: update", "-- traceparent='00-1'", update), trailing("where: delete", "-- traceparent='00-1'", remove),
		trailing("values: create", "-- traceparent='00-1'", create), trailing("on conflict: upsert", "-- traceparent='00-1'", upsert),
		trailing("where: update with a semicolon", ";", update), trailing("where: delete with a semicolon", ";", remove),
		trailing("values: create with a semicolon", ";", create), trailing("on conflict: upsert with a semicolon", "; -- end", upsert),
		trailing("set: update of all", "-- all", func(e *env, db *gorm.DB) {
			e.seeCode(db.Session(&gorm.Session{AllowGlobalUpdate: true}).Table("remarks").Update("n", 12))
		}),
	)
	index := func(text string) rowCase {
		return rowCase{name: text, only: []string{"mariadb"}, tables: remarkTables, ddl: remarks, run: func(e *env, db *gorm.DB) {
			e.seeCode(db.Clauses(hintAt{"UPDATE", text, "after"}).Model(&Remark{}).Where("id = 1").Update("n", 11))
			e.seeCode(db.Clauses(hintAt{"UPDATE", "/*+ a hint */", "name"}).Model(&Remark{}).Where("id = 1").Update("n", 12))
			e.seeCode(db.Clauses(hintAt{"UPDATE", text, "after"}, hintAt{"WHERE", "-- c", "after"}).Model(&Remark{}).Where("id = 1").Update("n", 13))
			e.seeCode(db.Table("remarks "+text+" JOIN others o ON o.remark_id = remarks.id").Where("o.id < 3").Update("n", gorm.Expr("o.id + 50")))
			e.seeCode(db.Table("remarks AS r "+text+", others o").Where("r.id = o.remark_id AND o.id > 1").Update("r.n", gorm.Expr("o.id + 60")))
		}}
	}
	runRowCases(t, index("USE INDEX (PRIMARY)"), index("FORCE INDEX (PRIMARY)"), index("IGNORE INDEX (PRIMARY) -- c\n"))
}
