// Package sqlgen writes SQL: statements with their parameters, filters, orders and the
// condition of a keyword. Traits are the facts by which the three databases differ.
package sqlgen

import (
	"strings"

	"github.com/google/uuid"

	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// Builder writes one statement and its parameters.
type Builder struct {
	strings.Builder
	Traits *Traits
	Args   []any
	// Hidden alternatives are no reason for a database to leave a stream's index.
	Hidden bool
}

// New returns a builder of a statement for the database with these traits.
func New(t *Traits) *Builder { return &Builder{Traits: t} }

// In writes that a column is one of values, of which there is at least one.
func (b *Builder) In(column string, values []string) { b.Traits.in(b, column, values) }

// Contains writes that a column contains a text.
func (b *Builder) Contains(column, text string) { b.Traits.contains(b, column, text) }

// Table writes a table of texts, under that name.
func (b *Builder) Table(name string, columns []string, rows [][]string) {
	b.Traits.table(b, name, columns, rows)
}

// After writes that columns follow values in ascending order, or descending.
func (b *Builder) After(columns []string, values []any, descending bool) {
	b.Traits.after(b, columns, values, descending)
}

// Arg writes a parameter.
func (b *Builder) Arg(v any) {
	b.Args = append(b.Args, v)
	b.WriteString(b.Traits.placeholder(len(b.Args)))
}

// Add writes texts.
func (b *Builder) Add(texts ...string) {
	for _, s := range texts {
		b.WriteString(s)
	}
}

// AnyOf writes n conditions or-ed, as a balanced tree: SQLite refuses an
// expression that is more than 1,000 deep.
func (b *Builder) AnyOf(n int, condition func(i int)) { b.tree(0, n, condition) }

func (b *Builder) tree(from, to int, condition func(i int)) {
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

// ArgList writes parameters in parentheses.
func (b *Builder) ArgList(values []string) {
	for i, v := range values {
		b.WriteString([]string{"(", ", "}[min(i, 1)])
		b.Arg(v)
	}
	b.WriteString(")")
}

// Comparison is the operator by which values follow in an order.
func Comparison(descending bool) string {
	if descending {
		return " < "
	}
	return " > "
}

// rowAfter compares row values, which SQLite and PostgreSQL read as one range
// of an index.
func (b *Builder) rowAfter(columns []string, values []any, descending bool) {
	b.Add("(", strings.Join(columns, ", "), ")", Comparison(descending))
	for i, v := range values {
		b.WriteString([]string{"(", ", "}[min(i, 1)])
		b.Arg(v)
	}
	b.WriteString(")")
}

// stepAfter writes the same as (a > 1 OR (a = 1 AND b > 2) …), which MySQL and
// MariaDB read as ranges of an index; of row values they make none.
func (b *Builder) stepAfter(columns []string, values []any, descending bool) {
	for i := range columns {
		b.WriteString([]string{"(", " OR "}[min(i, 1)])
		for j := range i {
			b.Add([]string{"(", " AND "}[min(j, 1)], columns[j], " = ")
			b.Arg(values[j])
		}
		if i > 0 {
			b.WriteString(" AND ")
		}
		b.Add(columns[i], Comparison(descending))
		b.Arg(values[i])
		if i > 0 {
			b.WriteString(")")
		}
	}
	b.WriteString(")")
}

// List writes columns, each after the prefix. With a prefix, an expression goes by its alias.
func (b *Builder) List(columns []string, before, prefix string) {
	for i, c := range columns {
		b.WriteString([]string{before, ", "}[min(i, 1)])
		if c == schema.TimeName {
			b.WriteString(b.Traits.readTime(prefix + schema.ColTime))
			continue
		}
		if prefix != "" && strings.HasSuffix(c, asSortKey) {
			c = SortKey
		}
		b.Add(prefix, c)
	}
}

// IDs writes IDs as parameters.
func (b *Builder) IDs(list []uuid.UUID) {
	for i, id := range list {
		b.WriteString([]string{"", ", "}[min(i, 1)])
		b.Arg(b.Traits.Format.IDArg(id))
	}
}
