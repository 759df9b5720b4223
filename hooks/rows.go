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
	values  []any // canonical, by the column's index in its set
	locator any   // what locatorList read: by it a statement writes exactly this row
	next    []any // canonical values that the statement gives to image.next
	rawNext []any // the same as the driver gave them
}

// columnSet is the columns of a table's rows, in the table's order.
type columnSet struct {
	names      []string
	kinds      []kind
	treatments []treatment // treatByName is resolved to treatMask or treatPlain
	byName     map[string]int
	hint       *hint // what it was made with
	settings   *settingColumns
}

// columnsOf returns the set for these columns. The last one is kept: the rows
// of a table mostly have the same columns.
func (p *Plugin) columnsOf(t *table, cols columns) *columnSet {
	h := p.hints.of(t.name)
	if set := t.last.Load(); set != nil && set.hint == h && slices.Equal(set.names, cols.names) {
		return set
	}
	set := p.newColumnSet(t, h, cols)
	t.last.Store(set)
	return set
}

// columns are a result's, as the driver describes them. types may be shorter
// than names: the catalog knows the rest.
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
		if c, ok := t.column(name); ok {
			set.kinds[i] = c.kind
		} else if i < len(cols.types) {
			// Another program added the column since the table was read.
			set.kinds[i] = p.dialect.kindOf(cols.types[i].DatabaseTypeName())
			p.forgetTables()
		}
		switch {
		case h.bools[name]:
			set.kinds[i] = kindBool
		case h.json[name] && set.kinds[i] != kindBytes:
			set.kinds[i] = kindJSON
		}
		set.treatments[i] = p.treatmentOf(t, h, name, set.kinds[i])
	}
	set.settings = settingsOf(t, set)
	return set
}

// kindOf is what a column's values mean.
func (s *columnSet) kindOf(name string) kind {
	if i, ok := s.byName[name]; ok {
		return s.kinds[i]
	}
	return kindOther
}

// image is the rows of a table at one moment.
type image struct {
	set  *columnSet
	rows []row
	next []string // columns for which each row holds the value to come
	// Past the budget rows are counted and only their keys digested.
	count  int
	digest hash.Hash
	late   bool // PostgreSQL: the rows hold their texts until the table was read again
}

func (m *image) over() bool { return m.count > len(m.rows) }

// scanner scans the current row into values through pointers that it reuses.
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

// add takes a row into the image; past the budget only its key.
func (m *image) add(t *table, r row, budget int) {
	m.count++
	if m.count > budget {
		m.addKey(t, r)
		return
	}
	m.rows = append(m.rows, r)
}

// addKey digests the key of a row that isn't kept.
func (m *image) addKey(t *table, r row) {
	if m.digest == nil {
		m.digest = sha256.New()
		for _, kept := range m.rows {
			m.digestKey(t, kept)
		}
		m.rows = nil // one entry stands for all of them
	}
	m.digestKey(t, r)
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

// valueToCome is the value that the statement gives to a row's column, or the
// one that the row has where the statement leaves it alone.
func (m *image) valueToCome(r row, column string) any {
	if i := slices.Index(m.next, column); i >= 0 && i < len(r.next) {
		return r.next[i]
	}
	v, _ := m.value(r, column)
	return v
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

// predicted is the image of the rows after, made from the values to come.
func (m *image) predicted() *image {
	after := &image{set: m.set, count: m.count}
	for _, r := range m.rows {
		values := slices.Clone(r.values)
		for i, name := range m.next {
			if j, ok := m.set.byName[name]; ok && i < len(r.next) {
				values[j] = r.next[i]
			}
		}
		after.rows = append(after.rows, row{values: values})
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
