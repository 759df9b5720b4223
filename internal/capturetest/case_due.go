package capturetest

import (
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
)

// dueRows fall due one after the other, from a moment on, faster than two
// statements can follow each other.
const dueRows = 900

func dueTables(e *env) []string {
	numbers := "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < " + fmt.Sprint(dueRows) + ") "
	insert := func(into, columns, values string) string {
		if e.name == "mariadb" {
			return "INSERT INTO " + into + " (" + columns + ") " + numbers + "SELECT " + values + " FROM s"
		}
		return numbers + "INSERT INTO " + into + " (" + columns + ") SELECT " + values + " FROM s"
	}
	return []string{
		"CREATE TABLE due (id integer PRIMARY KEY, done integer NOT NULL, ready integer NOT NULL)",
		"CREATE TABLE reminders (id integer PRIMARY KEY, due_id integer" + e.by("", "", ", FOREIGN KEY (due_id)") + " REFERENCES due (id) ON DELETE CASCADE)",
		insert("due", "id, done, ready", "i, 0, 0"), insert("reminders", "id, due_id", "i, i"),
	}
}

// testDueRows: what is due is another thing at each moment, also between the
// statements of capture.
func testDueRows(t *testing.T) {
	clocks := []condition{
		{"the time of the statement", "(julianday('now') - julianday(?)) * 86400000.0 >= due.id / 10.0", "statement_timestamp() >= ?::timestamptz + due.id * interval '50 microseconds'",
			"timestampadd(MICROSECOND, due.id * 50, ?) <= NOW(6)"},
		{"the time itself", "", "clock_timestamp() >= ?::timestamptz + due.id * interval '50 microseconds'", "timestampadd(MICROSECOND, due.id * 50, ?) <= SYSDATE(6)"},
		{"the time in UTC", "strftime('%Y-%m-%d %H:%M:%f', ?, '+' || (due.id / 10000.0) || ' seconds') <= strftime('%Y-%m-%d %H:%M:%f', 'now')", "", "timestampadd(MICROSECOND, due.id * 50, ?) <= UTC_TIMESTAMP(6)"},
		{"a subquery", "due.id IN (SELECT r.due_id FROM reminders r WHERE (julianday('now') - julianday(?)) * 86400000.0 >= r.id / 10.0)",
			"due.id IN (SELECT r.due_id FROM reminders r WHERE clock_timestamp() >= ?::timestamptz + r.id * interval '50 microseconds')",
			"due.id IN (SELECT r.due_id FROM reminders r WHERE timestampadd(MICROSECOND, r.id * 50, ?) <= NOW(6))"},
	}
	ways := []struct {
		name  string
		sweep func(db *gorm.DB, where string, start any) *gorm.DB
	}{
		{"update", func(db *gorm.DB, where string, start any) *gorm.DB {
			return db.Table("due").Where("done = 0").Where(where, start).Update("done", 1)
		}},
		{"delete that cascades", func(db *gorm.DB, where string, start any) *gorm.DB {
			return db.Table("due").Where(where, start).Delete(nil)
		}},
	}
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			var cases []rowCase
			for _, c := range clocks {
				if w.name != "update" && c.name == "a subquery" {
					continue // it would read what it deletes
				}
				cases = append(cases, rowCase{name: c.name, only: c.databases(), tables: []string{"due", "reminders"}, ddl: dueTables, run: func(e *env, db *gorm.DB) {
					var start string
					e.ok(e.plain.Raw(e.by("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')", "SELECT clock_timestamp()::text", "SELECT CAST(NOW(6) AS CHAR)")).Scan(&start))
					swept := int64(0)
					for until := time.Now().Add(20 * time.Second); swept < dueRows && time.Now().Before(until); {
						swept += e.ok(w.sweep(db, e.by(c.sqlite, c.postgres, c.mariadb), start)).RowsAffected
					}
					e.want(swept == dueRows, "%d of %d rows were swept", swept, dueRows)
				}})
			}
			runRowCases(t, cases...)
		})
	}
}

// testRowsThatBeginToMatch: somebody else makes rows match while they are swept.
func testRowsThatBeginToMatch(t *testing.T) {
	sweeps := map[string]func(tx *gorm.DB) *gorm.DB{
		"update": func(tx *gorm.DB) *gorm.DB {
			return tx.Table("due").Where("ready = 1 AND done = 0").Update("done", 1)
		},
		"update by a subquery": func(tx *gorm.DB) *gorm.DB {
			return tx.Table("due").Where("done = 0 AND id IN (SELECT due_id FROM reminders WHERE id < ?)", 0).Update("done", 1)
		},
		"delete": func(tx *gorm.DB) *gorm.DB { return tx.Table("due").Where("ready = ?", 1).Delete(nil) },
	}
	var cases []rowCase
	for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelDefault} {
		for _, way := range []string{"update", "update by a subquery", "delete"} {
			only := []string{"postgres", "mariadb"}
			if level == sql.LevelDefault { // PostgreSQL's is the other one
				only = only[1:]
			}
			cases = append(cases, rowCase{name: way + " " + level.String(), only: only, tables: []string{"due", "reminders"}, ddl: dueTables, run: func(e *env, db *gorm.DB) {
				rows := map[bool]int{true: 500, false: 50}[e.name == "postgres"] // MariaDB makes them wait for each other
				var group sync.WaitGroup
				var failed error
				group.Go(func() {
					for i := range rows {
						var tx *gorm.DB
						if way == "update by a subquery" {
							tx = db.Table("reminders").Where("id = ?", i+1).Update("id", -i-1)
						} else {
							tx = db.Table("due").Where("id = ?", i+1).Update("ready", 1)
						}
						if tx.Error != nil && !isDeadlock(tx.Error) {
							failed = tx.Error
						}
					}
				})
				done := make(chan struct{})
				go func() { group.Wait(); close(done) }()
				for last := false; !last; {
					select {
					case <-done:
						last = true
					default:
					}
					err := db.Transaction(func(tx *gorm.DB) error { return sweeps[way](tx).Error }, &sql.TxOptions{Isolation: level})
					e.want(err == nil || isDeadlock(err), "sweeping failed: %v", err)
				}
				e.no(failed)
			}})
		}
	}
	runRowCases(t, cases...)
}
