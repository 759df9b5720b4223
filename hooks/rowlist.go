package hooks

import (
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// A row is read in a form that the driver leaves alone and that DDL by another
// program can't break:
//
//   - PostgreSQL: the whole row as text, (t.*)::text. Its type never changes, so
//     cached plans stay valid; the database's own text of each value says more
//     than the driver's Go value. The relation and a fingerprint of its columns
//     come along, and tell when the catalog must be read again.
//   - SQLite, MySQL, MariaDB: t.*, whose names tell the same, followed by an
//     expression for each column that the driver would convert or that * leaves
//     out (exactForm).

// rowList is the SELECT or RETURNING list of the table's rows. ref is the name
// by which the statement refers to the table; star is how "all columns" is
// written there.
func (c *capture) rowList(ref, star string) string {
	d := c.plugin.dialect
	if d.name == "postgres" {
		fingerprint := "NULL"
		if !c.unit.holds(c.table) {
			fingerprint = c.table.fingerprintQuery()
		}
		return "(" + ref + ".*)::text, " + ref + ".tableoid::int8, " + fingerprint
	}
	if len(c.table.exactColumns(d)) == 0 {
		return star
	}
	if known := c.table.list.Load(); known != nil && known.ref == ref && known.star == star {
		return known.text
	}
	var b strings.Builder
	b.WriteString(star)
	for _, i := range c.table.exactColumns(d) {
		b.WriteString(", " + d.exactForm(c.table.columns[i], ref+"."+d.quote(c.table.columns[i].name)))
	}
	c.table.list.Store(&listText{ref, star, b.String()})
	return b.String()
}

// listText is the rowList for a ref and a star.
type listText struct{ ref, star, text string }

// fingerprintQuery is a subquery that changes its value when the table's
// columns change: the database evaluates it once a statement.
func (t *table) fingerprintQuery() string {
	return fingerprintOf(strconv.FormatUint(uint64(t.oid), 10))
}

// fingerprintOf is that subquery for the relation whose OID the expression gives.
func fingerprintOf(relation string) string {
	return "(SELECT sum(hashtext(attname)::int8 * attnum + atttypid::int8)::int8 FROM pg_catalog.pg_attribute WHERE attrelid = " + relation + " AND attnum > 0 AND NOT attisdropped)"
}

// exactForm is the expression whose value stands for a column's, or "" if the
// driver gives the column's own value exactly and * has it.
func (d dialect) exactForm(c column, quoted string) string {
	switch d.name {
	case "postgres":
		return "" // rows are text
	case "sqlite":
		if d.oneCall {
			return "" // these drivers give a time that they can't read as its text
		}
		switch strings.ToLower(c.typeText) {
		case "timestamp", "datetime", "date", "boolean":
			return "+" + quoted // no declared type, no conversion by the driver
		}
		return ""
	}
	switch c.kind {
	case kindFloat32: // the text protocol rounds it to six digits
		return "CAST(" + quoted + " AS DOUBLE)"
	case kindWall, kindDate: // zero dates and hours that a time zone leaves out
		return "CAST(" + quoted + " AS CHAR)"
	case kindTime:
		return "UNIX_TIMESTAMP(" + quoted + ")"
	}
	if c.invisible {
		return quoted
	}
	return ""
}

// exactColumns are the indexes of the columns that have an exactForm.
func (t *table) exactColumns(d dialect) []int {
	if list := t.exact.Load(); list != nil {
		return *list
	}
	list := []int{}
	for i, c := range t.columns {
		if d.exactForm(c, "x") != "" {
			list = append(list, i)
		}
	}
	t.exact.Store(&list)
	return list
}

// rowReader reads rows out of a result in which head columns stand in front of
// rowList's and tail columns behind them.
type rowReader struct {
	c          *capture
	head, tail int
	from, to   int // the row's own columns; without the exact ones
	set        *columnSet
	checked    bool // PostgreSQL: the columns are those of the catalog
}

func (c *capture) reader(head, tail int) *rowReader { return &rowReader{c: c, head: head, tail: tail} }

// start looks at the result's columns, once.
func (r *rowReader) start(rows *sql.Rows, names []string) error {
	t, d := r.c.table, r.c.plugin.dialect
	r.from, r.to = r.head, len(names)-r.tail
	if d.name == "postgres" {
		r.set = r.c.plugin.columnsOf(t, columns{names: t.names()})
		return nil
	}
	list := t.exactColumns(d)
	r.to -= len(list)
	own := names[r.from:r.to]
	for _, i := range list {
		if name := t.columns[i].name; !slices.Contains(own, name) {
			own = append(slices.Clip(own), name)
		}
	}
	if d.name == "sqlite" { // whose columns can't get another type
		if r.set = r.c.plugin.lastColumns(t, own); r.set != nil {
			return nil
		}
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	r.set = r.c.plugin.columnsOf(t, columns{own, types[r.from:r.to]})
	return nil
}

// names are the table's columns in order.
func (t *table) names() []string {
	if list := t.allNames.Load(); list != nil {
		return *list
	}
	list := make([]string, len(t.columns))
	for i, c := range t.columns {
		list[i] = c.name
	}
	t.allNames.Store(&list)
	return list
}

// into reads the row into the image. Past the budget only the key is decoded:
// there may be millions of such rows.
func (r *rowReader) into(m *image, raw []any) error {
	m.set = r.set
	budget := r.c.plugin.budget
	values, err := r.decode(raw, m.digest != nil || !m.part && m.count >= budget)
	if errors.Is(err, errMoved) {
		return m.postpone(r, raw, budget)
	}
	if err == nil {
		m.add(r.c.table, row{values: values}, budget)
	}
	return err
}

// decode returns the row's values in the terms of canonical; errMoved if the
// table must be read again first.
func (r *rowReader) decode(raw []any, keyOnly bool) ([]any, error) {
	if r.c.plugin.dialect.name == "postgres" {
		return r.record(raw, keyOnly)
	}
	return r.values(raw, keyOnly), nil
}

// values are the row's in the terms of canonical.
func (r *rowReader) values(raw []any, keyOnly bool) []any {
	values := make([]any, len(r.set.names))
	for i, v := range raw[r.from:r.to] {
		if !slices.Contains(r.set.exact, i) && (!keyOnly || r.c.table.isKey(r.set.names[i])) {
			values[i] = canonical(r.set.kinds[i], v)
		}
	}
	for j, i := range r.set.exact {
		values[i] = r.c.plugin.dialect.canonicalExact(r.set.kinds[i], raw[r.to+j])
	}
	return values
}

// canonicalExact is canonical for a value that exactForm made.
func (d dialect) canonicalExact(k kind, v any) any {
	if d.name == "mysql" && k == kindTime {
		return unixTime(v)
	}
	return canonical(k, v)
}

// eachRow reads rows to their end and closes them.
func (c *capture) eachRow(rows *sql.Rows, r *rowReader, do func(*rowReader, []any) error) error {
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	if err := r.start(rows, names); err != nil {
		return err
	}
	s := newScanner(len(names))
	for rows.Next() {
		raw, err := s.scan(rows)
		if err != nil {
			return err
		}
		if err := do(r, raw); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}
