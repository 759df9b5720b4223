package capturetest

import (
	"errors"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit/hooks"
)

// testIgnore: with IGNORE, MariaDB passes over the rows that it can't write. Its
// AFTER triggers fire for them all the same, so the judge's don't look here.
func testIgnore(t *testing.T) {
	ddl := everywhere(
		"CREATE TABLE ignoring (id integer PRIMARY KEY AUTO_INCREMENT, name varchar(20) UNIQUE, n integer NOT NULL)",
		"CREATE TABLE ignored (id integer PRIMARY KEY, of integer, FOREIGN KEY (of) REFERENCES ignoring (id))",
		"INSERT INTO ignoring VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3), (4, 'd', 4)", "INSERT INTO ignored VALUES (1, 1), (2, 3)",
	)
	update, insert := clause.Update{Modifier: "IGNORE"}, clause.Insert{Modifier: "IGNORE"}
	row := func(id int, name any, n int) map[string]any { return map[string]any{"id": id, "name": name, "n": n} }
	cases := []rowCase{
		{name: "update", run: func(e *env, db *gorm.DB) {
			e.see(db.Table("ignoring").Clauses(update).Where("id < 4").Updates(map[string]any{"name": "x", "n": 9}))
			e.see(db.Table("ignoring").Clauses(update).Where("id > 1").Updates(map[string]any{"name": gorm.Expr("char(ascii(name) + 1)")}))
			e.see(db.Table("ignoring").Clauses(update).Where("id < 4").Order("id DESC").Update("name", gorm.Expr("if(id = 3, 'x', 'y')")))
			e.see(db.Table("ignored").Clauses(update).Where("id > 0").Update("of", gorm.Expr("of * 4")))
		}},
		{name: "delete", run: func(e *env, db *gorm.DB) {
			e.see(db.Table("ignoring").Clauses(hintAt{"DELETE", "IGNORE", "name"}).Where("id < 4").Delete(nil))
		}},
		{name: "insert", run: func(e *env, db *gorm.DB) {
			e.see(db.Table("ignoring").Clauses(insert).Create([]map[string]any{row(1, "z", 0), row(5, "z", 5), row(6, "z", 6), row(7, nil, 7)}))
			e.see(db.Table("ignored").Clauses(insert).Create([]map[string]any{{"id": 1, "of": 2}, {"id": 3, "of": 99}, {"id": 4, "of": 2}}))
		}},
		{name: "upsert", run: func(e *env, db *gorm.DB) {
			name := clause.OnConflict{DoUpdates: clause.Assignments(map[string]any{"name": gorm.Expr("if(id = 1, 'b', VALUES(name))")})}
			e.see(db.Table("ignoring").Clauses(insert, name).Create([]map[string]any{row(1, "x", 0), row(9, "z", 0)}))
			e.see(db.Table("ignoring").Clauses(insert, name).Create([]map[string]any{row(1, "y", 0), row(2, "w", 0), row(1, "y", 0), row(10, "v", 0), row(10, "v", 0)}))
		}},
		{name: "update of a key", run: refusesIgnore(func(db *gorm.DB) *gorm.DB {
			return db.Table("ignored").Clauses(update).Where("id > 0").Update("id", gorm.Expr("id + 1"))
		})},
		{name: "upsert of a key", run: refusesIgnore(func(db *gorm.DB) *gorm.DB {
			id := clause.OnConflict{DoUpdates: clause.Assignments(map[string]any{"id": gorm.Expr("id + 1")})}
			return db.Table("ignored").Clauses(insert, id).Create([]map[string]any{{"id": 1, "of": 2}, {"id": 8, "of": 2}})
		})},
	}
	for i := range cases {
		cases[i].only, cases[i].tables, cases[i].ddl = onlyMaria, []string{"ignoring", "ignored"}, ddl
	}
	cases = append(cases, rowCase{
		name: "update without a key", only: onlyMaria, tables: []string{"ignoring_keyless"},
		ddl: everywhere("CREATE TABLE ignoring_keyless (name varchar(20) UNIQUE, n integer)", "INSERT INTO ignoring_keyless VALUES ('a', 1), ('b', 2)"),
		run: refusesIgnore(func(db *gorm.DB) *gorm.DB {
			return db.Table("ignoring_keyless").Clauses(update).Where("n > 0").Update("name", "b")
		}),
	})
	runRowCases(t, cases...)
}

// refusesIgnore runs a statement that is refused before it has written anything;
// the transaction goes on.
func refusesIgnore(run func(db *gorm.DB) *gorm.DB) func(e *env, db *gorm.DB) {
	return func(e *env, db *gorm.DB) {
		if !captures(db) {
			return
		}
		e.no(db.Transaction(func(tx *gorm.DB) error {
			err := run(tx).Error
			e.want(errors.Is(err, hooks.ErrNotMet), "the error is %v", err)
			return nil
		}))
		e.want(errors.Is(run(db).Error, hooks.ErrNotMet), "outside of a transaction")
	}
}
