package hooks

import (
	"fmt"
	"slices"
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
// variables must exist when the statement is prepared, hence a SELECT before it.
const oldVariable = "@gormtrail_"

// upsertMariaDB is for ON DUPLICATE KEY UPDATE; ok is false where the statement
// isn't built as expected.
func (c *capture) upsertMariaDB(wantRows bool) (out outcome, ok bool, err error) {
	if host := c.divided(); !host.ok {
		return outcome{}, false, nil
	}
	if _, ok := c.notingRows(); !ok {
		return outcome{}, false, nil
	}
	if err := c.declareVariables(); err != nil {
		return outcome{}, true, err
	}
	query, _ := c.notingRows()
	u := c.newUpsert()
	list := c.notedRow() + ", " + c.rowList(c.reference(), c.reference()+".*") + ", (" + oldVariable + "met:=0)"
	out, err = c.returning(hostText{body: query, args: c.args}, list, 1+len(c.table.columns), 1, wantRows, u.seeMariaDB)
	if err != nil {
		return out, true, err
	}
	out, err = u.finish(out)
	return out, true, err
}

// seeMariaDB reads the old row out of the variables, in the order of the
// catalog's columns, and the new one behind it.
func (u *rowsUpserted) seeMariaDB(r *rowReader, raw []any) error {
	if u.before.set == nil {
		u.before.set = u.setNow()
	}
	u.met = append(u.met, number(raw[0]) == 1)
	values := make([]any, len(u.table.columns))
	for i := range values {
		if u.met[len(u.met)-1] {
			values[i] = u.plugin.dialect.canonicalExact(u.before.set.kinds[i], raw[1+i])
		}
	}
	u.before.add(u.table, row{values: values}, u.plugin.budget)
	if err := r.into(u.after, raw); err != nil || !u.passesOver() || u.after.over() || u.before.over() {
		return err
	}
	last := len(u.met) - 1
	u.met[last] = u.met[last] && u.sameKey(&u.before.rows[last], &u.after.rows[last])
	return nil
}

// sameKey tells the note of a returned row from one that a row left behind which
// INSERT IGNORE passed over.
func (u *rowsUpserted) sameKey(before, after *row) bool {
	return !slices.ContainsFunc(u.table.key, func(name string) bool {
		i := u.after.set.byName[name]
		was, _ := u.before.value(*before, name)
		return !sameValue(u.after.set.kinds[i], was, after.values[i])
	})
}

// notingRows is the statement, without its RETURNING, whose first assignment
// notes the row that it met. (An assignment of its own would not do: of two to
// one column MariaDB keeps the first.)
func (c *capture) notingRows() (string, bool) {
	parts, built := c.segmented()
	conflict, is := c.onConflict()
	if !built || !is || len(conflict.DoUpdates) == 0 {
		return "", false
	}
	text := parts["ON CONFLICT"].text
	head, atEnd := strings.CutSuffix(strings.TrimRight(c.divided().body, " "), text)
	first := conflict
	first.DoUpdates = conflict.DoUpdates[:1]
	before, built := c.conflictAction(first, parts["ON CONFLICT"].from)
	rest, same := strings.CutPrefix(text, before)
	assigned := "ON DUPLICATE KEY UPDATE " + c.stmt.Quote(conflict.DoUpdates[0].Column) + "="
	value, named := strings.CutPrefix(before, assigned)
	if !atEnd || !built || !same || !named || value == "" {
		return "", false
	}
	return head + assigned + "IF(" + c.noteRow() + "<0,NULL," + value + "\n)" + rest, true
}

// declareVariables makes them texts: what a variable is when the statement is
// prepared is what it is read as. The same query tells the table's columns as
// they are, and keeps them so until the transaction ends.
func (c *capture) declareVariables() error {
	cols, err := c.declared()
	if err != nil {
		return err
	}
	visible := slices.DeleteFunc(slices.Clone(c.table.columns), func(col column) bool { return col.invisible })
	if slices.EqualFunc(visible, cols.names, func(col column, name string) bool { return col.name == name }) && c.plugin.retyped(c.table, cols) == nil {
		return nil
	}
	c.plugin.forgetTables()
	t, err := c.plugin.tableOf(c.ctx, c.own, c.unit, c.text.schema, c.text.table)
	if err != nil {
		return err
	}
	if t != nil {
		c.table = t
	}
	_, err = c.declared()
	return err
}

func (c *capture) declared() (columns, error) {
	var b strings.Builder
	name := c.plugin.dialect.quote(c.table.name)
	b.WriteString("SELECT " + oldVariable + "met := 0")
	for i, col := range c.table.columns {
		empty := "''"
		if col.kind == kindBytes {
			empty = "_binary''"
		}
		fmt.Fprintf(&b, ", %s%d := %s", oldVariable, i, empty)
	}
	fmt.Fprintf(&b, ", %s.* FROM (SELECT 1) AS gormtrail_one LEFT JOIN (SELECT * FROM %s LIMIT 0) AS %s ON 1 = 0", name, c.table.quoted(c.plugin.dialect), name)
	rows, err := c.own.QueryContext(c.ctx, b.String())
	if err != nil {
		return columns{}, err
	}
	defer func() { _ = rows.Close() }()
	cols, err := columnsIn(rows)
	if err != nil {
		return columns{}, err
	}
	for rows.Next() { // one row, in which the assignments are worked out
	}
	if err := rows.Err(); err != nil {
		return columns{}, err
	}
	return cols.slice(1+len(c.table.columns), len(cols.names)), rows.Close()
}

// noteRow is an expression that is never negative and copies the met row.
func (c *capture) noteRow() string {
	var b strings.Builder
	d := c.plugin.dialect
	for i, col := range c.table.columns {
		fmt.Fprintf(&b, "ISNULL(%s%d:=%s)+", oldVariable, i, d.noted(col, c.reference()+"."+d.quote(col.name)))
	}
	b.WriteString("(" + oldVariable + "met:=1)")
	return b.String()
}

// noted is the form in which a column is kept in a variable.
func (d dialect) noted(col column, quoted string) string {
	if col.kind == kindBits {
		return quoted + "+0"
	}
	if exact := d.exactForm(col, quoted); exact != "" {
		return exact
	}
	return quoted
}

// notedRow reads it back. A variable has lost its column's type: where the text
// of a value is not enough, a cast gives it back.
func (c *capture) notedRow() string {
	var b strings.Builder
	b.WriteString(oldVariable + "met")
	for i, col := range c.table.columns {
		v := fmt.Sprintf("%s%d", oldVariable, i)
		switch col.kind { // '' where no row was met
		case kindFloat, kindFloat32:
			v = "CAST(NULLIF(" + v + ", '') AS DOUBLE)"
		case kindBits:
			v = "CAST(NULLIF(" + v + ", '') AS UNSIGNED)"
		}
		b.WriteString(", " + v)
	}
	return b.String()
}
