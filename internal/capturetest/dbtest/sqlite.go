package dbtest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/glebarez/sqlite"
	"gorm.io/gorm"
)

type sqliteServer struct{}

func (sqliteServer) Create(name string) (string, func() error, error) {
	dir, err := os.MkdirTemp("", name)
	if err != nil {
		return "", nil, err
	}
	return sqliteDSN(filepath.Join(dir, "test.db")), func() error { return os.RemoveAll(dir) }, nil
}

// Connect opens a pool of one connection: a second writer would wait for ever
// for the first.
func (sqliteServer) Connect(dsn string) (*sql.DB, error) {
	db, err := openSQLite(dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func (sqliteServer) Dialector(pool gorm.ConnPool) gorm.Dialector {
	return &sqlite.Dialector{Conn: pool}
}

// sqliteDSN names a file with the settings of the tests. Nothing is flushed to
// the disk: a killed process loses nothing by that, only a killed machine.
func sqliteDSN(file string) string {
	return "file:" + file + "?_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)"
}

// SQLite has no name for a transaction, and the judge's triggers need one. So
// the driver is wrapped: each transaction, and each statement outside of one,
// counts on, and judge_tx() tells the count; judge_seq() counts steps, which
// SQLite would number again after a rollback, and judge_statement() statements.
// The first is right while one transaction writes at a time, which is all that
// SQLite allows.
const judgedDriver = "sqlite-judged"

var (
	registerOnce sync.Once
	registerErr  error
	txCount      atomic.Int64
	seqCount     atomic.Int64
	statements   atomic.Int64
)

// openSQLite opens a SQLite database whose connections have judge_tx().
func openSQLite(dsn string) (*sql.DB, error) {
	registerOnce.Do(func() {
		txCount.Store(time.Now().UnixMicro()) // processes that share a file don't share counts
		seqCount.Store(time.Now().UnixMicro())
		registerErr = errors.Join(
			gosqlite.RegisterScalarFunction("judge_tx", 0, func(*gosqlite.FunctionContext, []driver.Value) (driver.Value, error) {
				return strconv.FormatInt(txCount.Load(), 10), nil
			}),
			gosqlite.RegisterScalarFunction("judge_seq", 0, func(*gosqlite.FunctionContext, []driver.Value) (driver.Value, error) {
				return seqCount.Add(1), nil
			}),
			gosqlite.RegisterScalarFunction("judge_statement", 0, func(*gosqlite.FunctionContext, []driver.Value) (driver.Value, error) {
				return strconv.FormatInt(statements.Load(), 10), nil
			}))
		db, err := sql.Open("sqlite", "")
		if err != nil {
			registerErr = errors.Join(registerErr, err)
			return
		}
		defer db.Close()
		sql.Register(judgedDriver, judged{db.Driver()})
	})
	if registerErr != nil {
		return nil, registerErr
	}
	return sql.Open(judgedDriver, dsn)
}

type judged struct{ driver.Driver }

func (d judged) Open(dsn string) (driver.Conn, error) {
	c, err := d.Driver.Open(dsn)
	if err != nil {
		return nil, err
	}
	return &judgedConn{sqliteConn: c.(sqliteConn)}, nil
}

// sqliteConn is what the driver's connection can do.
type sqliteConn interface {
	driver.Conn
	driver.Pinger
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
}

type judgedConn struct {
	sqliteConn
	inTx bool
}

func (c *judgedConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.sqliteConn.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	txCount.Add(1)
	c.inTx = true
	return judgedTx{tx, c}, nil
}

func (c *judgedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.count()
	return c.sqliteConn.ExecContext(ctx, query, args)
}

func (c *judgedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.count()
	return c.sqliteConn.QueryContext(ctx, query, args)
}

func (c *judgedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &judgedStmt{s.(sqliteStmt), c}, nil
}

// count begins a statement, and the transaction of one that has none around it.
func (c *judgedConn) count() {
	statements.Add(1)
	if !c.inTx {
		txCount.Add(1)
	}
}

// sqliteStmt is what the driver's statement can do.
type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type judgedStmt struct {
	sqliteStmt
	conn *judgedConn
}

func (s *judgedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.conn.count()
	return s.sqliteStmt.ExecContext(ctx, args)
}

func (s *judgedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.conn.count()
	return s.sqliteStmt.QueryContext(ctx, args)
}

type judgedTx struct {
	driver.Tx
	conn *judgedConn
}

func (t judgedTx) Commit() error {
	err := t.Tx.Commit()
	if err == nil {
		t.conn.inTx = false
	}
	return err
}

func (t judgedTx) Rollback() error {
	t.conn.inTx = false
	return t.Tx.Rollback()
}
