package hooks

import (
	"fmt"
	"strconv"
	"strings"
)

// PostgreSQL hands back old and new with the write itself:
//
//	UPDATE t SET … FROM (SELECT (t.*)::t AS audit_row, t.key AS audit_0 FROM t WHERE … FOR UPDATE) audit_old
//	WHERE t.key = audit_old.audit_0 RETURNING (audit_old.audit_row).*, t.*
//
// The inner query locks the rows first, waiting for and then seeing what other
// transactions commit meanwhile, as the UPDATE alone would have; the rows that
// it found are the ones that are updated. They are joined by the primary key:
// a row's place (ctid) is another one once somebody else has updated it.
const oldName = "audit_old"

func (c *capture) updatePostgres(wantRows bool) (outcome, error) {
	parts, ok := c.segmented()
	if !ok {
		return c.runUnseen(wantRows) // not built from clauses: nothing is known of its condition
	}
	if len(c.table.key) == 0 {
		return c.updateByPlace(parts, wantRows)
	}
	_, columns, _, ok := c.asked()
	if !ok {
		return c.runUnseen(wantRows)
	}
	return c.updateReturningBoth(c.withOldRows(parts), columns, wantRows)
}

// withOldRows is the UPDATE joined with its own rows, locked.
func (c *capture) withOldRows(parts map[string]segment) string {
	var b strings.Builder
	d := c.plugin.dialect
	ref, table := c.reference(), tableText(parts)
	b.WriteString(parts["UPDATE"].text + " " + parts["SET"].text + " FROM ")
	from, joined := parts["FROM"]
	others := strings.TrimPrefix(from.text, "FROM ")
	if joined {
		b.WriteString(others + ", ")
	}
	// Not just the table's name: a column may be called like it.
	fmt.Fprintf(&b, "(SELECT (%s.*)::%s AS audit_row", ref, c.table.rowType)
	for i, k := range c.table.key {
		fmt.Fprintf(&b, ", %s.%s AS audit_%d", ref, d.quote(k), i)
	}
	b.WriteString(" FROM " + table)
	if joined {
		b.WriteString(", " + others)
	}
	if where, ok := parts["WHERE"]; ok {
		b.WriteString(" " + where.text)
	}
	b.WriteString(" " + c.lockText() + ") AS " + oldName + " WHERE ")
	for i, k := range c.table.key {
		if i > 0 {
			b.WriteString(" AND ")
		}
		fmt.Fprintf(&b, "%s.%s = %s.audit_%d", ref, d.quote(k), oldName, i)
	}
	if where, ok := parts["WHERE"]; ok && joined {
		b.WriteString(" AND (" + strings.TrimPrefix(where.text, "WHERE ") + ")")
	}
	return b.String()
}

// lockText takes the lock that the UPDATE will take anyway, not a stronger one:
// FOR UPDATE would make inserts that refer to the row wait.
func (c *capture) lockText() string {
	strength := "FOR NO KEY UPDATE"
	for _, u := range c.table.uniques {
		if c.sets(u.columns) {
			strength = "FOR UPDATE"
		}
	}
	return strength + " OF " + c.reference()
}

// updateReturningBoth runs the joined UPDATE; each returned row is the old one,
// then the new one, then what the host asked for.
func (c *capture) updateReturningBoth(query, asked string, wantRows bool) (outcome, error) {
	before, after := &image{}, &image{}
	star := "(" + oldName + ".audit_row).*, " + c.reference() + ".*"
	out, err := c.returning(query, c.args, star, asked, -1, wantRows, func(cols columns, raw []any) {
		n := len(raw) / 2
		if before.set == nil {
			before.set = c.plugin.columnsOf(c.table, cols.slice(n, 2*n))
			after.set = before.set
		}
		before.add(c.table, raw[:n], c.plugin.budget)
		if before.over() {
			after.rows = nil // one entry tells of the rows before
			return
		}
		after.add(c.table, raw[n:], c.plugin.budget)
	})
	if err != nil {
		return out, err
	}
	if before.over() {
		return out, c.add(c.summary(before))
	}
	pairs := make([]pair, len(before.rows))
	for i := range pairs {
		pairs[i] = pair{&before.rows[i], &after.rows[i]}
	}
	return out, c.add(c.updated(before, after, pairs)...)
}

// updateByPlace updates the rows of a table without a key: they are locked and
// read with their places, and updated by those in a second statement, whose
// snapshot sees the locked versions.
func (c *capture) updateByPlace(parts map[string]segment, wantRows bool) (outcome, error) {
	query, args := c.selectBefore()
	query = "SELECT " + c.reference() + ".ctid::text AS " + placeName + ", " + strings.TrimPrefix(query, "SELECT ")
	rows, err := c.own.QueryContext(c.ctx, query, args...)
	if err != nil {
		return outcome{}, err
	}
	before, err := c.plugin.readAll(c.table, rows, c.plugin.budget)
	if err != nil {
		return outcome{}, err
	}
	if before.over() || before.count == 0 {
		return c.updateMany(before, wantRows)
	}
	return c.updatePlaces(parts, before, wantRows)
}

// placeName is the column of a row's place; placeNumber that of its number among
// the rows before.
const (
	placeName   = "audit_place"
	placeNumber = "audit_n"
)

func (c *capture) updatePlaces(parts map[string]segment, before *image, wantRows bool) (outcome, error) {
	_, columns, all, ok := c.asked()
	if _, joined := parts["FROM"]; !ok || all || joined {
		return c.runUnseen(wantRows)
	}
	places := make([]string, len(before.rows))
	for i, r := range before.rows {
		v, _ := before.value(r, placeName)
		places[i] = keyText(v)
	}
	args := append(append([]any(nil), c.args[:parts["SET"].to]...), `{"`+strings.Join(places, `","`)+`"}`)
	query := fmt.Sprintf("%s %s FROM unnest($%d::text[]) WITH ORDINALITY AS %s(place, n) WHERE %s.ctid = %s.place::tid",
		parts["UPDATE"].text, parts["SET"].text, len(args), oldName, c.reference(), oldName)
	after := &image{}
	star := oldName + ".n AS " + placeNumber + ", " + c.reference() + ".*"
	out, err := c.returning(query, args, star, columns, 0, wantRows, c.seeInto(after))
	if err != nil {
		return out, err
	}
	var pairs []pair
	for i := range after.rows {
		v, _ := after.value(after.rows[i], placeNumber)
		n, err := strconv.Atoi(keyText(v))
		if err == nil && n >= 1 && n <= len(before.rows) {
			pairs = append(pairs, pair{&before.rows[n-1], &after.rows[i]})
		}
	}
	return out, c.add(c.updated(before, after, pairs)...)
}
