package hooks

import (
	"fmt"

	"gorm.io/gorm/clause"
)

// insertThenRead runs the statement and reads the rows that it wrote by their
// keys.
func (c *capture) insertThenRead(before *image, wantRows bool) (outcome, error) {
	out, err := c.runText(hostText{body: c.query, args: c.args, whole: true}, wantRows)
	if err != nil {
		return out, err
	}
	after, err := c.readInserted(out, before)
	if err != nil {
		return c.afterFailed(out, err)
	}
	if after == nil {
		return out, c.add(c.executed(c.text, c.query, out.affected()))
	}
	if err := c.finishInsert(before, after); err != nil {
		return out, err
	}
	if affected := out.affected(); !wantRows && !c.meetsRows() && affected > int64(after.count) {
		return out, c.notMet(fmt.Sprintf("of %d inserted rows %d were found again", affected, after.count))
	}
	return out, nil
}

// readInserted reads the written rows: those that hold an inserted key, those
// that were met, and those whose keys the database generated. nil: they can't
// be found.
func (c *capture) readInserted(out outcome, before *image) (*image, error) {
	all, asked := &image{set: c.setNow()}, false
	err := c.eachConflictQuery(func(query string, args []any) error {
		asked = true
		m, err := c.queryRows(query, args)
		if err == nil {
			c.mergeRows(all, m)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	keys := c.generatedKeys(out)
	for _, r := range before.rows {
		keys = append(keys, c.keyAfter(before, r))
	}
	if len(keys) == 0 && !asked {
		return nil, nil
	}
	more, err := c.readKeys(keys)
	if err != nil {
		return nil, err
	}
	c.mergeRows(all, more)
	return all, nil
}

// generatedKeys are the auto-increment keys that the statement took: MySQL gives
// a statement's rows consecutive ones, and reports the first.
func (c *capture) generatedKeys(out outcome) [][]any {
	values, ok := c.stmt.Clauses["VALUES"].Expression.(clause.Values)
	if !ok || out.result == nil || len(c.table.key) != 1 {
		return nil
	}
	col, _ := c.table.column(c.table.key[0])
	if !col.auto || placesOf(c.table.key, values.Columns) != nil {
		return nil
	}
	first, err := out.result.LastInsertId()
	if err != nil || first == 0 {
		return nil
	}
	step := int64(1)
	if s := c.stmt.Schema; s != nil && s.PrioritizedPrimaryField != nil && s.PrioritizedPrimaryField.AutoIncrementIncrement > 1 {
		step = s.PrioritizedPrimaryField.AutoIncrementIncrement
	}
	var keys [][]any
	for i := range max(len(values.Values), 1) {
		keys = append(keys, []any{first + int64(i)*step})
	}
	return keys
}

// firstGenerated is what MySQL reports as the last insert ID: the first key that
// it generated.
func (c *capture) firstGenerated(after *image) int64 {
	for _, col := range c.table.columns {
		if col.auto && len(after.rows) > 0 {
			if v, ok := after.value(after.rows[0], col.name); ok {
				if id, ok := v.(int64); ok {
					return id
				}
			}
		}
	}
	return 0
}
