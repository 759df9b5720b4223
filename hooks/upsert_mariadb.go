package hooks

import (
	"fmt"
	"strings"

	"gorm.io/gorm/clause"
)

// An upsert on MariaDB (10.5 and later) notes each met row in user variables,
// in an assignment before all others that leaves its column as it is:
//
//	INSERT INTO t … ON DUPLICATE KEY UPDATE k = IF(ISNULL(@gormtrail_0 := t.a) + … + (@gormtrail_met := 1) < 0, k, k), …
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
	without, columns, all, ok := c.asked()
	parts, built := c.segmented()
	values, is := c.stmt.Clauses["VALUES"].Expression.(clause.Values)
	if !ok || !built || all || !is || len(values.Columns) == 0 {
		return outcome{}, false, nil
	}
	const verb = "ON DUPLICATE KEY UPDATE "
	conflict := strings.TrimRight(parts["ON CONFLICT"].text, " ")
	head, atEnd := strings.CutSuffix(strings.TrimRight(without, " "), conflict)
	assignments, named := strings.CutPrefix(conflict, verb)
	if !atEnd || !named || assignments == "" {
		return outcome{}, false, nil
	}
	if _, err := c.own.ExecContext(c.ctx, c.declareVariables()); err != nil {
		return outcome{}, true, err
	}
	k := c.plugin.dialect.quote(values.Columns[0].Name)
	query := head + verb + fmt.Sprintf("%s=IF(%s<0,%s,%s),", k, c.noteRow(), k, k) + assignments
	out, err = c.upserted(query, c.notedRow(), columns, wantRows)
	return out, true, err
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
	case kindTime:
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
