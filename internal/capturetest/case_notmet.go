package capturetest

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

const manyBelow = "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 900) "

// unmet are tables of which a statement changes other rows than were read, where it
// can't be given those that were.
var unmet = []struct {
	name, ddl string
	only      []string
}{
	{"past the budget", "CREATE TABLE unmet (id integer PRIMARY KEY, n integer)", []string{"sqlite", "mariadb"}},
	{"past the budget without a key", "CREATE TABLE unmet (id integer, n integer)", []string{"sqlite", "mariadb"}},
}

// testNotMet: a statement that changed rows which were not met fails, and so does
// its transaction. Under FailOpen it is logged.
func testNotMet(t *testing.T) {
	for _, u := range unmet {
		for _, name := range u.only {
			if !runsOn(name) {
				continue
			}
			for how, run := range map[string]func(*env, *notMet){"strict": failsUnmet, "in a transaction": failsUnmetCommit, "fail open": logsUnmet} {
				t.Run(u.name+"/"+how+"/"+name, func(t *testing.T) {
					e := rowsEnvFor(t, name)
					verdict(t, said(recovered(func() {
						e.reset()
						e.ok(e.plain.Exec("DROP TABLE IF EXISTS unmet"))
						e.ok(e.plain.Exec(u.ddl))
						e.ok(e.plain.Exec(e.by(manyBelow+"INSERT INTO unmet SELECT i, 0 FROM s", "", "INSERT INTO unmet "+manyBelow+"SELECT i, 0 FROM s")))
						run(e, e.notMet(how == "fail open"))
						e.ok(e.plain.Exec("DROP TABLE unmet"))
					})))
				})
			}
		}
	}
	runRowCases(t, addedReferrer())
}

func said(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// notMet is a handle that records few rows of a statement one by one.
type notMet struct {
	db  *gorm.DB
	log *strings.Builder
}

func (e *env) notMet(failOpen bool) *notMet {
	store, err := gormstore.New(e.plain, nil)
	e.no(err)
	n := &notMet{log: &strings.Builder{}}
	trail, err := audit.New(store, &audit.Options{Logger: slog.New(slog.NewTextHandler(n.log, nil))})
	e.no(err)
	n.db, err = gorm.Open(e.base.Dialector(), config())
	e.no(err)
	e.no(n.db.Use(hooks.New(trail, &hooks.Options{RowBudget: 10, FailOpen: failOpen})))
	return n
}

// half updates about a half of the rows. That twice the same number of them is
// chosen happens now and then.
func (e *env) half(db *gorm.DB) *gorm.DB {
	return db.Table("unmet").Where(e.by("random() % 2 = 0", "", "rand() < 0.5")).Update("n", gorm.Expr("n + 1"))
}

// unmetState is what is in the table and on the log.
func (e *env) unmetState() (sum, entries int) {
	e.no(e.base.SQL.QueryRow("SELECT (SELECT sum(n) FROM unmet), (SELECT count(*) FROM audit_entries)").Scan(&sum, &entries))
	return sum, entries
}

func failsUnmet(e *env, n *notMet) {
	for range 10 {
		sum, entries := e.unmetState()
		err := e.half(n.db).Error
		if err == nil {
			continue
		}
		e.want(errors.Is(err, hooks.ErrNotMet), "the error is %v", err)
		sumNow, entriesNow := e.unmetState()
		e.want(sum == sumNow && entries == entriesNow, "the rows changed by %d, and there are %d more entries", sumNow-sum, entriesNow-entries)
		return
	}
	e.want(false, "no statement changed rows that were not met")
}

// failsUnmetCommit: a host that passes over the error commits nothing.
func failsUnmetCommit(e *env, n *notMet) {
	for range 10 {
		sum, entries := e.unmetState()
		tx := e.ok(n.db.WithContext(context.Background()).Begin())
		err := e.half(tx).Error
		failed := tx.Commit().Error
		if err == nil {
			e.no(failed)
			continue
		}
		e.want(errors.Is(err, hooks.ErrNotMet) && failed != nil, "the errors are %v and %v", err, failed)
		sumNow, entriesNow := e.unmetState()
		e.want(sum == sumNow && entries == entriesNow, "the rows changed by %d, and there are %d more entries", sumNow-sum, entriesNow-entries)
		return
	}
	e.want(false, "no statement changed rows that were not met")
}

func logsUnmet(e *env, n *notMet) {
	for range 10 {
		sum, _ := e.unmetState()
		e.ok(e.half(n.db))
		sumNow, _ := e.unmetState()
		e.want(sumNow > sum, "the rows did not change")
		if strings.Contains(n.log.String(), hooks.ErrNotMet.Error()) {
			return
		}
	}
	e.want(false, "the log is %q", n.log)
}

// testFoundRows has MariaDB's driver count the rows that match, not those that
// change.
func testFoundRows(t *testing.T) {
	if !runsOn("mariadb") {
		return
	}
	e := withDSN(t, "mariadb", "", "&clientFoundRows=true")
	for _, key := range []string{"PRIMARY KEY", ""} {
		name := map[bool]string{true: "keyed", false: "keyless"}[key != ""]
		table := "found_" + name
		t.Run(name+"/mariadb", func(t *testing.T) {
			rowCase{tables: []string{table}, ddl: everywhere("CREATE TABLE " + table + " (id integer " + key + ", n integer)"), watched: true, run: func(e *env, db *gorm.DB) {
				e.see(db.Table(table).Create([]map[string]any{{"id": 1, "n": 1}, {"id": 2, "n": 2}, {"id": 3, "n": 3}}))
				e.see(db.Table(table).Where("id > ?", 0).Update("n", 2))
				e.see(db.Table(table).Where("id > 0").Update("n", 2)) // as it is
				e.see(db.Table(table).Where("n = ?", 2).Update("n", gorm.Expr("n + id")))
				e.see(db.Table(table).Where("id = 99").Update("n", 2))
				e.see(db.Table(table).Where("id > 1").Update("n", gorm.Expr("n + length('x')")))
				e.see(db.Table(table).Where("n > ?", 3).Delete(nil))
			}}.runOn(t, e)
		})
	}
}

// addedReferrer: another process added a foreign key that passes on the deletion, and
// a column that the statement returns. The statement fails once.
func addedReferrer() rowCase {
	tables := []string{"new_parents", "new_children"}
	return rowCase{name: "an added foreign key", only: []string{"postgres"}, tables: tables, ddl: everywhere("CREATE TABLE new_parents (id integer PRIMARY KEY, n integer)", "INSERT INTO new_parents VALUES (1, 1), (2, 2), (3, 3)"), parts: true, run: func(e *env, db *gorm.DB) {
		e.ok(db.Table("new_parents").Where("id = 1").Delete(nil))
		e.otherProcess("ALTER TABLE new_parents ADD COLUMN more integer", "CREATE TABLE new_children (id integer PRIMARY KEY, parent_id integer REFERENCES new_parents (id) ON DELETE CASCADE)",
			"INSERT INTO new_children VALUES (1, 2), (2, 3)")
		if captures(db) {
			err := db.Table("new_parents").Where("id = 2").Delete(nil).Error
			e.want(errors.Is(err, hooks.ErrNotMet), "the error is %v", err)
		}
		e.replayed(db, tables, func() { e.see(db.Table("new_parents").Where("id = 2").Delete(nil)) })
	}}
}
