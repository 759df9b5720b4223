package hooks

// readTriggered reads the rows again where a trigger of PostgreSQL may have
// changed or removed them after the statement returned them. (SQLite's are logged,
// and MySQL refuses such triggers.)
func (c *capture) readTriggered(after *image) (*image, error) {
	if c.plugin.dialect.name != "postgres" || !c.writesBack() || len(after.rows) == 0 || after.over() {
		return after, nil
	}
	keys := make([][]any, len(after.rows))
	for i, r := range after.rows {
		keys[i] = c.keyBefore(after, r)
	}
	now, err := c.readKeys(keys)
	if err != nil {
		return nil, err
	}
	found := map[string]row{}
	for _, r := range now.rows {
		found[c.insertKey(now, r)] = r
	}
	removed := false
	for i, r := range after.rows {
		if is, ok := found[c.insertKey(after, r)]; ok {
			after.rows[i].values = c.inOrder(after.set, now.set, is.values)
		} else {
			after.rows[i].removed, removed = true, true
		}
	}
	if removed && c.table.rekeys { // rows may go on under other keys
		return after, c.add(c.executed(c.text, c.query, -1))
	}
	return after, nil
}

// inOrder are values of one set in the order of another.
func (c *capture) inOrder(to, from *columnSet, values []any) []any {
	if to == from {
		return values
	}
	ordered := make([]any, len(to.names))
	for i, name := range to.names {
		if j, ok := from.byName[name]; ok {
			ordered[i] = values[j]
		}
	}
	return ordered
}
