package gormstore

import (
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

// builder writes one statement and its parameters.
type builder struct {
	strings.Builder
	traits *traits
	args   []any
	// hidden alternatives are no reason for a database to leave a stream's index.
	hidden bool
}

func newBuilder(t *traits) *builder { return &builder{traits: t} }

// in writes that a column is one of values, of which there is at least one.
func (b *builder) in(column string, values []string) { b.traits.in(b, column, values) }

// contains writes that a column contains a text.
func (b *builder) contains(column, text string) { b.traits.contains(b, column, text) }

// table writes a table of texts, under that name.
func (b *builder) table(name string, columns []string, rows [][]string) {
	b.traits.table(b, name, columns, rows)
}

// after writes that columns follow values in ascending order, or descending.
func (b *builder) after(columns []string, values []any, descending bool) {
	b.traits.after(b, columns, values, descending)
}

// arg writes a parameter.
func (b *builder) arg(v any) {
	b.args = append(b.args, v)
	b.WriteString(b.traits.placeholder(len(b.args)))
}

// add writes texts.
func (b *builder) add(texts ...string) {
	for _, s := range texts {
		b.WriteString(s)
	}
}

// anyOf writes n conditions or-ed, as a balanced tree: SQLite refuses an
// expression that is more than 1,000 deep.
func (b *builder) anyOf(n int, condition func(i int)) { b.tree(0, n, condition) }

func (b *builder) tree(from, to int, condition func(i int)) {
	if to-from == 1 {
		condition(from)
		return
	}
	middle := (from + to) / 2
	b.WriteByte('(')
	b.tree(from, middle, condition)
	b.WriteString(" OR ")
	b.tree(middle, to, condition)
	b.WriteByte(')')
}

// argList writes parameters in parentheses.
func (b *builder) argList(values []string) {
	for i, v := range values {
		b.WriteString([]string{"(", ", "}[min(i, 1)])
		b.arg(v)
	}
	b.WriteString(")")
}

func comparison(descending bool) string {
	if descending {
		return " < "
	}
	return " > "
}

// rowAfter compares row values, which SQLite and PostgreSQL read as one range
// of an index.
func (b *builder) rowAfter(columns []string, values []any, descending bool) {
	b.add("(", strings.Join(columns, ", "), ")", comparison(descending))
	for i, v := range values {
		b.WriteString([]string{"(", ", "}[min(i, 1)])
		b.arg(v)
	}
	b.WriteString(")")
}

// stepAfter writes the same as (a > 1 OR (a = 1 AND b > 2) …), which MySQL and
// MariaDB read as ranges of an index; of row values they make none.
func (b *builder) stepAfter(columns []string, values []any, descending bool) {
	for i := range columns {
		b.WriteString([]string{"(", " OR "}[min(i, 1)])
		for j := range i {
			b.add([]string{"(", " AND "}[min(j, 1)], columns[j], " = ")
			b.arg(values[j])
		}
		if i > 0 {
			b.WriteString(" AND ")
		}
		b.add(columns[i], comparison(descending))
		b.arg(values[i])
		if i > 0 {
			b.WriteString(")")
		}
	}
	b.WriteString(")")
}

func itoa(n int) string { return strconv.Itoa(n) }

// list writes columns, each after the prefix. With a prefix, an expression goes by its alias.
func (b *builder) list(columns []string, before, prefix string) {
	for i, c := range columns {
		b.WriteString([]string{before, ", "}[min(i, 1)])
		if c == row.TimeName {
			b.WriteString(b.traits.readTime(prefix + colTime))
			continue
		}
		if prefix != "" && strings.HasSuffix(c, asSortKey) {
			c = sortKey
		}
		b.add(prefix, c)
	}
}

// ids writes IDs as parameters.
func (b *builder) ids(list []uuid.UUID) {
	for i, id := range list {
		b.WriteString([]string{"", ", "}[min(i, 1)])
		b.arg(b.traits.format.IDArg(id))
	}
}
