package gormstore

import (
	"strconv"
	"strings"
)

// builder writes one statement and its parameters.
type builder struct {
	strings.Builder
	dialect dialect
	args    []any
	// hidden alternatives are no reason for a database to leave a stream's index.
	hidden bool
}

func (s *Store) newBuilder() *builder { return &builder{dialect: s.dialect} }

// arg writes a parameter.
func (b *builder) arg(v any) {
	b.args = append(b.args, v)
	b.WriteString(b.dialect.placeholder(len(b.args)))
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
