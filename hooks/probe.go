package hooks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
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
}

// ExecContext runs the statement with capture.
func (pr *probe) ExecContext(ctx context.Context, query string, args ...any) (_ sql.Result, err error) {
	defer pr.recovered(ctx, &err)
	c, err := pr.capture(ctx, query, args)
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
	c, err := pr.capture(ctx, query, args)
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
	ctx    context.Context
	text   statement // what the SQL says
	table  *table
	unread error // why the table couldn't be read
	query  string
	args   []any

	cascade *cascade // what foreign keys pass on; nil if nothing, or not known
}

// outcome is what the host gets to see of the statement.
type outcome struct {
	result sql.Result // for Exec
	tape   *tape      // for Query
}

// capture prepares the capture of a statement; nil if it is none that is
// captured row by row.
func (pr *probe) capture(ctx context.Context, query string, args []any) (*capture, error) {
	p := pr.plugin
	text, err := p.captured(query)
	if err != nil {
		return nil, err
	}
	if text.verb == "" || text.ddl || p.isOwn(text.schema, text.table) {
		return nil, nil
	}
	c := &capture{
		plugin: p, conn: pr.ConnPool, own: unprepared(pr.ConnPool), unit: p.unitOf(pr.ConnPool), stmt: pr.stmt, op: pr.op,
		ctx: ctx, text: text, query: query, args: args,
	}
	if use := audit.SkipFrom(pr.stmt.Context); use != nil {
		return nil, c.skipped(use)
	}
	if text.table != "" {
		c.table, c.unread = p.tableOf(ctx, c.own, c.unit, text.schema, text.table)
	}
	return c, nil
}

// run runs the statement and puts its entries into the unit of work.
func (c *capture) run(wantRows bool) (outcome, error) {
	switch {
	case c.unread != nil:
		return c.runUnread(wantRows)
	case c.table == nil || c.table.view:
		return c.runUnseen(wantRows)
	case c.text.verb == "INSERT" || c.text.verb == "REPLACE":
		return c.insert(wantRows)
	case c.text.verb == "UPDATE":
		return c.update(wantRows)
	case c.text.verb == "DELETE":
		return c.remove(wantRows)
	}
	return c.runUnseen(wantRows)
}

// runUnread runs a statement on a table that couldn't be read: mostly it fails
// for the same reason, in the words that the host knows.
func (c *capture) runUnread(wantRows bool) (outcome, error) {
	out, err := c.plain(wantRows)
	if err != nil {
		return out, err
	}
	return out, c.fail(c.unread)
}

// runUnseen runs a statement whose rows can't be read before and after (on a
// view, whose triggers write elsewhere; on a table that the catalog doesn't know,
// as a temporary one of MySQL) and records it as a whole. Of a table that there
// isn't, the statement itself tells.
func (c *capture) runUnseen(wantRows bool) (outcome, error) {
	out, err := c.plain(wantRows)
	if err != nil {
		return out, err
	}
	return out, c.add(c.executed(c.text, c.query, out.affected()))
}

// plain runs the statement as it is.
func (c *capture) plain(wantRows bool) (outcome, error) {
	if !wantRows {
		result, err := c.conn.ExecContext(c.ctx, c.query, c.args...)
		return outcome{result: result}, err
	}
	rows, err := c.conn.QueryContext(c.ctx, c.query, c.args...)
	if err != nil {
		return outcome{}, err
	}
	t, err := recordAll(rows)
	return outcome{tape: t}, err
}

func (o outcome) affected() int64 {
	if o.tape != nil {
		return int64(len(o.tape.rows))
	}
	if o.result == nil {
		return 0
	}
	n, err := o.result.RowsAffected()
	if err != nil {
		return -1
	}
	return n
}

// fail makes the transaction unable to commit, since a change would have no
// entry; nil under FailOpen.
func (c *capture) fail(err error) error { return c.unit.fail(c.ctx, err) }

// beforeFailed answers for a read of the rows before that failed. Where the
// transaction still works, the statement itself is asked first: it fails in the
// words that the host knows.
func (c *capture) beforeFailed(cause error, wantRows bool) (outcome, error) {
	if c.plugin.dialect.name == "postgres" {
		return outcome{}, cause // the transaction is aborted
	}
	out, err := c.plain(wantRows)
	if err != nil {
		return outcome{}, err
	}
	return out, c.fail(fmt.Errorf("hooks: reading the rows of %s before they change: %w", c.table.object, cause))
}

// afterFailed answers for what failed once the statement had changed rows.
func (c *capture) afterFailed(out outcome, cause error) (outcome, error) {
	return out, c.fail(fmt.Errorf("hooks: capturing the changed rows of %s: %w", c.table.object, cause))
}

// execResult is the answer to an Exec that was run as a query.
type execResult struct {
	affected int64
	lastID   func() (int64, error)
}

func (r execResult) RowsAffected() (int64, error) { return r.affected, nil }
func (r execResult) LastInsertId() (int64, error) { return r.lastID() }

// lastInsertID asks the database, if anybody wants to know.
func (c *capture) lastInsertID() (int64, error) {
	query := "SELECT last_insert_rowid()"
	switch c.plugin.dialect.name {
	case "postgres":
		return 0, fmt.Errorf("LastInsertId is not supported by this driver")
	case "mysql":
		query = "SELECT LAST_INSERT_ID()"
	}
	var id int64
	err := c.own.QueryRowContext(c.ctx, query).Scan(&id)
	return id, err
}

// returning runs the statement with the table's columns added to what it
// returns, and gives each row's to see. star is how "all columns of the table"
// is written here; query is the statement without its own RETURNING. A host that
// asked for all columns (asked is "") gets star's, without the first skip, or the
// second half of them where skip is negative.
func (c *capture) returning(query string, args []any, star, asked string, skip int, wantRows bool, see func(cols columns, raw []any)) (outcome, error) {
	query += " RETURNING " + star
	if asked != "" {
		query += ", " + asked
	}
	rows, err := c.conn.QueryContext(c.ctx, query, args...)
	if err != nil && !wantRows && len(c.args) == 0 {
		return outcome{}, asFromExec(err)
	}
	if err != nil {
		return outcome{}, err
	}
	cols, err := columnsIn(rows)
	if err != nil {
		_ = rows.Close()
		return outcome{}, err
	}
	own := len(cols.names)
	if asked != "" {
		own -= c.askedColumns()
	}
	first, kept := own, int64(0)
	if wantRows && asked == "" {
		first = skip
		if skip < 0 {
			first = own / 2
		}
	}
	mine := cols.slice(0, own)
	t, err := record(rows, cols, first, func(raw []any) {
		kept++
		see(mine, raw[:own])
	})
	if err != nil {
		return outcome{tape: t}, err
	}
	if !wantRows {
		return outcome{result: execResult{kept, c.lastInsertID}}, nil
	}
	return outcome{tape: t}, nil
}

// asFromExec: pgx wraps what the server says of a statement that it can't prepare
// in a PrepareError, but doesn't prepare an Exec without arguments; GORM's
// translation of errors looks for the bare one.
func asFromExec(err error) error {
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer && t.Elem().Name() == "PrepareError" {
		if inner := errors.Unwrap(err); inner != nil {
			return inner
		}
	}
	return err
}
