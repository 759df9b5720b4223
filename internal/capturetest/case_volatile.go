package capturetest

import (
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// condition selects other rows each time that it is evaluated. An empty text is
// for a database that has no such thing.
type condition struct{ name, sqlite, postgres, mariadb string }

var volatileConditions = []condition{
	{"a random number for each row", "abs(random()) % 2 = 0", "random() < 0.5", "rand() < 0.5"},
	{"rows in random order", "id IN (SELECT id FROM dice ORDER BY random() LIMIT 15)", "id IN (SELECT id FROM dice ORDER BY random() LIMIT 15)",
		"id IN (SELECT id FROM (SELECT id FROM dice ORDER BY rand() LIMIT 15) q)"},
	{"rows in random order of another table", "id IN (SELECT n FROM bag ORDER BY random() LIMIT 15)", "id IN (SELECT n FROM bag ORDER BY random() LIMIT 15)",
		"id IN (SELECT n FROM (SELECT n FROM bag ORDER BY rand() LIMIT 15) q)"},
	{"a random number for the statement", "(id + (SELECT abs(random()) % 1000)) % 12 = 0", "(id + (SELECT floor(random() * 1000))::int) % 12 = 0",
		"(id + (SELECT floor(rand() * 1000))) % 12 = 0"},
	{"random bytes", "hex(randomblob(2)) < '8'", "gen_random_uuid()::text < '8'", "md5(rand()) < '8'"},
	{"a correlated subquery", "EXISTS (SELECT 1 FROM bag WHERE bag.n = dice.id AND abs(random()) % 2 = 0)", "EXISTS (SELECT 1 FROM bag WHERE bag.n = dice.id AND random() < 0.5)",
		"EXISTS (SELECT 1 FROM bag WHERE bag.n = dice.id AND rand() < 0.5)"},
	{"a CASE", "CASE WHEN id % 2 = 0 THEN abs(random()) % 2 ELSE 1 END = 1", "CASE WHEN id % 2 = 0 THEN random() ELSE 0 END < 0.5", "CASE WHEN id % 2 = 0 THEN rand() ELSE 0 END < 0.5"},
	{"a variable that counts", "", "", "(@counted := coalesce(@counted, 0) + 1) % 7 < 3"},
	{"a sequence", "", "nextval('counted') % 3 = 0", "nextval(counted) % 3 = 0"},
}

// dice are 120 rows, with a table of their numbers and one of rows that refer
// to them.
func dice(onDelete string) func(e *env) []string {
	return func(e *env) []string {
		numbers := "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 120) "
		insert := func(into, columns, values string) string {
			if e.name == "mariadb" {
				return "INSERT INTO " + into + " (" + columns + ") " + numbers + "SELECT " + values + " FROM s"
			}
			return numbers + "INSERT INTO " + into + " (" + columns + ") SELECT " + values + " FROM s"
		}
		list := []string{
			"CREATE TABLE dice (id integer PRIMARY KEY, n integer, done integer NOT NULL, deleted_at " + e.by("datetime", "timestamptz", "datetime(6)") + ")",
			"CREATE TABLE bag (n integer PRIMARY KEY)",
			"CREATE TABLE rolls (id integer PRIMARY KEY, dice_id integer" + e.by("", "", ", FOREIGN KEY (dice_id)") + " REFERENCES dice (id) " + onDelete + ")",
			insert("dice", "id, n, done", "i, i, 0"), insert("bag", "n", "i"),
		}
		if onDelete != "" {
			list = append(list, insert("rolls", "id, dice_id", "i, i"))
		}
		if e.name != "sqlite" {
			list = append(list, "DROP SEQUENCE IF EXISTS counted", "CREATE SEQUENCE counted")
		}
		return list
	}
}

var diceTables = []string{"dice", "bag", "rolls"}

// Dice is the model of the table.
type Dice struct {
	ID        int
	N         int
	Done      int
	DeletedAt gorm.DeletedAt
}

// TableName implements schema.Tabler.
func (Dice) TableName() string { return "dice" }

func testVolatileConditions(t *testing.T) {
	remaining := func(e *env, db *gorm.DB, where string) int64 {
		var n int64
		e.ok(db.Table("dice").Where(where).Count(&n))
		return n
	}
	ways := []struct {
		name, onDelete, left string
		write                func(db *gorm.DB, where string) *gorm.DB
		few                  bool // conditions
	}{
		{"update", "", "done = 0", func(db *gorm.DB, where string) *gorm.DB {
			return db.Table("dice").Where("done = 0").Where(where).Update("done", 1)
		}, false},
		{"update by model", "", "done = 0", func(db *gorm.DB, where string) *gorm.DB {
			return db.Model(&Dice{}).Where(where).Where("done = ?", 0).Updates(map[string]any{"done": 1, "n": gorm.Expr("n + 1")})
		}, true},
		{"delete", "", "1 = 1", func(db *gorm.DB, where string) *gorm.DB {
			return db.Unscoped().Where(where).Delete(&Dice{})
		}, true},
		{"delete that cascades", "ON DELETE CASCADE", "1 = 1", func(db *gorm.DB, where string) *gorm.DB {
			return db.Unscoped().Where(where).Delete(&Dice{})
		}, false},
		{"delete that sets to NULL", "ON DELETE SET NULL", "1 = 1", func(db *gorm.DB, where string) *gorm.DB {
			return db.Table("dice").Where(where).Delete(nil)
		}, true},
		{"changed key that cascades", "ON UPDATE CASCADE", "id <= 1000", func(db *gorm.DB, where string) *gorm.DB {
			return db.Table("dice").Where("id <= 1000").Where(where).Update("id", gorm.Expr("id + 1000"))
		}, true},
		{"soft delete", "", "deleted_at IS NULL", func(db *gorm.DB, where string) *gorm.DB {
			return db.Where(where).Delete(&Dice{})
		}, false},
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			var cases []rowCase
			conditions := volatileConditions
			if w.few {
				conditions = conditions[:3]
			}
			for _, c := range conditions {
				cases = append(cases, rowCase{name: c.name, only: c.databases(), tables: diceTables, ddl: dice(w.onDelete), run: func(e *env, db *gorm.DB) {
					for range 2 {
						before := remaining(e, db, w.left)
						tx := e.ok(w.write(db, e.by(c.sqlite, c.postgres, c.mariadb)))
						if changed := before - remaining(e, db, w.left); changed != tx.RowsAffected {
							panic(failure(fmt.Sprintf("RowsAffected is %d, %d rows changed", tx.RowsAffected, changed)))
						}
					}
				}})
			}
			runRowCases(t, cases...)
		})
	}
}

func (c condition) databases() (list []string) {
	for name, text := range map[string]string{"sqlite": c.sqlite, "postgres": c.postgres, "mariadb": c.mariadb} {
		if text != "" {
			list = append(list, name)
		}
	}
	return list
}

// testVolatileOrder: which rows a limited statement changes depends on the order,
// where the database has one. SQLite and PostgreSQL change all rows, since GORM
// doesn't build it there.
func testVolatileOrder(t *testing.T) {
	random := func(e *env) string { return e.by("random()", "random()", "rand()") }
	run := func(write func(db *gorm.DB) *gorm.DB, left string) func(e *env, db *gorm.DB) {
		return func(e *env, db *gorm.DB) {
			var before, after int64
			e.ok(db.Table("dice").Where(left).Count(&before))
			tx := e.ok(write(db.Order(random(e)).Limit(20)))
			e.ok(db.Table("dice").Where(left).Count(&after))
			e.want(before-after == tx.RowsAffected, "RowsAffected is %d, %d rows changed", tx.RowsAffected, before-after)
		}
	}
	runRowCases(t,
		rowCase{name: "update", tables: diceTables, ddl: dice(""), run: run(func(db *gorm.DB) *gorm.DB {
			return db.Table("dice").Where("done = 0").Update("done", 1)
		}, "done = 0")},
		rowCase{name: "delete", tables: diceTables, ddl: dice(""), run: run(func(db *gorm.DB) *gorm.DB {
			return db.Table("dice").Where("done = 0").Delete(nil)
		}, "1 = 1")},
		rowCase{name: "delete that cascades", tables: diceTables, ddl: dice("ON DELETE CASCADE"), run: run(func(db *gorm.DB) *gorm.DB {
			return db.Table("dice").Where("done = 0").Delete(nil)
		}, "1 = 1")},
		rowCase{name: "delete in the order of the key that cascades", tables: diceTables, ddl: dice("ON DELETE CASCADE"), run: func(e *env, db *gorm.DB) {
			e.see(db.Table("dice").Where("done = 0").Order("id").Limit(20).Delete(nil))
		}},
		rowCase{name: "soft delete", tables: diceTables, ddl: dice(""), run: run(func(db *gorm.DB) *gorm.DB {
			return db.Where("done = 0").Delete(&Dice{})
		}, "deleted_at IS NULL")},
	)
}

// testVolatileValues: the new value is the one that the database has worked out.
func testVolatileValues(t *testing.T) {
	value := func(e *env) clause.Expr {
		return gorm.Expr(e.by("abs(random()) % 100000", "floor(random() * 100000)::int", "floor(rand() * 100000)"))
	}
	runRowCases(t,
		rowCase{name: "update", tables: diceTables, ddl: dice(""), run: func(e *env, db *gorm.DB) {
			e.see(db.Table("dice").Where("id <= 50").Update("n", value(e)))
		}},
		rowCase{name: "create", tables: diceTables, ddl: dice(""), run: func(e *env, db *gorm.DB) {
			e.see(db.Table("dice").Create(map[string]any{"id": 501, "n": value(e), "done": 0}))
		}},
		rowCase{name: "upsert", tables: diceTables, ddl: dice(""), run: func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"n": value(e)})}
			e.ok(db.Table("dice").Clauses(on).Create([]map[string]any{{"id": 1, "n": 0, "done": 0}, {"id": 2, "n": 0, "done": 0}, {"id": 502, "n": 0, "done": 0}}))
		}},
		rowCase{name: "upsert under a condition", only: []string{"sqlite", "postgres"}, tables: diceTables, ddl: dice(""), run: func(e *env, db *gorm.DB) {
			on := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"n": -1}),
				Where: clause.Where{Exprs: []clause.Expression{gorm.Expr(e.by(volatileConditions[0].sqlite, volatileConditions[0].postgres, ""))}}}
			var list []map[string]any
			for i := range 60 {
				list = append(list, map[string]any{"id": i + 1, "n": 0, "done": 0})
			}
			tx := e.ok(db.Table("dice").Clauses(on).Create(list))
			var n int64
			e.ok(db.Table("dice").Where("n = -1").Count(&n))
			e.want(tx.RowsAffected == n, "RowsAffected is %d, %d rows changed", tx.RowsAffected, n)
		}},
	)
}
