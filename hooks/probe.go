package hooks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
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

// outcome is what the host gets to see of the statement.
type outcome struct {
	result sql.Result // for Exec
	tape   *tape      // for Query
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

// run runs the statement and puts its entries into the unit of work.
//
// A statement that names a column which another program has dropped fails on
// SQLite, MySQL and MariaDB without having done anything: it runs again with the
// table as it is now.
func (c *capture) run(wantRows bool) (outcome, error) {
	out, err := c.runOnce(wantRows)
	if errors.Is(err, errGivenUp) {
		return out, nil
	}
	if err == nil || !c.plugin.dialect.unknownColumn(err) {
		return out, err
	}
	known := c.table
	if c.plugin.dialect.name == "postgres" || known == nil {
		c.plugin.forgetTables() // for the next transaction; this one is aborted
		return out, err
	}
	if c.readTableAgain(); slices.Equal(c.table.names(), known.names()) {
		return out, err
	}
	return c.runOnce(wantRows)
}

func (c *capture) runOnce(wantRows bool) (outcome, error) {
	switch {
	case c.unread != nil:
		return c.runUnread(wantRows)
	case c.table == nil || c.table.view || c.table.rules || !c.finished() || c.losesRows():
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

// losesRows reports whether triggers may change rows of PostgreSQL after they were
// written, and nothing tells which rows those are.
func (c *capture) losesRows() bool {
	return c.plugin.dialect.name == "postgres" && len(c.table.key) == 0 && c.writesBack()
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
	if c.plugin.opts.Raw == RawRefuse && !c.finished() {
		return outcome{}, ErrRawRefused // the host's text holds another statement
	}
	out, err := c.plain(wantRows)
	if err != nil {
		return out, err
	}
	affected := out.affected()
	if c.table != nil && (c.table.rules || c.table.view && c.plugin.dialect.name == "sqlite") {
		affected = -1 // what triggers and rules did in its place is not counted
	}
	return out, c.add(c.executed(c.text, c.query, affected))
}

// plain runs the statement as it is.
func (c *capture) plain(wantRows bool) (outcome, error) {
	return c.runText(hostText{body: c.query, args: c.args, whole: true}, wantRows)
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
	switch d := c.plugin.dialect; {
	case d.aborted(cause):
		return c.plain(wantRows) // the host's transaction had failed before: so does its statement
	case d.name == "postgres":
		return outcome{}, cause // the transaction is aborted now
	}
	if c.plugin.dialect.unknownColumn(cause) && !c.again {
		c.again = true
		known := c.table
		if c.readTableAgain(); !slices.Equal(c.table.names(), known.names()) {
			return c.runOnce(wantRows)
		}
	}
	out, err := c.plain(wantRows)
	if err != nil {
		return outcome{}, err
	}
	return out, c.fail(fmt.Errorf("hooks: reading the rows of %s before they change: %w", c.table.object, cause))
}

// afterFailed answers for what failed once the statement had changed rows.
func (c *capture) afterFailed(out outcome, cause error) (outcome, error) {
	return out, c.failedAfter(cause)
}

func (c *capture) failedAfter(cause error) error {
	return c.fail(fmt.Errorf("hooks: capturing the changed rows of %s: %w", c.table.object, cause))
}

// finished reports whether the text is one statement, read to its end. With
// placeholders in a comment it is none: SQLite alone runs it.
func (c *capture) finished() bool {
	_, complete := sqltext.End(c.query, c.rules)
	return complete && (c.plugin.dialect.name == "sqlite" || !c.swallowsArguments())
}

// swallowsArguments reports whether placeholders lie in a comment, so that there
// are more arguments than the statement takes.
func (c *capture) swallowsArguments() bool {
	if !strings.Contains(c.query, "--") && !strings.Contains(c.query, "/*") && (c.plugin.dialect.name != "mysql" || !strings.Contains(c.query, "#")) {
		return false
	}
	n := 0
	for _, t := range sqltext.Tokens(c.query, c.rules, len(c.query)) {
		switch {
		case t.Kind != sqltext.Param:
		case c.plugin.dialect.name == "postgres":
			n = max(n, int(number(strings.TrimPrefix(t.Text, "$"))))
		default:
			n++
		}
	}
	return n != len(c.args)
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

// via is the connection for a statement.
func (c *capture) via(t hostText) gorm.ConnPool {
	if t.varies {
		return c.own
	}
	return c.conn
}

// runText runs a statement with what the host wants returned, and no more.
func (c *capture) runText(t hostText, wantRows bool) (outcome, error) {
	query := t.body
	if !t.whole {
		host := c.divided()
		if host.columns != "" {
			query += " RETURNING " + host.columns
		}
		query += " " + host.rest
	}
	if !wantRows {
		result, err := c.via(t).ExecContext(c.ctx, query, t.args...)
		return outcome{result: result}, err
	}
	rows, err := c.via(t).QueryContext(c.ctx, query, t.args...)
	if err != nil {
		return outcome{}, err
	}
	kept, err := recordAll(rows)
	return outcome{tape: kept}, err
}

// returning runs the statement, which returns list, then what the host asked
// for, and gives each row to see. Around rowList's columns, list has head columns
// in front and tail ones behind.
func (c *capture) returning(t hostText, list string, head, tail int, wantRows bool, see func(*rowReader, []any) error) (outcome, error) {
	host := c.divided()
	postgres := c.plugin.dialect.name == "postgres"
	if host.all && postgres {
		list += ", " + c.reference() + ".*"
	}
	query, err := c.schemaFirst(t, host.with(t.body, list))
	if err != nil {
		return outcome{}, err
	}
	rows, err := c.via(t).QueryContext(c.ctx, query, t.args...)
	if err != nil && !wantRows && len(c.args) == 0 {
		return outcome{}, asFromExec(err)
	}
	if err != nil {
		return outcome{}, err
	}
	names, err := rows.Columns()
	if err != nil {
		_ = rows.Close()
		return outcome{}, err
	}
	if len(names) == 0 { // MariaDB: a condition that is never true returns no columns
		t, err := recordAll(rows)
		return outcome{result: execResult{0, c.lastInsertID}, tape: t}, err
	}
	asked := host.count
	if postgres {
		asked = len(names) - head - 3 - tail
	}
	r := c.reader(head, tail+asked)
	if err := r.start(rows, names); err != nil {
		_ = rows.Close()
		return outcome{}, err
	}
	first, last := len(names)-asked, len(names)
	switch {
	case !wantRows:
		first = last
	case host.all && !postgres:
		first, last = r.from, r.to
	}
	affected := int64(0)
	var unread error
	kept, err := record(rows, first, last, func(raw []any) {
		affected++
		if unread == nil {
			unread = see(r, raw)
		}
	})
	if err != nil {
		return outcome{tape: kept}, err
	}
	out := outcome{tape: kept}
	if !wantRows {
		out = outcome{result: execResult{affected, c.lastInsertID}}
	}
	if unread != nil {
		return out, c.givenUp(unread)
	}
	return out, nil
}

// schemaFirst has a SQLite transaction take the write lock, and with it the
// present schema, before a statement whose columns the driver counts when it is
// prepared: another process may have altered the table since the last statement.
func (c *capture) schemaFirst(t hostText, query string) (string, error) {
	if c.plugin.dialect.name != "sqlite" || c.unit.wrote.Load() {
		return query, nil
	}
	if c.plugin.dialect.oneCall && (t.varies || c.conn == c.own) {
		return c.lockingFirst(query)
	}
	return query, c.plugin.lockFirst(c.ctx, c.own, c.unit, c.table)
}

// errGivenUp ends the capture of a statement that FailOpen lets pass.
var errGivenUp = errors.New("hooks: capture was given up")

// givenUp fails the transaction, or ends the capture of the statement.
func (c *capture) givenUp(cause error) error {
	if err := c.failedAfter(cause); err != nil {
		return err
	}
	return errGivenUp
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
