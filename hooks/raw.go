package hooks

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
)

// Raw SQL (Exec, Raw, Row, Rows) says nothing of its rows. A statement that
// writes is recorded as a whole, in the transaction in which it ran.

// beginRaw puts a rawProbe in the connection's place for a statement that
// writes, and begins a transaction where there is none.
func (p *Plugin) beginRaw(db *gorm.DB) {
	if db.Error != nil || db.DryRun || db.Statement.SQL.Len() == 0 {
		return
	}
	p.noteSettings(db.Statement.SQL.String())
	text := parse(db.Statement.SQL.String(), p.dialect.name == "mysql")
	switch {
	case text.ddl:
		p.tablesChange(db.Statement.ConnPool, db.Statement.SQL.String())
		if !p.opts.DDL || p.isOwn(text.schema, text.table) {
			return
		}
	case text.verb == "" || p.isOwn(text.schema, text.table) || p.opts.Raw == RawIgnore:
		return
	case p.opts.Raw == RawRefuse && audit.SkipFrom(db.Statement.Context) == nil:
		_ = db.AddError(ErrRawRefused)
		return
	}
	if text.ddl && p.dialect.name == "mysql" {
		// DDL commits what is open; a transaction around it protects nothing.
	} else if !inTransaction(db.Statement.ConnPool) {
		p.openTransaction(db)
		if db.Error != nil {
			return
		}
	}
	db.Statement.ConnPool = &rawProbe{ConnPool: db.Statement.ConnPool, plugin: p, stmt: db.Statement, text: text}
}

func (p *Plugin) endRaw(db *gorm.DB) {
	if probe, ok := db.Statement.ConnPool.(*rawProbe); ok {
		db.Statement.ConnPool = probe.ConnPool
		if db.Error == nil && probe.err != nil {
			_ = db.AddError(probe.err)
		}
	}
	if tx, ok := db.Statement.ConnPool.(*gorm.PreparedStmtTX); ok && db.Error == nil {
		// A savepoint that was set by hand went through a prepared statement,
		// past the transaction's own Exec.
		if verb, _ := savepointOf(db.Statement.SQL.String()); verb != "" {
			p.unitOf(tx).savepoint(db.Statement.SQL.String())
		}
	}
	p.close(db)
}

// rawProbe records the statement that goes through it.
type rawProbe struct {
	gorm.ConnPool
	plugin *Plugin
	stmt   *gorm.Statement
	text   statement
	err    error // of QueryRowContext, which can't return one
}

// ExecContext runs the statement and records it.
func (r *rawProbe) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := r.ConnPool.ExecContext(ctx, query, args...)
	if err != nil {
		return result, err
	}
	return result, r.recorded(ctx, query, outcome{result: result}.affected())
}

// QueryContext runs the statement to its end, so that it can be recorded before
// the transaction commits, and hands its rows on.
func (r *rawProbe) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t, err := r.tape(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return t.play(ctx)
}

// QueryRowContext is QueryContext for one row.
func (r *rawProbe) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	t, err := r.tape(ctx, query, args)
	if err != nil {
		r.err = err
		return (&tape{}).playRow(ctx)
	}
	return t.playRow(ctx)
}

func (r *rawProbe) tape(ctx context.Context, query string, args []any) (*tape, error) {
	rows, err := r.ConnPool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	t, err := recordAll(rows)
	if err != nil {
		return nil, err
	}
	return t, r.recorded(ctx, query, int64(len(t.rows)))
}

func (r *rawProbe) recorded(ctx context.Context, query string, affected int64) error {
	p := r.plugin
	c := &capture{plugin: p, conn: r.ConnPool, own: unprepared(r.ConnPool), unit: p.unitOf(r.ConnPool), stmt: r.stmt, ctx: ctx, text: r.text, query: query}
	c.unit.wrote.Store(true)
	if use := audit.SkipFrom(r.stmt.Context); use != nil {
		return c.skipped(use)
	}
	e := p.executed(r.text, query, affected)
	if list := c.passedOnByRaw(); list != nil {
		e.Metadata["foreign_keys"] = list
	}
	return c.add(e)
}
