package hooks

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"runtime"
	"weak"

	"gorm.io/gorm"
)

// pool is the connection pool of a *gorm.DB that uses the plugin: it makes the
// transactions that have a unit of work. No GORM callback is told of a commit;
// this is where it is seen.
type pool struct {
	gorm.ConnPool
	plugin *Plugin
}

// wrapPool puts pool below GORM's prepared statements, where they are on, and
// otherwise in the place of the *sql.DB.
func (p *Plugin) wrapPool(db *gorm.DB) {
	if prepared, ok := db.ConnPool.(*gorm.PreparedStmtDB); ok {
		if !wrapped(prepared.ConnPool) {
			prepared.ConnPool = &pool{ConnPool: prepared.ConnPool, plugin: p}
		}
		return
	}
	if wrapped(db.ConnPool) || inTransaction(db.ConnPool) || db.ConnPool == nil {
		return
	}
	w := &pool{ConnPool: db.ConnPool, plugin: p}
	db.Config.ConnPool = w
	if db.Statement != nil {
		db.Statement.ConnPool = w
	}
}

func wrapped(c gorm.ConnPool) bool {
	_, ok := c.(*pool)
	return ok
}

var (
	_ gorm.ConnPoolBeginner = (*pool)(nil)
	_ gorm.GetDBConnector   = (*pool)(nil)
	_ gorm.Tx               = (*tx)(nil)
	_ gorm.GetDBConnector   = (*tx)(nil)
)

// BeginTx begins a transaction with a unit of work.
func (c *pool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	var inner gorm.ConnPool
	var err error
	switch b := c.ConnPool.(type) {
	case gorm.TxBeginner:
		var sqlTx *sql.Tx
		if sqlTx, err = b.BeginTx(ctx, opts); err == nil {
			inner = sqlTx
		}
	case gorm.ConnPoolBeginner:
		inner, err = b.BeginTx(ctx, opts)
	default:
		err = gorm.ErrInvalidTransaction
	}
	if err != nil {
		return nil, err
	}
	t, ok := inner.(gorm.Tx)
	if !ok {
		return inner, nil // its end can't be seen: its statements append one by one
	}
	db := dbOf(c.ConnPool)
	if db == nil {
		db = dbOf(inner) // begun on a single connection
	}
	u := c.plugin.newUnit(ctx, t, db, false)
	u.readOnly.Store(opts != nil && opts.ReadOnly)
	return &tx{Tx: t, pool: c, unit: u}, nil
}

// GetDBConn is how gorm.DB.DB() reaches the *sql.DB.
func (c *pool) GetDBConn() (*sql.DB, error) {
	if db := dbOf(c.ConnPool); db != nil {
		return db, nil
	}
	return nil, gorm.ErrInvalidDB
}

// Ping is asked for by gorm.Open.
func (c *pool) Ping() error {
	db, err := c.GetDBConn()
	if err != nil {
		return err
	}
	return db.Ping()
}

// dbOf finds the *sql.DB under a pool or transaction; nil if there is none.
func dbOf(c gorm.ConnPool) *sql.DB {
	if c == nil {
		return nil
	}
	if db, ok := c.(*sql.DB); ok {
		return db
	}
	db, err := (&gorm.DB{Config: &gorm.Config{ConnPool: c}}).DB()
	if err != nil {
		return nil
	}
	return db
}

// tx is a transaction with its unit of work.
type tx struct {
	gorm.Tx
	pool *pool
	unit *unit
}

// ExecContext lets the unit of work follow savepoints.
func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	controls := t.unit.plugin.controlsOf(query)
	if len(controls) == 0 {
		return t.Tx.ExecContext(ctx, query, args...)
	}
	if err := t.unit.beforeControls(ctx, controls, false); err != nil {
		return nil, err
	}
	result, err := t.Tx.ExecContext(ctx, query, args...)
	if err == nil {
		err = t.unit.afterControls(controls)
	}
	return result, err
}

// Commit appends what the unit of work holds, then commits. If it can't be
// appended, the transaction is rolled back and the reason returned. Of entries
// that go elsewhere after the commit, ErrNotDelivered tells.
func (t *tx) Commit() error {
	defer t.unit.tablesChanged()
	if err := t.unit.beforeCommit(); err != nil {
		if t.unit.plugin.dialect.aborted(err) || t.unit.ctx.Err() != nil {
			// The transaction is lost already; the database says so in the
			// words that the host would hear without the plugin.
			return t.endLost(err)
		}
		return errors.Join(err, ignoreDone(t.Tx.Rollback()))
	}
	if err := t.Tx.Commit(); err != nil {
		return err
	}
	return t.unit.afterCommit()
}

// endLost ends a transaction that can't commit any more.
func (t *tx) endLost(cause error) error {
	if _, ok := t.Tx.(*sql.Tx); !ok {
		return errors.Join(cause, ignoreDone(t.Tx.Rollback()))
	}
	if err := t.Tx.Commit(); err != nil {
		return err
	}
	return cause // some drivers answer a commit that rolled back with success
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// Rollback forgets what the unit of work holds.
func (t *tx) Rollback() error {
	defer t.unit.tablesChanged()
	t.unit.discard()
	return t.Tx.Rollback()
}

// GetDBConn is how gorm.DB.DB() reaches the *sql.DB.
func (t *tx) GetDBConn() (*sql.DB, error) { return t.pool.GetDBConn() }

// Unwrap returns what is below the plugin's wrappers: the *sql.DB or *sql.Tx
// that code outside of GORM wants to share with it. What such code writes is
// not captured.
func Unwrap(c gorm.ConnPool) gorm.ConnPool {
	for {
		switch x := c.(type) {
		case *probe:
			c = x.ConnPool
		case *rawProbe:
			c = x.ConnPool
		case *pool:
			c = x.ConnPool
		case *tx:
			c = x.Tx
		case *gorm.PreparedStmtTX:
			c = x.Tx
		case *gorm.PreparedStmtDB:
			c = x.ConnPool
		default:
			return c
		}
	}
}

// unprepared is the connection below GORM's prepared statements: the plugin's
// own statements stay out of the host's cache of them.
func unprepared(c gorm.ConnPool) gorm.ConnPool {
	switch x := c.(type) {
	case *gorm.PreparedStmtTX:
		return x.Tx
	case *gorm.PreparedStmtDB:
		return x.ConnPool
	case *preparing:
		return x.Conn
	}
	return c
}

// inTransaction reports whether the pool is a transaction.
func inTransaction(c gorm.ConnPool) bool {
	t, ok := c.(gorm.TxCommitter)
	if !ok {
		return false
	}
	v := reflect.ValueOf(t)
	return v.Kind() != reflect.Pointer || !v.IsNil()
}

// unitOf returns the unit of work of a transaction. One that the plugin didn't
// see begin (handed in from outside, begun on a pool that another plugin chose)
// has none that could wait for its end: it gets one that appends at once.
func (p *Plugin) unitOf(c gorm.ConnPool) *unit {
	for inner := c; inner != nil; {
		switch x := inner.(type) {
		case *tx:
			if x.unit.plugin == p {
				return x.unit
			}
			inner = x.Tx // another plugin's: look below it
		case *gorm.PreparedStmtTX:
			inner = x.Tx
		case *probe:
			inner = x.ConnPool
		case *rawProbe:
			inner = x.ConnPool
		default:
			inner = nil
		}
	}
	u := p.newUnit(context.Background(), unprepared(c), dbOf(c), true)
	if sqlTx, ok := Unwrap(c).(*sql.Tx); ok {
		u.id = p.outsideID(sqlTx, u.id)
	}
	return u
}

// outsideID is the one ID of a transaction that was handed in: the first that
// is offered. It is forgotten with the transaction.
func (p *Plugin) outsideID(t *sql.Tx, offered string) string {
	key := weak.Make(t)
	id, known := p.outside.LoadOrStore(key, offered)
	if !known {
		runtime.AddCleanup(t, func(key weak.Pointer[sql.Tx]) { p.outside.Delete(key) }, key)
	}
	return id.(string)
}
