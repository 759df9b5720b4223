package hooks

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// reached are the rows of one table that foreign keys may change, as they were
// before the statement.
type reached struct {
	*capture // of this table
	left     *room
	set      *columnSet
	rows     []reachedRow
	places   map[string]int // by identity
	cause    *link          // the first way to the table
	asked    []question     // by which the rows were found
	ignored  bool           // its rows have no entries, but others may refer to them

	// Past the budget rows are counted and their keys digested only.
	full   bool
	count  int
	digest hash.Hash
}

// room is what is left of the budget for the rows that a statement reaches.
type room struct{ rows, bytes int }

// reachedRow is one of them.
type reachedRow struct {
	row
	cause  *link // the first way to it; nil for a row of the statement's own
	goes   bool  // a foreign key may delete it
	told   bool  // the statement itself deleted it
	met    []*foreignKey
	now    *row // what the statement itself made of it
	nowSet *columnSet
	next   map[string]any // values that foreign keys give it
	vague  bool           // a foreign key gives it values that can't be told before
}

// meets notes that a foreign key reaches the row, and reports whether the row
// has that to pass on.
func (r *reachedRow) meets(f *foreignKey, goes bool) bool {
	if goes {
		was := r.goes
		r.goes = true
		return !was
	}
	for _, known := range r.met {
		if known == f {
			return false
		}
	}
	r.met = append(r.met, f)
	return true
}

// question asks for the rows that refer by a foreign key to one of such values.
type question struct {
	key    *foreignKey
	values [][]any
}

// identity tells a row from others of its table: by its key, or by all of its
// values and, as there may be several such rows, a number. seen counts those.
func identity(t *table, set *columnSet, r row, seen map[string]int) string {
	if len(t.key) > 0 {
		return (&image{set: set}).keyOf(t, r)
	}
	var b strings.Builder
	for i, name := range set.names {
		b.WriteString(name + fmt.Sprintf("%T", r.values[i]) + keyText(r.values[i]) + "\x00")
	}
	n := seen[b.String()]
	seen[b.String()]++
	return b.String() + strconv.Itoa(n)
}

// has reports whether a row of an image is among those that were read.
func (a *reached) has(m *image, r row) bool {
	_, ok := a.places[identity(a.table, m.set, r, map[string]int{})]
	return ok
}

// collect reads rows, and returns the places of those that there is room for.
// seen is identity's, of a question that is asked in several statements.
func (a *reached) collect(query func() (string, []any), seen map[string]int) ([]int, error) {
	if seen == nil {
		seen = map[string]int{}
	}
	var places []int
	err := a.each(query, func(r row) {
		if i := a.take(r, seen); i >= 0 {
			places = append(places, i)
		}
	})
	if a.full {
		places = nil
	}
	return places, err
}

// takeOwn takes in rows that the statement itself touches, and returns their
// indexes.
func (a *reached) takeOwn(t touched) []int {
	a.set = t.rows.set
	seen := map[string]int{}
	var places []int
	for _, r := range t.rows.rows {
		if i := a.take(row{values: r.values}, seen); i >= 0 {
			a.rows[i].goes = a.rows[i].goes || t.columns == nil
			places = append(places, i)
		}
	}
	if t.rows.over() {
		a.overflow()
		a.count, a.digest = t.rows.count, t.rows.digest
	}
	if a.full {
		return nil
	}
	return places
}

// each reads rows in the terms of canonical. Where the table was altered since
// the catalog was read, it asks again.
func (a *reached) each(query func() (string, []any), do func(row)) error {
	err := a.eachOnce(query, do)
	if errors.Is(err, errMoved) {
		if err = a.settle(); err == nil {
			err = a.eachOnce(query, do)
		}
	}
	return err
}

func (a *reached) eachOnce(query func() (string, []any), do func(row)) error {
	text, args := query()
	rows, err := a.own.QueryContext(a.ctx, text, args...)
	if err != nil {
		return err
	}
	return a.eachRow(rows, a.reader(0, 0), func(r *rowReader, raw []any) error {
		values, err := r.decode(raw, false)
		if err != nil {
			return err
		}
		a.set = r.set
		do(row{values: values})
		return nil
	})
}

// take keeps a row, once, and returns its place; -1 past the budget.
func (a *reached) take(r row, seen map[string]int) int {
	id := identity(a.table, a.set, r, seen)
	if i, ok := a.places[id]; ok {
		return i
	}
	a.count++
	if !a.full && (a.left.rows == 0 || a.left.bytes < r.weight()) {
		a.overflow()
	}
	if a.full {
		a.digestKey(r)
		return -1
	}
	a.left.rows--
	a.left.bytes -= r.weight()
	a.places[id] = len(a.rows)
	a.rows = append(a.rows, reachedRow{row: r})
	return a.places[id]
}

// overflow: one entry will stand for all of them. The places stay, so that no
// row counts twice that was met before.
func (a *reached) overflow() {
	a.full, a.digest = true, sha256.New()
	for _, r := range a.rows {
		a.digestKey(r.row)
	}
	for _, r := range a.rows {
		a.left.rows++
		a.left.bytes += r.weight()
	}
	a.rows = nil
}

func (a *reached) digestKey(r row) {
	a.digest.Write([]byte((&image{set: a.set}).id(a.table, r)))
	a.digest.Write([]byte{'\n'})
}

// ask reads the rows that a question is about.
func (a *reached) ask(q question, lock string) ([]int, error) {
	var places []int
	seen := map[string]int{}
	err := a.inChunks(q, func(values [][]any) error {
		found, err := a.collect(func() (string, []any) {
			return a.selectReferring(a.ownRowList(), q.key, values, a.orderByKey()+lock)
		}, seen)
		places = append(places, found...)
		return err
	})
	if a.full {
		places = nil
	}
	return places, err
}

// orderByKey has rows locked, and told, in one order. On MySQL and MariaDB the
// index of the foreign key gives that; asked for it they may go through all of
// the table by its primary key, and wait for rows that others have locked.
func (a *reached) orderByKey() string {
	if len(a.table.key) == 0 || a.plugin.dialect.name == "mysql" {
		return ""
	}
	return " ORDER BY " + a.quotedNames(a.table.key)
}

// ownRowList is rowList in a statement of the plugin's own.
func (a *reached) ownRowList() string {
	ref := a.plugin.dialect.quote(a.table.name)
	return a.rowList(ref, ref+".*")
}

func (a *reached) inChunks(q question, do func([][]any) error) error {
	for left := q.values; len(left) > 0; {
		n := min(len(left), maxKeys)
		if err := do(left[:n]); err != nil {
			return err
		}
		left = left[n:]
	}
	return nil
}

// selectReferring is a SELECT of the rows that refer to one of the values.
func (a *reached) selectReferring(what string, f *foreignKey, values [][]any, tail string) (string, []any) {
	var b strings.Builder
	var args []any
	d := a.plugin.dialect
	fmt.Fprintf(&b, "SELECT %s FROM %s WHERE (%s) IN (", what, a.table.quoted(d), a.quotedNames(f.columns))
	if d.name == "sqlite" && len(f.columns) > 1 {
		b.WriteString("VALUES ")
	}
	for i := range a.padded(len(values)) {
		if i > 0 {
			b.WriteString(", ")
		}
		if len(f.columns) > 1 {
			b.WriteByte('(')
		}
		for j, v := range values[min(i, len(values)-1)] {
			if j > 0 {
				b.WriteString(", ")
			}
			args = append(args, v)
			b.WriteString(d.bind(len(args)))
		}
		if len(f.columns) > 1 {
			b.WriteByte(')')
		}
	}
	b.WriteString(")" + tail)
	return b.String(), args
}

// padded keeps the number of different statements small: pgx prepares each, in
// the connection's one cache.
func (a *reached) padded(n int) int {
	if a.plugin.dialect.name != "postgres" {
		return n
	}
	size := 1
	for size < n {
		size *= 2
	}
	return size
}

// referredBy are the values of the columns in such rows, each once, as arguments,
// and the places of the rows by the values' text. A row with a NULL among them
// is referred to by none.
func (a *reached) referredBy(rows []int, columns []string) (values [][]any, places map[string]int) {
	places = make(map[string]int, len(rows))
	for _, i := range rows {
		tuple := a.tuple(i, columns)
		if _, known := places[tuple]; known || tuple == "" {
			continue
		}
		places[tuple] = i
		args := make([]any, len(columns))
		for j, name := range columns {
			v, _ := (&image{set: a.set}).value(a.rows[i].row, name)
			args[j] = a.plugin.dialect.argument(a.set.kindOf(name), v)
		}
		values = append(values, args)
	}
	return values, places
}

// tuple is the text of a row's values; "" if one is NULL.
func (a *reached) tuple(i int, columns []string) string {
	var b strings.Builder
	for _, name := range columns {
		v, _ := (&image{set: a.set}).value(a.rows[i].row, name)
		if v == nil {
			return ""
		}
		b.WriteString(keyText(v) + "\x00")
	}
	return b.String()
}
