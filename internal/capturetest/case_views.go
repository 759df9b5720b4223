package capturetest

import (
	"fmt"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// behindView is the table that a view shows, and the view.
var behindView = []string{
	"CREATE TABLE view_behind (id integer PRIMARY KEY, name varchar(20), n integer)",
	"INSERT INTO view_behind VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
	"CREATE VIEW a_view AS SELECT id, name, n FROM view_behind",
}

// instead are INSTEAD OF triggers, which write the table behind the view.
func instead(e *env) []string {
	if e.name == "sqlite" {
		return []string{
			"CREATE TRIGGER a_view_i INSTEAD OF INSERT ON a_view BEGIN INSERT INTO view_behind VALUES (NEW.id, NEW.name, NEW.n); END",
			"CREATE TRIGGER a_view_u INSTEAD OF UPDATE ON a_view BEGIN UPDATE view_behind SET name = NEW.name, n = NEW.n WHERE id = OLD.id; END",
			"CREATE TRIGGER a_view_d INSTEAD OF DELETE ON a_view BEGIN DELETE FROM view_behind WHERE id = OLD.id; END",
		}
	}
	return []string{
		`CREATE OR REPLACE FUNCTION a_view() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF TG_OP = 'INSERT' THEN INSERT INTO view_behind VALUES (NEW.id, NEW.name, NEW.n); RETURN NEW;
			ELSIF TG_OP = 'UPDATE' THEN UPDATE view_behind SET name = NEW.name, n = NEW.n WHERE id = OLD.id; RETURN NEW;
			ELSE DELETE FROM view_behind WHERE id = OLD.id; RETURN OLD; END IF; END $$`,
		"CREATE TRIGGER a_view_t INSTEAD OF INSERT OR UPDATE OR DELETE ON a_view FOR EACH ROW EXECUTE FUNCTION a_view()",
	}
}

// ViewedRow is a host's model of the view.
type ViewedRow struct {
	ID   int
	Name string
	N    int
}

// TableName implements schema.Tabler.
func (ViewedRow) TableName() string { return "a_view" }

// testViews: what is written through a view is a statement of the view, not a row
// of it, and counts as many rows as without capture.
func testViews(t *testing.T) {
	with := func(more func(*env) []string) func(e *env) []string {
		return func(e *env) []string {
			return append(append([]string{"DROP VIEW IF EXISTS a_view"}, behindView...), more(e)...)
		}
	}
	run := func(e *env, db *gorm.DB) {
		e.see(db.Create(&ViewedRow{ID: 11, Name: "new", N: 1}))
		e.see(db.Create(&[]ViewedRow{{ID: 12, Name: "x"}, {ID: 13, Name: "y"}}))
		e.see(db.Table("a_view").Create(map[string]any{"id": 14, "name": "map", "n": 4}))
		e.see(db.Model(&ViewedRow{ID: 1}).Update("n", 5))
		e.see(db.Table("a_view").Where("n >= ?", 2).Updates(map[string]any{"n": gorm.Expr("n + 1")}))
		e.see(db.Save(&ViewedRow{ID: 2, Name: "saved", N: 7}))
		e.see(db.Where("id > ?", 12).Delete(&ViewedRow{}))
		e.see(db.Delete(&ViewedRow{ID: 3}))
		tx := e.ok(db.Begin())
		e.see(tx.Model(&ViewedRow{ID: 1}).Update("n", 6))
		e.see(tx.Rollback())
		e.seen = append(e.seen, e.dump("view_behind"))
	}
	after := func(e *env) {
		for i, x := range e.entries {
			e.want(x.Action == audit.ActionExecute && x.Object.Type == "a_view" && x.Object.ID == "", "entry %d is %s of %+v", i, x.Action, x.Object)
		}
		e.want(len(e.entries) == 8, "%d entries, they should be 8", len(e.entries))
	}
	none := func(*env) []string { return nil }
	runRowCases(t,
		rowCase{name: "INSTEAD OF", only: notMaria, tables: []string{"view_behind"}, ddl: with(instead), parts: true, run: run, after: after},
		rowCase{name: "updatable", only: notSQLite, tables: []string{"view_behind"}, ddl: with(none), parts: true, run: run, after: after},
	)
}

// testRules: PostgreSQL rewrites a statement on a table with rules. It runs as
// without capture, and is recorded as a statement.
func testRules(t *testing.T) {
	var cases []rowCase
	for i, c := range []struct{ name, rule string }{
		{"ON DELETE DO INSTEAD", "ON DELETE TO %s DO INSTEAD UPDATE %[1]s SET gone = true WHERE id = OLD.id"},
		{"ON DELETE DO INSTEAD NOTHING", "ON DELETE TO %s DO INSTEAD NOTHING"},
		{"ON DELETE DO ALSO", "ON DELETE TO %s DO ALSO INSERT INTO %[1]s_log VALUES (OLD.id)"},
		{"ON UPDATE DO ALSO", "ON UPDATE TO %s DO ALSO INSERT INTO %[1]s_log VALUES (NEW.n)"},
		{"ON UPDATE DO INSTEAD", "ON UPDATE TO %s DO INSTEAD INSERT INTO %[1]s_log VALUES (NEW.n)"},
		{"ON INSERT DO ALSO", "ON INSERT TO %s DO ALSO INSERT INTO %[1]s_log VALUES (NEW.n)"},
		{"ON INSERT DO INSTEAD", "ON INSERT TO %s DO INSTEAD INSERT INTO %[1]s_log VALUES (NEW.n)"},
		{"a conditional one", "ON DELETE TO %s WHERE OLD.n > 1 DO INSTEAD NOTHING"},
	} {
		table := fmt.Sprint("ruled_", i)
		cases = append(cases, rowCase{name: c.name, only: []string{"postgres"}, tables: []string{table, table + "_log"}, ddl: everywhere(
			"CREATE TABLE "+table+" (id integer PRIMARY KEY, name varchar(20), n integer, gone boolean NOT NULL DEFAULT false)", "CREATE TABLE "+table+"_log (n integer)",
			"INSERT INTO "+table+" VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)", "CREATE RULE a_rule AS "+filled(c.rule, table),
		), parts: true, run: func(e *env, db *gorm.DB) {
			e.see(db.Table(table).Create(map[string]any{"id": 11, "name": "new", "n": 4}))
			e.see(db.Table(table).Where("id = ?", 1).Update("n", 5))
			e.see(db.Table(table).Where("n > ?", 1).Updates(map[string]any{"n": gorm.Expr("n + 1"), "name": "y"}))
			e.see(db.Table(table).Where("id = ?", 2).Delete(nil))
			e.see(db.Table(table).Where("n > ?", 4).Delete(nil))
			e.seen = append(e.seen, e.dump(table), e.dump(table+"_log"))
		}, after: func(e *env) {
			for i, x := range e.entries {
				e.want(x.Action == audit.ActionExecute && x.Object.Type == table, "entry %d is %s of %+v", i, x.Action, x.Object)
			}
			e.want(len(e.entries) == 5, "%d entries, they should be 5", len(e.entries))
		}})
	}
	runRowCases(t, cases...)
}
