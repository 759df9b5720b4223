package capturetest

import (
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// trigger is an AFTER trigger for each row, whose statements SQLite and PostgreSQL
// understand.
type trigger struct{ event, on, when, body string }

func (g trigger) ddl(e *env, name string) []string {
	when := ""
	if g.when != "" {
		when = " WHEN (" + g.when + ")"
	}
	head := "CREATE TRIGGER " + name + " AFTER " + g.event + " ON " + g.on + " FOR EACH ROW" + when
	if e.name == "sqlite" {
		return []string{head + " BEGIN " + g.body + "; END"}
	}
	return []string{
		"CREATE OR REPLACE FUNCTION " + name + "() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + g.body + "; RETURN NULL; END $$",
		head + " EXECUTE FUNCTION " + name + "()",
	}
}

// triggered is a table of three rows with triggers, which name it %s.
func triggered(table, key string, triggers ...trigger) func(e *env) []string {
	return func(e *env) []string {
		list := []string{
			"CREATE TABLE " + table + " (id integer, tenant integer DEFAULT 1, name varchar(20), n integer, slug varchar(20), touches integer DEFAULT 0, deleted_at timestamp" + key + ")",
			"CREATE TABLE " + table + "_log (id integer PRIMARY KEY, n integer)",
			"INSERT INTO " + table + " (id, name, n) VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)",
		}
		for i, g := range triggers {
			list = append(list, trigger{filled(g.event, table), filled(g.on, table), g.when, filled(g.body, table)}.ddl(e, fmt.Sprint(table, "_", i))...)
		}
		return list
	}
}

// What triggers do to the row that fired them.
var (
	slugs = trigger{"INSERT", "%s", "", "UPDATE %s SET slug = 'slug ' || NEW.id WHERE id = NEW.id"}
	touch = trigger{"UPDATE OF n", "%s", "NEW.n <> OLD.n", "UPDATE %s SET touches = touches + 1 WHERE id = NEW.id"}
	chain = trigger{"UPDATE OF touches", "%s", "", "UPDATE %s SET slug = 'touched ' || NEW.touches WHERE id = NEW.id"}
)

// testSameRowTriggers: the log has the values that the triggers leave, and the next
// old values fit.
func testSameRowTriggers(t *testing.T) {
	raising := func(event, when, before string) func(e *env) []trigger {
		return func(e *env) []trigger {
			return []trigger{slugs, touch, {event, "%s", when, before + e.by("SELECT RAISE(ABORT, 'no')", "RAISE EXCEPTION 'no'", "")}}
		}
	}
	always := func(list ...trigger) func(*env) []trigger {
		return func(*env) []trigger { return list }
	}
	var cases []rowCase
	for i, c := range []struct {
		name     string
		key      string
		triggers func(e *env) []trigger
	}{
		{"on insert", "", always(slugs)},
		{"on update", "", always(touch)},
		{"on both", "", always(slugs, touch)},
		{"nested", "", always(touch, chain)},
		{"nested on insert", "", always(trigger{"INSERT", "%s", "", "UPDATE %s SET n = n + 100 WHERE id = NEW.id"}, touch, chain)},
		{"by way of another table", "", always(
			trigger{"UPDATE OF n", "%s", "", "INSERT INTO %s_log (id, n) SELECT coalesce(max(id), 0) + 1, NEW.id FROM %[1]s_log"},
			trigger{"INSERT", "%s_log", "", "UPDATE %s SET touches = touches + 1 WHERE id = NEW.n"})},
		{"takes the change back", "", always(trigger{"UPDATE OF n", "%s", "NEW.n > 10", "UPDATE %s SET n = 1 WHERE id = NEW.id"}, touch)},
		{"sets a row to what it was", "", always(trigger{"UPDATE OF n", "%s", "NEW.n <> 7", "UPDATE %s SET n = 7 WHERE id = NEW.id"})},
		{"deletes the row on insert", "", always(trigger{"INSERT", "%s", "NEW.n > 10", "DELETE FROM %s WHERE id = NEW.id"}, slugs)},
		{"deletes the row on update", "", always(trigger{"UPDATE OF n", "%s", "NEW.n > 10", "DELETE FROM %s WHERE id = NEW.id"})},
		{"changes the key on insert", "", always(trigger{"INSERT", "%s", "NEW.id < 1000", "UPDATE %s SET id = id + 1000 WHERE id = NEW.id"})},
		{"changes the key on update", "", always(trigger{"UPDATE OF n", "%s", "NEW.id < 1000", "UPDATE %s SET id = id + 1000 WHERE id = NEW.id"})},
		{"of a composite key", ", PRIMARY KEY (tenant, id)", always(slugs, touch)},
		{"marks rows as deleted", "", always(trigger{"UPDATE OF n", "%s", "NEW.n > 10", "UPDATE %s SET deleted_at = '2026-01-02 03:04:05' WHERE id = NEW.id"})},
		{"on delete of another row", "", always(touch, trigger{"DELETE", "%s", "", "UPDATE %s SET touches = touches + 1 WHERE id = OLD.id"})},
		{"raises on insert", "", raising("INSERT", "NEW.n > 10", "")},
		{"raises on update", "", raising("UPDATE OF n", "NEW.n > 10", "")},
		{"raises once it changed the row", "", raising("UPDATE OF touches", "NEW.touches > 1", "UPDATE %s SET slug = 'gone' WHERE id = NEW.id; ")},
	} {
		table := fmt.Sprint("trig_", i)
		if c.key == "" {
			c.key = ", PRIMARY KEY (id)"
		}
		cases = append(cases, rowCase{name: c.name, only: notMaria, tables: []string{table, table + "_log"}, ddl: func(e *env) []string {
			return triggered(table, c.key, c.triggers(e)...)(e)
		}, parts: true, run: func(e *env, db *gorm.DB) {
			e.replayed(db, []string{table}, func() { triggerChanges(e, db, table, strings.Contains(c.key, "tenant")) })
		}})
	}
	cases = append(cases, keylessTriggers(), statementTriggers())
	runRowCases(t, cases...)
}

// triggerChanges writes the table in every way, in transactions and outside of them.
func triggerChanges(e *env, db *gorm.DB, table string, composite bool) {
	on := meeting([]string{"n"}, "id")
	if composite {
		on = meeting([]string{"n"}, "tenant", "id")
	}
	row := func(id, n int) map[string]any { return map[string]any{"id": id, "name": "new", "n": n} }
	e.see(db.Table(table).Create(row(11, 5)))
	e.see(db.Table(table).Create([]map[string]any{row(12, 6), row(13, 20)}))
	e.see(db.Table(table).Where("id = ?", 1).Update("n", 8))
	e.see(db.Table(table).Where("id = 1").Update("n", 9))
	e.see(db.Table(table).Where("id = 2").Update("name", "x"))
	e.see(db.Table(table).Where("id > ?", 1).Updates(map[string]any{"n": gorm.Expr("n + 1"), "name": "y"}))
	e.see(db.Table(table).Where("id = 3").Update("n", gorm.Expr("n")))
	e.see(upserted(db, table, on, row(2, 9), row(14, 4)))
	e.see(upserted(db, table, on, row(3, 30), row(15, 40)))
	e.see(db.Table(table).Where("id = 12").Update("n", 50))
	for _, commit := range []bool{false, true} {
		tx := e.ok(db.Begin())
		e.see(tx.Table(table).Create(row(16, 1)))
		e.see(tx.Table(table).Where("id = 16").Update("n", 2))
		e.see(tx.Table(table).Where("id = 16").Update("n", 3))
		e.see(tx.Table(table).Where("id = 2").Delete(nil))
		if commit {
			e.see(tx.Commit())
		} else {
			e.see(tx.Rollback())
		}
	}
	e.see(db.Table(table).Where("id >= 1000").Update("n", gorm.Expr("n + 1")))
	e.see(db.Table(table).Where("id <> 3").Delete(nil))
}

// keylessTriggers: the row is told apart by its place.
func keylessTriggers() rowCase {
	table := "trig_keyless"
	return rowCase{name: "of a table without a key", only: notMaria, tables: []string{table, table + "_log"}, ddl: triggered(table, "", slugs, touch), parts: true,
		run: func(e *env, db *gorm.DB) {
			e.see(db.Table(table).Create(map[string]any{"id": 11, "name": "new", "n": 5}))
			e.see(db.Table(table).Where("id = ?", 11).Update("n", 6))
			e.see(db.Table(table).Where("id = ?", 11).Update("n", gorm.Expr("n + 1")))
			e.see(db.Table(table).Where("id = ?", 11).Delete(nil))
		}, after: func(e *env) {
			got := changesOf(e.entries, "n", "slug", "touches")
			want := []string{"create n +5 slug +slug 11 touches +0", "update n 5>6 touches 0>1", "update n 6>7 touches 1>2", "destroy n -7 slug -slug 11 touches -2"}
			if e.name == "postgres" { // where nothing tells which rows a trigger changed
				want = []string{"execute", "execute", "execute", "destroy n -7 slug -slug 11 touches -2"}
			}
			e.want(fmt.Sprint(got) == fmt.Sprint(want), "the entries are\n\t%q, they should be\n\t%q", got, want)
		}}
}

// statementTriggers: PostgreSQL hands all rows of a statement to one trigger.
func statementTriggers() rowCase {
	table := "trig_statement"
	return rowCase{name: "for each statement", only: []string{"postgres"}, tables: []string{table, table + "_log"}, ddl: func(e *env) []string {
		return append(triggered(table, ", PRIMARY KEY (id)")(e),
			"CREATE OR REPLACE FUNCTION trig_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE trig_statement t SET touches = t.touches + 1 FROM fresh WHERE t.id = fresh.id AND pg_trigger_depth() = 1; RETURN NULL; END $$",
			"CREATE TRIGGER trig_all_i AFTER INSERT ON trig_statement REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION trig_all()",
			"CREATE TRIGGER trig_all_u AFTER UPDATE ON trig_statement REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION trig_all()")
	}, run: func(e *env, db *gorm.DB) { triggerChanges(e, db, table, false) }}
}

// changesOf are entries as text, by their changes of some fields.
func changesOf(entries []audit.Entry, fields ...string) (list []string) {
	for _, x := range entries {
		text := x.Action
		for _, f := range fields {
			for _, c := range x.Changes {
				if c.Field != f {
					continue
				}
				switch c.Op {
				case audit.OpAdd:
					text += fmt.Sprintf(" %s +%v", f, c.New)
				case audit.OpRemove:
					text += fmt.Sprintf(" %s -%v", f, c.Old)
				default:
					text += fmt.Sprintf(" %s %v>%v", f, c.Old, c.New)
				}
			}
		}
		list = append(list, text)
	}
	return list
}
