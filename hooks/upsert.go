package hooks

// Both PostgreSQL and MariaDB can be made to tell, in the upsert itself, what
// each row was before; each in its own way (upsert_postgres.go, upsert_mariadb.go).
// What comes back has one shape: whether the row was met, the old row, the new
// row, one column that clears the notes, and what the host asked for.

// rowsUpserted are the rows of an upsert: each is new, or was met.
type rowsUpserted struct {
	*capture
	before, after *image
	met           []bool
	changed       int
}

// upserted runs the upsert and adds its entries.
func (c *capture) upserted(query, star, asked string, wantRows bool) (outcome, error) {
	u := &rowsUpserted{capture: c, before: &image{}, after: &image{}}
	out, err := c.returning(query, c.args, star, asked, 0, wantRows, u.see)
	if err != nil {
		return out, err
	}
	c.unit.wrote.Store(true)
	if u.after.over() {
		return out, c.add(c.summary(u.after))
	}
	for i := range u.after.rows {
		if err := u.addEntry(i); err != nil {
			return out, err
		}
	}
	if r, ok := out.result.(execResult); ok && c.plugin.dialect.name == "mysql" {
		out.result = u.asMySQL(r)
	}
	return out, nil
}

func (u *rowsUpserted) see(cols columns, raw []any) {
	n := (len(raw) - 2) / 2
	if u.before.set == nil {
		u.before.set = u.plugin.columnsOf(u.table, cols.slice(1+n, 1+2*n))
		u.after.set = u.before.set
	}
	u.met = append(u.met, canonical(kindBool, raw[0]) == true)
	u.before.add(u.table, raw[1:1+n], u.plugin.budget)
	u.after.add(u.table, raw[1+n:1+2*n], u.plugin.budget)
}

func (u *rowsUpserted) addEntry(i int) error {
	after := &u.after.rows[i]
	if !u.met[i] {
		return u.add(u.created(u.after, *after))
	}
	p := pair{&u.before.rows[i], after}
	if u.differ(p) {
		u.changed++
	}
	return u.add(u.updated(u.before, u.after, []pair{p})...)
}

func (u *rowsUpserted) differ(p pair) bool {
	for i := range u.after.set.names {
		if !sameValue(u.after.set.kinds[i], p.before.values[i], p.after.values[i]) {
			return true
		}
	}
	return false
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
