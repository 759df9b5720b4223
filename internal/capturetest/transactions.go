package capturetest

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"
)

var errStop = errors.New("stop")

func testTransactions(t *testing.T) {
	cases := []kase{
		{name: "implicit", run: func(e *env, db *gorm.DB) { everything(e, db) }},
		{name: "explicit", run: func(e *env, db *gorm.DB) {
			e.no(db.Transaction(func(tx *gorm.DB) error { everything(e, tx); everything(e, tx); return nil }))
		}},
		{name: "rolled back", run: func(e *env, db *gorm.DB) {
			err := db.Transaction(func(tx *gorm.DB) error { everything(e, tx); return errStop })
			e.want(errors.Is(err, errStop), "got %v", err)
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries of what did not happen") }},
		{name: "nested and rolled back in the middle", run: func(e *env, db *gorm.DB) {
			e.no(db.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Create(&Note{Text: "1"}))
				_ = tx.Transaction(func(tx2 *gorm.DB) error {
					e.ok(tx2.Create(&Note{Text: "2"}))
					everything(e, tx2)
					return errStop
				})
				e.ok(tx.Create(&Note{Text: "3"}))
				return tx.Transaction(func(tx2 *gorm.DB) error { return tx2.Create(&Note{Text: "4"}).Error })
			}))
		}},
		{name: "nested twice, the outer one rolled back", run: func(e *env, db *gorm.DB) {
			e.no(db.Transaction(func(tx *gorm.DB) error {
				_ = tx.Transaction(func(tx2 *gorm.DB) error {
					e.no(tx2.Transaction(func(tx3 *gorm.DB) error { return tx3.Create(&Note{Text: "deep"}).Error }))
					return errStop
				})
				return tx.Create(&Note{Text: "kept"}).Error
			}))
		}},
		{name: "savepoints by hand", run: func(e *env, db *gorm.DB) {
			tx := db.Begin()
			e.ok(tx)
			e.ok(tx.Create(&Note{Text: "1"}))
			e.ok(tx.SavePoint("a"))
			e.ok(tx.Create(&Note{Text: "2"}))
			e.ok(tx.SavePoint("b"))
			e.ok(tx.Create(&Note{Text: "3"}))
			e.ok(tx.RollbackTo("b"))
			e.ok(tx.Create(&Note{Text: "4"}))
			e.ok(tx.RollbackTo("a"))
			e.ok(tx.Create(&Note{Text: "5"}))
			e.ok(tx.RollbackTo("a"))
			e.ok(tx.Create(&Note{Text: "6"}))
			e.ok(tx.SavePoint("a"))
			e.ok(tx.Create(&Note{Text: "7"}))
			e.ok(tx.RollbackTo("a"))
			e.ok(tx.Commit())
		}, after: func(e *env) { e.want(len(e.entries) == 2, "%d entries", len(e.entries)) }},
		{name: "Begin and Commit, Begin and Rollback", run: func(e *env, db *gorm.DB) {
			tx := db.Begin()
			everything(e, tx)
			e.ok(tx.Commit())
			tx = db.Begin()
			everything(e, tx)
			e.ok(tx.Rollback())
			e.want(errors.Is(tx.Commit().Error, sql.ErrTxDone), "a second end was let through")
		}},
		{name: "panic inside", run: func(e *env, db *gorm.DB) {
			func() {
				defer func() { e.want(recover() == any("boom"), "the panic was lost") }()
				_ = db.Transaction(func(tx *gorm.DB) error {
					everything(e, tx)
					panic("boom")
				})
			}()
			e.ok(db.Create(&Note{Text: "after"}))
		}, after: func(e *env) { e.want(len(e.entries) == 1, "%d entries", len(e.entries)) }},
		{name: "context cancelled before commit", run: func(e *env, db *gorm.DB) {
			ctx, cancel := context.WithCancel(db.Statement.Context)
			err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Create(&Note{Text: "lost"}))
				cancel()
				return nil
			})
			e.want(err != nil, "the commit succeeded")
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries of what did not happen") }},
		{name: "context cancelled before a statement", run: func(e *env, db *gorm.DB) {
			ctx, cancel := context.WithCancel(db.Statement.Context)
			cancel()
			e.want(errors.Is(db.WithContext(ctx).Create(&Note{Text: "no"}).Error, context.Canceled), "not cancelled")
		}},
		{name: "a commit that fails", only: []string{"postgres", "sqlite"}, before: deferred, run: func(e *env, db *gorm.DB) {
			err := db.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Create(&Note{Text: "lost"}))
				return tx.Table("lazy").Create(map[string]any{"id": 1, "parent_id": 99}).Error
			})
			e.want(err != nil, "the constraint did not hold")
			if e.name == "sqlite" { // database/sql thinks that it is over, SQLite doesn't
				e.ok(e.plain.Exec("ROLLBACK"))
			}
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries of what did not happen") }},
		{name: "SkipDefaultTransaction by session", run: func(e *env, db *gorm.DB) {
			s := db.Session(&gorm.Session{SkipDefaultTransaction: true})
			everything(e, s)
			u := boss()
			e.ok(s.Create(&u))
			e.want(s.Create(&[]Product{{Code: "s1"}, {Code: "s1"}}).Error != nil, "a duplicate was taken")
		}},
		{name: "SkipDefaultTransaction for all", run: func(e *env, db *gorm.DB) {
			c := config()
			c.SkipDefaultTransaction = true
			s, err := e.open(c, nil)
			e.no(err)
			everything(e, s)
			e.no(s.Transaction(func(tx *gorm.DB) error { everything(e, tx); return nil }))
			_ = s.Transaction(func(tx *gorm.DB) error { everything(e, tx); return errStop })
		}},
		{name: "PrepareStmt for all", run: func(e *env, db *gorm.DB) {
			c := config()
			c.PrepareStmt = true
			s, err := e.open(c, nil)
			e.no(err)
			everything(e, s)
			everything(e, s)
			e.no(s.Transaction(func(tx *gorm.DB) error { everything(e, tx); return nil }))
			_ = s.Transaction(func(tx *gorm.DB) error { everything(e, tx); return errStop })
			if c, ok := s.ConnPool.(*gorm.PreparedStmtDB); ok {
				c.Close()
			}
		}},
		{name: "DisableNestedTransaction", run: func(e *env, db *gorm.DB) {
			s := db.Session(&gorm.Session{DisableNestedTransaction: true})
			e.no(s.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Create(&Note{Text: "1"}))
				_ = tx.Transaction(func(tx2 *gorm.DB) error {
					e.ok(tx2.Create(&Note{Text: "2"}))
					return errStop
				})
				return nil
			}))
		}},
		{name: "a *sql.Tx from outside, committed", run: func(e *env, db *gorm.DB) {
			tx, err := e.base.SQL.Begin()
			e.no(err)
			defer func() { _ = tx.Rollback() }()
			s := db.Session(&gorm.Session{NewDB: true})
			s.Statement.ConnPool = tx
			everything(e, s)
			e.no(tx.Commit())
		}},
		{name: "a *sql.Tx from outside, rolled back", run: func(e *env, db *gorm.DB) {
			tx, err := e.base.SQL.Begin()
			e.no(err)
			s := db.Session(&gorm.Session{NewDB: true})
			s.Statement.ConnPool = tx
			everything(e, s)
			e.no(tx.Rollback())
		}, after: func(e *env) { e.want(len(e.entries) == 0, "entries of what did not happen") }},
		{name: "a handle opened on a *sql.Tx", run: func(e *env, db *gorm.DB) {
			tx, err := e.base.SQL.Begin()
			e.no(err)
			defer func() { _ = tx.Rollback() }()
			s, err := gorm.Open(e.base.On(tx), config())
			e.no(err)
			e.no(s.Use(e.plugin()))
			everything(e, s)
			e.no(tx.Commit())
		}},
		{name: "an error inside, and the transaction goes on", only: []string{"sqlite", "mariadb"}, run: func(e *env, db *gorm.DB) {
			e.ok(db.Create(&Product{Code: "once"}))
			e.no(db.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Create(&Note{Text: "1"}))
				e.want(tx.Create(&Product{Code: "once"}).Error != nil, "a duplicate was taken")
				return tx.Create(&Note{Text: "2"}).Error
			}))
		}},
		{name: "a failed statement in a savepoint", run: func(e *env, db *gorm.DB) {
			e.ok(db.Create(&Product{Code: "once"}))
			e.no(db.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Create(&Note{Text: "1"}))
				e.want(tx.Transaction(func(tx2 *gorm.DB) error {
					e.ok(tx2.Create(&Note{Text: "in"}))
					return tx2.Create(&Product{Code: "once"}).Error
				}) != nil, "a duplicate was taken")
				return tx.Create(&Note{Text: "2"}).Error
			}))
		}},
		{name: "an aborted transaction meets a table for the first time", only: []string{"postgres"},
			run: func(e *env, db *gorm.DB) {
				if db.ConnPool != e.plain.ConnPool {
					fresh, err := e.open(config(), nil)
					e.no(err)
					db = fresh
				}
				var second error
				_ = db.Transaction(func(tx *gorm.DB) error {
					e.want(tx.Create(&[]Product{{Code: "once"}, {Code: "once"}}).Error != nil, "a duplicate was taken")
					second = tx.Create(&Ticket{Title: "x"}).Error
					return second
				})
				e.want(second != nil && strings.HasPrefix(second.Error(), "ERROR: current transaction is aborted"), "got %v", second)
			}},
		{name: "a hook that fails", run: func(e *env, db *gorm.DB) {
			e.no(db.Callback().Create().After("gorm:create").Register("test:fail", func(tx *gorm.DB) {
				if n, ok := tx.Statement.Dest.(*Note); ok && n.Text == "fail" {
					_ = tx.AddError(errStop)
				}
			}))
			defer func() { e.no(db.Callback().Create().Remove("test:fail")) }()
			e.want(errors.Is(db.Create(&Note{Text: "fail"}).Error, errStop), "the error was lost")
			e.ok(db.Create(&Note{Text: "fine"}))
		}},
		{name: "a hook that panics", run: func(e *env, db *gorm.DB) {
			e.no(db.Callback().Update().Before("gorm:update").Register("test:panic", func(tx *gorm.DB) {
				if tx.Statement.Table == "tickets" {
					panic("hook")
				}
			}))
			defer func() { e.no(db.Callback().Update().Remove("test:panic")) }()
			func() {
				defer func() { e.want(recover() == any("hook"), "the panic was lost") }()
				_ = db.Transaction(func(tx *gorm.DB) error { return tx.Model(&Ticket{}).Where("1 = 1").Update("title", "x").Error })
			}()
		}},
		{name: "Connection", run: func(e *env, db *gorm.DB) {
			e.no(db.Connection(func(tx *gorm.DB) error { everything(e, tx.Session(&gorm.Session{})); return nil }))
		}},
		{name: "a connection dropped in the middle", only: []string{"postgres", "mariadb"}, run: func(e *env, db *gorm.DB) {
			err := db.Transaction(func(tx *gorm.DB) error {
				e.ok(tx.Create(&Note{Text: "lost"}))
				e.killConnectionOf(tx)
				return tx.Create(&Note{Text: "too late"}).Error
			})
			e.want(err != nil, "a dead connection committed")
			e.ok(db.Create(&Note{Text: "after"}))
		}, after: func(e *env) { e.want(len(e.entries) == 1, "%d entries", len(e.entries)) }},
	}
	for i := range cases {
		if cases[i].before == nil {
			cases[i].before = func(*env, *gorm.DB) {}
		}
	}
	runCases(t, cases)
}

// deferred makes a table whose foreign key is looked at when the transaction
// commits.
func deferred(e *env, db *gorm.DB) {
	e.ok(db.Exec("DROP TABLE IF EXISTS lazy"))
	e.ok(db.Exec("CREATE TABLE lazy (id integer PRIMARY KEY, parent_id integer REFERENCES lazy(id) DEFERRABLE INITIALLY DEFERRED)"))
}

// killConnectionOf ends the session that the transaction runs on, as an
// operator or a network would: it is one of this test's own.
func (e *env) killConnectionOf(tx *gorm.DB) {
	var id int64
	if e.name == "postgres" {
		e.ok(tx.Raw("SELECT pg_backend_pid()").Scan(&id))
		e.ok(e.plain.Exec("SELECT pg_terminate_backend(?)", id))
		return
	}
	e.ok(tx.Raw("SELECT CONNECTION_ID()").Scan(&id))
	e.ok(e.plain.Exec("KILL ?", id))
}
