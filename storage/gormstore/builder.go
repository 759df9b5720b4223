package gormstore

import "strings"

// builder writes one statement and its parameters.
type builder struct {
	strings.Builder
	dialect dialect
	args    []any
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
