package hooks

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// operation is GORM's own name of what it does, which is not always the
// statement's verb: a soft delete is an UPDATE.
type operation int

const (
	opCreate operation = iota
	opUpdate
	opDelete
)

// probe stands in for the connection while GORM runs one create, update or
// delete. It is called with the finished statement, at the moment of its
// execution, and only if it is executed.
type probe struct {
	gorm.ConnPool
	plugin *Plugin
	stmt   *gorm.Statement
	op     operation
	at     time.Time // before GORM takes the time for the columns that it sets
}

// ExecContext runs the statement with capture.
func (pr *probe) ExecContext(ctx context.Context, query string, args ...any) (_ sql.Result, err error) {
	defer pr.recovered(ctx, &err)
	rules := pr.plugin.rulesFor(ctx, pr.ConnPool, query)
	if r := pr.raw(query, rules); r != nil {
		defer r.release()
		return r.ExecContext(ctx, query, args...)
	}
	c, err := pr.capture(ctx, query, args, rules)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return pr.ConnPool.ExecContext(ctx, query, args...)
	}
	out, err := c.run(false)
	if err != nil {
		return nil, err
	}
	return out.result, nil
}

// QueryContext runs a statement with RETURNING with capture.
func (pr *probe) QueryContext(ctx context.Context, query string, args ...any) (_ *sql.Rows, err error) {
	defer pr.recovered(ctx, &err)
	rules := pr.plugin.rulesFor(ctx, pr.ConnPool, query)
	if r := pr.raw(query, rules); r != nil {
		defer r.release()
		return r.QueryContext(ctx, query, args...)
	}
	c, err := pr.capture(ctx, query, args, rules)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return pr.ConnPool.QueryContext(ctx, query, args...)
	}
	out, err := c.run(true)
	if err != nil && (out.tape == nil || out.tape.err == nil) {
		return nil, err
	}
	return out.tape.play(ctx)
}

// recovered turns a panic into the statement's error, and keeps the transaction
// from committing: a panic that a caller recovers above GORM would leak it.
func (pr *probe) recovered(ctx context.Context, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("hooks: capture panicked: %v", r)
		_ = pr.plugin.unitOf(pr.ConnPool).fail(ctx, *err)
	}
}

// capture is the capture of one statement.
type capture struct {
	plugin *Plugin
	conn   gorm.ConnPool // the transaction, for the host's statement
	own    gorm.ConnPool // the same, for the plugin's own statements
	unit   *unit
	stmt   *gorm.Statement
	op     operation
	at     time.Time // zero: the time at which entries are made
	ctx    context.Context
	text   statement // what the SQL says
	table  *table
	unread error // why the table couldn't be read
	query  string
	args   []any
	rules  sqltext.Dialect // by which the text is read

	returningText *returningText // of the statement, once it was divided

	parts map[string]segment // of the statement, once it was taken apart
	built bool               // parts are all of it

	again    bool     // the table was read again, since a statement on it failed
	cascade  *cascade // what foreign keys pass on; nil if nothing, or not known
	moved    uint32   // PostgreSQL: the relation to read again, once the rows are read
	checksum uint64   // MySQL: of the rows that were read
}

// hostText is a statement that runs in the place of the host's.
type hostText struct {
	body   string // without RETURNING
	args   []any
	varies bool // its text depends on the rows: it stays out of the cache of prepared statements
	whole  bool // it is the host's own, with all that it asks for
}

// capture prepares the capture of a statement; nil if it is none that is
// captured row by row.
func (pr *probe) capture(ctx context.Context, query string, args []any, rules sqltext.Dialect) (*capture, error) {
	p := pr.plugin
	text, err := p.captured(query, rules)
	if err != nil {
		return nil, err
	}
	if text.verb == "" || text.ddl || p.isOwn(text.schema, text.table) {
		return nil, nil
	}
	c := &capture{
		plugin: p, conn: pr.ConnPool, own: unprepared(pr.ConnPool), unit: p.unitOf(pr.ConnPool), stmt: pr.stmt, op: pr.op, at: pr.at,
		ctx: ctx, text: text, query: query, args: args, rules: rules,
	}
	if use := audit.SkipFrom(pr.stmt.Context); use != nil {
		return nil, c.skipped(use)
	}
	if text.table != "" {
		c.table, c.unread = p.tableOf(ctx, c.own, c.unit, text.schema, text.table)
	}
	if c.table == nil {
		return c, nil
	}
	if p.own[c.table.name] { // in other letters
		return nil, nil
	}
	if c.table.misfits(pr.stmt.Schema) {
		c.readTableAgain()
	}
	return c, nil
}

// misfits reports, once for each model, whether the model has a column that the
// table didn't have when it was read: another program may have added or renamed
// it since.
func (t *table) misfits(s *schema.Schema) bool {
	if s == nil {
		return false
	}
	if _, seen := t.fits.LoadOrStore(s, struct{}{}); seen {
		return false
	}
	return slices.ContainsFunc(s.DBNames, func(name string) bool {
		_, has := t.column(name)
		return !has
	})
}

// readTableAgain reads the table from the catalog as it is now.
func (c *capture) readTableAgain() {
	c.plugin.forgetTables()
	t, err := c.plugin.tableOf(c.ctx, c.own, c.unit, c.text.schema, c.text.table)
	if err != nil || t == nil {
		return
	}
	c.table, c.cascade = t, nil
	t.misfits(c.stmt.Schema)
}
