package capturetest

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/capturetest/judge"
)

// Each tenant has a schema of its own; search_path says whose a connection's
// statements are.

var (
	tenantNames  = []string{"t_one", "t_two"}
	tenantTables = []string{"t_one.bills", "t_one.bill_lines", "t_two.bills", "t_two.bill_lines"}
)

// Bill is a tenant's row.
type Bill struct {
	ID        int
	Code      string
	N         int
	DeletedAt gorm.DeletedAt
}

// BillLine refers to one.
type BillLine struct {
	ID     int
	BillID int
	Text   string
}

// tenantDDL makes both schemas; the second tenant's tables are as differ says.
func tenantDDL(differ string) func(e *env) []string {
	return func(e *env) []string {
		e.freshConnections()
		var list []string
		for _, s := range tenantNames {
			columns := "id integer PRIMARY KEY, code varchar(20) UNIQUE, n integer, deleted_at timestamptz"
			if s == tenantNames[1] && differ != "" {
				columns = differ
			}
			list = append(list, "CREATE SCHEMA IF NOT EXISTS "+s, "CREATE TABLE "+s+".bills ("+columns+")",
				"CREATE TABLE "+s+".bill_lines (id integer PRIMARY KEY, bill_id integer REFERENCES "+s+".bills (id) ON DELETE CASCADE ON UPDATE CASCADE, text varchar(20))",
				"INSERT INTO "+s+".bills (id, code, n) VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)", "INSERT INTO "+s+".bill_lines VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'z')")
		}
		return list
	}
}

// forTenant runs a tenant's transaction, and replays its entries, which may name
// the schema or not, on all tenants' tables.
func (e *env) forTenant(db *gorm.DB, tenant, path string, run func(tx *gorm.DB)) {
	e.unjudged = append(e.unjudged, "bills", "bill_lines")
	before, since := e.contents(tenantTables), time.Now()
	err := db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Exec("SET LOCAL search_path TO " + path).Error; err != nil {
			return err
		}
		run(tx)
		return nil
	})
	e.seen = append(e.seen, fmt.Sprint(err))
	if !captures(db) {
		return
	}
	list, err := judge.Recorded(context.Background(), e.trail, since)
	e.no(err)
	e.namesTenant(list, tenant)
	if wrong := replay(before, e.contents(tenantTables), list); len(wrong) > 0 {
		panic(failure("the entries don't lead to the rows of " + tenant + ":\n\t" + strings.Join(wrong, "\n\t")))
	}
}

// namesTenant puts the schema before types that lack it.
func (e *env) namesTenant(list []audit.Entry, tenant string) {
	for i, x := range list {
		if !strings.Contains(x.Object.Type, ".") {
			list[i].Object.Type = tenant + "." + x.Object.Type
		}
	}
}

// billChanges are every kind of write.
func billChanges(e *env, tx *gorm.DB) {
	e.see(tx.Create(&Bill{ID: 7, Code: "new", N: 7}))
	e.see(tx.Create(&BillLine{ID: 7, BillID: 7, Text: "l"}))
	e.see(tx.Model(&Bill{}).Where("id = ?", 2).Update("n", gorm.Expr("n + 5")))
	on := clause.OnConflict{Columns: []clause.Column{{Name: "code"}}, DoUpdates: clause.AssignmentColumns([]string{"n"})}
	e.see(tx.Clauses(on).Create(&[]Bill{{ID: 8, Code: "c", N: 30}, {ID: 9, Code: "d", N: 9}}))
	e.see(tx.Delete(&Bill{ID: 3}))
	e.see(tx.Unscoped().Delete(&Bill{ID: 1}))
	e.see(tx.Model(&Bill{}).Where("id = ?", 2).Update("id", 20))
	e.see(tx.Where("bill_id = ?", 7).Delete(&BillLine{}))
}

func testTenants(t *testing.T) {
	only := []string{"postgres"}
	both := func(path string) func(e *env, db *gorm.DB) {
		return func(e *env, db *gorm.DB) {
			for _, s := range tenantNames {
				e.forTenant(db, s, strings.ReplaceAll(path, "?", s), func(tx *gorm.DB) { billChanges(e, tx) })
			}
		}
	}
	runRowCases(t, []rowCase{
		{name: "the trail's schema behind the tenant's", only: only, tables: tenantTables, ddl: tenantDDL(""), parts: true, run: both("?, public")},
		{name: "the trail's schema first", only: only, tables: tenantTables, ddl: tenantDDL(""), parts: true, run: both("public, ?")},
		{name: "the tenant's schema alone", only: only, tables: tenantTables, ddl: tenantDDL(""), parts: true, run: both("?")},
		{name: "another column", only: only, tables: tenantTables, parts: true, run: both("?, public"),
			ddl: tenantDDL("id integer PRIMARY KEY, more integer DEFAULT 5, code varchar(20) UNIQUE, n integer, deleted_at timestamptz")},
		{name: "another order of columns", only: only, tables: tenantTables, parts: true, run: both("?, public"),
			ddl: tenantDDL("deleted_at timestamptz, n integer, code varchar(20) UNIQUE, id integer PRIMARY KEY")},
		{name: "other types", only: only, tables: tenantTables, parts: true, run: both("?, public"),
			ddl: tenantDDL("id integer PRIMARY KEY, code text UNIQUE, n numeric(10,2), deleted_at timestamptz")},
		{name: "another key", only: only, tables: tenantTables, parts: true, run: both("?, public"),
			ddl: tenantDDL("id integer UNIQUE, code varchar(20) PRIMARY KEY, n integer, deleted_at timestamptz")},
		{name: "a trigger of its own", only: only, tables: tenantTables, parts: true, run: both("?, public"), ddl: func(e *env) []string {
			return append(tenantDDL("")(e), "CREATE OR REPLACE FUNCTION t_two.halve() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n = NEW.n / 2; RETURN NEW; END $$",
				"CREATE TRIGGER halve BEFORE INSERT OR UPDATE ON t_two.bills FOR EACH ROW EXECUTE FUNCTION t_two.halve()")
		}},
		{name: "the path of the connection", only: only, tables: tenantTables, ddl: tenantDDL(""), parts: true, run: func(e *env, db *gorm.DB) {
			for _, s := range tenantNames {
				e.no(db.Connection(func(conn *gorm.DB) error {
					conn = conn.Session(&gorm.Session{})
					e.ok(conn.Exec("SET search_path TO " + s + ", public"))
					defer conn.Exec("RESET search_path")
					before, since := e.contents(tenantTables), time.Now()
					e.unjudged = append(e.unjudged, "bills", "bill_lines")
					billChanges(e, conn)
					if captures(db) {
						list, err := judge.Recorded(context.Background(), e.trail, since)
						e.no(err)
						e.namesTenant(list, s)
						wrong := replay(before, e.contents(tenantTables), list)
						e.want(len(wrong) == 0, "%s: %s", s, strings.Join(wrong, "\n"))
					}
					return nil
				}))
			}
		}},
		{name: "a path that changes in a transaction", only: only, tables: tenantTables, ddl: tenantDDL(""), parts: true, run: func(e *env, db *gorm.DB) {
			before, since := e.contents(tenantTables), time.Now()
			e.unjudged = append(e.unjudged, "bills", "bill_lines")
			e.no(db.Transaction(func(tx *gorm.DB) error {
				for i, s := range tenantNames {
					e.ok(tx.Exec("SET LOCAL search_path TO " + s + ", public"))
					e.see(tx.Model(&Bill{}).Where("id = 1").Update("n", 50+i))
					e.see(tx.Unscoped().Delete(&Bill{ID: 2}))
				}
				return nil
			}))
			if captures(db) {
				list, err := judge.Recorded(context.Background(), e.trail, since)
				e.no(err)
				e.want(len(list) == 6, "%d entries", len(list))
				e.namesTenant(list[:3], tenantNames[0])
				e.namesTenant(list[3:], tenantNames[1])
				wrong := replay(before, e.contents(tenantTables), list)
				e.want(len(wrong) == 0, "%s", strings.Join(wrong, "\n"))
			}
		}},
	}...)
}

// testTenantsDistinct: the rows of two tenants are two objects, and one row is
// one object whether its schema is named or found by the path.
func testTenantsDistinct(t *testing.T) {
	runRowCases(t, rowCase{name: "objects", only: []string{"postgres"}, tables: tenantTables, ddl: tenantDDL(""), parts: true, run: func(e *env, db *gorm.DB) {
		e.unjudged = append(e.unjudged, "bills", "bill_lines")
		objects := map[string]audit.Object{}
		update := func(path, table, name string, n int) {
			since := time.Now()
			e.no(db.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Exec("SET LOCAL search_path TO " + path))
				e.see(tx.Table(table).Where("id = 1").Update("n", n))
				return nil
			}))
			if !captures(db) {
				return
			}
			list, err := judge.Recorded(context.Background(), e.trail, since)
			e.no(err)
			e.want(len(list) == 1, "%d entries", len(list))
			objects[name] = list[0].Object
		}
		update("t_one, public", "bills", "one by path", 11)
		update("t_two, public", "bills", "two by path", 12)
		update("public", "t_one.bills", "one by name", 13)
		update("public", "t_two.bills", "two by name", 14)
		if captures(db) {
			e.want(objects["one by path"] != objects["two by path"], "both tenants' rows are %v", objects["one by path"])
			e.want(objects["one by path"] == objects["one by name"] && objects["two by path"] == objects["two by name"], "one row is several objects: %v", objects)
		}
	}})
}

// testTenantsLeaveEachOtherAlone: a tenant's cascade waits for no other tenant.
func testTenantsLeaveEachOtherAlone(t *testing.T) {
	runRowCases(t, rowCase{name: "locks", only: []string{"postgres"}, tables: tenantTables, ddl: tenantDDL(""), parts: true, run: func(e *env, db *gorm.DB) {
		e.forTenant(db, "t_one", "t_one, public", func(tx *gorm.DB) { e.see(tx.Unscoped().Delete(&Bill{ID: 2})) })
		held, err := e.base.SQL.Begin()
		e.no(err)
		defer held.Rollback()
		_, err = held.Exec("SELECT * FROM t_one.bills, t_one.bill_lines FOR UPDATE")
		e.no(err)
		e.forTenant(db, "t_two", "t_two, public", func(tx *gorm.DB) {
			e.ok(tx.Exec("SET LOCAL lock_timeout = '3s'"))
			e.see(tx.Unscoped().Delete(&Bill{ID: 1}))
			e.see(tx.Model(&Bill{}).Where("id = ?", 2).Update("id", 20))
		})
	}})
}

// testTenantsAtOnce: connections change from tenant to tenant, and tenants come
// while the host runs.
func testTenantsAtOnce(t *testing.T) {
	runRowCases(t, rowCase{name: "connections", only: []string{"postgres"}, tables: tenantTables, parts: true,
		ddl: tenantDDL("id integer PRIMARY KEY, more integer DEFAULT 5, code varchar(20) UNIQUE, n integer, deleted_at timestamptz"), run: func(e *env, db *gorm.DB) {
			e.unjudged = append(e.unjudged, "bills", "bill_lines")
			var group sync.WaitGroup
			errs := make([]error, 4)
			since := time.Now()
			for w := range errs {
				group.Go(func() {
					for i := range 6 {
						tenant := tenantNames[(w+i)%2]
						err := db.Transaction(func(tx *gorm.DB) error {
							if err := tx.Exec("SET LOCAL search_path TO " + tenant + ", public").Error; err != nil {
								return err
							}
							id := 100 + 10*w + i
							if err := tx.Create(&Bill{ID: id, Code: fmt.Sprint(tenant, id)}).Error; err != nil {
								return err
							}
							if err := tx.Create(&BillLine{ID: id, BillID: id, Text: tenant}).Error; err != nil {
								return err
							}
							if err := tx.Model(&Bill{}).Where("id = ?", id).Update("n", w+1).Error; err != nil {
								return err
							}
							return tx.Unscoped().Delete(&Bill{ID: id}).Error
						}, &sql.TxOptions{})
						if err != nil {
							errs[w] = err
						}
					}
				})
			}
			group.Wait()
			for _, err := range errs {
				e.no(err)
			}
			if !captures(db) {
				return
			}
			list, err := judge.Recorded(context.Background(), e.trail, since)
			e.no(err)
			e.want(len(list) == 4*6*5, "%d entries of %d changes", len(list), 4*6*5)
		}},
		rowCase{name: "a new tenant", only: []string{"postgres"}, tables: tenantTables, ddl: tenantDDL(""), parts: true, run: func(e *env, db *gorm.DB) {
			e.forTenant(db, "t_one", "t_one, public", func(tx *gorm.DB) { billChanges(e, tx) })
			e.otherProcess("DROP SCHEMA t_two CASCADE", "CREATE SCHEMA t_two", "CREATE TABLE t_two.bills (code varchar(20) UNIQUE, id integer PRIMARY KEY, n integer, deleted_at timestamptz, fresh integer DEFAULT 1)",
				"CREATE TABLE t_two.bill_lines (id integer PRIMARY KEY, bill_id integer REFERENCES t_two.bills (id) ON DELETE CASCADE ON UPDATE CASCADE, text varchar(20))",
				"INSERT INTO t_two.bills (id, code) VALUES (1, 'a'), (2, 'b'), (3, 'c')", "INSERT INTO t_two.bill_lines VALUES (1, 1, 'x'), (3, 2, 'z')")
			e.forTenant(db, "t_two", "t_two, public", func(tx *gorm.DB) { billChanges(e, tx) })
		}})
}
