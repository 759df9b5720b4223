package capturetest

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// Keyrow is a row of the tables of upserts: each has another kind of key.
type Keyrow struct {
	ID   int64
	Name string `gorm:"size:50"`
	M    int
	N    int
}

// Defaultrow leaves M to the database where it is zero.
type Defaultrow struct {
	ID   int64
	Name string `gorm:"size:50"`
	M    int    `gorm:"default:1"`
	N    int
}

// keyKind is a kind of key that an upsert meets rows by.
type keyKind struct {
	name string
	// ddl makes the table, by database; a database without one hasn't such a key.
	ddl map[string][]string
	// targets are the conflict targets that a host may name.
	targets []clause.OnConflict
	// omits says that hosts leave m to the database.
	omits bool
	// rekeys says that updates may set the primary key.
	rekeys bool
}

func (k keyKind) table() string { return "key_" + underscored(k.name) }

func on(columns ...string) clause.OnConflict {
	c := clause.OnConflict{}
	for _, name := range columns {
		c.Columns = append(c.Columns, clause.Column{Name: name})
	}
	return c
}

func onText(sql string) clause.OnConflict {
	return clause.OnConflict{Columns: []clause.Column{{Name: sql, Raw: true}}}
}

const (
	sqliteRow   = "id integer PRIMARY KEY, name text, m integer NOT NULL DEFAULT 0, n integer NOT NULL DEFAULT 0"
	postgresRow = "id bigserial PRIMARY KEY, name text, m bigint NOT NULL DEFAULT 0, n bigint NOT NULL DEFAULT 0"
	mariaRow    = "id bigint PRIMARY KEY AUTO_INCREMENT, name varchar(50), m bigint NOT NULL DEFAULT 0, n bigint NOT NULL DEFAULT 0"
)

// keyKinds: %s stands for the table.
var keyKinds = []keyKind{
	{name: "column default", omits: true, targets: []clause.OnConflict{on("m")}, ddl: map[string][]string{
		"sqlite":   {"CREATE TABLE %s (id integer PRIMARY KEY, name text, m integer NOT NULL DEFAULT 1 UNIQUE, n integer NOT NULL DEFAULT 0)"},
		"postgres": {"CREATE TABLE %s (id bigserial PRIMARY KEY, name text, m bigint NOT NULL DEFAULT 1 UNIQUE, n bigint NOT NULL DEFAULT 0)"},
		"mariadb":  {"CREATE TABLE %s (id bigint PRIMARY KEY AUTO_INCREMENT, name varchar(50), m bigint NOT NULL DEFAULT 1 UNIQUE, n bigint NOT NULL DEFAULT 0)"},
	}},
	{name: "generated column", targets: []clause.OnConflict{on("low")}, ddl: map[string][]string{
		"sqlite":   {"CREATE TABLE %s (" + sqliteRow + ", low text GENERATED ALWAYS AS (lower(name)) STORED UNIQUE)"},
		"postgres": {"CREATE TABLE %s (" + postgresRow + ", low text GENERATED ALWAYS AS (lower(name)) STORED UNIQUE)"},
		"mariadb":  {"CREATE TABLE %s (" + mariaRow + ", low varchar(50) AS (lower(name)) STORED UNIQUE)"},
	}},
	{name: "virtual column", targets: []clause.OnConflict{on("low")}, ddl: map[string][]string{
		"sqlite":  {"CREATE TABLE %s (" + sqliteRow + ", low text AS (lower(name)) VIRTUAL UNIQUE)"},
		"mariadb": {"CREATE TABLE %s (" + mariaRow + ", low varchar(50) AS (lower(name)) VIRTUAL UNIQUE)"},
	}},
	{name: "expression index", targets: []clause.OnConflict{onText("lower(name)")}, ddl: map[string][]string{
		"sqlite":   {"CREATE TABLE %s (" + sqliteRow + ")", "CREATE UNIQUE INDEX i_%[1]s ON %[1]s (lower(name))"},
		"postgres": {"CREATE TABLE %s (" + postgresRow + ")", "CREATE UNIQUE INDEX i_%[1]s ON %[1]s (lower(name))"},
	}},
	{name: "index collation", targets: []clause.OnConflict{on("name")}, ddl: map[string][]string{
		"sqlite": {"CREATE TABLE %s (" + sqliteRow + ")", "CREATE UNIQUE INDEX i_%[1]s ON %[1]s (name COLLATE NOCASE)"},
		"postgres": {"CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
			"CREATE TABLE %s (" + postgresRow + ")", "CREATE UNIQUE INDEX i_%[1]s ON %[1]s (name COLLATE nocase)"},
	}},
	{name: "column collation", targets: []clause.OnConflict{on("name")}, ddl: map[string][]string{
		"sqlite":   {"CREATE TABLE %s (id integer PRIMARY KEY, name text COLLATE NOCASE UNIQUE, m integer NOT NULL DEFAULT 0, n integer NOT NULL DEFAULT 0)"},
		"postgres": {"CREATE COLLATION column_nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)", "CREATE TABLE %s (id bigserial PRIMARY KEY, name text COLLATE column_nocase UNIQUE, m bigint NOT NULL DEFAULT 0, n bigint NOT NULL DEFAULT 0)"},
		"mariadb":  {"CREATE TABLE %s (id bigint PRIMARY KEY AUTO_INCREMENT, name varchar(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci UNIQUE, m bigint NOT NULL DEFAULT 0, n bigint NOT NULL DEFAULT 0)"},
	}},
	{name: "no primary key", targets: []clause.OnConflict{on("name")}, ddl: map[string][]string{
		"sqlite":   {"CREATE TABLE %s (id integer, name text UNIQUE, m integer NOT NULL DEFAULT 0, n integer NOT NULL DEFAULT 0)"},
		"postgres": {"CREATE TABLE %s (id bigint, name text UNIQUE, m bigint NOT NULL DEFAULT 0, n bigint NOT NULL DEFAULT 0)"},
		"mariadb":  {"CREATE TABLE %s (id bigint, name varchar(50) UNIQUE, m bigint NOT NULL DEFAULT 0, n bigint NOT NULL DEFAULT 0)"},
	}},
	{name: "changed primary key", rekeys: true, targets: []clause.OnConflict{on("name"), on("id")}, ddl: oneKey("name")},
	{name: "several indexes", targets: []clause.OnConflict{on("name"), on("m"), on("id"), {}}, ddl: map[string][]string{
		"sqlite":   {"CREATE TABLE %s (" + sqliteRow + ", UNIQUE (name), UNIQUE (m))"},
		"postgres": {"CREATE TABLE %s (" + postgresRow + ", UNIQUE (name), UNIQUE (m))"},
		"mariadb":  {"CREATE TABLE %s (" + mariaRow + ", UNIQUE (name), UNIQUE (m))"},
	}},
	{name: "partial index", ddl: map[string][]string{
		"sqlite":   {"CREATE TABLE %s (" + sqliteRow + ")", "CREATE UNIQUE INDEX i_%[1]s ON %[1]s (name) WHERE m > 0"},
		"postgres": {"CREATE TABLE %s (" + postgresRow + ")", "CREATE UNIQUE INDEX i_%[1]s ON %[1]s (name) WHERE m > 0"},
	}, targets: []clause.OnConflict{{Columns: []clause.Column{{Name: "name"}}, TargetWhere: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "m > 0"}}}}}},
	{name: "composite", targets: []clause.OnConflict{on("name", "m")}, ddl: oneKey("name, m")},
	{name: "rowid", targets: []clause.OnConflict{on("id")}, ddl: map[string][]string{
		"sqlite": {"CREATE TABLE %s (id integer PRIMARY KEY AUTOINCREMENT, name text, m integer NOT NULL DEFAULT 0, n integer NOT NULL DEFAULT 0)"},
	}},
	{name: "without rowid", targets: []clause.OnConflict{on("name")}, ddl: map[string][]string{
		"sqlite": {"CREATE TABLE %s (id integer, name text NOT NULL, m integer NOT NULL DEFAULT 0, n integer NOT NULL DEFAULT 0, PRIMARY KEY (name)) WITHOUT ROWID"},
	}},
	{name: "replace in DDL", ddl: map[string][]string{
		"sqlite": {"CREATE TABLE %s (" + sqliteRow + ", UNIQUE (name) ON CONFLICT REPLACE)"},
	}},
	{name: "ignore in DDL", ddl: map[string][]string{
		"sqlite": {"CREATE TABLE %s (" + sqliteRow + ", UNIQUE (name) ON CONFLICT IGNORE)"},
	}},
}

func oneKey(columns string) map[string][]string {
	return map[string][]string{
		"sqlite":   {"CREATE TABLE %s (" + sqliteRow + ", UNIQUE (" + columns + "))"},
		"postgres": {"CREATE TABLE %s (" + postgresRow + ", UNIQUE (" + columns + "))"},
		"mariadb":  {"CREATE TABLE %s (" + mariaRow + ", UNIQUE (" + columns + "))"},
	}
}

// upserts meet rows by every kind of key. SQLite tells of replaced rows only
// where triggers are recursive.
func upserts() *workload {
	w := &workload{name: "upserts", share: 2, world: world{
		settings: map[string]string{"sqlite": "&_pragma=recursive_triggers(1)"},
		create: func(database string) (list []string) {
			for _, k := range keyKinds {
				for _, s := range k.ddl[database] {
					list = append(list, filled(s, k.table()))
				}
			}
			for _, s := range oneKey("name")[database] {
				list = append(list, filled(s, "key_modifiers"))
			}
			return list
		},
		tables: func(database string) []judge.Table {
			list := []judge.Table{{Name: "key_modifiers", Replaces: true}}
			for _, k := range keyKinds {
				if k.ddl[database] != nil {
					list = append(list, judge.Table{Name: k.table(), Replaces: true})
				}
			}
			return list
		},
		rows: func(database string) (list []string) {
			for _, k := range append([]keyKind{{name: "modifiers", ddl: oneKey("name")}}, keyKinds...) {
				if k.ddl[database] != nil {
					list = append(list, "INSERT INTO "+k.table()+" (id, name, m, n) VALUES (1, 'a', 1, 0), (2, 'b', 2, 0), (3, 'c', 3, 1)")
				}
			}
			return list
		},
	}}
	for _, k := range keyKinds {
		w.parts = append(w.parts, part{name: k.name, only: keysOf(k.ddl), draw: k.draw})
	}
	w.parts = append(w.parts, part{name: "modifiers", draw: drawModifier}, part{name: "many rows", draw: drawManyRows})
	return w
}

// draw draws an upsert, a plain insert or a change of the table's rows.
func (k keyKind) draw(t *rapid.T, database string) op {
	rows := rapid.SliceOfN(rapid.Custom(drawKeyrow), 1, 3).Draw(t, "rows")
	if strings.Contains(k.name, "replace") {
		rows = drawDistinct(t)
	}
	form := rapid.SampledFrom([]string{"map", "row", "rows", "insert", "update", "delete"}).Draw(t, "form")
	action := rapid.SampledFrom([]string{"nothing", "n", "name and n", "n + 1", "all", "where"}).Draw(t, "action")
	on := clause.OnConflict{}
	if len(k.targets) > 0 {
		on = rapid.SampledFrom(k.targets).Draw(t, "target")
	} else {
		action = "nothing"
	}
	k.act(&on, action, database)
	return op{fmt.Sprintf("%s %s, target %v, do %s, %+v", k.table(), form, on.Columns, action, rows), func(h *host, db *gorm.DB) {
		switch tx := db.Table(k.table()); form {
		case "update":
			h.see(form, tx.Where("m > 1").Updates(map[string]any{"n": gorm.Expr("n + 10"), "name": rows[0].Name}))
		case "delete":
			h.see(form, tx.Where("m = ?", rows[0].M).Delete(nil))
		case "insert":
			h.see(form, k.put(tx, rows[:1], "row"))
		default:
			h.see(form, k.put(tx.Clauses(on), rows, form))
		}
	}}
}

func drawKeyrow(t *rapid.T) Keyrow {
	return Keyrow{ID: int64(rapid.SampledFrom([]int{0, 0, 1, 2, 3, 7}).Draw(t, "id")), Name: rapid.SampledFrom([]string{"a", "A", "b", "B", "x", "Y"}).Draw(t, "name"),
		M: rapid.IntRange(0, 4).Draw(t, "m"), N: rapid.IntRange(1, 9).Draw(t, "n")}
}

// act says what is done with the rows that are met.
func (k keyKind) act(on *clause.OnConflict, action, database string) {
	switch action {
	case "nothing":
		on.DoNothing = true
	case "all":
		on.UpdateAll = true
	case "n":
		on.DoUpdates = clause.AssignmentColumns([]string{"n"})
	case "n + 1":
		on.DoUpdates = clause.Assignments(map[string]any{"n": gorm.Expr(k.table() + ".n + 1")})
	default:
		on.DoUpdates = clause.AssignmentColumns([]string{"name", "n"})
		if k.rekeys {
			on.DoUpdates = clause.AssignmentColumns([]string{"id", "n"})
		}
		if action == "where" && database != "mariadb" {
			on.Where = clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: k.table() + ".n < 5"}}}
		}
	}
}

// put inserts rows in one of the forms that hosts have.
func (k keyKind) put(tx *gorm.DB, rows []Keyrow, form string) *gorm.DB {
	switch form {
	case "map":
		values := map[string]any{"name": rows[0].Name, "n": rows[0].N}
		if !k.omits {
			values["m"] = rows[0].M
		}
		return tx.Create(values)
	case "row":
		if k.omits {
			return tx.Create(&Defaultrow{Name: rows[0].Name, M: rows[0].M, N: rows[0].N})
		}
		row := rows[0]
		return tx.Create(&row)
	default:
		list := append([]Keyrow(nil), rows...)
		return tx.Create(&list)
	}
}

// modifier is what may stand behind INSERT or UPDATE.
var modifiers = map[string][]string{"sqlite": {"OR REPLACE", "OR IGNORE", "OR ABORT"}, "mariadb": {"IGNORE", "LOW_PRIORITY", "REPLACE"}, "postgres": {""}}

// drawDistinct draws rows that don't replace each other: several of them have
// keys that no other row is given.
func drawDistinct(t *rapid.T) []Keyrow {
	rows := rapid.SliceOfNDistinct(rapid.Custom(drawKeyrow), 1, 3, func(r Keyrow) string { return r.Name }).Draw(t, "rows")
	for i := range rows {
		if len(rows) > 1 && (rows[i].ID == 0 || i > 0 && rows[i].ID == rows[i-1].ID || i > 1 && rows[i].ID == rows[0].ID) {
			rows[i].ID = int64(50 + i)
		}
	}
	return rows
}

// replaceInto has MariaDB replace rows.
type replaceInto struct{}

func (replaceInto) Name() string               { return "" }
func (replaceInto) Build(clause.Builder)       {}
func (replaceInto) MergeClause(*clause.Clause) {}
func (replaceInto) ModifyStatement(stmt *gorm.Statement) {
	stmt.Clauses["INSERT"] = clause.Clause{Name: "INSERT", Builder: func(_ clause.Clause, b clause.Builder) {
		b.WriteString("REPLACE INTO ")
		b.WriteQuoted(stmt.Table)
	}}
}

func drawModifier(t *rapid.T, database string) op {
	m := rapid.SampledFrom(modifiers[database]).Draw(t, "modifier")
	rows, insert := drawDistinct(t), rapid.Bool().Draw(t, "insert")
	return op{fmt.Sprintf("%q, insert %v, %+v", m, insert, rows), func(h *host, db *gorm.DB) {
		tx := db.Table("key_modifiers")
		switch list := append([]Keyrow(nil), rows...); {
		case insert && m == "REPLACE":
			h.see("replace", tx.Clauses(replaceInto{}).Create(&list))
		case insert:
			h.see("insert", tx.Clauses(clause.Insert{Modifier: m}).Create(&list))
		default:
			if m == "REPLACE" || m == "IGNORE" { // triggers fire for rows that UPDATE IGNORE passes over: see testIgnore
				m = ""
			}
			h.see("update", tx.Clauses(clause.Update{Modifier: m}).Where("m >= ?", rows[0].M).Updates(map[string]any{"name": rows[0].Name, "n": rows[0].N}))
		}
	}}
}

// drawManyRows draws a Save or an upsert of as many rows as hosts import at once.
func drawManyRows(t *rapid.T, _ string) op {
	n, save := rapid.SampledFrom([]int{2, 300, 1000}).Draw(t, "rows"), rapid.Bool().Draw(t, "save")
	return op{fmt.Sprintf("%d rows, save %v", n, save), func(h *host, db *gorm.DB) {
		list := make([]Keyrow, n)
		for i := range list {
			list[i] = Keyrow{ID: int64(i + 1), Name: fmt.Sprint("many ", i), M: 4, N: n}
		}
		if save {
			for i := range list {
				list[i].Name = fmt.Sprint("saved ", i)
			}
			h.see("save", db.Table("key_modifiers").Save(&list))
			return
		}
		c := on("name")
		c.DoUpdates = clause.AssignmentColumns([]string{"n"})
		for i := range list {
			list[i].ID += 1000
		}
		h.see("upsert", db.Table("key_modifiers").Clauses(c).Create(&list))
	}}
}
