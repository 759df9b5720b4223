package hooks

// remove captures a DELETE. (A soft delete is an UPDATE, and goes there.)
func (c *capture) remove(wantRows bool) (outcome, error) {
	return c.withCascades(nil, wantRows, c.beforeQuery, c.removeRows)
}

func (c *capture) removeRows(wantRows bool) (outcome, error) {
	without, columns, _, ok := c.asked()
	if !c.plugin.dialect.deleteReturning || !ok {
		return c.readThenRemove(wantRows)
	}
	before := &image{}
	out, err := c.returning(without, c.args, "*", columns, 0, wantRows, c.seeInto(before))
	if err != nil {
		return out, err
	}
	return c.finishRemove(out, before)
}

// readThenRemove is for databases that don't return what they delete.
func (c *capture) readThenRemove(wantRows bool) (outcome, error) {
	before, err := c.readBefore()
	if err != nil {
		return c.beforeFailed(err, wantRows)
	}
	out, err := c.plain(wantRows)
	if err != nil {
		return out, err
	}
	return c.finishRemove(out, before)
}

func (c *capture) finishRemove(out outcome, before *image) (outcome, error) {
	if before.count == 0 {
		return out, nil
	}
	c.unit.wrote.Store(true)
	c.noteGone(before)
	if before.over() {
		return out, c.add(c.summary(before))
	}
	return out, c.add(c.destroyed(before)...)
}
