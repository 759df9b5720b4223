package capturetest

import (
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// testSystemVersioning: MariaDB keeps a row's old versions itself. The times of a
// version are not the row's.
func testSystemVersioning(t *testing.T) {
	explicit := "at_start timestamp(6) GENERATED ALWAYS AS ROW START%s, at_end timestamp(6) GENERATED ALWAYS AS ROW END%s, PERIOD FOR SYSTEM_TIME (at_start, at_end)"
	tables := map[string]string{
		"implicit":           "id integer PRIMARY KEY, name varchar(20), n integer",
		"explicit":           "id integer PRIMARY KEY, name varchar(20), n integer, " + fmt.Sprintf(explicit, "", ""),
		"explicit first":     fmt.Sprintf(explicit, "", "") + ", id integer PRIMARY KEY, name varchar(20), n integer",
		"explicit invisible": "id integer PRIMARY KEY, name varchar(20), n integer, " + fmt.Sprintf(explicit, " INVISIBLE", " INVISIBLE"),
		"transactions":       "id integer PRIMARY KEY, name varchar(20), n integer, at_start bigint unsigned GENERATED ALWAYS AS ROW START, at_end bigint unsigned GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (at_start, at_end)",
		"a unique column":    "id integer PRIMARY KEY, name varchar(20) UNIQUE, n integer, " + fmt.Sprintf(explicit, "", ""),
		"some columns":       "id integer PRIMARY KEY, name varchar(20), n integer WITHOUT SYSTEM VERSIONING",
	}
	i := 0
	var cases []rowCase
	for _, name := range []string{"implicit", "explicit", "explicit first", "explicit invisible", "transactions", "a unique column", "some columns"} {
		i++
		table := fmt.Sprint("versioned_", i)
		cases = append(cases, rowCase{name: name, only: onlyMaria, tables: []string{table}, ddl: everywhere("CREATE TABLE " + table + " (" + tables[name] + ") WITH SYSTEM VERSIONING"), run: func(e *env, db *gorm.DB) {
			e.see(db.Table(table).Create([]map[string]any{{"id": 1, "name": "a", "n": 1}, {"id": 2, "name": "b", "n": 2}}))
			e.see(db.Table(table).Where("id = 1").Update("n", 5))
			e.see(db.Table(table).Where("id = 1").Update("n", 5)) // as it is
			e.see(db.Table(table).Where("id > ?", 0).Update("n", gorm.Expr("n + 0")))
			e.see(db.Table(table).Where("id > ?", 0).Update("n", gorm.Expr("n + 1")))
			e.see(upserted(db, table, meeting([]string{"n"}, "id"), map[string]any{"id": 1, "name": "a", "n": 10}, map[string]any{"id": 3, "name": "c", "n": 10}))
			asIs := map[string]any{"id": 1, "name": "a", "n": 10}
			for _, set := range [][]string{{"n"}, {"name"}, {"n", "name"}} {
				e.see(upserted(db, table, meeting(set, "id"), asIs))
				e.see(upserted(db, table, meeting(set, "id"), asIs, asIs))
			}
			e.see(db.Table(table).Clauses(clause.Insert{Modifier: "IGNORE"}).Create(map[string]any{"id": 2, "name": "nothing"}))
			e.see(db.Table(table).Where("id = ?", 2).Update("id", 20))
			e.see(db.Table(table).Where("id = 1").Delete(nil))
			e.see(db.Table(table).Where("n > ?", 0).Delete(nil))
		}, after: func(e *env) {
			e.want(len(e.entries) == 11, "%d entries, they should be 11", len(e.entries))
			for _, x := range e.entries {
				e.want(len(x.Object.ID) <= 2, "the ID is %q", x.Object.ID)
				for _, c := range x.Changes {
					e.want(c.Field == "id" || c.Field == "name" || c.Field == "n", "%s is among the changes", c.Field)
				}
			}
		}})
	}
	cases = append(cases, rowCase{name: "children", only: onlyMaria, tables: []string{"ver_parents", "ver_children"}, ddl: everywhere("CREATE TABLE ver_parents (id integer PRIMARY KEY, "+fmt.Sprintf(explicit, "", "")+") WITH SYSTEM VERSIONING",
		"CREATE TABLE ver_children (id integer PRIMARY KEY, parent_id integer, FOREIGN KEY (parent_id) REFERENCES ver_parents (id) ON DELETE CASCADE) WITH SYSTEM VERSIONING",
		"INSERT INTO ver_parents (id) VALUES (1), (2)", "INSERT INTO ver_children VALUES (1, 1), (2, 1), (3, 2)"), run: func(e *env, db *gorm.DB) {
		e.see(db.Table("ver_parents").Where("id = 1").Delete(nil))
	}, after: func(e *env) { e.want(len(e.entries) == 3, "%d entries", len(e.entries)) }})
	runRowCases(t, cases...)
}
