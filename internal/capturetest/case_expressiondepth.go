package capturetest

import (
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Bulk is one of many rows of a statement.
type Bulk struct {
	ID   int
	Code string `gorm:"size:20;uniqueIndex"`
	N    int
}

// BulkPlace is one whose key has two columns.
type BulkPlace struct {
	Tenant int    `gorm:"primaryKey;autoIncrement:false"`
	Code   string `gorm:"primaryKey;size:20"`
	N      int
}

// testManyRows: the rows of a statement are as many as the database takes, which
// counts the terms of an expression.
func testManyRows(t *testing.T) {
	bulk := everywhere("CREATE TABLE bulks (id integer PRIMARY KEY, code varchar(20) UNIQUE, n integer)")
	places := everywhere("CREATE TABLE bulk_places (tenant integer, code varchar(20), n integer, PRIMARY KEY (tenant, code))")
	rows := func(count, n int) (list []Bulk) {
		for i := range count {
			list = append(list, Bulk{ID: i + 1, Code: fmt.Sprint("c", i), N: n})
		}
		return list
	}
	placed := func(count, n int) (list []BulkPlace) {
		for i := range count {
			list = append(list, BulkPlace{Tenant: i % 3, Code: fmt.Sprint("c", i), N: n})
		}
		return list
	}
	var cases []rowCase
	for _, count := range []int{1000, 1500} {
		only := []string{"sqlite"}
		if count == 1000 {
			only = nil
		}
		name := func(s string) string { return fmt.Sprint(s, " ", count) }
		cases = append(cases,
			rowCase{name: name("save"), only: only, tables: []string{"bulks"}, ddl: bulk, run: func(e *env, db *gorm.DB) {
				first, again := rows(count/2, 1), rows(count, 2)
				e.ok(db.Create(&first))
				e.see(db.Save(&again))
			}},
			rowCase{name: name("save of composite keys"), only: only, tables: []string{"bulk_places"}, ddl: places, run: func(e *env, db *gorm.DB) {
				first, again := placed(count/2, 1), placed(count, 2)
				e.ok(db.Create(&first))
				e.see(db.Save(&again))
			}},
			rowCase{name: name("upsert by another key"), only: only, tables: []string{"bulks"}, ddl: bulk, run: func(e *env, db *gorm.DB) {
				first, again := rows(count/2, 1), rows(count, 2)
				e.ok(db.Create(&first))
				for i := range again {
					again[i].ID += 100_000
				}
				e.see(db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"n"})}).Create(&again))
			}},
			rowCase{name: name("do nothing"), only: only, tables: []string{"bulks"}, ddl: bulk, run: func(e *env, db *gorm.DB) {
				first, again := rows(count/2, 1), rows(count, 2)
				e.ok(db.Create(&first))
				e.see(db.Clauses(clause.OnConflict{DoNothing: true}).Create(&again))
			}},
			rowCase{name: name("in batches"), only: only, tables: []string{"bulks"}, ddl: bulk, run: func(e *env, db *gorm.DB) {
				first, again := rows(count/2, 1), rows(count, 2)
				e.ok(db.Create(&first))
				e.see(db.Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches(&again, 700))
			}},
			rowCase{name: name("replace"), only: []string{"sqlite"}, tables: []string{"bulks"}, ddl: bulk, run: func(e *env, db *gorm.DB) {
				first, again := rows(count/2, 1), rows(count, 2)
				e.ok(db.Create(&first))
				e.see(db.Clauses(clause.Insert{Modifier: "OR REPLACE"}).Create(&again))
			}},
			rowCase{name: name("update and delete of a list"), only: only, tables: []string{"bulks", "bulk_places"}, ddl: func(e *env) []string { return append(bulk(e), places(e)...) }, run: func(e *env, db *gorm.DB) {
				list, pairs := rows(count, 1), placed(count, 1)
				e.ok(db.Create(&list))
				e.ok(db.Create(&pairs))
				ids := make([]int, count)
				for i := range ids {
					ids[i] = i + 1
				}
				e.see(db.Model(&Bulk{}).Where("id IN ?", ids).Update("n", gorm.Expr("n + id % 2")))
				e.see(db.Model(&list).Update("n", 5))
				e.see(db.Delete(&list))
				e.see(db.Delete(&pairs))
			}},
		)
	}
	runRowCases(t, cases...)
}
