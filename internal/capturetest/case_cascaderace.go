package capturetest

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"
)

// raced are parents and children that one writer makes while another removes
// them: rows that the database finds by a foreign key after capture has looked.
func raced(onDelete string) func(e *env) []string {
	return func(e *env) []string {
		child := func(table, parent, rule string) string {
			return "CREATE TABLE " + table + " (id integer PRIMARY KEY, parent_id integer, FOREIGN KEY (parent_id) REFERENCES " + parent + " (id) " + rule + ")"
		}
		return []string{
			"CREATE TABLE race_parents (id integer PRIMARY KEY, old integer NOT NULL)",
			child("race_children", "race_parents", onDelete), child("race_grandchildren", "race_children", "ON DELETE CASCADE"),
		}
	}
}

var raceTables = []string{"race_parents", "race_children", "race_grandchildren"}

const raceRounds = 80

// testCascadesRacedByInserts: a parent comes with its children while parents are
// deleted by a plain condition.
func testCascadesRacedByInserts(t *testing.T) {
	family := func(tx *gorm.DB, id int) error {
		if err := tx.Table("race_parents").Create(map[string]any{"id": id, "old": 1}).Error; err != nil {
			return err
		}
		if err := tx.Table("race_children").Create([]map[string]any{{"id": id * 10, "parent_id": id}, {"id": id*10 + 1, "parent_id": id}}).Error; err != nil {
			return err
		}
		return tx.Table("race_grandchildren").Create(map[string]any{"id": id * 10, "parent_id": id * 10}).Error
	}
	late := func(tx *gorm.DB, id int) error { // the parent is there already
		return tx.Table("race_children").Create(map[string]any{"id": id*10 + 5, "parent_id": id}).Error
	}
	ways := []struct {
		name, rule string
		insert     func(db *gorm.DB, id int, level *sql.TxOptions) error
		remove     func(tx *gorm.DB, n int) *gorm.DB
	}{
		{"families in one transaction", "ON DELETE CASCADE", func(db *gorm.DB, id int, level *sql.TxOptions) error {
			return db.Transaction(func(tx *gorm.DB) error { return family(tx, id) }, level)
		}, func(tx *gorm.DB, _ int) *gorm.DB { return tx.Table("race_parents").Where("old = ?", 1).Delete(nil) }},
		{"families whose children lose them", "ON DELETE SET NULL", func(db *gorm.DB, id int, level *sql.TxOptions) error {
			return db.Transaction(func(tx *gorm.DB) error { return family(tx, id) }, level)
		}, func(tx *gorm.DB, _ int) *gorm.DB { return tx.Table("race_parents").Where("old = ?", 1).Delete(nil) }},
		{"children of a parent that is there", "ON DELETE CASCADE", func(db *gorm.DB, id int, level *sql.TxOptions) error {
			if err := db.Table("race_parents").Create(map[string]any{"id": id, "old": 1}).Error; err != nil {
				return err
			}
			return db.Transaction(func(tx *gorm.DB) error { return late(tx, id) }, level)
		}, func(tx *gorm.DB, _ int) *gorm.DB { return tx.Table("race_parents").Where("old = ?", 1).Delete(nil) }},
		{"parents by their keys", "ON DELETE CASCADE", func(db *gorm.DB, id int, level *sql.TxOptions) error {
			return db.Transaction(func(tx *gorm.DB) error { return family(tx, id) }, level)
		}, func(tx *gorm.DB, n int) *gorm.DB { return tx.Table("race_parents").Where("id <= ?", n).Delete(nil) }},
		{"changed keys", "ON UPDATE CASCADE ON DELETE CASCADE", func(db *gorm.DB, id int, level *sql.TxOptions) error {
			return db.Transaction(func(tx *gorm.DB) error { return family(tx, id) }, level)
		}, func(tx *gorm.DB, _ int) *gorm.DB {
			return tx.Table("race_parents").Where("old = ?", 1).Updates(map[string]any{"id": gorm.Expr("id + 100000"), "old": 0})
		}},
	}
	var cases []rowCase
	for _, w := range ways {
		for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead} {
			only := []string{"postgres", "mariadb"}
			if level == sql.LevelRepeatableRead {
				only = only[1:] // PostgreSQL fails what meets a changed row
			}
			cases = append(cases, rowCase{name: w.name + " " + level.String(), only: only, tables: raceTables, ddl: raced(w.rule), run: func(e *env, db *gorm.DB) {
				e.race(db, level, w.insert, w.remove)
			}})
		}
	}
	runRowCases(t, cases...)
}

// race runs both writers. What ends in a deadlock, or finds its parent gone, is
// not repeated.
func (e *env) race(db *gorm.DB, level sql.IsolationLevel, insert func(*gorm.DB, int, *sql.TxOptions) error, remove func(*gorm.DB, int) *gorm.DB) {
	opts := &sql.TxOptions{Isolation: level}
	rounds := raceRounds
	if e.name == "mariadb" {
		rounds /= 4
	}
	var group sync.WaitGroup
	done := make(chan struct{})
	var refused [2]error
	for w := range refused {
		group.Go(func() {
			for i := range rounds {
				err := insert(db, 1+w*rounds+i, opts)
				if err != nil && !isDeadlock(err) && !strings.Contains(err.Error(), "foreign key") {
					refused[w] = err
				}
			}
		})
	}
	go func() { group.Wait(); close(done) }()
	var failed []string
	for n, last := 1, false; !last; n++ {
		select {
		case <-done:
			last = true
		default:
		}
		err := db.Transaction(func(tx *gorm.DB) error { return remove(tx, n).Error }, opts)
		if err != nil && !isDeadlock(err) {
			failed = append(failed, err.Error())
		}
	}
	e.no(errors.Join(refused[:]...))
	e.want(len(failed) == 0, "%d deletes failed: %s", len(failed), fmt.Sprint(failed[:min(len(failed), 1)]))
}
