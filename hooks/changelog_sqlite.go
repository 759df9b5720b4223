package hooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// Some statements of SQLite change rows that no read before them can name: an
// upsert that meets a row by a default or an expression, or that changes its key;
// a REPLACE, which removes rows, also those that the statement itself has just
// written; one that ends in FAIL, and keeps what it did before. Such a statement
// runs as the host wrote it, under temporary triggers that log what it does to the
// table's rows, one by one.
//
// SQLite fires no trigger for a row that REPLACE removes. So a BEFORE trigger
// notes the rows that hold a unique value of the row to come, and an AFTER trigger
// logs those of them that are gone. A temporary trigger fires before the table's
// own ones of the same event.

// changeLog is what one statement does to the rows of its table.
type changeLog struct {
	*capture
	set           *columnSet
	events        []event
	written, gone *image
}

// event is one step of a change: opGone, or opWas followed by opIs, or opIs alone
// for a new row.
type event struct {
	op  string
	row row
}

const (
	opGone = "-"
	opWas  = "~"
	opIs   = "+"
)

// stopsHalfway reports whether the statement, if it fails, may keep what it did
// before it failed.
func (c *capture) stopsHalfway() bool {
	return c.plugin.dialect.name == "sqlite" && (c.table.fails || strings.Contains(c.modifier(), "FAIL") || c.trails())
}

// trails reports whether something stands behind the statement's semicolon:
// SQLite's driver may fail for it once the statement has run.
func (c *capture) trails() bool {
	if strings.IndexByte(c.query, ';') < 0 {
		return false
	}
	end, _ := sqltext.End(c.query, sqltext.SQLite)
	_, rest, _ := strings.Cut(c.query[end:], ";")
	return strings.TrimSpace(rest) != ""
}

// logs reports whether an UPDATE or DELETE is logged.
func (c *capture) logs() bool {
	return c.plugin.dialect.name == "sqlite" && (c.onlyAsWritten() || c.replacesOnUpdate())
}

// onlyAsWritten reports whether the statement can't be rewritten without changing
// what it does, or changes rows that only triggers see.
func (c *capture) onlyAsWritten() bool {
	return c.stopsHalfway() || c.writesBack() || !c.divided().ok || c.swallowsArguments()
}

// writesBack reports whether triggers may change or remove the rows that the
// statement has written.
func (c *capture) writesBack() bool {
	fires := verbsOf(c.text.verb)
	if fires == inserts && c.meetsRows() {
		fires |= updates | deletes
	}
	return c.table.writesBack&fires != 0
}

// modifier is what stands behind INSERT or UPDATE, in upper case.
func (c *capture) modifier() string {
	switch e := c.stmt.Clauses[c.text.verb].Expression.(type) {
	case clause.Insert:
		return strings.ToUpper(e.Modifier)
	case clause.Update:
		return strings.ToUpper(e.Modifier)
	}
	return ""
}

// removes reports whether the statement may remove rows.
func (c *capture) removes() bool {
	return c.text.verb == "DELETE" || c.text.verb == "UPDATE" && c.replacesOnUpdate() || c.text.verb != "UPDATE" && c.replaces()
}

// replacesOnUpdate reports whether the UPDATE may remove rows that hold a unique
// value which it gives to others: UPDATE OR REPLACE, and ON CONFLICT REPLACE in
// the table's DDL.
func (c *capture) replacesOnUpdate() bool {
	if c.plugin.dialect.name != "sqlite" || c.text.verb != "UPDATE" || !c.setsUnique() {
		return false
	}
	return c.table.replaces || strings.Contains(c.modifier(), "REPLACE")
}

// setsUnique reports whether the statement sets a column of a unique index, or
// of one with an expression or a generated column.
func (c *capture) setsUnique() bool {
	generated := func(name string) bool { col, _ := c.table.column(name); return col.generated }
	return slices.ContainsFunc(c.table.uniques, func(u uniqueOn) bool {
		return !u.plain || c.sets(u.columns) || slices.ContainsFunc(u.columns, generated)
	})
}

// runLogged runs the host's own statement under triggers. Where foreign keys pass
// on what it does, it is rehearsed first, so that the rows that refer to its own
// can be read.
func (c *capture) runLogged(wantRows bool) (outcome, error) {
	err := c.columnsNow()
	if err == nil {
		err = c.boundMeetings()
	}
	if err != nil {
		return c.beforeFailed(err, wantRows)
	}
	var own []touched
	if c.removes() && c.table.passesOn(nil) || c.table.passesOn(c.setColumns()) {
		var failed error
		own, failed, err = c.rehearse()
		switch {
		case err != nil && failed != nil:
			return outcome{}, failed // it ended the transaction
		case err != nil:
			return c.beforeFailed(err, wantRows)
		}
	}
	return c.withCascades(own, wantRows, func() (outcome, error) { return c.runWatched(wantRows) })
}

func (c *capture) runWatched(wantRows bool) (outcome, error) {
	var out outcome
	var failed error
	l, err := c.watch(func() { out, failed = c.plain(wantRows) })
	switch {
	case failed != nil && !c.stopsHalfway():
		return out, failed
	case err != nil:
		err = c.failedAfter(err)
	default:
		c.unit.wrote.Store(true)
		err = l.finish()
	}
	if failed != nil {
		return out, failed
	}
	return out, err
}

// columnsNow sees to it that the catalog has the table's columns as they are: the
// triggers name them.
func (c *capture) columnsNow() error {
	query, err := c.lockingFirst("SELECT * FROM " + c.table.quoted(c.plugin.dialect) + " LIMIT 0")
	if err != nil {
		return err
	}
	rows, err := c.own.QueryContext(c.ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return err
	}
	if !slices.Equal(names, c.table.names()) {
		c.readTableAgain()
	}
	return nil
}

// boundMeetings returns an error if a REPLACE would have to note all rows of a large
// table, since it has a unique index of expressions alone.
func (c *capture) boundMeetings() error {
	all := func(u uniqueOn) bool {
		return !slices.ContainsFunc(u.columns, func(name string) bool { return name != "" })
	}
	if c.text.verb == "DELETE" || !c.removes() || !slices.ContainsFunc(c.table.uniques, all) {
		return nil
	}
	var n int
	query := fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s LIMIT %d)", c.table.quoted(c.plugin.dialect), c.plugin.budget+1)
	if err := c.own.QueryRowContext(c.ctx, query).Scan(&n); err != nil || n <= c.plugin.budget {
		return err
	}
	return fmt.Errorf("%w: %s: REPLACE meets rows by an index of expressions, and the table has more than %d", ErrNotMet, c.table.object, c.plugin.budget)
}

// rehearse runs the statement inside a savepoint that is rolled back, and returns
// the rows that it touched. failed is the statement's own error.
func (c *capture) rehearse() (own []touched, failed, err error) {
	if err := c.control("SAVEPOINT gormtrail_rehearsal"); err != nil {
		return nil, nil, err
	}
	l, err := c.watch(func() { _, failed = c.own.ExecContext(c.ctx, c.query, c.args...) })
	err = errors.Join(err, c.control("ROLLBACK TO SAVEPOINT gormtrail_rehearsal"), c.control("RELEASE SAVEPOINT gormtrail_rehearsal"))
	if err != nil {
		return nil, failed, err
	}
	return l.touched(), failed, nil
}

// control runs a statement of the plugin's own past what follows the host's
// savepoints, also if the host's statement was cancelled.
func (c *capture) control(query string) error {
	_, err := c.unit.conn.ExecContext(context.WithoutCancel(c.ctx), query)
	return err
}

// watch runs do under triggers, and returns what they logged.
func (c *capture) watch(do func()) (*changeLog, error) {
	t := c.triggers()
	if err := c.control(t.create()); err != nil {
		return nil, err
	}
	do()
	l := &changeLog{capture: c, set: c.setNow()}
	l.written, l.gone = &image{set: l.set}, &image{set: l.set}
	err := l.read(t)
	return l, errors.Join(err, c.control(t.drop()))
}

// read reads the log. Past the budget its rows are only counted.
func (l *changeLog) read(t logTriggers) error {
	rows, err := l.unit.conn.QueryContext(l.ctx, t.query())
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	set, s := l.set, newScanner(2+len(l.set.names))
	for rows.Next() {
		raw, err := s.scan(rows)
		if err != nil {
			return err
		}
		e := event{op: recordText(raw[0]), row: row{locator: raw[1], values: make([]any, len(set.names))}}
		for i, v := range raw[2:] {
			e.row.values[i] = canonical(set.kinds[i], v)
		}
		l.take(e)
	}
	return errors.Join(rows.Err(), rows.Close())
}

func (l *changeLog) take(e event) {
	switch e.op {
	case opIs:
		l.written.add(l.table, e.row, l.plugin.budget)
	case opGone:
		l.gone.add(l.table, e.row, l.plugin.budget)
	}
	if l.events = append(l.events, e); l.over() {
		l.events = nil
	}
}

func (l *changeLog) over() bool { return l.written.over() || l.gone.over() }

// touched are the rows of the table that the statement changed or removed.
func (l *changeLog) touched() []touched {
	if l.over() {
		l.fold()
		return []touched{{l.written, l.setColumns()}, {l.gone, nil}}
	}
	changed := &image{set: l.set}
	for _, e := range l.events {
		if e.op == opWas {
			changed.rows, changed.count = append(changed.rows, e.row), changed.count+1
		}
	}
	return []touched{{changed, l.setColumns()}, {l.gone, nil}}
}

// finish adds the entries, in the order of what happened.
func (l *changeLog) finish() error {
	if l.over() {
		return l.add(l.summaries()...)
	}
	for i := range l.gone.rows {
		if p := (pair{before: &l.gone.rows[i]}); !l.leftToCascade(p) {
			l.noteGone(l.imageOf(p))
		}
	}
	var entries []audit.Entry
	for _, p := range l.pairs() {
		switch {
		case l.leftToCascade(p):
		case p.before == nil:
			entries = append(entries, l.created(l.written, *p.after))
		case l.cascadesUnseen(l.written, l.written, p):
			return l.notMet("a foreign key passes on a change that a rehearsal did not make")
		case p.after == nil:
			entries = append(entries, l.destroyed(l.imageOf(p))...)
		default:
			entries = append(entries, l.updated(l.written, l.written, []pair{p})...)
		}
	}
	return l.add(entries...)
}

func (l *changeLog) imageOf(p pair) *image {
	return &image{set: l.set, rows: []row{*p.before}, count: 1}
}

// fold lets go of the rows that are too many to be told one by one.
func (l *changeLog) fold() {
	l.written.spend(l.table)
	l.gone.spend(l.table)
}

// summaries are one entry for all rows that were written, and one for those that
// went.
func (l *changeLog) summaries() []audit.Entry {
	l.fold()
	var entries []audit.Entry
	if l.written.count > 0 {
		entries = append(entries, l.summary(l.written))
	}
	if l.gone.count > 0 {
		e := l.summary(l.gone)
		e.Action = audit.ActionDestroy
		entries = append(entries, e)
	}
	return entries
}

// pairs are the rows before and after each step; before is nil for a new row,
// after for one that went. Where the statement removes rows, or triggers change
// them further, a row has one pair for what became of it.
func (l *changeLog) pairs() []pair {
	var list []pair
	var was *row
	for i := range l.events {
		switch e := &l.events[i]; e.op {
		case opWas:
			was = &e.row
		case opGone:
			list = append(list, pair{&e.row, nil})
		default:
			list, was = append(list, pair{was, &e.row}), nil
		}
	}
	if l.table.selfTriggers || l.gone.count > 0 && len(l.table.key) > 0 {
		return l.joined(list)
	}
	return list
}

// joined makes one pair of those of one row, in the place of the last. A row that
// takes the place of one with its own key changes it.
func (l *changeLog) joined(steps []pair) []pair {
	var list []pair
	live, gone := map[string]int{}, map[string]int{} // by key: the row's place in list
	for _, p := range steps {
		known, r := live, p.before
		if r == nil {
			known, r = gone, p.after
		}
		key := l.insertKey(l.written, *r)
		if i, ok := known[key]; ok && key != "" {
			p.before, list[i] = list[i].before, pair{}
			delete(known, key)
		}
		if p.after == nil {
			gone[key] = len(list)
		} else {
			live[l.insertKey(l.written, *p.after)] = len(list)
		}
		list = append(list, p)
	}
	return slices.DeleteFunc(list, func(p pair) bool { return p == pair{} })
}

// leftToCascade reports whether a foreign key reaches the row: what becomes of it
// is told with the rows that refer to the statement's own.
func (l *changeLog) leftToCascade(p pair) (left bool) {
	if l.cascade == nil || l.cascade.rows == nil || l.cascade.rows.full {
		return false
	}
	r := p.before
	if r == nil {
		r = p.after
	}
	l.eachKnown(l.written, []row{*r}, func(_ int, known *reachedRow) { left = known.cause != nil })
	return left
}
