package capturetest

import (
	"fmt"
	"testing"

	"gorm.io/gorm"
)

// Paper is a host's model of a document.
type Paper struct {
	ID  int
	N   int
	Doc *[]int `gorm:"serializer:json"`
}

// TableName implements schema.Tabler.
func (Paper) TableName() string { return "papers" }

// testJSONNull: a document null is not the NULL of a column without a value. Both
// are null on the log, and what turns one into the other is a change.
func testJSONNull(t *testing.T) {
	var cases []rowCase
	for i, kind := range []string{"json", "jsonb"} {
		table := fmt.Sprint("null_docs_", i)
		only := []string{"postgres"}
		if kind == "json" {
			only = nil
		}
		cases = append(cases, rowCase{name: kind, only: only, tables: []string{table}, ddl: everywhere("CREATE TABLE " + table + " (id integer PRIMARY KEY, doc " + kind + ", n integer)"), parts: true, run: func(e *env, db *gorm.DB) {
			null, none, doc := gorm.Expr("'null'"), gorm.Expr("NULL"), gorm.Expr(`'{"a":null}'`)
			e.see(db.Table(table).Create([]map[string]any{{"id": 1, "doc": doc, "n": 0}}))
			e.see(db.Table(table).Create([]map[string]any{{"id": 2, "doc": null, "n": 0}}))
			for _, v := range []any{null, none, null, doc, none, doc, null} {
				e.see(db.Table(table).Where("id = ?", 1).Update("doc", v))
			}
			e.see(db.Table(table).Where("id = 1").Update("n", 1))
			for _, v := range []any{none, null, null, none, none} {
				e.see(upserted(db, table, meeting([]string{"doc"}, "id"), map[string]any{"id": 1, "doc": v, "n": 9}))
			}
			e.see(db.Table(table).Where("id > ?", 0).Delete(nil))
		}, after: func(e *env) {
			want := []string{
				"create doc +map[a:<nil>]", "create doc +<nil>",
				"update doc map[a:<nil>]><nil>", "update doc <nil>><nil>", "update doc <nil>><nil>", "update doc <nil>>map[a:<nil>]", "update doc map[a:<nil>]><nil>", "update doc <nil>>map[a:<nil>]", "update doc map[a:<nil>]><nil>",
				"update", "update doc <nil>><nil>", "update doc <nil>><nil>", "update doc <nil>><nil>",
				"destroy", "destroy doc -<nil>",
			}
			got := changesOf(e.entries, "doc")
			e.want(fmt.Sprint(got) == fmt.Sprint(want), "the entries are\n\t%q, they should be\n\t%q", got, want)
		}})
	}
	cases = append(cases, rowCase{name: "a serializer", tables: []string{"papers"}, ddl: everywhere("CREATE TABLE papers (id integer PRIMARY KEY, n integer, doc text)"), parts: true, run: func(e *env, db *gorm.DB) {
		e.see(db.Create(&Paper{ID: 1, Doc: &[]int{1}}))
		e.see(db.Model(&Paper{ID: 1}).Update("doc", gorm.Expr("'null'")))
		e.see(db.Model(&Paper{ID: 1}).Update("doc", gorm.Expr("NULL")))
		e.see(db.Model(&Paper{ID: 1}).Update("n", 2))
		e.see(db.Model(&Paper{ID: 1}).Update("doc", gorm.Expr("'null'")))
		e.see(db.Model(&Paper{ID: 1}).Update("doc", gorm.Expr("'[1, 2]'")))
	}, after: func(e *env) {
		want := []string{"create doc +[1]", "update doc [1]><nil>", "update doc <nil>><nil>", "update", "update doc <nil>><nil>", "update doc <nil>>[1 2]"}
		got := changesOf(e.entries, "doc")
		e.want(fmt.Sprint(got) == fmt.Sprint(want), "the entries are\n\t%q, they should be\n\t%q", got, want)
	}})
	runRowCases(t, cases...)
}
