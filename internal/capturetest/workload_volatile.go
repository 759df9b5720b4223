package capturetest

import (
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// due is a table of which rows fall due.
var due = world{
	create: func(database string) []string {
		return map[string][]string{
			"sqlite": {`CREATE TABLE dues (id integer PRIMARY KEY, n integer NOT NULL DEFAULT 0, due text)`, `CREATE TABLE drawn (n integer, due text)`},
			"postgres": {`CREATE TABLE dues (id bigserial PRIMARY KEY, n bigint NOT NULL DEFAULT 0, due timestamptz)`, `CREATE TABLE drawn (n bigint, due timestamptz)`,
				`CREATE SEQUENCE counted`, `CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT nextval(''counted'')'`},
			"mariadb": {`CREATE TABLE dues (id bigint PRIMARY KEY AUTO_INCREMENT, n bigint NOT NULL DEFAULT 0, due datetime(6))`, `CREATE TABLE drawn (n bigint, due datetime(6))`,
				`CREATE SEQUENCE counted`},
		}[database]
	},
	tables: func(string) []judge.Table { return []judge.Table{{Name: "dues"}, {Name: "drawn"}} },
	rows: func(database string) []string {
		return []string{"INSERT INTO dues (n, due) VALUES (1, " + soon[database][0] + "), (2, " + soon[database][1] + "), (3, NULL), (4, " + soon[database][2] + ")",
			"INSERT INTO drawn (n, due) VALUES (1, " + soon[database][1] + "), (1, NULL), (2, " + soon[database][2] + "), (3, NULL)"}
	},
}

// soon are times that are over, or will be while statements run.
var soon = map[string][]string{
	"sqlite":   {`strftime('%Y-%m-%d %H:%M:%f', 'now')`, `strftime('%Y-%m-%d %H:%M:%f', 'now', '+0.001 seconds')`, `strftime('%Y-%m-%d %H:%M:%f', 'now', '+0.002 seconds')`},
	"postgres": {`clock_timestamp()`, `clock_timestamp() + interval '300 microseconds'`, `clock_timestamp() + interval '900 microseconds'`},
	"mariadb":  {`NOW(6)`, `NOW(6) + INTERVAL 300 MICROSECOND`, `NOW(6) + INTERVAL 900 MICROSECOND`},
}

// chances are conditions that are another one each time they are asked.
var chances = map[string][]string{
	"sqlite": {"random() % 2 = 0", "abs(random()) % 4 < n", "id IN (SELECT id FROM dues ORDER BY random() LIMIT 2)", "n = abs(random()) % 4"},
	"postgres": {"random() < 0.5", "n > floor(random() * 4)", "id IN (SELECT id FROM dues ORDER BY random() LIMIT 2)", "counted() % 2 = 0",
		"id = ANY (ARRAY(SELECT id FROM dues ORDER BY random() LIMIT 2))"},
	"mariadb": {"rand() < 0.5", "n > floor(rand() * 4)", "id IN (SELECT id FROM (SELECT id FROM dues ORDER BY rand() LIMIT 2) q)", "NEXTVAL(counted) % 2 = 0",
		"(@turn := coalesce(@turn, 0) + 1) % 2 = 0"},
}

// clocks are conditions that depend on the time.
var clocks = map[string][]string{
	"sqlite":   {"due <= strftime('%Y-%m-%d %H:%M:%f', 'now')", "due > strftime('%Y-%m-%d %H:%M:%f', 'now')"},
	"postgres": {"due <= clock_timestamp()", "due > clock_timestamp()", "due <= now()"},
	"mariadb":  {"due <= NOW(6)", "due > NOW(6)", "due <= SYSDATE(6)"},
}

// volatile are statements whose conditions are another one each time.
func volatile() *workload {
	var list []part
	for name, keyless := range map[string]bool{"": false, "keyless ": true} {
		list = append(list,
			part{name: name + "by chance", draw: func(t *rapid.T, database string) op {
				return drawDue(t, database, rapid.SampledFrom(chances[database]).Draw(t, "where"), keyless)
			}},
			part{name: name + "by the clock", draw: func(t *rapid.T, database string) op {
				return drawDue(t, database, rapid.SampledFrom(clocks[database]).Draw(t, "where"), keyless)
			}},
			part{name: name + "by order", only: []string{"mariadb"}, draw: func(t *rapid.T, _ string) op { return drawDueOrder(t, keyless) }},
			part{name: name + "set by chance", draw: func(t *rapid.T, database string) op {
				v := map[string]string{"sqlite": "abs(random()) % 9", "postgres": "floor(random() * 9)", "mariadb": "floor(rand() * 9)"}[database]
				return op{fmt.Sprintf("set n = %s, keyless %v", v, keyless), func(h *host, db *gorm.DB) {
					h.see("update", db.Table(dueTable(keyless)).Where("n > 1").Updates(map[string]any{"n": gorm.Expr(v)}))
				}}
			}})
	}
	slices.SortFunc(list, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return &workload{name: "volatile", world: due, byChance: true, share: 3, parts: list}
}

func dueTable(keyless bool) string {
	if keyless {
		return "drawn"
	}
	return "dues"
}

func drawDue(t *rapid.T, database, where string, keyless bool) op {
	way := rapid.SampledFrom([]string{"insert", "update", "update", "delete", "by a model", "returning"}).Draw(t, "way")
	ahead := rapid.SampledFrom(soon[database]).Draw(t, "due")
	if keyless {
		where = strings.ReplaceAll(where, "id IN (SELECT id", "n IN (SELECT n")
		where = strings.ReplaceAll(where, "id = ANY (ARRAY(SELECT id", "n = ANY (ARRAY(SELECT n")
		where = strings.ReplaceAll(where, "SELECT id", "SELECT n")
	}
	table := dueTable(keyless)
	return op{fmt.Sprintf("%s where %s, due %s", way, where, ahead), func(h *host, db *gorm.DB) {
		// Rows that fall due between a read and the write are made just before.
		h.see("insert", db.Table(table).Create(map[string]any{"n": 2, "due": gorm.Expr(ahead)}))
		switch way {
		case "update":
			h.see(way, db.Table(table).Where(where).Updates(map[string]any{"n": gorm.Expr("n + 1")}))
		case "delete":
			h.see(way, db.Table(table).Where(where).Delete(nil))
		case "by a model":
			h.see(way, db.Table(table).Model(&Keyed{}).Where(where).Update("n", 7))
		case "returning":
			if database != "mariadb" {
				var list []struct{ N int }
				h.see(way, db.Table(table).Model(&list).Clauses(clause.Returning{}).Where(where).Update("n", 8))
			}
		}
	}}
}

// drawDueOrder draws a statement with ORDER BY rand() and LIMIT, which GORM builds
// for MariaDB alone.
func drawDueOrder(t *rapid.T, keyless bool) op {
	n, remove, where := rapid.IntRange(1, 3).Draw(t, "limit"), rapid.Bool().Draw(t, "delete"), rapid.SampledFrom([]string{"n > 0", "due <= NOW(6)"}).Draw(t, "where")
	return op{fmt.Sprintf("delete %v where %s order by rand() limit %d, keyless %v", remove, where, n, keyless), func(h *host, db *gorm.DB) {
		tx := db.Table(dueTable(keyless)).Where(where).Order("rand()").Limit(n)
		if remove {
			h.see("delete", tx.Delete(nil))
		} else {
			h.see("update", tx.Updates(map[string]any{"n": gorm.Expr("n + 1")}))
		}
	}}
}
