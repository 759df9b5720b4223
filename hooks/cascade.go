package hooks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gormtrail/audit/internal/cleantext"
)

// cascade is what one statement changes in other rows by foreign keys.
//
// The rows that refer to those that the statement is about to touch are read
// before it, then those that refer to them, and so on; and all of them again
// after it. So entries tell what the database did, and not what its catalog says
// that it might: a trigger may have kept a row, a check been switched off.
type cascade struct {
	*capture
	rows  *reached            // of the statement's own table
	met   map[string]*reached // by table
	order []*reached          // in the order in which they were met
	links []link              // in the order in which they were followed
	left  room
	off   bool // SQLite with foreign_keys = 0
}

// link is one row that refers to another, and what becomes of it by that.
type link struct {
	key      *foreignKey
	rule     string // CASCADE, SET NULL or SET DEFAULT
	deleting bool   // the row referred to goes; else what it is referred to by changes
	from, to *reached
	parent   int // place of the row referred to; -1 where the database compares texts in its own way
	child    int
}

// wave are rows that go (columns is nil), or of which such columns change.
type wave struct {
	from    *reached
	rows    []int
	columns []string
}

// touched are rows of the statement's own table that it deletes (columns is
// nil), or of which it sets such columns.
type touched struct {
	rows    *image
	columns []string
}

// withCascades runs the statement and captures what foreign keys pass on of it.
// The rows that it touches were read. Where no foreign key passes on what
// happens to them, it costs nothing.
func (c *capture) withCascades(of []touched, wantRows bool, run func() (outcome, error)) (outcome, error) {
	of = slices.DeleteFunc(of, func(t touched) bool { return t.rows == nil || !c.table.passesOn(t.columns) })
	if len(of) == 0 {
		return run()
	}
	k, err := c.foresee(of)
	if err != nil {
		return c.beforeFailed(err, wantRows)
	}
	out, err := run()
	if k == nil || k.off || err != nil && !c.stopsHalfway() {
		return out, err
	}
	if cause := k.finish(); cause != nil {
		cause = c.failedAfter(cause)
		if err == nil {
			err = cause
		}
	}
	return out, err
}

// foresee reads the rows that the statement may change by foreign keys; nil if
// that failed, and FailOpen has the statement run all the same.
func (c *capture) foresee(of []touched) (*cascade, error) {
	on, err := c.enforced()
	if err != nil {
		return nil, err
	}
	k := &cascade{capture: c, met: map[string]*reached{}, left: room{c.plugin.budget, maxRowBytes}, off: !on}
	if on {
		undo, err := c.attempt()
		if err != nil {
			return nil, err
		}
		if err = k.read(of); err != nil {
			return nil, undo(err)
		}
		if err := undo(nil); err != nil {
			return nil, err
		}
	}
	c.cascade = k
	return k, nil
}

// attempt sees to it that under FailOpen a read that fails, for want of a
// privilege on a table that refers, leaves a PostgreSQL transaction working.
func (c *capture) attempt() (undo func(error) error, err error) {
	if !c.plugin.opts.FailOpen || c.plugin.dialect.name != "postgres" {
		return func(err error) error { return err }, nil
	}
	exec := func(query string) error {
		_, err := c.unit.conn.ExecContext(c.ctx, query)
		return err
	}
	return func(cause error) error {
		if cause == nil {
			return exec("RELEASE SAVEPOINT gormtrail_cascade")
		}
		if err := exec("ROLLBACK TO SAVEPOINT gormtrail_cascade"); err != nil {
			return cause
		}
		c.plugin.logFailure(c.ctx, cause, 1)
		return nil
	}, exec("SAVEPOINT gormtrail_cascade")
}

// enforced reports whether foreign keys do anything on this connection. In
// SQLite they are off by default, and can't be switched inside a transaction.
func (c *capture) enforced() (bool, error) {
	if c.plugin.dialect.name != "sqlite" {
		return true, nil
	}
	if known := c.unit.enforces.Load(); known != nil {
		return *known, nil
	}
	var n int
	if err := c.own.QueryRowContext(c.ctx, "PRAGMA foreign_keys").Scan(&n); err != nil {
		return false, fmt.Errorf("hooks: asking whether foreign keys are on: %w", err)
	}
	on := n != 0
	c.unit.enforces.Store(&on)
	return on, nil
}

// read follows the foreign keys from the statement's own rows.
func (k *cascade) read(of []touched) error {
	k.rows = k.reachTable(k.table)
	var waves []wave
	for _, t := range of {
		waves = append(waves, wave{k.rows, k.rows.takeOwn(t), t.columns})
	}
	for len(waves) > 0 {
		next, err := k.spread(waves[0])
		if err != nil {
			return err
		}
		waves = append(waves[1:], next...)
	}
	return nil
}

// spread follows the foreign keys that refer to the wave's table.
func (k *cascade) spread(w wave) (next []wave, err error) {
	for i := range w.from.table.referrers {
		f := &w.from.table.referrers[i]
		rule := f.rule(w.columns)
		if rule == "" || w.from.full || len(w.rows) == 0 {
			continue
		}
		t, err := k.plugin.tableOf(k.ctx, k.own, k.unit, f.schema, f.table)
		if err != nil {
			return nil, err
		}
		if t == nil {
			return nil, fmt.Errorf("hooks: the catalog names the foreign key %s of %s, but not that table", f.title(), f.object)
		}
		on, err := k.follow(link{key: f, rule: rule, deleting: w.columns == nil, from: w.from, to: k.reachTable(t)}, w)
		if err != nil {
			return nil, err
		}
		next = append(next, on)
	}
	return next, nil
}

// follow reads the rows that refer to the wave's, and returns those that pass on
// what happens to them.
func (k *cascade) follow(l link, w wave) (wave, error) {
	on := wave{from: l.to}
	goes := l.deleting && l.rule == "CASCADE"
	if !goes {
		on.columns = l.key.columns
	}
	values, parents := l.from.referredBy(w.rows, l.key.refers)
	if len(values) == 0 {
		return on, nil
	}
	l.child, l.parent = -1, -1
	l.to.asked = append(l.to.asked, question{l.key, values})
	met := l.to.count
	places, err := l.to.ask(question{l.key, values}, k.lockFor(l))
	if err != nil {
		return on, err
	}
	if len(places) > 0 || l.to.count > met {
		l.to.cause = orFirst(l.to.cause, l)
	}
	for _, i := range places {
		r := &l.to.rows[i]
		l.child, l.parent = i, -1
		if p, ok := parents[l.to.tuple(i, l.key.columns)]; ok {
			l.parent = p
		}
		k.links = append(k.links, l)
		r.cause = orFirst(r.cause, l)
		if r.meets(l.key, goes) {
			on.rows = append(on.rows, i)
		}
	}
	return on, nil
}

func orFirst(first *link, l link) *link {
	if first != nil {
		return first
	}
	return &l
}

// lockFor is the lock that the database will take anyway.
func (k *cascade) lockFor(l link) string {
	if k.plugin.dialect.name != "postgres" || l.deleting && l.rule == "CASCADE" {
		return k.plugin.dialect.lock
	}
	for _, u := range l.to.table.uniques {
		if u.plain && slices.ContainsFunc(l.key.columns, func(name string) bool { return slices.Contains(u.columns, name) }) {
			return k.plugin.dialect.lock
		}
	}
	return " FOR NO KEY UPDATE"
}

// reachTable is where rows of a table are collected.
func (k *cascade) reachTable(t *table) *reached {
	if to := k.met[t.object]; to != nil {
		return to
	}
	child := *k.capture
	child.table, child.cascade = t, k
	to := &reached{capture: &child, left: &k.left, places: map[string]int{}, ignored: k.plugin.isOwn(t.schema, t.name) || k.plugin.own[t.object]}
	k.met[t.object] = to
	k.order = append(k.order, to)
	return to
}

// noteGone: the statement itself deleted these rows, whose entries it has.
func (c *capture) noteGone(gone *image) {
	k := c.cascade
	if k == nil || k.rows == nil || k.rows.full {
		return
	}
	c.eachKnown(gone, gone.rows, func(_ int, r *reachedRow) { r.told = true })
}

// noteUpdated: the statement itself updated these rows, whose entries it has.
func (c *capture) noteUpdated(before, after *image, pairs []pair) {
	k := c.cascade
	if k == nil || k.rows == nil || k.rows.full || k.capture != c {
		return
	}
	list := make([]row, len(pairs))
	for i, p := range pairs {
		list[i] = *p.before
	}
	c.eachKnown(before, list, func(i int, r *reachedRow) { r.now, r.nowSet = pairs[i].after, after.set })
}

// eachKnown finds rows among the statement's own that were read before.
func (c *capture) eachKnown(m *image, list []row, do func(int, *reachedRow)) {
	own := c.cascade.rows
	seen := map[string]int{}
	for i, r := range list {
		if at, ok := own.places[identity(c.table, m.set, r, seen)]; ok {
			do(i, &own.rows[at])
		}
	}
}

// unseen names, in an entry's metadata, the tables that foreign keys may have
// changed along with a row, where their rows were not read: in a row that began
// to match only after the others were read, or past the budget.
func (c *capture) unseen(m *image, r row, columns []string) map[string]any {
	if !c.table.passesOn(columns) {
		return nil
	}
	if k := c.cascade; k != nil {
		to := k.met[c.table.object]
		if k.off || to != nil && !to.full && to.has(m, r) {
			return nil
		}
	}
	return map[string]any{"foreign_keys": c.table.passedOn(columns)}
}

// cascadesUnseen reports whether a foreign key passes on what became of a row that
// was not read before the statement. p.after is nil for a row that went.
func (c *capture) cascadesUnseen(before, after *image, p pair) bool {
	if k := c.cascade; k == nil || k.off || k.rows == nil || k.rows.full || k.rows.has(before, *p.before) {
		return false
	}
	if p.after == nil {
		return c.table.passesOn(nil)
	}
	changed := changedColumns(before, after, p)
	return len(changed) > 0 && c.table.passesOn(changed)
}

// changedColumns are those in which a row differs.
func changedColumns(before, after *image, p pair) (changed []string) {
	for i, name := range after.set.names {
		if was, ok := before.value(*p.before, name); ok && !sameValue(after.set.kinds[i], was, p.after.values[i]) {
			changed = append(changed, name)
		}
	}
	return changed
}

// unseenOfAll is what unseen names, for an entry that stands for many rows.
func (c *capture) unseenOfAll() []any {
	columns := c.assigned()
	if c.text.verb == "DELETE" {
		columns = nil
	}
	if c.cascade != nil && c.cascade.off {
		return nil
	}
	return c.table.passedOn(columns)
}

// passedOn is "profiles: cascade" for each table that foreign keys change along.
func (t *table) passedOn(columns []string) []any {
	var list []string
	for _, f := range t.referrers {
		if rule := f.rule(columns); rule != "" {
			list = append(list, cleantext.Text(f.object+": "+strings.ToLower(rule)))
		}
	}
	slices.Sort(list)
	var values []any
	for _, s := range slices.Compact(list) {
		values = append(values, s)
	}
	return values
}

// passedOnByRaw is passedOn for a raw DELETE.
func (c *capture) passedOnByRaw() []any {
	if c.text.table == "" || c.text.verb != "DELETE" {
		return nil
	}
	t, err := c.plugin.tableOf(c.ctx, c.own, c.unit, c.text.schema, c.text.table)
	if err != nil || t == nil || !t.passesOn(nil) {
		return nil
	}
	if on, err := c.enforced(); err != nil || !on {
		return nil
	}
	return t.passedOn(nil)
}
