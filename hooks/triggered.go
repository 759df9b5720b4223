package hooks

import (
	"fmt"
	"slices"
)

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

// readLocators reads the rows of SQLite that are at those places.
func (c *capture) readLocators(locators []any) (*image, error) {
	plain := *c // these statements name the table without an alias
	plain.text.alias = ""
	plain.text.table = c.table.name
	all := &image{set: c.setNow()}
	for chunk := range slices.Chunk(locators, maxKeys) {
		at := &image{}
		for _, l := range chunk {
			at.rows = append(at.rows, row{locator: l})
		}
		condition, args := plain.metRows(at)
		m, err := c.readWhere(condition, args)
		if err != nil {
			return nil, err
		}
		all.set, all.rows, all.count = m.set, append(all.rows, m.rows...), all.count+m.count
	}
	return all, nil
}
