package hooks

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// reached are the rows of one table that foreign keys may change, as they were
// before the statement.
type reached struct {
	*capture // of this table
	budget   *int
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
		if !ownColumn(name) {
			b.WriteString(fmt.Sprintf("%T", r.values[i]) + keyText(r.values[i]) + "\x00")
		}
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
func (a *reached) collect(query string, args []any, seen map[string]int) ([]int, error) {
	if seen == nil {
		seen = map[string]int{}
	}
	var places []int
	err := a.each(query, args, func(r row) {
		if i := a.take(r, seen); i >= 0 {
			places = append(places, i)
		}
	})
	if a.full {
		places = nil
	}
	return places, err
}

// each reads rows in the terms of canonical.
func (a *reached) each(query string, args []any, do func(row)) error {
	rows, err := a.own.QueryContext(a.ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	cols, err := columnsIn(rows)
	if err != nil {
		return err
	}
	a.set = a.plugin.columnsOf(a.table, cols)
	if err := a.scanAll(rows, len(cols.names), do); err != nil {
		return err
	}
	return rows.Close()
}

func (a *reached) scanAll(rows *sql.Rows, columns int, do func(row)) error {
	s := newScanner(columns)
	for rows.Next() {
		raw, err := s.scan(rows)
		if err != nil {
			return err
		}
		values := make([]any, len(raw))
		for i, v := range raw {
			values[i] = canonical(a.set.kinds[i], v)
		}
		do(row{values})
	}
	return rows.Err()
}

// take keeps a row, once, and returns its place; -1 past the budget.
func (a *reached) take(r row, seen map[string]int) int {
	id := identity(a.table, a.set, r, seen)
	if i, ok := a.places[id]; ok {
		return i
	}
	a.count++
	if !a.full && *a.budget == 0 {
		a.overflow()
	}
	if a.full {
		a.digestKey(r)
		return -1
	}
	*a.budget--
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
	*a.budget += len(a.rows)
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
		query, args := a.selectReferring("*", q.key, values, a.orderByKey()+lock)
		found, err := a.collect(query, args, seen)
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

func (a *reached) quotedNames(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = a.plugin.dialect.quote(name)
	}
	return strings.Join(quoted, ", ")
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
			args[j] = argument(a.set.kindOf(name), v)
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

// kindOf is what a column's values mean.
func (s *columnSet) kindOf(name string) kind {
	if i, ok := s.byName[name]; ok {
		return s.kinds[i]
	}
	return kindOther
}
