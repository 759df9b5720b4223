package capturetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit/internal/capturetest/dbtest"
)

// A new version of the host is deployed while this one runs: another process
// changes the tables between two writes. This one goes on with the columns that
// it knows and that are still there.

// otherProcess runs statements on a connection of its own.
func (e *env) otherProcess(statements ...string) {
	db, err := e.base.Pool()
	e.no(err)
	defer db.Close()
	for _, s := range statements {
		_, err := db.Exec(s)
		e.no(err)
	}
}

// freshConnections drops what connections have prepared.
func (e *env) freshConnections() {
	if e.name == "sqlite" {
		return // it has one, which prepares nothing for long
	}
	e.base.SQL.SetMaxIdleConns(0)
	e.base.SQL.SetMaxIdleConns(8)
}

// onEach runs a transaction on each of several connections at once.
func (e *env) onEach(db *gorm.DB, run func(i int, tx *gorm.DB)) {
	connections := 3
	if e.name == "sqlite" {
		connections = 1
	}
	var list []*gorm.DB
	for range connections {
		list = append(list, e.ok(db.Begin()))
	}
	for i, tx := range list {
		run(i, tx)
	}
	for _, tx := range list {
		e.see(tx.Commit())
	}
}

// deployment is what the other process does.
type deployment struct {
	name                      string
	sqlite, postgres, mariadb string // statements parted by ";"; "" where there is none
}

var deployments = []deployment{
	{name: "add a column", sqlite: "ALTER TABLE dep ADD COLUMN more integer", postgres: "ALTER TABLE dep ADD COLUMN more integer", mariadb: "ALTER TABLE dep ADD COLUMN more integer"},
	{name: "add a column with a default", sqlite: "ALTER TABLE dep ADD COLUMN more integer NOT NULL DEFAULT 7", postgres: "ALTER TABLE dep ADD COLUMN more integer NOT NULL DEFAULT 7", mariadb: "ALTER TABLE dep ADD COLUMN more integer NOT NULL DEFAULT 7"},
	{name: "add a column in front", mariadb: "ALTER TABLE dep ADD COLUMN more integer DEFAULT 7 FIRST"},
	{name: "add a generated column", sqlite: "ALTER TABLE dep ADD COLUMN twice integer GENERATED ALWAYS AS (n * 2) VIRTUAL", postgres: "ALTER TABLE dep ADD COLUMN twice integer GENERATED ALWAYS AS (n * 2) STORED", mariadb: "ALTER TABLE dep ADD COLUMN twice integer GENERATED ALWAYS AS (n * 2) STORED"},
	{name: "drop a column", sqlite: "ALTER TABLE dep DROP COLUMN extra", postgres: "ALTER TABLE dep DROP COLUMN extra", mariadb: "ALTER TABLE dep DROP COLUMN extra"},
	{name: "rename a column", sqlite: "ALTER TABLE dep RENAME COLUMN extra TO renamed", postgres: "ALTER TABLE dep RENAME COLUMN extra TO renamed", mariadb: "ALTER TABLE dep RENAME COLUMN extra TO renamed"},
	{name: "drop a column and add another", sqlite: "ALTER TABLE dep DROP COLUMN extra; ALTER TABLE dep ADD COLUMN other varchar(20) DEFAULT 'o'", postgres: "ALTER TABLE dep DROP COLUMN extra, ADD COLUMN other varchar(20) DEFAULT 'o'", mariadb: "ALTER TABLE dep DROP COLUMN extra, ADD COLUMN other varchar(20) DEFAULT 'o'"},
	{name: "drop a column and add it again", sqlite: "ALTER TABLE dep DROP COLUMN extra; ALTER TABLE dep ADD COLUMN extra varchar(20) DEFAULT 'o'", postgres: "ALTER TABLE dep DROP COLUMN extra, ADD COLUMN other integer; ALTER TABLE dep RENAME COLUMN other TO extra", mariadb: "ALTER TABLE dep DROP COLUMN extra; ALTER TABLE dep ADD COLUMN extra varchar(20) DEFAULT 'o'"},
	{name: "swap two columns' names", sqlite: "ALTER TABLE dep RENAME COLUMN extra TO x; ALTER TABLE dep RENAME COLUMN spare TO extra; ALTER TABLE dep RENAME COLUMN x TO spare", postgres: "ALTER TABLE dep RENAME COLUMN extra TO x; ALTER TABLE dep RENAME COLUMN spare TO extra; ALTER TABLE dep RENAME COLUMN x TO spare", mariadb: "ALTER TABLE dep RENAME COLUMN extra TO spare, RENAME COLUMN spare TO extra"},
	{name: "widen a column", postgres: "ALTER TABLE dep ALTER COLUMN extra TYPE bigint", mariadb: "ALTER TABLE dep MODIFY extra bigint"},
	{name: "change a column to text", postgres: "ALTER TABLE dep ALTER COLUMN extra TYPE text", mariadb: "ALTER TABLE dep MODIFY extra text"},
	{name: "change a column to a decimal", postgres: "ALTER TABLE dep ALTER COLUMN extra TYPE numeric(10,2)", mariadb: "ALTER TABLE dep MODIFY extra decimal(10,2)"},
	{name: "change the key's type", postgres: "ALTER TABLE dep ALTER COLUMN id TYPE bigint", mariadb: "ALTER TABLE dep MODIFY id bigint NOT NULL"},
	{name: "add an index", sqlite: "CREATE INDEX dep_spare ON dep (spare)", postgres: "CREATE INDEX dep_spare ON dep (spare)", mariadb: "CREATE INDEX dep_spare ON dep (spare)"},
	{name: "put another table in its place", sqlite: copiedTable, postgres: copiedTable, mariadb: copiedTable},
}

const copiedTable = `CREATE TABLE dep_next (id integer PRIMARY KEY, name varchar(50), n integer, code varchar(20) UNIQUE, fresh varchar(20) DEFAULT 'f');
	INSERT INTO dep_next (id, name, n, code) SELECT id, name, n, code FROM dep; DROP TABLE dep; ALTER TABLE dep_next RENAME TO dep`

// few is every third of them, from one on.
func few(from int) []deployment {
	var list []deployment
	for i := from; i < len(deployments); i += 3 {
		list = append(list, deployments[i])
	}
	return list
}

// depCount gives each case a table of its own: what a connection has prepared
// for another case is not this one's.
var depCount atomic.Int64

// with replaces the table's name.
func (d deployment) with(e *env, table string) []string {
	var list []string
	for s := range strings.SplitSeq(e.by(d.sqlite, d.postgres, d.mariadb), ";") {
		list = append(list, depName(s, table))
	}
	return list
}

func depName(s, table string) string {
	return strings.NewReplacer("dep_", table+"_", "dep ", table+" ", "dep;", table+";").Replace(s + " ")
}

func (d deployment) databases() []string {
	return condition(d).databases()
}

func deployedTable(table string) func(e *env) []string {
	return func(e *env) []string {
		e.freshConnections()
		return []string{"CREATE TABLE " + table + " (id integer PRIMARY KEY, name varchar(50), n integer, extra integer, code varchar(20) UNIQUE, spare integer DEFAULT 3)",
			"INSERT INTO " + table + " (id, name, n, extra, code) VALUES (1, 'a', 1, 1, 'c1'), (2, 'b', 2, 2, 'c2'), (3, 'c', 3, 3, 'c3'), (4, 'd', 4, 4, 'c4')"}
	}
}

// depWays are the statements that go on.
var depWays = []struct {
	name string
	// write does the same in each round, on rows that are the connection's own.
	write func(db *gorm.DB, table string, round, i int) *gorm.DB
}{
	{"create", func(db *gorm.DB, table string, round, i int) *gorm.DB {
		return db.Table(table).Create(map[string]any{"id": 100 + 10*round + i, "name": "new", "n": round})
	}},
	{"update", func(db *gorm.DB, table string, round, i int) *gorm.DB {
		return db.Table(table).Where("id = ?", i+1).Updates(map[string]any{"name": fmt.Sprint("r", round), "n": gorm.Expr("n + ?", round)})
	}},
	{"upsert", func(db *gorm.DB, table string, round, i int) *gorm.DB {
		on := clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"n"})}
		return db.Table(table).Clauses(on).Create([]map[string]any{{"id": 200 + 10*round + i, "code": fmt.Sprint("c", i+1), "n": 10 * round}, {"id": 300 + 10*round + i, "code": fmt.Sprint("d", round, i), "n": round}})
	}},
	{"delete", func(db *gorm.DB, table string, round, i int) *gorm.DB {
		return db.Table(table).Where("id = ?", i+round).Delete(nil)
	}},
}

// testDeployments: no write fails that would not fail without the plugin, and its
// entries have the columns that the table has now.
func testDeployments(t *testing.T) {
	for i, w := range depWays {
		t.Run(w.name, func(t *testing.T) {
			list := deployments
			if w.name == "create" || w.name == "delete" {
				list = append(few(i%3), few(1+i%2)...)
			}
			var cases []rowCase
			for _, d := range list {
				table := fmt.Sprint("dep", depCount.Add(1))
				cases = append(cases, rowCase{name: d.name, only: d.databases(), tables: []string{table}, ddl: deployedTable(table), parts: true, run: func(e *env, db *gorm.DB) {
					round := func(n int) {
						e.replayed(db, []string{table}, func() {
							e.onEach(db, func(i int, tx *gorm.DB) { e.see(w.write(tx, table, n, i)) })
						})
					}
					if w.name == "delete" {
						round = func(n int) {
							e.replayed(db, []string{table}, func() { e.see(w.write(db, table, n, 0)) })
						}
					}
					round(1)
					e.otherProcess(d.with(e, table)...)
					round(2)
					round(3)
				}})
			}
			runRowCases(t, cases...)
		})
	}
}

// testDeploymentsDuringATransaction: the transaction has begun before the tables
// change.
func testDeploymentsDuringATransaction(t *testing.T) {
	for i, w := range depWays {
		t.Run(w.name, func(t *testing.T) {
			var cases []rowCase
			for _, d := range few((i + 1) % 3) {
				table := fmt.Sprint("dep", depCount.Add(1))
				tables := []string{table, table + "_beside"}
				ddl := func(e *env) []string {
					return append(deployedTable(table)(e), "CREATE TABLE "+tables[1]+" (id integer PRIMARY KEY, n integer)", "INSERT INTO "+tables[1]+" VALUES (1, 1)")
				}
				cases = append(cases, rowCase{name: d.name, only: d.databases(), tables: tables, ddl: ddl, parts: true, run: func(e *env, db *gorm.DB) {
					e.replayed(db, tables, func() {
						e.onEach(db, func(i int, tx *gorm.DB) {
							if i == 0 || w.name != "delete" {
								e.see(w.write(tx, table, 1, i))
							}
						})
					})
					before, since := e.contents(tables[1:]), time.Now()
					tx := e.ok(db.Begin())
					if e.name != "sqlite" { // whose other processes would wait for this one
						var n int64
						e.see(tx.Table(tables[1]).Count(&n)) // a snapshot that is older than the change
						e.see(tx.Table(tables[1]).Where("id = 1").Update("n", 0))
					}
					e.otherProcess(d.with(e, table)...)
					before[table] = e.contents(tables[:1])[table]
					e.see(w.write(tx, table, 2, 0))
					e.see(w.write(tx, table, 3, 0))
					e.see(tx.Commit())
					if captures(db) {
						e.leads(before, since)
					}
				}})
			}
			runRowCases(t, cases...)
		})
	}
}

// testDeploymentsAfterASavepoint: what the transaction learned of a table since a
// savepoint goes with the savepoint, as its lock on the table does.
func testDeploymentsAfterASavepoint(t *testing.T) {
	for i, w := range depWays {
		t.Run(w.name, func(t *testing.T) {
			var cases []rowCase
			list := few((i + 1) % 3)
			if w.name == "delete" { // whose entries have every column
				list = deployments
			}
			for _, d := range list {
				if d.postgres == "" {
					continue // SQLite's other processes would wait for this one
				}
				table := fmt.Sprint("dep", depCount.Add(1))
				cases = append(cases, rowCase{name: d.name, only: slices.DeleteFunc(d.databases(), func(name string) bool { return name == "sqlite" }), tables: []string{table}, ddl: deployedTable(table), parts: true, run: func(e *env, db *gorm.DB) {
					before, since := e.contents([]string{table}), time.Now()
					tx := e.ok(db.Begin())
					e.no(tx.SavePoint("one").Error)
					e.see(w.write(tx, table, 1, 0))
					e.see(w.write(tx, table, 2, 0))
					e.no(tx.RollbackTo("one").Error)
					e.otherProcess(d.with(e, table)...)
					before[table] = e.contents([]string{table})[table]
					e.see(w.write(tx, table, 3, 0))
					e.see(w.write(tx, table, 4, 0))
					e.see(tx.Commit())
					if captures(db) {
						e.leads(before, since)
					}
				}})
			}
			runRowCases(t, cases...)
		})
	}
}

// testDeploymentsOfAKey: another process renames the key's column. Statements that
// don't name it go on.
func testDeploymentsOfAKey(t *testing.T) {
	writes := []struct {
		name  string
		write func(db *gorm.DB, table string, round int) *gorm.DB
	}{
		{"update", func(db *gorm.DB, table string, round int) *gorm.DB {
			return db.Table(table).Where("code = 'c1'").Updates(map[string]any{"n": 10 * round})
		}},
		{"create", func(db *gorm.DB, table string, round int) *gorm.DB {
			return db.Table(table).Create(map[string]any{"code": fmt.Sprint("new", round), "n": round})
		}},
		{"upsert", func(db *gorm.DB, table string, round int) *gorm.DB {
			on := clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"n"})}
			return db.Table(table).Clauses(on).Create([]map[string]any{{"code": "c2", "n": 10 * round}, {"code": fmt.Sprint("met", round), "n": 1}})
		}},
		{"delete", func(db *gorm.DB, table string, round int) *gorm.DB {
			return db.Table(table).Where("code = ?", fmt.Sprint("c", 2+round)).Delete(nil)
		}},
	}
	var cases []rowCase
	for _, w := range writes {
		for _, within := range []bool{false, true} {
			table := fmt.Sprint("dep", depCount.Add(1))
			name := w.name + map[bool]string{true: " in a transaction"}[within]
			cases = append(cases, rowCase{name: name, tables: []string{table}, parts: true, ddl: func(e *env) []string {
				e.freshConnections()
				id := e.by("integer PRIMARY KEY AUTOINCREMENT", "serial PRIMARY KEY", "integer PRIMARY KEY AUTO_INCREMENT")
				return []string{"CREATE TABLE " + table + " (id " + id + ", code varchar(20) UNIQUE, n integer)",
					"INSERT INTO " + table + " (code, n) VALUES ('c1', 1), ('c2', 2), ('c3', 3), ('c4', 4), ('c5', 5)"}
			}, run: func(e *env, db *gorm.DB) {
				round := func(n int) {
					e.replayed(db, []string{table}, func() {
						if within {
							e.no(db.Transaction(func(tx *gorm.DB) error { e.see(w.write(tx, table, n)); return nil }))
						} else {
							e.see(w.write(db, table, n))
						}
					})
				}
				round(1)
				e.otherProcess("ALTER TABLE " + table + " RENAME COLUMN id TO number")
				round(2)
				round(3)
			}})
		}
	}
	runRowCases(t, cases...)
}

// testDeploymentsPrepared: GORM keeps the statements prepared too.
func testDeploymentsPrepared(t *testing.T) {
	var cases []rowCase
	for _, d := range deployments[:6] {
		table := fmt.Sprint("dep", depCount.Add(1))
		cases = append(cases, rowCase{name: d.name, only: d.databases(), tables: []string{table}, ddl: deployedTable(table), parts: true, run: func(e *env, db *gorm.DB) {
			prepared := db.Session(&gorm.Session{PrepareStmt: true})
			round := func(n int) {
				e.replayed(db, []string{table}, func() {
					for _, w := range depWays[:3] {
						e.see(w.write(prepared, table, n, 0))
						e.see(w.write(prepared, table, n, 1))
					}
				})
			}
			round(1)
			e.otherProcess(d.with(e, table)...)
			round(2)
		}})
	}
	runRowCases(t, cases...)
}

// isDuplicate: a unique value is there already.
func isDuplicate(err error) bool {
	s := strings.ToLower(err.Error())
	return strings.Contains(s, "unique") || strings.Contains(s, "duplicate")
}

// testDeploymentsUnderLoad: the tables change while several write.
func testDeploymentsUnderLoad(t *testing.T) {
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			table := fmt.Sprint("dep", depCount.Add(1))
			rowCase{tables: []string{table}, ddl: deployedTable(table), parts: true, run: func(e *env, db *gorm.DB) {
				var group sync.WaitGroup
				failed := make(chan error, 1000)
				stop := make(chan struct{})
				for w := range 3 {
					group.Go(func() {
						for n := 0; ; n++ {
							select {
							case <-stop:
								return
							default:
							}
							for _, way := range depWays[:3] {
								if err := way.write(db, table, n+1, w).Error; err != nil && !isDuplicate(err) && !isDeadlock(err) {
									failed <- err
									return
								}
							}
						}
					})
				}
				for _, d := range []deployment{deployments[0], deployments[5], deployments[3]} {
					e.otherProcess(d.with(e, table)...)
				}
				close(stop)
				group.Wait()
				close(failed)
				for err := range failed {
					e.no(err)
				}
			}}.runOn(t, rowsEnvFor(t, name))
		})
	}
}
