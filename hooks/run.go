package hooks

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// outcome is what the host gets to see of the statement.
type outcome struct {
	result sql.Result // for Exec
	tape   *tape      // for Query
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

// losesRows reports whether triggers may change the written rows of a PostgreSQL
// table without a key, so that the rows can't be read again.
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

// finished reports whether the text is one complete statement that the database
// runs with these arguments. Only SQLite runs one with placeholders in a comment.
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
