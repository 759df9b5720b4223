package hooks

import (
	"context"
	"database/sql"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// Raw SQL (Exec, Raw, Row, Rows) says nothing of its rows. A text that writes is
// recorded as a whole, in the transaction in which it ran. So is a query of GORM's
// into which the host put a second statement.

// beginRaw puts a rawProbe in the connection's place for a text that needs one.
// GORM builds the text of most queries later; the probe looks at it then.
func (p *Plugin) beginRaw(db *gorm.DB) {
	if db.Error != nil || db.DryRun {
		return
	}
	if err := p.unsharded(db); err != nil {
		refuse(db, err)
		return
	}
	r := &rawProbe{ConnPool: db.Statement.ConnPool, plugin: p, db: db}
	if db.Statement.SQL.Len() > 0 {
		p.noteSettings(db.Statement.SQL.String())
		if err := r.look(db.Statement.SQL.String()); err != nil {
			refuse(db, err)
			return
		}
		if !r.record && len(r.text.Controls) == 0 && !r.rebuilds {
			return
		}
	}
	db.Statement.ConnPool = r
}

// refuse fails a text before it runs. Row has no other way to tell than its row.
func refuse(db *gorm.DB, err error) {
	if db.Error == nil {
		_ = db.AddError(err)
	}
	if rows, ok := db.Get("rows"); ok && rows == false {
		db.Statement.Dest = (&tape{err: err}).playRow(db.Statement.Context)
	}
}

func (p *Plugin) endRaw(db *gorm.DB) {
	p.restore(db)
	p.close(db)
}

// restore takes a rawProbe out of the connection's place.
func (p *Plugin) restore(db *gorm.DB) {
	probe, ok := db.Statement.ConnPool.(*rawProbe)
	if !ok {
		return
	}
	db.Statement.ConnPool = probe.ConnPool
	probe.release()
	if db.Error == nil && probe.err != nil {
		_ = db.AddError(probe.err)
	}
}

// rawProbe stands in for the connection while a raw text or a query runs.
type rawProbe struct {
	gorm.ConnPool
	plugin *Plugin
	db     *gorm.DB
	text   sqltext.Text
	model  bool  // the statement is a create, update or delete of GORM's
	looked bool  // text is known
	record bool  // the text is to be recorded
	opened bool  // in a transaction of the plugin's
	lent   *lent // the connection of a text that runs in no transaction
	err    error // of QueryRowContext, which can't return one
	// rebuilds: the text is a step of a table's rebuilding by GORM's migrator.
	rebuilds bool
}

// look reads the text that is about to run, refuses what must not run, and begins
// a transaction for what is to be recorded where there is none.
func (r *rawProbe) look(query string) error {
	p := r.plugin
	r.looked = true
	r.text = sqltext.Read(query, p.dialect.sql())
	if r.text.Effect < sqltext.Defines {
		return nil
	}
	if err := p.trailWrite(r.text, query); err != nil {
		return err
	}
	if r.text.DDL {
		p.tablesChange(r.ConnPool, query)
	}
	r.rebuilds = r.isRebuild(query)
	switch {
	case r.rebuilds, r.text.Effect == sqltext.Defines && !p.opts.DDL, p.ignoresText(r.text):
		return nil
	case r.text.Effect == sqltext.Writes && p.opts.Raw == RawIgnore:
		return nil
	case r.text.Effect == sqltext.Writes && p.opts.Raw == RawRefuse && audit.SkipFrom(r.db.Statement.Context) == nil:
		return ErrRawRefused
	}
	if r.text.Splits(p.dialect.sql(), inTransaction(r.ConnPool)) {
		return errSplits
	}
	if err := p.lockedOut(r.ConnPool); err != nil {
		return err
	}
	r.record = true
	if err := r.open(r.db.Statement.Context); err != nil {
		return err
	}
	return p.refuse(r.db.Statement.Context, r.ConnPool)
}

// ignoresText reports whether all that the text writes is in tables that are not
// captured.
func (p *Plugin) ignoresText(t sqltext.Text) bool {
	if t.Several || t.Opaque || t.Table == "" || !p.isOwn(t.Schema, t.Table) {
		return false
	}
	_, others := t.Target(func(schema, table string) bool { return !p.isOwn(schema, table) })
	return t.Effect == sqltext.Defines || !others
}

// passes reports whether a text goes through as it is.
func (r *rawProbe) passes(query string) (bool, error) {
	if !r.looked && (sqltext.ReadsOnly(query) || r.model && strings.IndexByte(query, ';') < 0) {
		return true, nil
	}
	if !r.looked {
		if err := r.look(query); err != nil {
			return false, err
		}
	}
	return !r.record && len(r.text.Controls) == 0 && !r.rebuilds, nil
}

// ExecContext runs the text and records it.
func (r *rawProbe) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if passes, err := r.passes(query); passes || err != nil {
		if err != nil {
			return nil, err
		}
		return r.ConnPool.ExecContext(ctx, query, args...)
	}
	var result sql.Result
	err := r.run(ctx, query, func(conn gorm.ConnPool) (affected int64, err error) {
		result, err = conn.ExecContext(ctx, query, args...)
		return outcome{result: result}.affected(), err
	})
	return result, err
}

// QueryContext runs the text to its end, so that it can be recorded before the
// transaction commits, and hands its rows on.
func (r *rawProbe) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if passes, err := r.passes(query); passes || err != nil {
		if err != nil {
			return nil, err
		}
		return r.ConnPool.QueryContext(ctx, query, args...)
	}
	t, err := r.tape(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return t.play(ctx)
}

// QueryRowContext is QueryContext for one row.
func (r *rawProbe) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	passes, err := r.passes(query)
	if passes {
		return r.ConnPool.QueryRowContext(ctx, query, args...)
	}
	t := &tape{}
	if err == nil {
		t, err = r.tape(ctx, query, args)
	}
	if err != nil {
		r.err = err
		t = &tape{err: err}
	}
	return t.playRow(ctx)
}

func (r *rawProbe) tape(ctx context.Context, query string, args []any) (t *tape, err error) {
	return t, r.run(ctx, query, func(conn gorm.ConnPool) (int64, error) {
		rows, err := conn.QueryContext(ctx, query, args...)
		if err != nil {
			return 0, err
		}
		t, err = recordSets(rows)
		if err != nil {
			return 0, err
		}
		return int64(len(t.rows)), nil
	})
}
