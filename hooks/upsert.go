package hooks

// Both PostgreSQL and MariaDB can be made to tell, in the upsert itself, what
// each row was before; each in its own way (upsert_postgres.go, upsert_mariadb.go).

// rowsUpserted are the rows of an upsert: each is new, or was met.
type rowsUpserted struct {
	*capture
	before, after *image
	met           []bool
	changed       int
}

func (c *capture) newUpsert() *rowsUpserted {
	return &rowsUpserted{capture: c, before: &image{}, after: &image{}}
}

// finish adds the entries.
func (u *rowsUpserted) finish(out outcome) (outcome, error) {
	u.unit.wrote.Store(true)
	if err := u.settle(u.before, u.after); err != nil {
		return u.afterFailed(out, err)
	}
	if u.after.over() {
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
		out.result = u.asMySQL(r)
	}
	return out, nil
}

func (u *rowsUpserted) addEntry(i int) error {
	after := &u.after.rows[i]
	if !u.met[i] {
		return u.add(u.created(u.after, *after))
	}
	p := pair{&u.before.rows[i], after}
	if u.cascadesUnseen(u.before, u.after, p) {
		return u.notMet("a foreign key passes on the change of one that no inserted value told of")
	}
	if len(changedColumns(u.before, u.after, p)) > 0 {
		u.changed++
	}
	return u.add(u.updated(u.before, u.after, []pair{p})...)
}

// asMySQL counts as MySQL does: 1 for a new row, 2 for a changed one, 0 for one
// that is as it was. (With the driver's clientFoundRows the last would be 1.)
func (u *rowsUpserted) asMySQL(r execResult) execResult {
	r.affected = int64(2 * u.changed)
	for _, met := range u.met {
		if !met {
			r.affected++
		}
	}
	r.lastID = func() (int64, error) { return u.firstGenerated(u.after), nil }
	return r
}
