package hooks

import (
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm/clause"
)

// replacesOnUpdate reports whether the UPDATE may remove rows that hold a unique
// value which it gives to others: UPDATE OR REPLACE, and ON CONFLICT REPLACE in
// the table's DDL.
func (c *capture) replacesOnUpdate() bool {
	if c.plugin.dialect.name != "sqlite" || c.text.verb != "UPDATE" || !c.setsUnique() {
		return false
	}
	u, _ := c.stmt.Clauses["UPDATE"].Expression.(clause.Update)
	return c.table.replaces || strings.Contains(strings.ToUpper(u.Modifier), "REPLACE")
}

// setsUnique reports whether the statement sets a column of a unique index, or
// of one with an expression.
func (c *capture) setsUnique() bool {
	return slices.ContainsFunc(c.table.uniques, func(u uniqueOn) bool { return !u.plain || c.sets(u.columns) })
}

// meetReplaced finds the rows that the UPDATE will remove. A rehearsal notes all
// rows of the table, updates, and looks which are missing: the cost grows with
// the table, and only such statements pay it.
func (c *capture) meetReplaced(parts map[string]segment, built bool, before *image) (*image, error) {
	if before.count == 0 || !c.replacesOnUpdate() {
		return nil, nil
	}
	if !built || before.over() {
		return nil, fmt.Errorf("hooks: an UPDATE OR REPLACE of %s touches more rows than are recorded one by one", c.table.object)
	}
	var missing []any
	t := c.onMet(parts, before)
	err := c.rehearse(func() error {
		ref := c.plugin.dialect.quote(c.table.name)
		list, _ := c.locatorList(ref)
		ids := "SELECT " + strings.TrimSuffix(list, ", ") + " FROM " + c.table.quoted(c.plugin.dialect)
		for _, query := range []hostText{{body: "CREATE TEMP TABLE gormtrail_met AS " + ids}, t} {
			if _, err := c.own.ExecContext(c.ctx, query.body, query.args...); err != nil {
				return err
			}
		}
		var err error
		missing, err = c.locatorsOf("SELECT * FROM temp.gormtrail_met EXCEPT "+ids, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	missing = slices.DeleteFunc(missing, func(l any) bool {
		return slices.ContainsFunc(before.rows, func(r row) bool { return keyText(r.locator) == keyText(l) })
	})
	return c.readLocators(missing)
}

// finishReplaced adds the entries of an UPDATE that removed rows: a row that it
// updated may have been removed by the next one.
func (c *capture) finishReplaced(before, replaced, after *image) error {
	var locators []any
	for _, r := range after.rows {
		locators = append(locators, r.locator)
	}
	there, err := c.readLocators(locators)
	if err != nil {
		return c.failedAfter(err)
	}
	changed := map[string]bool{}
	for _, r := range there.rows {
		changed[c.pairKeyAfter(there, r)] = true
	}
	gone := &image{set: before.set}
	for _, r := range before.rows {
		if !changed[c.pairKeyBefore(before, r)] {
			gone.rows = append(gone.rows, r)
		}
	}
	gone.rows = append(gone.rows, replaced.rows...)
	gone.count = len(gone.rows)
	if err := c.finishUpdate(before, there); err != nil {
		return err
	}
	if gone, err = c.without(gone); err != nil {
		return c.failedAfter(err)
	}
	c.noteGone(gone)
	return c.add(c.destroyed(gone)...)
}

// without drops the rows that are still there.
func (c *capture) without(gone *image) (*image, error) {
	var locators []any
	for _, r := range gone.rows {
		locators = append(locators, r.locator)
	}
	kept, err := c.readLocators(locators)
	if err != nil {
		return nil, err
	}
	gone.rows = slices.DeleteFunc(gone.rows, func(r row) bool {
		return slices.ContainsFunc(kept.rows, func(k row) bool { return keyText(k.locator) == keyText(r.locator) })
	})
	gone.count = len(gone.rows)
	return gone, nil
}

// readTriggered reads the rows again where a trigger may have changed them
// after the statement returned them. A row that a trigger removed keeps the
// values that the statement gave it.
func (c *capture) readTriggered(after *image) (*image, error) {
	if !c.table.selfTriggers || len(after.rows) == 0 || after.over() {
		return after, nil
	}
	now, err := c.readReturned(after)
	if err != nil {
		return nil, err
	}
	if now.over() {
		return now, nil
	}
	found := map[string]row{}
	for _, r := range now.rows {
		found[c.insertKey(now, r)] = r
	}
	for i, r := range after.rows {
		if is, ok := found[c.insertKey(after, r)]; ok {
			after.rows[i].values = c.inOrder(after.set, now.set, is.values)
		}
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

func (c *capture) readReturned(after *image) (*image, error) {
	if c.byRowid() {
		var locators []any
		for _, r := range after.rows {
			locators = append(locators, r.locator)
		}
		return c.readLocators(locators)
	}
	if len(c.table.key) == 0 {
		return nil, fmt.Errorf("hooks: a trigger changes rows of %s, which has no key to read them again by", c.table.object)
	}
	keys := make([][]any, len(after.rows))
	for i, r := range after.rows {
		keys[i] = c.keyBefore(after, r)
	}
	return c.readKeys(keys)
}
