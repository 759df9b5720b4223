package hooks

import (
	"context"
	"errors"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// run runs a text that is to be recorded, or that begins or ends transactions.
func (r *rawProbe) run(ctx context.Context, query string, run func(conn gorm.ConnPool) (affected int64, err error)) error {
	inTx := inTransaction(r.ConnPool)
	conn, unit := r.ConnPool, r.plugin.unitOf(r.ConnPool)
	unit.checked.Clear() // the text may alter tables
	if inTx && len(r.text.Controls) > 0 {
		if err := unit.beforeControls(ctx, r.text.Controls, r.trails(query)); err != nil {
			return err
		}
		if t, ok := conn.(*tx); ok {
			conn = t.Tx // which would follow the controls too
		}
	}
	record := r.record && !r.readsOnly(ctx, unit)
	changes := int64(0)
	if record && r.keepsParts() {
		changes = r.changesSoFar(ctx)
	}
	affected, err := run(conn)
	if r.plugin.dialect.name == "sqlite" && !r.changesRows() {
		affected = 0 // the driver gives the count of the statement before
	}
	if err == nil {
		r.plugin.followConn(conn, r.text.Controls)
	}
	switch {
	case inTx && err == nil:
		err = unit.afterControls(r.text.Controls)
	case inTx:
		unit.afterFailedControls(r.text.Controls)
	}
	switch {
	case err != nil && record && r.mayRemain(ctx, err, changes):
		r.abandon(ctx)
		return errors.Join(err, r.recorded(ctx, unit, query, -1, err))
	case err != nil:
		return err
	case r.rebuilds:
		r.rebuilt(unit)
	}
	if !record {
		return nil
	}
	err = r.recorded(ctx, unit, query, affected, nil)
	switch {
	case err != nil:
		r.abandon(ctx)
	case len(r.text.Controls) > 0 && r.plugin.dialect.name == "mysql":
		err = r.commitEntry(ctx, unprepared(conn), inTx)
	}
	return err
}

// commitEntry commits the entry of a text that ended its transactions itself,
// where MySQL's autocommit is off.
func (r *rawProbe) commitEntry(ctx context.Context, conn gorm.ConnPool, inTx bool) error {
	if r.text.LeavesOpen(sqltext.MySQL, inTx) {
		return nil
	}
	var automatic bool
	if err := conn.QueryRowContext(ctx, "SELECT @@autocommit").Scan(&automatic); err != nil || automatic {
		return err
	}
	_, err := conn.ExecContext(ctx, "COMMIT")
	return err
}

// trails reports whether something stands behind the first statement: if that
// fails, the statement may have run.
func (r *rawProbe) trails(query string) bool {
	end, _ := sqltext.End(query, r.plugin.dialect.sql())
	return end < len(query)
}

// readsOnly reports whether the transaction is read-only: the text can't write,
// and its entry couldn't be written either. Plain DML is not asked about, since
// the database refuses it; a text with settings may end the state itself.
func (r *rawProbe) readsOnly(ctx context.Context, u *unit) bool {
	if r.text.Sets || !inTransaction(r.ConnPool) || !r.text.Several && !r.text.Opaque && r.text.Table != "" {
		return false
	}
	var state string
	query := "SHOW transaction_read_only"
	switch r.plugin.dialect.name {
	case "mysql":
		return u.readOnly.Load()
	case "sqlite":
		query = "PRAGMA query_only"
	}
	if err := unprepared(r.ConnPool).QueryRowContext(ctx, query).Scan(&state); err != nil {
		return false // the text itself will say why
	}
	return state == "on" || state == "1"
}

// mayRemain reports whether a text that failed may have changed rows that stay: in
// the host's transaction, or in those of its own. PostgreSQL undoes all that runs
// in one transaction. SQLite keeps what a statement changed that ends in FAIL, and
// its driver fails for a comment behind a statement that ran: changes are its
// count from before.
func (r *rawProbe) mayRemain(ctx context.Context, err error, changes int64) bool {
	switch {
	case r.opened:
		return false
	case r.keepsParts():
		now := r.changesSoFar(ctx)
		return now < 0 || now != changes
	case r.plugin.dialect.name == "postgres":
		return r.severalParts() && r.text.Bare && !r.plugin.dialect.aborted(err)
	}
	return r.severalParts()
}

func (r *rawProbe) severalParts() bool { return r.text.Several || r.text.Opaque || r.text.Partial }

// keepsParts reports whether the text is one statement of SQLite that may keep
// what it did before it fails, on a connection that is held.
func (r *rawProbe) keepsParts() bool {
	held := inTransaction(r.ConnPool) && !r.opened || r.lent != nil
	return r.plugin.dialect.name == "sqlite" && held && !r.text.Several && !r.text.Opaque
}

// changesSoFar is how many rows the connection has changed, -1 if that can't be
// asked. (changes() would be of the last statement that ran, which one that can't
// be prepared is not.)
func (r *rawProbe) changesSoFar(ctx context.Context) int64 {
	var n int64
	if err := unprepared(r.ConnPool).QueryRowContext(context.WithoutCancel(ctx), "SELECT total_changes()").Scan(&n); err != nil {
		return -1
	}
	return n
}

// changesRows reports whether the text has a statement that counts its rows.
func (r *rawProbe) changesRows() bool {
	return r.text.Several || r.text.Opaque || slices.Contains([]string{"INSERT", "REPLACE", "UPDATE", "DELETE"}, strings.ToUpper(r.text.Verb))
}

// recorded puts the text's entry into the unit of work; failed is why the text failed.
func (r *rawProbe) recorded(ctx context.Context, u *unit, query string, affected int64, failed error) error {
	p := r.plugin
	text := statement{verb: r.text.Verb, schema: r.text.Schema, table: r.text.Table, ddl: r.text.Effect == sqltext.Defines}
	c := &capture{plugin: p, conn: r.ConnPool, own: unprepared(r.ConnPool), unit: u, stmt: r.db.Statement, ctx: ctx, text: text, query: query}
	u.wrote.Store(true)
	if use := audit.SkipFrom(r.db.Statement.Context); use != nil {
		return c.skipped(use)
	}
	e := p.executed(text, query, affected)
	if failed != nil {
		e.Outcome, e.Error = audit.Failure, failed.Error()
	} else if list := c.passedOnByRaw(); list != nil {
		e.Metadata["foreign_keys"] = list
	}
	return c.add(e)
}
