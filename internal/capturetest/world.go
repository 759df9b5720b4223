package capturetest

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// world is what programs run on: models, or tables that statements make.
type world struct {
	models []any
	// settings are appended to the data source name, by database.
	settings map[string]string
	// create are the statements that make the tables.
	create func(database string) []string
	// tables are those that the judge watches.
	tables func(database string) []judge.Table
	// rows are the statements that make what each program begins with.
	rows func(database string) []string
	// met are models that hosts have of the tables.
	met func(database string) []any
	// empty are the statements that empty the tables, where DELETE doesn't.
	empty func(database string) []string
	// fresh has each program begin with new tables.
	fresh bool
}

// build makes the tables and has the judge watch them.
func (w world) build(e *env) error {
	if w.create == nil {
		return nil
	}
	for _, s := range w.create(e.name) {
		if err := e.plain.Exec(s).Error; err != nil {
			return fmt.Errorf("%w in %s", err, s)
		}
	}
	for _, t := range w.tables(e.name) {
		if err := e.watch(context.Background(), &t); err != nil {
			return err
		}
	}
	return nil
}

// rebuild replaces the tables by new ones.
func (w world) rebuild(e *env) {
	for _, t := range w.tables(e.name) {
		e.ok(e.plain.Exec("DROP TABLE IF EXISTS " + e.quoted(t.Name)))
	}
	e.no(w.build(e))
}

// meet has the handle write to each table, though to no row.
func (w world) meet(e *env, db *gorm.DB) {
	if w.tables == nil {
		return
	}
	for _, t := range w.tables(e.name) {
		e.ok(db.Table(t.Name).Where("1 = 0").Delete(nil))
	}
	if w.met != nil {
		for _, m := range w.met(e.name) {
			e.ok(db.Where("1 = 0").Delete(m))
		}
	}
}

// filled puts the table's name into a statement.
func filled(statement, table string) string {
	if strings.Contains(statement, "%") {
		return fmt.Sprintf(statement, table)
	}
	return statement
}

func underscored(name string) string { return strings.ReplaceAll(name, " ", "_") }
