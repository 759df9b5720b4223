package hooks

import (
	"fmt"
	"strings"
)

// An upsert on MariaDB (10.5 and later) notes each met row in user variables,
// while it works out the first assignment, before any column has changed:
//
//	INSERT INTO t … ON DUPLICATE KEY UPDATE a = IF(ISNULL(@gormtrail_0 := t.a) + … + (@gormtrail_met := 1) < 0, NULL, VALUES(a)), …
//	RETURNING @gormtrail_met, @gormtrail_0, …, t.*, (@gormtrail_met := 0)
//
// A SELECT … FOR UPDATE before the statement would lock the gaps in which the
// keys are missing, and two transactions that both do so wait for each other's
// insert: deadlocks that the host wouldn't meet without the plugin. The
// variables must exist when the statement is prepared, hence a SET before it.
const oldVariable = "@gormtrail_"

// upsertMariaDB is for ON DUPLICATE KEY UPDATE; ok is false where the statement
// isn't built as expected.
func (c *capture) upsertMariaDB(wantRows bool) (out outcome, ok bool, err error) {
	query, ok := c.notingRows()
	_, columns, all, told := c.asked()
	if !ok || !told || all {
		return outcome{}, false, nil
	}
	if _, err := c.own.ExecContext(c.ctx, c.declareVariables()); err != nil {
		return outcome{}, true, err
	}
	out, err = c.upserted(query, c.notedRow(), columns, wantRows)
	return out, true, err
}

// notingRows is the statement, without its RETURNING, whose first assignment
// notes the row that it met. (An assignment of its own would not do: of two to
// one column MariaDB keeps the first.)
func (c *capture) notingRows() (string, bool) {
	without, _, _, ok := c.asked()
	parts, built := c.segmented()
	conflict, is := c.onConflict()
	if !ok || !built || !is || len(conflict.DoUpdates) == 0 {
		return "", false
	}
	text := strings.TrimRight(parts["ON CONFLICT"].text, " ")
	head, atEnd := strings.CutSuffix(strings.TrimRight(without, " "), text)
	first := conflict
	first.DoUpdates = conflict.DoUpdates[:1]
	before, built := c.conflictAction(first, parts["ON CONFLICT"].from)
	rest, same := strings.CutPrefix(text, before)
	assigned := "ON DUPLICATE KEY UPDATE " + c.stmt.Quote(conflict.DoUpdates[0].Column) + "="
	value, named := strings.CutPrefix(before, assigned)
	if !atEnd || !built || !same || !named || value == "" {
		return "", false
	}
	return head + assigned + "IF(" + c.noteRow() + "<0,NULL," + value + ")" + rest, true
}

// declareVariables makes them texts: what a variable is when the statement is
// prepared is what it is read as.
func (c *capture) declareVariables() string {
	var b strings.Builder
	b.WriteString("SET " + oldVariable + "met = 0")
	for i, col := range c.table.columns {
		empty := "''"
		if col.kind == kindBytes {
			empty = "_binary''"
		}
		fmt.Fprintf(&b, ", %s%d = %s", oldVariable, i, empty)
	}
	return b.String()
}

// noteRow is an expression that is never negative and copies the met row.
func (c *capture) noteRow() string {
	var b strings.Builder
	d := c.plugin.dialect
	for i, col := range c.table.columns {
		fmt.Fprintf(&b, "ISNULL(%s%d:=%s.%s)+", oldVariable, i, d.quote(c.table.name), d.quote(col.name))
	}
	b.WriteString("(" + oldVariable + "met:=1)")
	return b.String()
}

// notedRow reads it back. A variable has lost its column's type: where the text
// of a value is not enough, a cast gives it back.
func (c *capture) notedRow() string {
	var b strings.Builder
	b.WriteString(oldVariable + "met AS " + placeNumber)
	for i, col := range c.table.columns {
		v := fmt.Sprintf("%s%d", oldVariable, i)
		if to := castOf(col.kind); to != "" {
			v = "CAST(NULLIF(" + v + ", '') AS " + to + ")" // '' where no row was met
		}
		b.WriteString(", " + v)
	}
	fmt.Fprintf(&b, ", %s.*, (%smet:=0) AS %s", c.plugin.dialect.quote(c.table.name), oldVariable, placeName)
	return b.String()
}

func castOf(k kind) string {
	switch k {
	case kindTime, kindWall:
		return "DATETIME(6)"
	case kindDate:
		return "DATE"
	case kindFloat, kindFloat32:
		return "DOUBLE"
	case kindBits:
		return "UNSIGNED"
	}
	return ""
}
