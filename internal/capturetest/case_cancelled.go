package capturetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"
)

// Cancelled is a row whose hooks cancel the context that it is written with.
type Cancelled struct {
	ID     int
	N      int
	point  string
	cancel context.CancelFunc
}

// TableName implements schema.Tabler.
func (Cancelled) TableName() string { return "cancelled" }

func (c *Cancelled) at(point string) error {
	if c.point == point {
		c.cancel()
	}
	return nil
}

// The hooks, in GORM's own names.
func (c *Cancelled) BeforeSave(*gorm.DB) error   { return c.at("BeforeSave") }
func (c *Cancelled) AfterSave(*gorm.DB) error    { return c.at("AfterSave") }
func (c *Cancelled) BeforeDelete(*gorm.DB) error { return c.at("BeforeDelete") }
func (c *Cancelled) AfterDelete(*gorm.DB) error  { return c.at("AfterDelete") }

// testCancelledContexts: the host has the error that it has without capture, and
// there is no entry without its row and no row without its entry.
func testCancelledContexts(t *testing.T) {
	ddl := everywhere("CREATE TABLE cancelled (id integer PRIMARY KEY, n integer)", "INSERT INTO cancelled VALUES (1, 1), (2, 2), (3, 3)")
	tables := []string{"cancelled"}
	runRowCases(t,
		rowCase{name: "in a hook", tables: tables, ddl: ddl, run: func(e *env, db *gorm.DB) { cancelInHooks(e, db, true) }},
		// The plugin opens the transaction there, so a hook behind the write undoes it.
		rowCase{name: "in a hook without a transaction", tables: tables, ddl: ddl, run: func(e *env, db *gorm.DB) {
			cancelInHooks(e, db.Session(&gorm.Session{SkipDefaultTransaction: true}), false)
		}},
		rowCase{name: "in a transaction", tables: tables, ddl: ddl, run: cancelInTransactions},
		rowCase{name: "while a statement runs", tables: tables, ddl: ddl, run: cancelWhileRunning},
		rowCase{name: "at any moment", tables: tables, ddl: ddl, run: cancelAtAnyMoment},
	)
}

var cancelledWrites = []struct {
	name   string
	points []string
	write  func(db *gorm.DB, c *Cancelled) *gorm.DB
}{
	{"create", []string{"BeforeSave", "AfterSave"}, func(db *gorm.DB, c *Cancelled) *gorm.DB { c.ID += 10; return db.Create(c) }},
	{"update", []string{"BeforeSave", "AfterSave"}, func(db *gorm.DB, c *Cancelled) *gorm.DB { return db.Model(c).Update("n", c.N) }},
	{"save", []string{"BeforeSave", "AfterSave"}, func(db *gorm.DB, c *Cancelled) *gorm.DB { return db.Save(c) }},
	{"upsert", []string{"BeforeSave", "AfterSave"}, func(db *gorm.DB, c *Cancelled) *gorm.DB {
		return db.Clauses(meeting([]string{"n"}, "id")).Create(c)
	}},
	{"delete", []string{"BeforeDelete", "AfterDelete"}, func(db *gorm.DB, c *Cancelled) *gorm.DB { return db.Delete(c) }},
}

func cancelInHooks(e *env, db *gorm.DB, compare bool) {
	for i, w := range cancelledWrites {
		for j, point := range w.points {
			ctx, cancel := context.WithCancel(db.Statement.Context)
			tx := w.write(db.WithContext(ctx), &Cancelled{ID: 1 + j, N: 10*i + j, point: point, cancel: cancel})
			cancel()
			if compare {
				// What database/sql says first is a race with its rollback.
				isCancelled := errors.Is(tx.Error, context.Canceled) || errors.Is(tx.Error, sql.ErrTxDone)
				e.seen = append(e.seen, fmt.Sprintf("%d rows, cancelled %v", tx.RowsAffected, isCancelled))
			}
			e.settled(db, "cancelled")
		}
	}
}

// settled waits for what a cancelled statement still does. SQLite's driver may
// interrupt the next one instead.
func (e *env) settled(db *gorm.DB, table string) {
	e.want(e.inUse() == 0, "%d connections are in use", e.inUse())
	lock := ""
	if e.name != "sqlite" { // whose only connection has been given back
		lock = " FOR UPDATE"
	}
	var err error
	for range 10 {
		time.Sleep(time.Millisecond)
		var ids []int
		if err = db.Raw("SELECT id FROM " + table + lock).Scan(&ids).Error; err == nil {
			return
		}
	}
	e.no(err)
}

func cancelInTransactions(e *env, db *gorm.DB) {
	for i, w := range cancelledWrites {
		for after := range 3 { // statements
			ctx, cancel := context.WithCancel(db.Statement.Context)
			tx := e.ok(db.WithContext(ctx).Begin())
			for n := range 3 {
				if n == after {
					cancel()
					continue
				}
				tx := w.write(tx.Session(&gorm.Session{}), &Cancelled{ID: 1 + n, N: 100 + 10*i + n})
				e.want(n > after == (tx.Error != nil), "statement %d: %v", n, tx.Error)
			}
			e.want(tx.Commit().Error != nil, "the transaction was committed")
			cancel()
			e.settled(db, "cancelled")
		}
	}
}

// slowly is a condition that takes its time.
func (e *env) slowly() string {
	return e.by("(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 50000) SELECT count(*) FROM c) > 0", "pg_sleep(0.2) IS NOT NULL", "sleep(0.2) = 0")
}

func cancelWhileRunning(e *env, db *gorm.DB) {
	for _, write := range []func(db *gorm.DB) *gorm.DB{
		func(db *gorm.DB) *gorm.DB {
			return db.Table("cancelled").Where("id = 1").Where(e.slowly()).Update("n", 7)
		},
		func(db *gorm.DB) *gorm.DB {
			return db.Table("cancelled").Where("id = 2").Where(e.slowly()).Delete(nil)
		},
		func(db *gorm.DB) *gorm.DB {
			return db.Table("cancelled").Where("id = ?", 3).Update("n", gorm.Expr("CASE WHEN "+e.slowly()+" THEN n + 1 END"))
		},
		func(db *gorm.DB) *gorm.DB {
			return db.Table("cancelled").Create(map[string]any{"id": 30, "n": gorm.Expr("CASE WHEN " + e.slowly() + " THEN 5 END")})
		},
	} {
		ctx, cancel := context.WithCancel(db.Statement.Context)
		time.AfterFunc(10*time.Millisecond, cancel)
		_ = write(db.WithContext(ctx)) // which mostly fails
		e.settled(db, "cancelled")
	}
}

// cancelAtAnyMoment has deadlines that end everywhere between the first call of the
// driver and the last.
func cancelAtAnyMoment(e *env, db *gorm.DB) {
	for i := range 40 {
		ctx, cancel := context.WithTimeout(db.Statement.Context, time.Duration(i)*100*time.Microsecond)
		_ = db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			for _, w := range cancelledWrites {
				if err := w.write(tx.Session(&gorm.Session{}), &Cancelled{ID: 1 + i%3, N: 1000 + i}).Error; err != nil {
					return fmt.Errorf("%s: %w", w.name, err)
				}
			}
			return nil
		})
		cancel()
		e.settled(db, "cancelled")
	}
}
