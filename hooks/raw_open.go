package hooks

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"strings"
	"weak"

	"gorm.io/gorm"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// raw returns a rawProbe for a statement of GORM's into which the host put another
// one; nil for one statement.
func (pr *probe) raw(query string, rules sqltext.Dialect) *rawProbe {
	if strings.IndexByte(query, ';') < 0 || !sqltext.Read(query, rules).Several {
		return nil
	}
	return &rawProbe{ConnPool: pr.ConnPool, plugin: pr.plugin, db: pr.stmt.DB, model: true}
}

// errSplits: no entry could be committed with what the text changes.
var errSplits = errors.New("hooks: a raw text that commits a change and leaves another transaction open can't be recorded: run its statements one by one")

// open begins a transaction for a text that is to be recorded. One around a text
// that controls transactions itself would change what the text does: it has a
// connection of its own instead, on which its entry follows. MySQL commits before
// DDL, so that a transaction around it protects nothing.
func (r *rawProbe) open(ctx context.Context) error {
	switch {
	case inTransaction(r.ConnPool):
		return nil
	case r.text.Bare && r.text.Effect == sqltext.Writes:
		return r.lend(ctx)
	case r.text.Bare || r.text.DDL && r.plugin.dialect.name == "mysql":
		return nil
	}
	db := r.db
	here := db.Statement.ConnPool
	db.Statement.ConnPool = r.ConnPool
	r.plugin.openTransaction(db)
	r.opened = db.Statement.ConnPool != r.ConnPool
	r.ConnPool = db.Statement.ConnPool
	if here != gorm.ConnPool(r) {
		return db.Error
	}
	db.Statement.ConnPool = r // the statement is running
	err := db.Error
	db.Error = nil
	return err
}

// lent is a connection in the place of the pool that it is from.
type lent struct {
	conn     *sql.Conn
	pool     gorm.ConnPool
	prepared *preparing // nil: texts are not prepared
}

func (r *rawProbe) lend(ctx context.Context) error {
	db := dbOf(r.ConnPool)
	if db == nil {
		return nil // it is a connection already
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	r.lent = &lent{conn: conn, pool: r.ConnPool}
	_, prepares := r.ConnPool.(*gorm.PreparedStmtDB)
	r.ConnPool = conn
	if prepares {
		r.lent.prepared = &preparing{Conn: conn}
		r.ConnPool = r.lent.prepared
	}
	return nil
}

// release gives a lent connection back.
func (r *rawProbe) release() {
	if r.lent == nil {
		return
	}
	r.db.Statement.ConnPool = r.lent.pool
	if r.lent.prepared != nil {
		r.lent.prepared.closeAll()
	}
	_ = r.lent.conn.Close()
	r.lent = nil
}

// abandon undoes what a text left open that failed, or whose entry could not be
// appended: nobody could end it.
func (r *rawProbe) abandon(ctx context.Context) {
	if r.lent != nil && len(r.text.Controls) > 0 {
		_, _ = r.lent.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
}

// followConn notes a transaction that a host begins or ends by hand on a
// connection of its own (gorm.DB.Connection): the plugin begins none in it.
func (p *Plugin) followConn(c gorm.ConnPool, controls []sqltext.Control) {
	conn, ok := Unwrap(c).(*sql.Conn)
	if !ok {
		return
	}
	key := weak.Make(conn)
	for _, control := range controls {
		switch {
		case control.Verb == "BEGIN":
			if _, known := p.begun.Swap(key, struct{}{}); !known {
				runtime.AddCleanup(conn, func(key weak.Pointer[sql.Conn]) { p.begun.Delete(key) }, key)
			}
		case control.Verb == "COMMIT", control.Verb == "ROLLBACK" && control.Savepoint == "":
			p.begun.Delete(key)
		}
	}
}

// begunByHand reports whether a transaction is open on a host's own connection.
func (p *Plugin) begunByHand(c gorm.ConnPool) bool {
	conn, ok := Unwrap(c).(*sql.Conn)
	if !ok {
		return false
	}
	_, begun := p.begun.Load(weak.Make(conn))
	return begun
}
