package hooks

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
)

// row is one row of a table as the database holds it.
type row struct {
	values []any // in the terms of canonical, by the column's place in its set
}

// columnSet is the columns of a result, in its order.
type columnSet struct {
	names      []string
	kinds      []kind
	treatments []treatment // treatByName is resolved to treatMask or treatPlain
	byName     map[string]int
	hint       *hint // what it was made with
}

// columnsOf is what is known of a result's columns. The last answer is kept: a
// table's results mostly have the same columns.
func (p *Plugin) columnsOf(t *table, cols columns) *columnSet {
	h := p.hints.of(t.name)
	if set := t.last.Load(); set != nil && set.hint == h && slices.Equal(set.names, cols.names) {
		return set
	}
	set := p.newColumnSet(t, h, cols)
	t.last.Store(set)
	return set
}

// columns are a result's, as the driver describes them.
type columns struct {
	names []string
	types []*sql.ColumnType
}

func columnsIn(rows *sql.Rows) (columns, error) {
	names, err := rows.Columns()
	if err != nil {
		return columns{}, err
	}
	types, err := rows.ColumnTypes()
	return columns{names, types}, err
}

func (c columns) slice(from, to int) columns { return columns{c.names[from:to], c.types[from:to]} }

func (p *Plugin) newColumnSet(t *table, h *hint, cols columns) *columnSet {
	names := slices.Clone(cols.names)
	set := &columnSet{
		names: names, kinds: make([]kind, len(names)), treatments: make([]treatment, len(names)),
		byName: make(map[string]int, len(names)), hint: h,
	}
	for i, name := range names {
		set.byName[name] = i
		set.treatments[i] = p.treatmentOf(h, name)
		if c, ok := t.column(strings.TrimPrefix(name, newPrefix)); ok {
			set.kinds[i] = c.kind
		} else if !ownColumn(name) {
			// A column that somebody added since the table was read.
			set.kinds[i] = p.dialect.kindOf(cols.types[i].DatabaseTypeName())
			p.forgetTables()
		}
		switch {
		case h.bools[name]:
			set.kinds[i] = kindBool
		case h.json[name] && set.kinds[i] != kindBytes:
			set.kinds[i] = kindJSON
		}
	}
	return set
}

func (p *Plugin) treatmentOf(h *hint, column string) treatment {
	switch t := h.fields[column]; {
	case ownColumn(column):
		return treatOmit
	case t != treatByName && t != treatName:
		return t
	case p.trail.Redaction().Names(column):
		return treatMask
	}
	return treatPlain
}

// image is the rows of a table at one moment.
type image struct {
	set  *columnSet
	rows []row
	// beyond the budget rows are counted and their keys digested only.
	count  int
	digest hash.Hash
	beyond row // holds the key of one of them
}

func (m *image) over() bool { return m.count > len(m.rows) }

// scan reads the current row into values by way of reused pointers.
type scanner struct {
	values, pointers []any
}

func newScanner(n int) *scanner {
	s := &scanner{values: make([]any, n), pointers: make([]any, n)}
	for i := range s.values {
		s.pointers[i] = &s.values[i]
	}
	return s
}

func (s *scanner) scan(rows *sql.Rows) ([]any, error) {
	for i := range s.values {
		s.values[i] = nil
	}
	return s.values, rows.Scan(s.pointers...)
}

// add takes a row's raw values into the image; past the budget only its key.
func (m *image) add(t *table, raw []any, budget int) {
	m.count++
	if m.count > budget {
		m.addKey(t, raw)
		return
	}
	values := make([]any, len(raw))
	for i, v := range raw {
		values[i] = canonical(m.set.kinds[i], v)
	}
	m.rows = append(m.rows, row{values})
}

// addKey digests the key of a row that isn't kept. There may be millions of
// them, so that nothing is made of their other columns.
func (m *image) addKey(t *table, raw []any) {
	if m.digest == nil {
		m.digest = sha256.New()
		for _, kept := range m.rows {
			m.digestKey(t, kept)
		}
		m.rows = nil // one entry will stand for all of them
		m.beyond = row{make([]any, len(raw))}
	}
	for _, k := range t.key {
		if i, ok := m.set.byName[k]; ok {
			m.beyond.values[i] = canonical(m.set.kinds[i], raw[i])
		}
	}
	m.digestKey(t, m.beyond)
}

func (m *image) digestKey(t *table, r row) {
	m.digest.Write([]byte(m.id(t, r)))
	m.digest.Write([]byte{'\n'})
}

func (m *image) keyDigest() string { return hex.EncodeToString(m.digest.Sum(nil)) }

// value is a row's value of a column; ok is false if the image has no such
// column.
func (m *image) value(r row, column string) (any, bool) {
	i, ok := m.set.byName[column]
	if !ok {
		return nil, false
	}
	return r.values[i], true
}

// keyOf identifies a row among those of its table; "" where there is no key.
func (m *image) keyOf(t *table, r row) string {
	if len(t.key) == 1 {
		v, _ := m.value(r, t.key[0])
		return keyText(v)
	}
	var b strings.Builder
	for i, k := range t.key {
		if i > 0 {
			b.WriteByte(0)
		}
		v, _ := m.value(r, k)
		b.WriteString(keyText(v))
	}
	return b.String()
}

// foretold is the image of the rows after, made from the values that were read
// along with the rows before.
func (m *image) foretold() *image {
	after := &image{set: m.set, count: m.count}
	for _, r := range m.rows {
		values := slices.Clone(r.values)
		for i, name := range m.set.names {
			if j, ok := m.set.byName[newPrefix+name]; ok {
				values[i] = r.values[j]
			}
		}
		after.rows = append(after.rows, row{values})
	}
	return after
}

// dropRepeats keeps each row once.
func (m *image) dropRepeats(t *table) {
	if len(t.key) == 0 || m.over() {
		return
	}
	seen := map[string]bool{}
	m.rows = slices.DeleteFunc(m.rows, func(r row) bool {
		key := m.keyOf(t, r)
		defer func() { seen[key] = true }()
		return seen[key]
	})
	m.count = len(m.rows)
}

// readAll reads what is left of rows into a new image.
func (p *Plugin) readAll(t *table, rows *sql.Rows, budget int) (*image, error) {
	defer func() { _ = rows.Close() }()
	cols, err := columnsIn(rows)
	if err != nil {
		return nil, err
	}
	m := &image{set: p.columnsOf(t, cols)}
	s := newScanner(len(cols.names))
	for rows.Next() {
		raw, err := s.scan(rows)
		if err != nil {
			return nil, err
		}
		m.add(t, raw, budget)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return m, rows.Close()
}
