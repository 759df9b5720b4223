package capturetest

import (
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// likeAliases are columns that are called like a name in capture's statements,
// or like one that a capture may well use.
var likeAliases = []string{
	"audit_n", "audit_place", "audit_rowid", "audit_new_name", "audit_row", "audit_0", "audit_old", "n", "place", "gormtrail_0",
	"gormtrail_met", "audit_key", "audit_new", "new", "old", "excluded", "k", "o",
}

func testColumnsNamedLikeAliases(t *testing.T) {
	var cases []rowCase
	for i, column := range likeAliases {
		table := fmt.Sprint("named_", i)
		cases = append(cases, rowCase{name: column, tables: []string{table}, ddl: namedTable(table, column, "id integer PRIMARY KEY"), run: func(e *env, db *gorm.DB) {
			columnChanges(e, db, table, column)
			on := clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{column, "name"})}
			e.ok(db.Table(table).Clauses(on).Create([]map[string]any{{"id": 9, "name": "u", column: 70, "code": "b"}, {"id": 10, "name": "u", column: 80, "code": "z"}}))
		}})
	}
	runRowCases(t, cases...)
}

// testColumnsNamedLikeAliasesWithoutKey: rows are found by their place there.
func testColumnsNamedLikeAliasesWithoutKey(t *testing.T) {
	var cases []rowCase
	for i, column := range likeAliases {
		table := fmt.Sprint("keyless_", i)
		cases = append(cases, rowCase{name: column, tables: []string{table}, ddl: namedTable(table, column, "id integer"), watched: true, run: func(e *env, db *gorm.DB) {
			columnChanges(e, db, table, column)
		}})
	}
	runRowCases(t, cases...)
}

// testKeysNamedLikeAliases: the key itself is called so.
func testKeysNamedLikeAliases(t *testing.T) {
	var cases []rowCase
	for i, column := range likeAliases {
		table := fmt.Sprint("keyed_", i)
		cases = append(cases, rowCase{name: column, tables: []string{table},
			ddl: func(e *env) []string {
				return []string{"CREATE TABLE " + table + " (" + e.quoted(column) + " integer PRIMARY KEY, name varchar(50))"}
			}, run: func(e *env, db *gorm.DB) {
				row := func(n int, name string) map[string]any { return map[string]any{column: n, "name": name} }
				where := clause.Eq{Column: clause.Column{Name: column}, Value: 1}
				e.see(db.Table(table).Create([]map[string]any{row(1, "a"), row(2, "b")}))
				e.see(db.Table(table).Where(where).Update("name", "x"))
				e.see(db.Table(table).Where(where).Update(column, 7))
				on := clause.OnConflict{Columns: []clause.Column{{Name: column}}, DoUpdates: clause.AssignmentColumns([]string{"name"})}
				e.ok(db.Table(table).Clauses(on).Create([]map[string]any{row(7, "up"), row(8, "new")}))
				e.see(db.Table(table).Where("name = ?", "up").Delete(nil))
			}})
	}
	runRowCases(t, cases...)
}

// namedTable is a table with such a column among others.
func namedTable(table, column, id string) func(e *env) []string {
	return func(e *env) []string {
		return []string{"CREATE TABLE " + table + " (" + id + ", name varchar(50), " + e.quoted(column) + " integer, code varchar(20) UNIQUE)"}
	}
}

func columnChanges(e *env, db *gorm.DB, table, column string) {
	row := func(id, n int, code string) map[string]any {
		return map[string]any{"id": id, "name": "a", column: n, "code": code}
	}
	e.see(db.Table(table).Create([]map[string]any{row(1, 1, "a"), row(2, 2, "b"), row(3, 3, "c")}))
	e.see(db.Table(table).Where("id = ?", 1).Update(column, 5))
	e.see(db.Table(table).Where("id > ?", 1).Updates(map[string]any{"name": "x", column: gorm.Expr("? + 1", clause.Column{Name: column})}))
	e.see(db.Table(table).Where("id = ?", 2).Update("name", "y"))
	e.see(db.Table(table).Where("id IN ?", []int{1, 3}).Delete(nil))
}
