package capturetest

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// Touched is a row that triggers change once more.
type Touched struct {
	ID      int64
	Name    string
	N       int
	Slug    string `gorm:"->"`
	Touches int    `gorm:"->"`
}

// TableName implements schema.Tabler.
func (Touched) TableName() string { return "touched" }

// touchedTables have AFTER triggers that change the row which fired them: before
// and after the judge's own ones, which fire in the order of their names.
var touchedTables = map[string]string{"touched": "a_touch", "touched_late": "z_touch"}

var sameRow = world{
	create: func(database string) (list []string) {
		for _, table := range keysOf(touchedTables) {
			trigger := touchedTables[table]
			if database == "sqlite" {
				list = append(list, `CREATE TABLE `+table+` (id integer PRIMARY KEY, name text, n integer NOT NULL DEFAULT 0, slug text, touches integer NOT NULL DEFAULT 0)`,
					`CREATE TRIGGER `+trigger+`_i_`+table+` AFTER INSERT ON `+table+` BEGIN UPDATE `+table+` SET slug = 'slug ' || NEW.id WHERE id = NEW.id; END`,
					`CREATE TRIGGER `+trigger+`_u_`+table+` AFTER UPDATE OF n ON `+table+` WHEN NEW.n <> OLD.n BEGIN UPDATE `+table+` SET touches = touches + 1 WHERE id = NEW.id; END`)
				continue
			}
			list = append(list, `CREATE TABLE `+table+` (id bigserial PRIMARY KEY, name text, n bigint NOT NULL DEFAULT 0, slug text, touches bigint NOT NULL DEFAULT 0)`,
				`CREATE FUNCTION f_`+table+`() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
					IF TG_OP = 'INSERT' THEN UPDATE `+table+` SET slug = 'slug ' || NEW.id WHERE id = NEW.id;
					ELSE UPDATE `+table+` SET touches = touches + 1 WHERE id = NEW.id; END IF;
					RETURN NULL; END $$`,
				`CREATE TRIGGER `+trigger+`_i AFTER INSERT ON `+table+` FOR EACH ROW EXECUTE FUNCTION f_`+table+`()`,
				`CREATE TRIGGER `+trigger+`_u AFTER UPDATE OF n ON `+table+` FOR EACH ROW WHEN (NEW.n <> OLD.n) EXECUTE FUNCTION f_`+table+`()`)
		}
		return list
	},
	tables: func(string) (list []judge.Table) {
		for _, table := range keysOf(touchedTables) {
			list = append(list, judge.Table{Name: table, SameRow: true})
		}
		return list
	},
	rows: func(string) (list []string) {
		for _, table := range keysOf(touchedTables) {
			list = append(list, `INSERT INTO `+table+` (id, name, n) VALUES (101, 'a', 1), (102, 'b', 2), (103, 'c', 3)`)
		}
		return list
	},
}

// triggers change the row that fired them.
func triggers() *workload {
	w := &workload{name: "triggers", only: []string{"sqlite", "postgres"}, world: sameRow, share: 2}
	for _, table := range keysOf(touchedTables) {
		w.parts = append(w.parts, part{name: strings.ReplaceAll(table, "_", " "), draw: func(t *rapid.T, _ string) op { return drawTouched(t, table) }})
	}
	return w
}

func drawTouched(t *rapid.T, table string) op {
	way := rapid.SampledFrom([]string{"create", "create many", "update", "same", "name", "where", "save", "upsert", "delete", "returning", "map"}).Draw(t, "way")
	id, n := int64(rapid.IntRange(101, 104).Draw(t, "id")), rapid.IntRange(0, 4).Draw(t, "n")
	return op{fmt.Sprintf("%s %s %d %d", way, table, id, n), func(h *host, db *gorm.DB) {
		tx := db.Table(table)
		switch way {
		case "create":
			row := Touched{Name: "new", N: n}
			h.see(way, tx.Create(&row), row)
		case "create many":
			list := []Touched{{Name: "x", N: n}, {Name: "y"}}
			h.see(way, tx.Create(&list), list)
		case "update":
			h.see(way, tx.Model(&Touched{ID: id}).Update("n", n))
		case "same":
			h.see(way, tx.Model(&Touched{ID: id}).Update("n", gorm.Expr("n")))
		case "name":
			h.see(way, tx.Where("id = ?", id).Updates(map[string]any{"name": fmt.Sprint(n)}))
		case "where":
			h.see(way, tx.Where("n >= ?", n).Updates(map[string]any{"n": gorm.Expr("n + 1")}))
		case "save":
			h.see(way, tx.Save(&Touched{ID: id, Name: "saved", N: n}))
		case "upsert":
			c := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"n"})}
			h.see(way, tx.Clauses(c).Create(&[]Touched{{ID: id, N: n + 10}, {ID: id + 10, N: n}}))
		case "delete":
			h.see(way, tx.Where("n = ?", n).Delete(nil))
		case "returning":
			var list []Touched
			h.see(way, tx.Model(&list).Clauses(clause.Returning{}).Where("id = ?", id).Update("n", gorm.Expr("n + 5")), list)
		default:
			h.see(way, tx.Create(map[string]any{"name": "map", "n": n}))
		}
	}}
}
