package capturetest

import (
	"fmt"
	"strings"

	"gorm.io/gorm"
	"pgregory.net/rapid"
)

// sheet is a table that programs write by its name, with values that need no
// model: expressions in the database's own SQL.
type sheet struct {
	table string
	// set are what columns are set to.
	set map[string][]any
	// where are conditions that select some rows.
	where []string
	// keyed says that the table has the columns of Keyed.
	keyed bool
	// model is what a host has of the table, if it has one.
	model any
}

// Keyed is what a host knows of a table that has more columns.
type Keyed struct {
	ID int64
	N  int
}

func expr(sql string) any { return gorm.Expr(sql) }

// exprs are several expressions.
func exprs(list ...string) []any {
	var values []any
	for _, s := range list {
		values = append(values, expr(s))
	}
	return values
}

// draw draws a statement that writes the table.
func (s sheet) draw(t *rapid.T, _ string) op {
	ways := []func(*rapid.T) op{s.create, s.create, s.update, s.update, s.update, s.delete}
	if s.keyed {
		ways = append(ways, s.byModel)
	}
	return rapid.SampledFrom(ways).Draw(t, "way")(t)
}

// values draws values for some of the columns.
func (s sheet) values(t *rapid.T) map[string]any {
	values := map[string]any{}
	for _, c := range rapid.SliceOfNDistinct(rapid.SampledFrom(keysOf(s.set)), 1, 4, rapid.ID[string]).Draw(t, "columns") {
		values[c] = rapid.SampledFrom(s.set[c]).Draw(t, c)
	}
	return values
}

func (s sheet) create(t *rapid.T) op {
	list := rapid.SliceOfN(rapid.Custom(s.values), 1, 3).Draw(t, "rows")
	return op{fmt.Sprintf("create in %s %v", s.table, shown(list...)), func(h *host, db *gorm.DB) {
		if len(list) == 1 {
			h.see("create", db.Table(s.table).Create(copied(list[0])))
			return
		}
		// Rows of one statement have the same columns.
		for _, values := range list {
			h.see("create", db.Table(s.table).Create(copied(values)))
		}
	}}
}

func (s sheet) update(t *rapid.T) op {
	where, values := rapid.SampledFrom(s.where).Draw(t, "where"), s.values(t)
	return op{fmt.Sprintf("update %s where %s: %s", s.table, where, shown(values)), func(h *host, db *gorm.DB) {
		tx := db.Table(s.table)
		if s.model != nil {
			tx = db.Model(s.model)
		}
		h.see("update", tx.Where(where).Updates(copied(values)))
	}}
}

func (s sheet) delete(t *rapid.T) op {
	where := rapid.SampledFrom(s.where).Draw(t, "where")
	return op{fmt.Sprintf("delete from %s where %s", s.table, where), func(h *host, db *gorm.DB) {
		h.see("delete", db.Table(s.table).Where(where).Delete(nil))
	}}
}

// byModel writes by a model that knows two of the columns.
func (s sheet) byModel(t *rapid.T) op {
	id, n := int64(rapid.IntRange(1, 6).Draw(t, "id")), rapid.IntRange(-1, 3).Draw(t, "n")
	way := rapid.SampledFrom([]string{"create", "save", "update", "expression", "delete"}).Draw(t, "how")
	return op{fmt.Sprintf("%s %d in %s by a model, n = %d", way, id, s.table, n), func(h *host, db *gorm.DB) {
		row := Keyed{ID: id, N: n}
		switch way {
		case "create":
			h.see(way, db.Table(s.table).Create(&row), row)
		case "save":
			h.see(way, db.Table(s.table).Save(&row), row)
		case "update":
			h.see(way, db.Table(s.table).Model(&row).Update("n", n))
		case "expression":
			h.see(way, db.Table(s.table).Model(&row).Update("n", gorm.Expr("n + 1")))
		default:
			h.see(way, db.Table(s.table).Delete(&row))
		}
	}}
}

func copied(values map[string]any) map[string]any {
	c := map[string]any{}
	for k, v := range values {
		c[k] = v
	}
	return c
}

// shown is what statements set, for people.
func shown(list ...map[string]any) string {
	var parts []string
	for _, values := range list {
		for _, c := range keysOf(values) {
			parts = append(parts, fmt.Sprintf("%s = %+v", c, values[c]))
		}
		parts = append(parts, "|")
	}
	return strings.Join(parts[:len(parts)-1], " ")
}
