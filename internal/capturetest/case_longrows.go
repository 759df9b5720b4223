package capturetest

import (
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// testLongRows: past 64 MiB of rows one entry tells of all of them.
func testLongRows(t *testing.T) {
	run := func(e *env, db *gorm.DB) {
		long := func(letter string) clause.Expr { return gorm.Expr("repeat('" + letter + "', 14000000)") }
		var rows []map[string]any
		for i := range 5 {
			rows = append(rows, map[string]any{"id": i + 1, "n": 0, "body": "short"})
		}
		e.see(db.Table("long_rows").Create(rows))
		e.see(db.Table("long_rows").Where("n = 0").Update("body", long("x"))) // they grow
		e.see(db.Table("long_rows").Where("n = 0").Update("n", 1))
		e.see(db.Table("long_rows").Where("n = 1").Update("body", "short")) // they shrink
		e.see(db.Table("long_rows").Where("n = 1").Update("n", 2))
		e.see(db.Table("long_rows").Where("id = 1").Update("body", long("z")))
		for i := range rows {
			rows[i]["n"], rows[i]["body"] = 3, long("y")
		}
		e.ok(upserted(db, "long_rows", meeting([]string{"n", "body"}, "id"), rows...))
		e.see(db.Table("long_rows").Where("n = 3").Delete(nil))
	}
	runRowCases(t, rowCase{
		name: "all", only: []string{"postgres", "mariadb"}, tables: []string{"long_rows"}, parts: true, run: run,
		ddl: func(e *env) []string {
			return []string{"CREATE TABLE long_rows (id integer PRIMARY KEY, n integer, body " + e.by("", "text", "longtext") + ")"}
		},
		after: func(e *env) {
			var got []string
			for _, x := range e.entries {
				got = append(got, fmt.Sprint(x.Action, " ", x.Metadata["rows"]))
			}
			one := func(action string, n int) (list []string) {
				for range n {
					list = append(list, action+" <nil>")
				}
				return list
			}
			want := append(one("create", 5), "update 5", "update 5", "update 5")
			want = append(want, one("update", 6)...)
			want = append(want, "create 5", "destroy 5")
			e.want(fmt.Sprint(got) == fmt.Sprint(want), "the entries are %v, they should be %v", got, want)
		},
	})
}
