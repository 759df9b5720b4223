package capturetest

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// ViewRow is a row as a view or a table with rules shows it.
type ViewRow struct {
	ID   int64
	Name string
	N    int
}

// viewed are tables with rules (PostgreSQL), and views with INSTEAD OF triggers
// and without. What happens to the tables behind them is in the database's hands:
// an entry says execute.
var viewed = world{
	create: func(database string) []string {
		row := map[string]string{"sqlite": sqliteRow, "postgres": postgresRow, "mariadb": mariaRow}[database]
		list := []string{"CREATE TABLE behind (" + row + ")", "CREATE VIEW plain_view AS SELECT id, name, n FROM behind WHERE n < 100"}
		switch database {
		case "sqlite":
			list = append(list, "CREATE VIEW instead_view AS SELECT id, name, n FROM behind",
				"CREATE TRIGGER instead_i INSTEAD OF INSERT ON instead_view BEGIN INSERT INTO behind (name, n) VALUES (NEW.name, NEW.n); END",
				"CREATE TRIGGER instead_u INSTEAD OF UPDATE ON instead_view BEGIN UPDATE behind SET name = NEW.name, n = NEW.n WHERE id = OLD.id; END",
				"CREATE TRIGGER instead_d INSTEAD OF DELETE ON instead_view BEGIN DELETE FROM behind WHERE id = OLD.id; END")
		case "postgres":
			list = append(list, "CREATE VIEW instead_view AS SELECT id, name, n FROM behind",
				`CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF TG_OP = 'INSERT' THEN INSERT INTO behind (name, n) VALUES (NEW.name, NEW.n) RETURNING id INTO NEW.id; RETURN NEW;
					ELSIF TG_OP = 'UPDATE' THEN UPDATE behind SET name = NEW.name, n = NEW.n WHERE id = OLD.id; RETURN NEW;
					ELSE DELETE FROM behind WHERE id = OLD.id; RETURN OLD; END IF; END $$`,
				"CREATE TRIGGER instead_t INSTEAD OF INSERT OR UPDATE OR DELETE ON instead_view FOR EACH ROW EXECUTE FUNCTION instead()",
				"CREATE TABLE ruled_delete ("+postgresRow+", gone boolean NOT NULL DEFAULT false)",
				"CREATE RULE keep AS ON DELETE TO ruled_delete DO INSTEAD UPDATE ruled_delete SET gone = true WHERE id = OLD.id",
				"CREATE TABLE ruled_nothing ("+postgresRow+")",
				"CREATE RULE nothing AS ON DELETE TO ruled_nothing DO INSTEAD NOTHING",
				"CREATE TABLE ruled_also ("+postgresRow+")", "CREATE TABLE ruled_log (n bigint)",
				"CREATE RULE also AS ON UPDATE TO ruled_also DO ALSO INSERT INTO ruled_log VALUES (NEW.n)")
		}
		return list
	},
	tables: func(database string) []judge.Table {
		list := []judge.Table{{Name: "behind"}}
		if database == "postgres" {
			list = append(list, judge.Table{Name: "ruled_delete"}, judge.Table{Name: "ruled_nothing"}, judge.Table{Name: "ruled_also"})
		}
		return list
	},
	empty: func(database string) []string {
		list := []string{"DELETE FROM behind"}
		if database == "postgres" {
			list = append(list, "TRUNCATE ruled_delete, ruled_nothing, ruled_also, ruled_log")
		}
		return list
	},
	rows: func(database string) (list []string) {
		tables := []string{"behind"}
		if database == "postgres" {
			tables = append(tables, "ruled_delete", "ruled_nothing", "ruled_also")
		}
		for _, t := range tables {
			list = append(list, "INSERT INTO "+t+" (id, name, n) VALUES (101, 'a', 1), (102, 'b', 2), (103, 'c', 3)")
		}
		return list
	},
}

// views are written by INSTEAD OF triggers, through updatable views and by rules.
func views() *workload {
	on := func(table string) func(*rapid.T, string) op {
		return func(t *rapid.T, _ string) op { return drawViewed(t, table) }
	}
	triggers, rules := []string{"sqlite", "postgres"}, []string{"postgres"}
	return &workload{name: "views", world: viewed, share: 3, parts: []part{
		{name: "instead of", only: triggers, draw: on("instead_view")},
		{name: "updatable", only: []string{"postgres", "mariadb"}, draw: on("plain_view")},
		{name: "rule on delete", only: rules, draw: on("ruled_delete")},
		{name: "rule for nothing", only: rules, draw: on("ruled_nothing")},
		{name: "rule beside", only: rules, draw: on("ruled_also")},
	}}
}

func drawViewed(t *rapid.T, table string) op {
	way := rapid.SampledFrom([]string{"create", "map", "update", "where", "save", "delete", "delete where", "upsert"}).Draw(t, "way")
	id, n := int64(rapid.IntRange(101, 104).Draw(t, "id")), rapid.IntRange(0, 4).Draw(t, "n")
	return op{fmt.Sprintf("%s %s %d %d", way, table, id, n), func(h *host, db *gorm.DB) {
		h.e.executes(db, func() {
			tx := db.Table(table)
			switch way {
			case "create":
				h.see(way, tx.Create(&ViewRow{ID: id + 100, Name: "new", N: n}))
			case "map":
				h.see(way, tx.Create(map[string]any{"name": "map", "n": n}))
			case "update":
				h.see(way, tx.Model(&ViewRow{ID: id}).Update("n", n+10))
			case "where":
				h.see(way, tx.Where("n >= ?", n).Updates(map[string]any{"n": gorm.Expr("n + 1")}))
			case "save":
				h.see(way, tx.Save(&ViewRow{ID: id, Name: "saved", N: n}))
			case "delete":
				h.see(way, tx.Delete(&ViewRow{ID: id}))
			case "delete where":
				h.see(way, tx.Where("n >= ?", n).Delete(nil))
			default:
				c := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"n"})}
				h.see(way, tx.Clauses(c).Create(&ViewRow{ID: id, N: n + 20}))
			}
		})
	}}
}
