package capturetest

import (
	"slices"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

var onlyMaria = []string{"mariadb"}

// testInvisibleColumns: * leaves them out, a row has them.
func testInvisibleColumns(t *testing.T) {
	n := []string{"n"}
	changes := func(table string) func(e *env, db *gorm.DB) {
		return func(e *env, db *gorm.DB) {
			e.see(db.Table(table).Create([]map[string]any{{"id": 1, "name": "a", "note": "s", "n": 1}, {"id": 2, "name": "b", "n": 2}}))
			e.see(db.Table(table).Where("id = 1").Update("note", "t"))
			e.see(db.Table(table).Where("id > ?", 0).Updates(map[string]any{"name": "x", "n": gorm.Expr("n + 1")}))
			e.see(db.Table(table).Where("id = 2").Update("note", nil))
			e.see(upserted(db, table, meeting(n, "id"), map[string]any{"id": 1, "name": "up", "n": 10}, map[string]any{"id": 3, "name": "new", "n": 10}))
			e.see(upserted(db, table, meeting([]string{"note", "name"}, "id"), map[string]any{"id": 2, "name": "up", "note": "u", "n": 10}))
			e.see(db.Table(table).Clauses(clause.Insert{Modifier: "IGNORE"}).Create([]map[string]any{{"id": 2, "name": "nothing"}, {"id": 4, "name": "some"}}))
			e.see(db.Table(table).Where("note IS NOT NULL").Delete(nil))
			e.see(db.Table(table).Where("id = ?", 3).Delete(nil))
		}
	}
	runRowCases(t, []rowCase{
		{name: "behind", only: onlyMaria, tables: []string{"inv_behind"}, ddl: everywhere("CREATE TABLE inv_behind (id integer PRIMARY KEY, name varchar(20), n integer, note varchar(20) INVISIBLE DEFAULT 'd')"), run: changes("inv_behind")},
		{name: "first", only: onlyMaria, tables: []string{"inv_first"}, ddl: everywhere("CREATE TABLE inv_first (note varchar(20) INVISIBLE DEFAULT 'd', id integer PRIMARY KEY, name varchar(20), n integer)"), run: changes("inv_first")},
		{name: "several", only: onlyMaria, tables: []string{"inv_several"}, ddl: everywhere("CREATE TABLE inv_several (a integer INVISIBLE DEFAULT 5, id integer PRIMARY KEY, note varchar(20) INVISIBLE, name varchar(20), n integer INVISIBLE, b integer INVISIBLE DEFAULT 6)"), run: changes("inv_several")},
		{name: "generated", only: onlyMaria, tables: []string{"inv_generated"}, ddl: everywhere("CREATE TABLE inv_generated (id integer PRIMARY KEY, twice integer GENERATED ALWAYS AS (n * 2) STORED INVISIBLE, note varchar(20) INVISIBLE, name varchar(20), n integer)"), run: changes("inv_generated")},
		{name: "the key", only: onlyMaria, tables: []string{"inv_key"}, ddl: everywhere("CREATE TABLE inv_key (id integer INVISIBLE AUTO_INCREMENT PRIMARY KEY, note varchar(20), name varchar(20), n integer)"), run: changes("inv_key")},
		{name: "a key that nobody names", only: onlyMaria, tables: []string{"inv_hidden"}, ddl: everywhere("CREATE TABLE inv_hidden (row_id integer INVISIBLE AUTO_INCREMENT PRIMARY KEY, id integer, note varchar(20), name varchar(20), n integer)"), run: changes("inv_hidden")},
		{name: "a unique one", only: onlyMaria, tables: []string{"inv_unique"}, ddl: everywhere("CREATE TABLE inv_unique (id integer PRIMARY KEY, only_one integer INVISIBLE DEFAULT 1 UNIQUE, n integer)"), run: func(e *env, db *gorm.DB) {
			e.see(upserted(db, "inv_unique", meeting(n, "only_one"), map[string]any{"id": 1, "n": 1}))
			e.see(upserted(db, "inv_unique", meeting(n, "only_one"), map[string]any{"id": 2, "n": 2}))
		}},
		{name: "without a key", only: onlyMaria, watched: true, tables: []string{"inv_keyless"}, ddl: everywhere("CREATE TABLE inv_keyless (note varchar(20) INVISIBLE DEFAULT 'd', id integer, name varchar(20), n integer)"), run: func(e *env, db *gorm.DB) {
			e.see(db.Table("inv_keyless").Create([]map[string]any{{"id": 1, "name": "a", "note": "s", "n": 1}, {"id": 2, "name": "b", "n": 2}}))
			e.see(db.Table("inv_keyless").Where("id = 1").Update("note", "t"))
			e.see(db.Table("inv_keyless").Where("id > ?", 0).Update("n", gorm.Expr("n + 1")))
			e.see(db.Table("inv_keyless").Where("id > ?", 0).Delete(nil))
		}},
		{name: "children", only: onlyMaria, tables: []string{"inv_parents", "inv_children"}, ddl: everywhere("CREATE TABLE inv_parents (id integer PRIMARY KEY, n integer INVISIBLE DEFAULT 3)",
			"CREATE TABLE inv_children (note varchar(20) INVISIBLE DEFAULT 'd', id integer PRIMARY KEY, parent_id integer, FOREIGN KEY (parent_id) REFERENCES inv_parents (id) ON DELETE CASCADE ON UPDATE CASCADE)",
			"INSERT INTO inv_parents (id) VALUES (1), (2)", "INSERT INTO inv_children (id, parent_id, note) VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 2, NULL)"), run: func(e *env, db *gorm.DB) {
			e.see(db.Table("inv_parents").Where("id = 2").Update("id", 20))
			e.see(db.Table("inv_parents").Where("id = 20").Delete(nil))
		}},
	}...)
}

// testFloatsWithoutPlaceholders: a statement without placeholders is answered in
// texts, which show fewer digits of a FLOAT.
func testFloatsWithoutPlaceholders(t *testing.T) {
	if !runsOn("mariadb") {
		return
	}
	of := func(e *env) []string {
		return []string{"CREATE TABLE floats (id integer AUTO_INCREMENT PRIMARY KEY, qty float, exact double, fixed float(9,3), n integer)",
			"INSERT INTO floats (qty, exact, fixed, n) SELECT v, v, least(v, 99999), 1 FROM (SELECT 0.1170357 AS v UNION ALL SELECT 0.1 UNION ALL SELECT 16777217 UNION ALL SELECT 1e-7 UNION ALL SELECT 123456.789 UNION ALL SELECT 0.333333333) q"}
	}
	cases := []rowCase{
		{name: "update", run: func(e *env, db *gorm.DB) {
			e.see(db.Table("floats").Where("qty > 0").Update("n", gorm.Expr("n + 1")))
			e.see(db.Table("floats").Where("qty > ?", 0).Update("n", 5))
		}, after: func(e *env) { onlyNamed(e, "n") }},
		{name: "update of one of them", run: func(e *env, db *gorm.DB) {
			e.see(db.Table("floats").Where("qty > 0").Update("exact", gorm.Expr("exact * 2")))
			e.see(db.Table("floats").Where("qty > 0").Update("exact", gorm.Expr("exact / 2")))
		}, after: func(e *env) { onlyNamed(e, "exact") }},
		{name: "update of a FLOAT", run: func(e *env, db *gorm.DB) {
			e.see(db.Table("floats").Where("qty < 1").Update("qty", gorm.Expr("qty * 3")))
			e.see(db.Table("floats").Where("qty < ?", 1).Update("qty", 0.7654321))
		}, after: func(e *env) { onlyNamed(e, "qty") }},
		{name: "upsert", run: func(e *env, db *gorm.DB) {
			e.see(upserted(db, "floats", meeting([]string{"n"}, "id"), map[string]any{"id": 1, "n": 7}, map[string]any{"id": 2, "n": 8}))
			e.see(upserted(db, "floats", meeting([]string{"n"}, "id"), map[string]any{"id": gorm.Expr("3"), "n": gorm.Expr("9")}))
			e.see(upserted(db, "floats", meeting([]string{"n"}, "id"), map[string]any{"id": gorm.Expr("3"), "n": gorm.Expr("9")}))
		}, after: func(e *env) { onlyNamed(e, "n") }},
		{name: "delete", run: func(e *env, db *gorm.DB) {
			e.see(db.Table("floats").Where("qty < 1").Delete(nil))
			e.see(db.Table("floats").Where("qty >= ?", 1).Delete(nil))
		}},
	}
	for i := range cases {
		cases[i].tables, cases[i].ddl = []string{"floats"}, of
	}
	for _, params := range []string{"false", "true"} {
		t.Run("interpolateParams="+params, func(t *testing.T) {
			e := withDSN(t, "mariadb", "", "&interpolateParams="+params)
			for _, c := range cases {
				t.Run(c.name+"/mariadb", func(t *testing.T) { c.runOn(t, e) })
			}
		})
	}
}

// onlyNamed ends the case unless every change of the last run is of such a
// column.
func onlyNamed(e *env, columns ...string) {
	for _, x := range e.entries {
		for _, c := range x.Changes {
			e.want(slices.Contains(columns, c.Field), "%s is among the changes of %s %s: %v -> %v", c.Field, x.Action, x.Object.ID, c.Old, c.New)
		}
	}
}
