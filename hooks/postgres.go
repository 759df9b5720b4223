package hooks

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
)

// PostgreSQL hands back old and new with the write itself:
//
//	WITH gormtrail_old AS (SELECT (t.*)::text AS r, t.key AS k0 FROM t WHERE … FOR UPDATE)
//	UPDATE t SET … FROM gormtrail_old WHERE t.key = gormtrail_old.k0 RETURNING gormtrail_old.r, (t.*)::text
//
// The query in WITH runs once, also if its condition is volatile. It locks the
// rows first, waiting for and then seeing what other transactions commit
// meanwhile, as the UPDATE alone would have; the rows that it found are the ones
// that are updated. They are joined by the primary key: a row has another ctid
// once somebody else has updated it.
const oldName = "gormtrail_old"

func (c *capture) updatePostgres(parts map[string]segment, wantRows bool) (outcome, error) {
	host := c.divided()
	if !host.ok {
		return c.runUnseen(wantRows)
	}
	t := hostText{body: c.withOldRows(parts), args: c.args}
	before, after := &image{}, &image{}
	list := oldName + "." + c.table.free("gormtrail_row") + ", " + c.rowList(c.reference(), "")
	out, err := c.returning(t, list, 1, 0, wantRows, func(r *rowReader, raw []any) error {
		old := []any{raw[0], raw[r.from+1], raw[r.from+2]}
		if err := (&rowReader{c: c, set: r.set}).into(before, old); err != nil || before.over() {
			after.rows = nil // one entry stands for the rows before
			return err
		}
		if err := r.into(after, raw); err != nil || !after.over() {
			return err
		}
		before.spend(c.table)
		return nil
	})
	if err != nil {
		return out, err
	}
	if err := c.settle(before, after); err != nil {
		return c.afterFailed(out, err)
	}
	if c.table.passesOn(c.assigned()) && before.count > 0 {
		return out, c.notMet("a foreign key that passes on the change was added since the table was read")
	}
	if before.over() {
		c.unit.wrote.Store(true)
		return out, c.add(c.summary(before))
	}
	return out, c.finishPairs(before, after)
}

// finishPairs adds the entries of rows that came back side by side.
func (c *capture) finishPairs(before, after *image) error {
	after, err := c.readTriggered(after)
	if err != nil {
		return c.failedAfter(err)
	}
	if after.over() {
		return c.add(c.summary(after))
	}
	pairs := make([]pair, 0, len(before.rows))
	var removed []audit.Entry
	for i := range before.rows {
		if after.rows[i].removed {
			removed = append(removed, c.destroyedOne(before, before.rows[i]))
			continue
		}
		pairs = append(pairs, pair{&before.rows[i], &after.rows[i]})
	}
	return c.add(append(c.updated(before, after, pairs), removed...)...)
}

// withOldRows is the UPDATE joined with its own rows, locked.
func (c *capture) withOldRows(parts map[string]segment) string {
	var b strings.Builder
	d := c.plugin.dialect
	ref := c.reference()
	fmt.Fprintf(&b, "WITH %s AS (SELECT (%s.*)::text AS %s", oldName, ref, c.table.free("gormtrail_row"))
	for i, k := range c.table.key {
		fmt.Fprintf(&b, ", %s.%s AS %s", ref, d.quote(k), c.oldKey(i))
	}
	b.WriteString(" FROM " + c.tableText())
	from, joined := parts["FROM"]
	others := strings.TrimPrefix(from.text, "FROM ")
	if joined {
		b.WriteString(", " + others)
	}
	where, has := parts["WHERE"]
	if has {
		b.WriteString(" " + where.text)
	}
	b.WriteString(" " + c.lockText() + ") " + parts["UPDATE"].text + " " + parts["SET"].text + " FROM ")
	if joined {
		b.WriteString(others + ", ")
	}
	b.WriteString(oldName + " WHERE ")
	for i, k := range c.table.key {
		if i > 0 {
			b.WriteString(" AND ")
		}
		fmt.Fprintf(&b, "%s.%s = %s.%s", ref, d.quote(k), oldName, c.oldKey(i))
	}
	if has && joined {
		b.WriteString(" AND (" + c.condition(where.from) + ")")
	}
	return b.String()
}

// oldKey names a key column of the old rows. The host's own expressions must
// not find it: none of the table's columns is called so.
func (c *capture) oldKey(i int) string { return c.table.free("gormtrail_key" + strconv.Itoa(i)) }

// lockText takes the lock that the UPDATE will take anyway, not a stronger one:
// FOR UPDATE would make inserts that refer to the row wait.
func (c *capture) lockText() string {
	strength := "FOR NO KEY UPDATE"
	for _, u := range c.table.uniques {
		if u.plain && c.sets(u.columns) {
			strength = "FOR UPDATE"
		}
	}
	return strength + " OF " + c.reference()
}

// canUpdatePlaces reports whether the statement can be given its rows by ctid.
func (c *capture) canUpdatePlaces(parts map[string]segment) bool {
	_, joined := parts["FROM"]
	return !joined && c.divided().ok
}

// places are the rows that were read, as a relation of their own: of a table
// without a key, or with rows that refer to its rows, the statement gets them by
// ctid in a second statement, whose snapshot sees the locked versions.
func (c *capture) places(m *image, vars int) (relation, condition string, args []any) {
	relations, places := make([]string, len(m.rows)), make([]string, len(m.rows))
	for i, r := range m.rows {
		at, _ := r.locator.(ctid)
		relations[i], places[i] = strconv.FormatInt(at.relation, 10), `"`+at.place+`"`
	}
	tableoid, place, n := c.table.free("gormtrail_relation"), c.table.free("gormtrail_place"), c.table.free("gormtrail_n")
	relation = fmt.Sprintf("unnest($%d::text[]::oid[], $%d::text[]::tid[]) WITH ORDINALITY AS %s(%s, %s, %s)", vars+1, vars+2, oldName, tableoid, place, n)
	ref := c.reference()
	condition = fmt.Sprintf("%s.ctid = %s.%s AND %s.tableoid = %s.%s", ref, oldName, place, ref, oldName, tableoid)
	return relation, condition, []any{"{" + strings.Join(relations, ",") + "}", "{" + strings.Join(places, ",") + "}"}
}

// updatePlaces updates the rows that were read by their ctid.
func (c *capture) updatePlaces(parts map[string]segment, before *image, wantRows bool) (outcome, error) {
	set := parts["SET"]
	relation, condition, args := c.places(before, set.to)
	t := hostText{
		body: parts["UPDATE"].text + " " + set.text + " FROM " + relation + " WHERE " + condition,
		args: append(append([]any(nil), c.args[:set.to]...), args...),
	}
	after := &image{}
	var numbers []int64
	list := oldName + "." + c.table.free("gormtrail_n") + ", " + c.rowList(c.reference(), "")
	out, err := c.returning(t, list, 1, 0, wantRows, func(r *rowReader, raw []any) error {
		numbers = append(numbers, number(raw[0]))
		return r.into(after, raw)
	})
	if err != nil {
		return out, err
	}
	if err := c.settle(after); err != nil {
		return c.afterFailed(out, err)
	}
	met := &image{set: before.set}
	for _, n := range numbers {
		if n < 1 || n > int64(len(before.rows)) {
			return out, c.notMet("it returned one that it was not given")
		}
		met.rows = append(met.rows, before.rows[n-1])
	}
	met.count = len(met.rows)
	return out, c.finishPairs(met, after)
}
