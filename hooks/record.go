package hooks

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A row of PostgreSQL as text is (1,"a ""b""",,t): values in the table's order,
// nothing for NULL, quoted where needed with quotes and backslashes doubled
// (PostgreSQL, "Composite Type Input and Output Syntax").

// maxShared is how long a row's text may be for its values to share it: an
// entry that keeps one short value of a longer row would keep all of the row.
const maxShared = 4 << 10

// splitRecord calls do with each value; it reports whether the text is a whole
// record of n values.
func splitRecord(s string, n int, do func(i int, text string, null bool)) bool {
	if len(s) < 2 || s[0] != '(' {
		return false
	}
	at := 1
	for i := range n {
		text, null, next := recordValue(s, at)
		if next >= len(s) || (i < n-1) != (s[next] == ',') {
			return false
		}
		do(i, text, null)
		at = next + 1
	}
	return at == len(s) && s[len(s)-1] == ')'
}

// recordValue reads the value at a place and returns the place behind it.
func recordValue(s string, at int) (text string, null bool, next int) {
	if at < len(s) && s[at] == '"' {
		return quotedRecordValue(s, at+1)
	}
	end := at
	for end < len(s) && s[end] != ',' && s[end] != ')' {
		end++
	}
	return s[at:end], end == at, end
}

func quotedRecordValue(s string, at int) (string, bool, int) {
	end := at
	for end < len(s) && s[end] != '"' && s[end] != '\\' {
		end++
	}
	if end+1 < len(s) && s[end] == '"' && s[end+1] != '"' {
		return s[at:end], false, end + 1
	}
	var b strings.Builder
	b.WriteString(s[at:end])
	for end < len(s) {
		switch c := s[end]; {
		case c == '"' && (end+1 >= len(s) || s[end+1] != '"'):
			return b.String(), false, end + 1
		case c == '"' || c == '\\':
			end++
			if end < len(s) {
				b.WriteByte(s[end])
			}
		default:
			b.WriteByte(c)
		}
		end++
	}
	return b.String(), false, len(s)
}

// errMoved: the row is of another relation, or has other columns, than the
// catalog had when it was read.
var errMoved = errors.New("hooks: the table was altered")

// record reads a row that PostgreSQL gave as text, with its relation and the
// fingerprint of its columns behind it.
func (r *rowReader) record(raw []any, keyOnly bool) ([]any, error) {
	if !r.current(raw[r.from+1], raw[r.from+2]) {
		r.c.moved = uint32(number(raw[r.from+1]))
		return nil, errMoved
	}
	return r.c.recordValues(r.set, recordText(raw[r.from]), keyOnly)
}

func recordText(v any) string {
	if b, ok := v.([]byte); ok {
		return string(b)
	}
	s, _ := v.(string)
	return s
}

// current reports whether the row is of the relation and of the columns that
// the catalog had.
func (r *rowReader) current(relation, fingerprint any) bool {
	t, u := r.c.table, r.c.unit
	switch {
	case !t.parts && number(relation) != int64(t.oid):
		return false
	case r.checked:
		return true
	case fingerprint == nil:
		r.checked = u.holds(t)
	case number(fingerprint) == t.fingerprint:
		r.checked = true
		u.hold(t)
	}
	return r.checked
}

// hold notes that the transaction has found the table's columns to be those of the
// catalog. The lock of the statement that found it keeps other processes from
// altering the table until the transaction, or the savepoint, ends.
func (u *unit) hold(t *table) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.immediate && !u.ended && !t.parts && !u.changesTables.Load() {
		u.checked.Store(t, struct{}{})
	}
}

// holds reports whether no other process can have altered the table since hold.
func (u *unit) holds(t *table) bool {
	_, ok := u.checked.Load(t)
	return ok
}

func number(v any) int64 {
	switch x := v.(type) {
	case int64:
		return x
	case uint64:
		return int64(x)
	case string:
		n, _ := strconv.ParseInt(x, 10, 64)
		return n
	case []byte:
		n, _ := strconv.ParseInt(string(x), 10, 64)
		return n
	}
	return 0
}

func (c *capture) recordValues(set *columnSet, text string, keyOnly bool) ([]any, error) {
	values := make([]any, len(set.names))
	share := len(text) <= maxShared
	ok := splitRecord(text, len(set.names), func(i int, s string, null bool) {
		if null || keyOnly && !c.table.isKey(set.names[i]) {
			return
		}
		if !share {
			s = strings.Clone(s)
		}
		values[i] = postgresValue(set.kinds[i], s)
	})
	if !ok {
		return nil, fmt.Errorf("hooks: a row of %s has other columns than the catalog: %d expected", c.table.object, len(set.names))
	}
	return values, nil
}

// postgresValue reads PostgreSQL's own text of a value.
func postgresValue(k kind, s string) any {
	if k == kindBytes {
		if raw, ok := strings.CutPrefix(s, `\x`); ok {
			if b, err := hex.DecodeString(raw); err == nil {
				return showBytes(b)
			}
		}
		return showBytes(unescapeBytea(s))
	}
	return textOf(k, s)
}

// unescapeBytea reads the older text of bytes (bytea_output = 'escape').
func unescapeBytea(s string) []byte {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		if n, err := strconv.ParseUint(s[i+1:min(i+4, len(s))], 8, 8); err == nil && i+4 <= len(s) {
			b = append(b, byte(n))
			i += 3
		} else if i+1 < len(s) {
			i++
			b = append(b, s[i])
		}
	}
	return b
}

// postpone keeps the text of a row whose table must be read again.
func (m *image) postpone(r *rowReader, raw []any, budget int) error {
	text := strings.Clone(recordText(raw[r.from]))
	m.count++
	m.bytes += len(text)
	if m.digest != nil || !m.part && (m.count > budget || m.bytes > maxRowBytes) {
		return fmt.Errorf("hooks: %s was altered while a statement changed more rows of it than are recorded one by one", r.c.table.object)
	}
	m.rows = append(m.rows, row{values: []any{text}})
	m.late = true
	return nil
}

// settle reads the table again if a row said so, and then the rows that waited.
func (c *capture) settle(images ...*image) error {
	if c.moved == 0 {
		if slices.ContainsFunc(images, c.lacksKey) {
			c.readTableAgain()
		}
		return nil
	}
	oid := c.moved
	if c.moved = 0; c.table.parts {
		oid = c.table.oid
	}
	c.plugin.forgetTables()
	t, err := c.plugin.tableByOID(c.ctx, c.own, c.unit, oid)
	if err != nil {
		return err
	}
	if t == nil {
		return fmt.Errorf("hooks: the catalog has no relation %d", oid)
	}
	c.table = t
	set := c.plugin.columnsOf(t, columns{names: t.names()})
	for _, m := range images {
		if err := c.readLate(m, set); err != nil {
			return err
		}
	}
	return nil
}

// lacksKey reports whether rows came back without a column of the key, which
// another program has renamed then.
func (c *capture) lacksKey(m *image) bool {
	return m.set != nil && slices.ContainsFunc(c.table.key, func(name string) bool {
		_, has := m.set.byName[name]
		return !has
	})
}

func (c *capture) readLate(m *image, set *columnSet) error {
	if m.set = set; !m.late {
		return nil
	}
	m.late = false
	for i, r := range m.rows {
		text, _ := r.values[0].(string)
		if text == "" { // an upsert met no row
			m.rows[i].values = make([]any, len(set.names))
			continue
		}
		values, err := c.recordValues(set, text, false)
		if err != nil {
			return err
		}
		m.rows[i].values = values
	}
	return nil
}
