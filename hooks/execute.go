package hooks

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"gorm.io/gorm"
)

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
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
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
		return outcome{}, err
	}
	first, last := len(names)-asked, len(names)
	switch {
	case !wantRows:
		first = last
	case host.all && !postgres:
		first, last = r.from, r.to
	}
	asks, err := c.keptColumns(rows, names[first:last], first)
	if err != nil {
		return outcome{}, err
	}
	return c.seeEach(rows, asks, first, wantRows, func(raw []any) error { return see(r, raw) })
}

// seeEach gives each row to see, and keeps what GORM asked for.
func (c *capture) seeEach(rows *sql.Rows, asks columns, first int, wantRows bool, see func([]any) error) (outcome, error) {
	affected := int64(0)
	var unread error
	kept, err := record(rows, asks, first, func(raw []any) {
		affected++
		if unread == nil {
			unread = see(raw)
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

// keptColumns returns the names and types of the columns that GORM asked for; they
// begin at first. On SQLite the answer is cached: the driver describes all columns
// of a result, which is slow, and a table's columns keep their types.
func (c *capture) keptColumns(rows *sql.Rows, names []string, first int) (columns, error) {
	if len(names) == 0 {
		return columns{}, nil
	}
	sqlite := c.plugin.dialect.name == "sqlite"
	if known := c.table.asked.Load(); sqlite && known != nil && slices.Equal(known.names, names) {
		return *known, nil
	}
	cols, err := columnsIn(rows)
	if err != nil {
		return columns{}, err
	}
	cols = cols.slice(first, first+len(names))
	if sqlite {
		c.table.asked.Store(&cols)
	}
	return cols, nil
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
