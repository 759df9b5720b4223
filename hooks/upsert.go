package hooks

import "slices"

// Both PostgreSQL and MariaDB can be made to tell, in the upsert itself, what
// each row was before; each in its own way (upsert_postgres.go, upsert_mariadb.go).

// rowsUpserted are the rows of an upsert: each is new, or was met.
type rowsUpserted struct {
	*capture
	before, after *image
	met           []bool
	affected      int64           // as MySQL and MariaDB count
	written       map[string]bool // keys of the rows that the statement has written
}

func (c *capture) newUpsert() *rowsUpserted {
	return &rowsUpserted{capture: c, before: &image{}, after: &image{}, written: map[string]bool{}}
}

// finish adds the entries.
func (u *rowsUpserted) finish(out outcome) (outcome, error) {
	u.unit.wrote.Store(true)
	if err := u.settle(u.before, u.after); err != nil {
		return u.afterFailed(out, err)
	}
	if u.after.over() || u.before.over() {
		return out, u.add(u.summary(u.after))
	}
	after, err := u.readTriggered(u.after)
	if err != nil {
		return u.afterFailed(out, err)
	}
	for i := range after.rows {
		if err := u.addEntry(i); err != nil {
			return out, err
		}
	}
	if r, ok := out.result.(execResult); ok && u.plugin.dialect.name == "mysql" {
		r.affected = u.affected
		r.lastID = func() (int64, error) { return u.firstGenerated(u.after), nil }
		out.result = r
	}
	return out, nil
}

func (u *rowsUpserted) addEntry(i int) error {
	after := &u.after.rows[i]
	if u.plugin.dialect.name == "mysql" {
		u.count(i)
	}
	switch {
	case after.removed && u.met[i]:
		return u.add(u.destroyedOne(u.before, u.before.rows[i]))
	case after.removed:
		return nil
	case !u.met[i]:
		return u.add(u.created(u.after, *after))
	}
	p := pair{&u.before.rows[i], after}
	if u.cascadesUnseen(u.before, u.after, p) {
		return u.notMet("a foreign key passes on the change of one that no inserted value told of")
	}
	return u.add(u.updated(u.before, u.after, []pair{p})...)
}

// count adds row i to the rows affected as the server counts them: 1 for a new
// row, 2 for a changed one, 0 for one that is as it was. (With the driver's
// clientFoundRows the last would be 1.)
//
// In a system-versioned table of MariaDB a row that was met counts 1 even if it is
// as it was, and the row's earlier version counts too. The server keeps one where
// it sets a versioned column and the row differs, which includes the time of its
// version: that differs unless the same statement has written the row already.
func (u *rowsUpserted) count(i int) {
	after := u.after.rows[i]
	key := u.insertKey(u.after, after)
	again := u.written[key]
	u.written[key] = true
	if !u.met[i] {
		u.affected++
		return
	}
	differs := len(changedColumns(u.before, u.after, pair{&u.before.rows[i], &after})) > 0
	switch {
	case !u.table.versioned && differs:
		u.affected += 2
	case !u.table.versioned:
	case u.setsVersioned() && (differs || !again || u.table.versionedByTransaction()):
		u.affected += 3
	case differs:
		u.affected += 2
	default:
		u.affected++
	}
}

// setsVersioned reports whether the statement sets a column of which MariaDB
// keeps earlier values.
func (u *rowsUpserted) setsVersioned() bool {
	return slices.ContainsFunc(u.conflictColumns(), func(name string) bool {
		col, ok := u.table.column(name)
		return ok && !col.unversioned
	})
}

// versionedByTransaction reports whether a row's versions are told apart by the
// number of a transaction. That is another one each time that a row is written.
func (t *table) versionedByTransaction() bool {
	return slices.ContainsFunc(t.columns, func(c column) bool { return c.period && c.kind == kindInt })
}
