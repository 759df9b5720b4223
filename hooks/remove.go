package hooks

import "fmt"

// remove captures a DELETE. (A soft delete is an UPDATE, and goes there.)
func (c *capture) remove(wantRows bool) (outcome, error) {
	host := c.divided()
	if c.logs() {
		return c.runLogged(wantRows)
	}
	if c.plugin.dialect.deleteReturning && host.ok && !c.table.passesOn(nil) {
		gone, out, err := c.removeReturning(hostText{body: host.body, args: c.args}, wantRows)
		if err == nil && c.table.passesOn(nil) && gone.count > 0 {
			return out, c.notMet("a foreign key that passes on the deletion was added since the table was read")
		}
		if err != nil {
			return out, err
		}
		return out, c.finishRemove(gone)
	}
	before, err := c.meet()
	if err != nil {
		return c.beforeFailed(err, wantRows)
	}
	return c.withCascades([]touched{{before, nil}}, wantRows, func() (outcome, error) { return c.removeMet(before, wantRows) })
}

// removeReturning runs a DELETE that returns the rows as they were.
func (c *capture) removeReturning(t hostText, wantRows bool) (*image, outcome, error) {
	gone := &image{}
	out, err := c.returning(t, c.rowList(c.returned(), "*"), 0, 0, wantRows, func(r *rowReader, raw []any) error { return r.into(gone, raw) })
	if err == nil {
		if cause := c.settle(gone); cause != nil {
			out, err = c.afterFailed(out, cause)
		}
	}
	return gone, out, err
}

// removeMet deletes the rows that were read.
func (c *capture) removeMet(before *image, wantRows bool) (outcome, error) {
	t, exactly := c.deleteText(before)
	if !c.plugin.dialect.deleteReturning || !c.divided().ok {
		return c.removeThenLook(t, before, exactly, wantRows)
	}
	gone, out, err := c.removeReturning(t, wantRows)
	if err != nil {
		return out, err
	}
	if !exactly {
		if reason := c.goneDiffer(before, gone); reason != "" {
			return out, c.notMet(reason)
		}
	}
	return out, c.finishRemove(gone)
}

// deleteText is the DELETE of the rows that were read; exactly is false where
// it is the host's own, since they can't be named.
func (c *capture) deleteText(before *image) (t hostText, exactly bool) {
	own := hostText{body: c.divided().body, args: c.args}
	parts, built := c.segmented()
	d := c.plugin.dialect
	if !built || c.text.joined || before.over() || d.name == "mysql" && len(c.table.key) == 0 || c.tooManyKeys(before) {
		return own, false
	}
	head := parts["DELETE"].text + " " + parts["FROM"].text
	vars := max(parts["DELETE"].to, parts["FROM"].to)
	args := append([]any(nil), c.args[:vars]...)
	if d.name == "postgres" {
		relation, condition, more := c.places(before, vars)
		return hostText{body: head + " USING " + relation + " WHERE " + condition, args: append(args, more...)}, true
	}
	condition, more := c.metRows(before)
	return hostText{body: head + " WHERE " + condition, args: append(args, more...), varies: len(before.rows) > 1}, true
}

// goneDiffer compares the rows that the host's own DELETE returned with those
// that were read before it.
func (c *capture) goneDiffer(before, gone *image) string {
	if before.over() || gone.over() {
		if before.count != gone.count {
			return fmt.Sprintf("%d were read and %d deleted", before.count, gone.count)
		}
		return ""
	}
	known, seen := map[string]bool{}, map[string]int{}
	for _, r := range before.rows {
		known[identity(c.table, before.set, r, seen)] = true
	}
	seen = map[string]int{}
	for _, r := range gone.rows {
		if !known[identity(c.table, gone.set, r, seen)] {
			return "it deleted one that began to match meanwhile"
		}
	}
	return ""
}

// removeThenLook is for databases that don't return what they delete.
func (c *capture) removeThenLook(t hostText, before *image, exactly, wantRows bool) (outcome, error) {
	out, err := c.runText(t, wantRows)
	if err != nil {
		return out, err
	}
	affected := out.affected()
	switch {
	case affected > int64(before.count), !exactly && affected != int64(before.count):
		return out, c.notMet(fmt.Sprintf("%d were read and %d deleted", before.count, affected))
	case affected < int64(before.count) && !before.over() && len(c.table.key) > 0:
		if err := c.dropKept(before); err != nil {
			return c.afterFailed(out, err)
		}
	}
	return out, c.finishRemove(before)
}

// dropKept drops the rows that are still there (DELETE IGNORE).
func (c *capture) dropKept(m *image) error {
	keys := make([][]any, len(m.rows))
	for i, r := range m.rows {
		keys[i] = c.keyBefore(m, r)
	}
	kept, err := c.readKeys(keys)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, r := range kept.rows {
		there[kept.keyOf(c.table, r)] = true
	}
	rows := m.rows
	m.rows = nil
	for _, r := range rows {
		if !there[m.keyOf(c.table, r)] {
			m.rows = append(m.rows, r)
		}
	}
	m.count = len(m.rows)
	return nil
}

func (c *capture) finishRemove(gone *image) error {
	if gone.count == 0 {
		return nil
	}
	c.unit.wrote.Store(true)
	c.noteGone(gone)
	if gone.over() {
		return c.add(c.summary(gone))
	}
	return c.add(c.destroyed(gone)...)
}
