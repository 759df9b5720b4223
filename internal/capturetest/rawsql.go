package capturetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
)

// executed ends the case unless raw statements were recorded, in that order,
// without their values.
func (e *env) executed(statements ...string) {
	list := e.action(audit.ActionExecute)
	e.want(len(list) == len(statements), "%d raw statements were recorded, not %d: %v", len(list), len(statements), list)
	for i, x := range list {
		text := fmt.Sprint(x.Metadata)
		e.want(strings.Contains(text, statements[i]), "%q is not in %s", statements[i], text)
		e.want(!strings.Contains(text, "s3cr3t"), "a value is in %s", text)
		e.want(x.TransactionID != "" && x.Actor == tester, "transaction %q, actor %v", x.TransactionID, x.Actor)
	}
}

func testRawSQL(t *testing.T) {
	cases := []kase{
		{name: "Exec", run: func(e *env, db *gorm.DB) {
			e.aside(db, func() {
				e.rows(2, db.Exec("UPDATE people SET name = ? WHERE age > ?", "s3cr3t", 21))
				e.rows(1, db.Exec("DELETE FROM people WHERE age = 21"))
			})
		}, after: func(e *env) {
			e.executed("UPDATE people SET name = ", "DELETE FROM people")
			x := e.action(audit.ActionExecute)[0]
			e.want(x.Object.Type == "people", "the table is %q", x.Object.Type)
			e.want(strings.Contains(fmt.Sprint(x.Metadata), "2"), "no rows affected in %v", x.Metadata)
		}},
		{name: "literal values", run: func(e *env, db *gorm.DB) {
			e.aside(db, func() { e.rows(1, db.Exec("UPDATE people SET name = 's3cr3t' WHERE age = 21")) })
		}, after: func(e *env) { e.executed("UPDATE people SET name = ") }},
		{name: "Exec in a transaction", run: func(e *env, db *gorm.DB) {
			e.no(db.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Create(&Note{Text: "a"}))
				e.aside(tx, func() { e.ok(tx.Exec("INSERT INTO notes (text) VALUES (?)", "s3cr3t")) })
				return nil
			}))
		}, after: func(e *env) {
			e.executed("INSERT INTO notes")
			e.want(e.entries[0].TransactionID == e.entries[1].TransactionID, "not one transaction")
		}},
		{name: "Exec rolled back", run: func(e *env, db *gorm.DB) {
			_ = db.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Exec("DELETE FROM people"))
				return errStop
			})
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries of what did not happen") }},
		{name: "Raw that returns", only: []string{"sqlite", "postgres"}, run: func(e *env, db *gorm.DB) {
			e.aside(db, func() {
				var names []string
				e.ok(db.Raw("UPDATE people SET name = ? WHERE age = 21 RETURNING name", "s3cr3t").Scan(&names))
				e.want(len(names) == 1, "got %v", names)
			})
		}, after: func(e *env) { e.executed("UPDATE people SET name = ") }},
		{name: "Rows that write", only: []string{"sqlite", "postgres"}, run: func(e *env, db *gorm.DB) {
			e.aside(db, func() {
				rows, err := db.Raw("DELETE FROM people WHERE age > 21 RETURNING id").Rows()
				e.no(err)
				n := 0
				for rows.Next() {
					n++
				}
				e.no(rows.Close())
				e.want(n == 2, "%d rows", n)
			})
		}, after: func(e *env) { e.executed("DELETE FROM people") }},
		{name: "Row that writes", only: []string{"sqlite", "postgres"}, run: func(e *env, db *gorm.DB) {
			e.aside(db, func() {
				var id int64
				e.no(db.Raw("INSERT INTO notes (text) VALUES (?) RETURNING id", "s3cr3t").Row().Scan(&id))
				e.want(id > 0, "no ID")
			})
		}, after: func(e *env) { e.executed("INSERT INTO notes") }},
		{name: "a CTE that writes", only: []string{"postgres"}, run: func(e *env, db *gorm.DB) {
			e.aside(db, func() {
				var n int64
				e.ok(db.Raw("WITH gone AS (DELETE FROM people WHERE age > 21 RETURNING id) SELECT count(*) FROM gone").Scan(&n))
				e.want(n == 2, "%d rows", n)
			})
		}, after: func(e *env) { e.executed("DELETE FROM people") }},
		{name: "comments and capitals", run: func(e *env, db *gorm.DB) {
			e.aside(db, func() { e.rows(1, db.Exec("/* note */ -- more\n  upDATE people sEt name = ? where age = 21", "x")) })
		}, after: func(e *env) { e.executed("people") }},
		{name: "no rows", run: func(e *env, db *gorm.DB) { e.rows(0, db.Exec("UPDATE people SET name = 'x' WHERE 1 = 0")) }},
		{name: "reads", run: func(e *env, db *gorm.DB) {
			var n int64
			e.ok(db.Raw("SELECT count(*) FROM people WHERE name <> 'update people set'").Scan(&n))
			e.ok(db.Exec("SELECT 1"))
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries of reads") }},
		{name: "DDL", run: func(e *env, db *gorm.DB) {
			e.ok(db.Exec("CREATE TABLE IF NOT EXISTS ddl (id integer)"))
			e.ok(db.Exec("DROP TABLE ddl"))
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries of DDL") }},
		{name: "refused", run: func(e *env, db *gorm.DB) {
			if db.ConnPool == e.plain.ConnPool {
				return
			}
			s, err := e.open(config(), &hooks.Options{Raw: hooks.RawRefuse})
			e.no(err)
			e.want(errors.Is(s.Exec("DELETE FROM people").Error, hooks.ErrRawRefused), "not refused")
			var n int64
			e.ok(s.Raw("SELECT count(*) FROM people").Scan(&n))
			e.want(n == 3, "%d people are left", n)
			everything(e, s)
		}},
		{name: "ignored", run: func(e *env, db *gorm.DB) {
			s, err := e.open(config(), &hooks.Options{Raw: hooks.RawIgnore})
			e.no(err)
			e.aside(s, func() { e.rows(3, s.Exec("DELETE FROM people")) })
		}, after: func(e *env) { e.want(len(e.entries) == 0, "an entry of an ignored statement") }},
	}
	for i := range cases {
		cases[i].before = populate
	}
	runCases(t, cases)
}
