package capturetest

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// aliases are names that capture gives in statements of its own, or might.
var aliases = []string{"audit_n", "audit_place", "audit_rowid", "audit_new_x", "audit_0", "audit_row", "audit_old", "audit_new_n", "k", "old", "excluded", "gormtrail_0", "gormtrail_met", "q", "t", "ctid_", "seq"}

// named are tables whose columns are called like the library's aliases: with a
// key, with a composite one, and without.
var named = world{
	create: func(database string) (list []string) {
		number := map[string]string{"sqlite": "integer", "postgres": "bigint", "mariadb": "bigint"}[database]
		key := map[string]string{"sqlite": "id integer PRIMARY KEY", "postgres": "id bigserial PRIMARY KEY", "mariadb": "id bigint PRIMARY KEY AUTO_INCREMENT"}[database]
		q := quoteOf(database)
		columns := "n " + number + " NOT NULL DEFAULT 0"
		for _, a := range aliases {
			columns += ", " + q(a) + " " + number
		}
		return []string{
			"CREATE TABLE named_key (" + key + ", " + columns + ")",
			"CREATE TABLE named_pair (" + columns + ", PRIMARY KEY (n, audit_0))",
			"CREATE TABLE named_none (" + columns + ")",
			"CREATE TABLE audit_old (" + key + ", " + columns + ", UNIQUE (k))",
		}
	},
	tables: func(string) []judge.Table {
		return []judge.Table{{Name: "named_key"}, {Name: "named_pair"}, {Name: "named_none"}, {Name: "audit_old"}}
	},
	rows: func(database string) (list []string) {
		q := quoteOf(database)
		for _, t := range []string{"named_key", "named_pair", "named_none", "audit_old"} {
			for i := range 4 {
				list = append(list, fmt.Sprintf("INSERT INTO %s (n, audit_0, k, audit_place, %s) VALUES (%d, %d, %d, 1, 2)", t, q("old"), i/2, i, i))
			}
		}
		return list
	},
}

func quoteOf(database string) func(string) string {
	if database == "mariadb" {
		return func(s string) string { return "`" + s + "`" }
	}
	return func(s string) string { return `"` + s + `"` }
}

// aliased writes columns and tables that are called like capture's own aliases.
func aliased() *workload {
	w := &workload{name: "names", world: named, share: 2}
	for _, table := range []string{"named_key", "named_pair", "named_none", "audit_old"} {
		w.parts = append(w.parts, part{name: strings.ReplaceAll(table, "_", " "), draw: func(t *rapid.T, database string) op { return drawNamed(t, table, database) }})
	}
	return w
}

func drawNamed(t *rapid.T, table, database string) op {
	q := quoteOf(database)
	column, other := rapid.SampledFrom(aliases).Draw(t, "column"), rapid.SampledFrom(append([]string{"n"}, aliases...)).Draw(t, "other")
	v := rapid.IntRange(0, 3).Draw(t, "v")
	way := rapid.SampledFrom([]string{"insert", "update", "update", "expression", "expression", "both", "delete", "upsert"}).Draw(t, "way")
	where := fmt.Sprintf(rapid.SampledFrom([]string{"n = %d", "n >= %d", q("audit_0") + " = %d", q(column) + " IS NULL OR k = %d"}).Draw(t, "where"), v)
	return op{fmt.Sprintf("%s %s: %s of %s where %s, %d", table, way, column, other, where, v), func(h *host, db *gorm.DB) {
		tx := db.Table(table)
		switch way {
		case "insert":
			h.see(way, tx.Create(map[string]any{column: v, "n": 9, "audit_0": 100 + len(h.seen)}))
		case "update":
			h.see(way, tx.Where(where).Updates(map[string]any{column: v}))
		case "expression":
			h.see(way, tx.Where(where).Updates(map[string]any{column: gorm.Expr("coalesce(" + q(other) + ", 0) + 1")}))
		case "both":
			h.see(way, tx.Where(where).Updates(map[string]any{column: gorm.Expr("n"), "n": gorm.Expr("n + 10")}))
		case "delete":
			h.see(way, tx.Where(where).Delete(nil))
		default:
			c := clause.OnConflict{Columns: []clause.Column{{Name: "k"}}, DoUpdates: clause.Assignments(map[string]any{column: v})}
			h.see(way, tx.Clauses(c).Create(map[string]any{"k": v, "n": 5, "audit_0": 200 + len(h.seen)}))
		}
	}}
}
