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
	removed bool  // a trigger has removed it since
}

// columnSet is the columns of a table's rows, in the table's order.
type columnSet struct {
	names      []string
	kinds      []kind
	treatments []treatment // treatByName is resolved to treatMask or treatPlain
	byName     map[string]int
	exact      []int // the columns that have an exactForm
	hint       *hint // what it was made with
	settings   *settingColumns
	hidden     []hidden // what is kept out of IDs, by column
	plugin     *Plugin
}

// columnsOf returns the set for these columns. The last one is kept: the rows
// of a table mostly have the same columns.
func (p *Plugin) columnsOf(t *table, cols columns) *columnSet {
	retyped := p.retyped(t, cols)
	if set := p.lastColumns(t, cols.names); set != nil && retyped == nil {
		return set
	}
	set := p.newColumnSet(t, p.hints.of(t.name), cols)
	if retyped != nil {
		p.forgetTables()
		for i := range retyped {
			set.kinds[i] = p.dialect.kindOf(cols.types[i].DatabaseTypeName())
		}
		return set
	}
	t.last.Store(set)
	return set
}

// lastColumns is the set that was made last, if it is one of these columns.
func (p *Plugin) lastColumns(t *table, names []string) *columnSet {
	if set := t.last.Load(); set != nil && set.hint == p.hints.of(t.name) && slices.Equal(set.names, names) {
		return set
	}
	return nil
}

// retyped are the columns of a MySQL or MariaDB result that have another kind than
// they had in the first result after the table was read: another program altered
// it since. The other databases tell by the fingerprint of the columns
// (PostgreSQL), or have no such DDL.
func (p *Plugin) retyped(t *table, cols columns) map[int]bool {
	if p.dialect.name != "mysql" || len(cols.types) == 0 {
		return nil
	}
	first := t.shown.Load()
	if first == nil {
		types := make(map[string]string, len(cols.types))
		for i, c := range cols.types {
			types[cols.names[i]] = c.DatabaseTypeName()
		}
		t.shown.Store(&types)
		return nil
	}
	var list map[int]bool
	for i, c := range cols.types {
		was, known := (*first)[cols.names[i]]
		is := c.DatabaseTypeName()
		if !known || was == is || p.dialect.kindOf(was) == p.dialect.kindOf(is) {
			continue
		}
		if list == nil {
			list = map[int]bool{}
		}
		list[i] = true
	}
	return list
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
		hidden: make([]hidden, len(names)), plugin: p,
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
		set.treatments[i], set.hidden[i] = p.treatmentOf(t, h, name, set.kinds[i])
	}
	set.settings = settingsOf(t, set)
	for _, i := range t.exactColumns(p.dialect) {
		if at, ok := set.byName[t.columns[i].name]; ok {
			set.exact = append(set.exact, at)
		}
	}
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
	bytes  int // about what the rows weigh
	digest hash.Hash
	part   bool // of the rows of another image, which the budget is for
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

// maxRowBytes bounds the rows of an image in memory, beside Options.RowBudget.
var maxRowBytes = 64 << 20

// weight is about what a row takes in memory.
func (r row) weight() int {
	n := 0
	for _, list := range [][]any{r.values, r.next} {
		for _, v := range list {
			n += 16
			if s, ok := v.(string); ok {
				n += len(s)
			}
		}
	}
	return n
}

// add takes a row into the image; past the budget only its key.
func (m *image) add(t *table, r row, budget int) {
	m.count++
	m.bytes += r.weight()
	if m.digest == nil && (m.part || m.count <= budget && m.bytes <= maxRowBytes) {
		m.rows = append(m.rows, r)
		return
	}
	m.addKey(t, r)
}

// spend has the image keep no rows, as if the budget were spent.
func (m *image) spend(t *table) {
	if m.digest != nil {
		return
	}
	m.digest = sha256.New()
	for _, kept := range m.rows {
		m.digestKey(t, kept)
	}
	m.rows = nil // one entry stands for all of them
}

// addKey digests the key of a row that isn't kept.
func (m *image) addKey(t *table, r row) {
	m.spend(t)
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
