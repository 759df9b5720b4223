package capturetest

import (
	"context"
	"database/sql"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// Deployed is a row of a table that deployments change: older programs go on
// with the columns that they know.
type Deployed struct {
	ID   int64
	Code string `gorm:"size:50"`
	N    int
}

// TableName implements schema.Tabler.
func (Deployed) TableName() string { return "deployed" }

var deployed = world{
	fresh: true,
	create: func(database string) []string {
		return []string{map[string]string{
			"sqlite":   `CREATE TABLE deployed (id integer PRIMARY KEY AUTOINCREMENT, code text NOT NULL UNIQUE, n integer NOT NULL DEFAULT 0, a text, b text)`,
			"postgres": `CREATE TABLE deployed (id bigserial PRIMARY KEY, code text NOT NULL UNIQUE, n bigint NOT NULL DEFAULT 0, a text, b text)`,
			"mariadb":  `CREATE TABLE deployed (id bigint PRIMARY KEY AUTO_INCREMENT, code varchar(50) NOT NULL UNIQUE, n bigint NOT NULL DEFAULT 0, a varchar(50), b varchar(50))`,
		}[database]}
	},
	tables: func(string) []judge.Table { return []judge.Table{{Name: "deployed"}} },
	rows: func(string) []string {
		return []string{`INSERT INTO deployed (id, code, a, b) VALUES (101, 'k1', 'x', 'y'), (102, 'k2', 'x', NULL), (103, 'k3', NULL, NULL)`}
	},
}

// migrations are what another process does to the table, each of its own kind.
var migrations = map[string]func(n int, database string) string{
	"add column": func(n int, _ string) string {
		return fmt.Sprintf("ALTER TABLE deployed ADD COLUMN extra_%d varchar(50)", n)
	},
	"add default": func(n int, _ string) string {
		return fmt.Sprintf("ALTER TABLE deployed ADD COLUMN more_%d integer NOT NULL DEFAULT %d", n, n)
	},
	"drop column": func(n int, _ string) string {
		return "ALTER TABLE deployed DROP COLUMN " + []string{"a", "b"}[n%2]
	},
	"rename column": func(n int, _ string) string {
		return fmt.Sprintf("ALTER TABLE deployed RENAME COLUMN %s TO renamed_%d", []string{"a", "b"}[n%2], n)
	},
	"alter type": func(n int, database string) string {
		// A column that hosts return would make their own plans fail.
		switch c := []string{"a", "b"}[n%2]; database {
		case "postgres":
			return "ALTER TABLE deployed ALTER COLUMN " + c + " TYPE bytea USING " + c + "::bytea"
		case "mariadb":
			return "ALTER TABLE deployed MODIFY " + c + " varbinary(60)"
		}
		return "ALTER TABLE deployed ADD COLUMN typed blob"
	},
	"add index": func(n int, _ string) string {
		return fmt.Sprintf("CREATE UNIQUE INDEX deployed_a_%d ON deployed (a, id)", n)
	},
}

// ddl changes a table by another process, between the statements of a program
// that goes on.
func ddl() *workload {
	w := &workload{name: "ddl", world: deployed, alone: true, share: 5}
	for _, kind := range keysOf(migrations) {
		w.parts = append(w.parts, part{name: kind, draw: func(t *rapid.T, database string) op {
			if rapid.IntRange(0, 3).Draw(t, "migrate") == 0 {
				return drawMigration(t, kind, database)
			}
			return drawDeployed(t)
		}})
	}
	return w
}

func drawMigration(t *rapid.T, kind, database string) op {
	n := rapid.IntRange(1, 4).Draw(t, "n")
	statement := migrations[kind](n, database)
	return op{"another process: " + statement, func(h *host, _ *gorm.DB) {
		h.note("migration", h.e.migrateElsewhere("deployed", statement), 0)
	}}
}

// migrateElsewhere runs DDL on a connection of another pool, and has the judge
// look at the table again.
func (e *env) migrateElsewhere(table, statement string) error {
	ctx := context.Background()
	t := *e.tables[table]
	e.no(e.judge.Unwatch(ctx, &t)) // a column that triggers name can't be dropped
	other, err := e.base.Another()
	e.no(err)
	_, failed := other.Exec(statement)
	e.no(other.Close())
	e.no(e.watch(ctx, &t))
	return failed
}

// drawDeployed draws a statement of the program that goes on.
func drawDeployed(t *rapid.T) op {
	way := rapid.SampledFrom([]string{"create", "map", "update", "update where", "updates", "save", "save many", "upsert", "do nothing", "delete", "delete where", "every column", "returning", "transaction"}).Draw(t, "way")
	n, id := rapid.IntRange(0, 5).Draw(t, "n"), int64(rapid.IntRange(101, 104).Draw(t, "id"))
	code := rapid.SampledFrom([]string{"k1", "k2", "k5", "k6"}).Draw(t, "code")
	return op{fmt.Sprintf("%s %d %s %d", way, id, code, n), func(h *host, db *gorm.DB) { h.goOn(db, way, id, n, code) }}
}

func (h *host) goOn(db *gorm.DB, way string, id int64, n int, code string) {
	row := Deployed{ID: id, Code: code, N: n}
	on := clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"n"})}
	switch way {
	case "create":
		fresh := Deployed{Code: fmt.Sprint(code, id), N: n}
		h.see(way, db.Create(&fresh), fresh)
	case "map":
		h.see(way, db.Table("deployed").Create(map[string]any{"code": code, "n": n}))
	case "update":
		h.see(way, db.Model(&row).Update("n", n))
	case "update where":
		h.see(way, db.Model(&Deployed{}).Where("n >= ?", 0).Updates(map[string]any{"n": gorm.Expr("n + 1")}))
	case "updates":
		h.see(way, db.Table("deployed").Where("id = ?", id).Updates(map[string]any{"n": n}))
	case "save":
		h.see(way, db.Save(&row), row)
	case "save many":
		h.see(way, db.Save(&[]Deployed{row, {ID: id + 100, Code: "other", N: n}}))
	case "upsert":
		row.ID = 0
		h.see(way, db.Clauses(on).Create(&row))
	case "do nothing":
		row.ID = 0
		h.see(way, db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row))
	case "delete":
		h.see(way, db.Delete(&Deployed{ID: id}))
	case "delete where":
		h.see(way, db.Where("n > ?", n).Delete(&Deployed{}))
	case "every column":
		h.see(way, db.Table("deployed").Where("id = ?", id).Updates(h.e.everyColumn()))
	case "returning":
		if h.e.name != "mariadb" {
			var list []Deployed
			h.see(way, db.Model(&list).Clauses(clause.Returning{Columns: []clause.Column{{Name: "id"}, {Name: "n"}}}).Where("id = ?", id).Update("n", n), list)
		}
	default:
		h.note(way, db.Transaction(func(tx *gorm.DB) error {
			h.goOn(tx, "update where", id, n, code)
			h.goOn(tx, "upsert", id, n, code)
			return tx.Model(&row).Update("n", n+1).Error
		}, &sql.TxOptions{}), 0)
	}
}

// everyColumn sets each column that the table has now, as a newer program does.
func (e *env) everyColumn() map[string]any {
	e.dumps++
	rows, err := e.base.SQL.Query(fmt.Sprintf("SELECT * FROM deployed WHERE 1 = 0 /* %d */", e.dumps))
	e.no(err)
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	e.no(err)
	values := map[string]any{}
	for _, name := range names {
		switch name {
		case "id", "code":
		case "n":
			values[name] = 7
		default:
			values[name] = "9"
		}
	}
	return values
}
