package hooks

import (
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// A row is met if its before-image was read under lock, or if the statement
// itself returned it. Where rows are read first, the statement is then given
// just those rows instead of the host's condition: asked a second time, a
// condition with random(), now() or SKIP LOCKED, or any condition under READ
// COMMITTED, finds other rows.

// ErrNotMet is the error of a statement that changed rows which were neither
// read before it nor returned by it, so that entries for them can't be made.
var ErrNotMet = errors.New("hooks: a statement changed rows that were not read before it")

// notMet fails the transaction; under FailOpen it is logged.
func (c *capture) notMet(reason string) error {
	return c.fail(fmt.Errorf("%w: %s: %s", ErrNotMet, c.table.object, reason))
}

// refused is notMet for a statement that hasn't run: it doesn't, and the
// transaction can go on. Under FailOpen it runs without entries.
func (c *capture) refused(reason string, wantRows bool) (outcome, error) {
	err := fmt.Errorf("%w: %s: %s", ErrNotMet, c.table.object, reason)
	if !c.plugin.opts.FailOpen {
		return outcome{}, err
	}
	c.plugin.logFailure(c.ctx, err, 1)
	return c.plain(wantRows)
}

// passesOver reports whether the statement leaves out rows that it can't write,
// as MySQL's IGNORE has it.
func (c *capture) passesOver() bool { return c.plugin.dialect.name == "mysql" && c.text.ignores }

// ctid is where PostgreSQL holds a row version. It stays as long as the row is
// locked and not yet written.
type ctid struct {
	relation int64
	place    string
}

// locatorList are the columns by which a statement can be given exactly the
// rows that were read, and how many they are. MySQL and MariaDB have the primary
// key alone.
func (c *capture) locatorList(ref string) (list string, n int) {
	switch d := c.plugin.dialect; {
	case d.name == "postgres":
		return ref + ".tableoid::int8, " + ref + ".ctid::text, ", 2
	case d.name == "sqlite" && c.table.rowidName() != "":
		return ref + "." + c.table.rowidName() + ", ", 1
	case d.name == "sqlite":
		return c.keyLiterals(ref) + ", ", 1
	}
	return "", 0
}

// keyLiterals is an expression that gives a row's key as SQL literals: SQLite
// compares values of different storage classes and texts of times byte by byte.
func (c *capture) keyLiterals(ref string) string {
	parts := make([]string, len(c.table.key))
	for i, k := range c.table.key {
		parts[i] = "quote(" + ref + "." + c.plugin.dialect.quote(k) + ")"
	}
	return "'(' || " + strings.Join(parts, " || ',' || ") + " || ')'"
}

func (c *capture) locatorOf(raw []any, n int) any {
	switch n {
	case 2:
		place, _ := raw[1].(string)
		if b, ok := raw[1].([]byte); ok {
			place = string(b)
		}
		return ctid{number(raw[0]), place}
	case 1:
		return raw[0]
	}
	return nil
}

// meet reads and locks the rows that the statement is about to change.
func (c *capture) meet() (*image, error) {
	next := c.predictions()
	list, head := c.locatorList(c.reference())
	query, args, extra := c.selectTouched(list, next)
	query, err := c.lockingFirst(query)
	if err != nil {
		return nil, err
	}
	rows, err := c.own.QueryContext(c.ctx, query, args...)
	if err != nil {
		return nil, err
	}
	c.checksum = 0
	m := &image{}
	for _, a := range next {
		m.next = append(m.next, a.Column.Name)
	}
	err = c.eachRow(rows, c.reader(head, len(next)+extra), func(r *rowReader, raw []any) error {
		if err := c.meetRow(m, r, raw); err != nil || extra == 0 {
			return err
		}
		identity := recordText(raw[len(raw)-1])
		c.checksum += uint64(crc32.ChecksumIEEE([]byte(identity)))
		if len(c.table.key) == 0 && len(m.rows) > 0 {
			m.rows[len(m.rows)-1].locator = identity
		}
		return nil
	})
	if err == nil {
		err = c.settle(m)
	}
	if err == nil && c.joins() {
		m.dropRepeats(c.table) // a row that meets several of the other table's
	}
	return m, err
}

func (c *capture) meetRow(m *image, r *rowReader, raw []any) error {
	known := len(m.rows)
	if err := r.into(m, raw); err != nil || len(m.rows) <= known {
		return err
	}
	last := &m.rows[len(m.rows)-1]
	last.locator = c.locatorOf(raw, r.head)
	for i, name := range m.next {
		last.next = append(last.next, canonical(r.set.kindOf(name), raw[len(raw)-r.tail+i]))
	}
	return nil
}

// selectTouched is a SELECT of the rows that the statement will touch, by its own
// condition, order and limit; extra counts the columns behind next.
func (c *capture) selectTouched(list string, next []clause.Assignment) (query string, args []any, extra int) {
	b := c.scratch()
	names := c.clauseNames()
	ref, d := c.reference(), c.plugin.dialect
	b.WriteString("SELECT " + list + c.rowList(ref, ref+".*"))
	for _, a := range next {
		b.WriteString(", ")
		b.AddVar(b, a.Value)
	}
	if c.countsMatches() {
		b.WriteString(", " + c.rowIdentity())
		extra = 1
	}
	b.WriteString(" FROM " + c.tableText())
	if c.hasFrom() {
		at := b.SQL.Len()
		b.Build("FROM")
		from := b.SQL.String()
		b.SQL.Reset()
		b.WriteString(from[:at] + ", " + strings.TrimPrefix(from[at:], "FROM "))
	}
	parts, built := c.segmented()
	for _, name := range []string{"WHERE", "ORDER BY", "LIMIT"} {
		if _, there := parts[name]; built && !there {
			continue // it lies in a comment
		}
		if _, has := c.stmt.Clauses[name]; has && slices.Contains(names, name) {
			b.WriteByte(' ')
			b.Build(name)
		}
	}
	query = b.SQL.String()
	end, _ := sqltext.End(query, c.rules)
	if d.lock != "" && !c.hasFrom() {
		return query[:end] + d.lock + " " + query[end:], b.Vars, extra
	}
	return query[:end], b.Vars, extra
}

// hasFrom reports whether the UPDATE has a FROM.
func (c *capture) hasFrom() bool {
	_, has := c.stmt.Clauses["FROM"]
	return c.text.verb == "UPDATE" && has && slices.Contains(c.clauseNames(), "FROM")
}

// joins reports whether the UPDATE's table is joined with others.
func (c *capture) joins() bool { return c.text.joined || c.hasFrom() }

// predictions are the assignments whose values must be known before the
// statement: those that change the key by which rows before and after are
// paired; all of them where nothing pairs the rows.
func (c *capture) predictions() []clause.Assignment {
	if c.plugin.dialect.name == "postgres" {
		return nil // rows are paired by their number
	}
	nothingPairs := len(c.table.key) == 0 && !c.plugin.dialect.updateReturning
	var list []clause.Assignment
	for _, a := range c.assignments() {
		if nothingPairs || c.table.isKey(a.Column.Name) {
			list = append(list, a)
		}
	}
	return list
}

// lockingFirst has a SQLite transaction hold the write lock before it reads, in
// the same call where the driver can.
func (c *capture) lockingFirst(query string) (string, error) {
	if c.plugin.dialect.name != "sqlite" || c.unit.wrote.Load() {
		return query, nil
	}
	if !c.plugin.dialect.oneCall {
		return query, c.plugin.lockFirst(c.ctx, c.own, c.unit, c.table)
	}
	c.unit.wrote.Store(true)
	return fmt.Sprintf(takeWriteLock, c.table.quoted(c.plugin.dialect)) + "; " + query, nil
}

// metRows is the condition that selects exactly the rows that were read, with
// its arguments.
func (c *capture) metRows(m *image) (condition string, args []any) {
	switch {
	case len(m.rows) == 0:
		return "1 = 0", nil
	case c.plugin.dialect.name == "mysql":
		keys := make([][]any, len(m.rows))
		for i, r := range m.rows {
			keys[i] = c.keyBefore(m, r)
		}
		return c.matchKeys(keys, c.reference()+".", nil)
	case c.table.rowidName() != "":
		return c.metRowids(m)
	}
	var b strings.Builder
	b.WriteString("(" + c.quotedNames(c.table.key) + ") IN (VALUES ")
	for i, r := range m.rows {
		if i > 0 {
			b.WriteByte(',')
		}
		literal, _ := r.locator.(string)
		b.WriteString(literal)
	}
	return b.String() + ")", nil
}

func (c *capture) metRowids(m *image) (string, []any) {
	name := c.reference() + "." + c.table.rowidName()
	if len(m.rows) == 1 {
		return name + " = ?", []any{m.rows[0].locator}
	}
	var b strings.Builder
	b.WriteString(name + " IN (")
	for i, r := range m.rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(number(r.locator), 10))
	}
	return b.String() + ")", nil
}

// quotedNames are names as a list in SQL.
func (c *capture) quotedNames(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = c.plugin.dialect.quote(name)
	}
	return strings.Join(quoted, ", ")
}

// keyBefore is the key that a row has before the statement, keyAfter the one
// that it has after it.
func (c *capture) keyBefore(m *image, r row) []any {
	key := make([]any, len(c.table.key))
	for i, k := range c.table.key {
		key[i], _ = m.value(r, k)
	}
	return key
}

func (c *capture) keyAfter(m *image, r row) []any {
	key := make([]any, len(c.table.key))
	for i, k := range c.table.key {
		key[i] = m.valueToCome(r, k)
	}
	return key
}

// matchKeys is a condition on the table's key, with its arguments behind those
// given.
func (c *capture) matchKeys(keys [][]any, prefix string, args []any) (string, []any) {
	d := c.plugin.dialect
	var b strings.Builder
	single := len(c.table.key) == 1
	if single {
		b.WriteString(prefix + d.quote(c.table.key[0]) + " IN (")
	}
	for i, key := range keys {
		switch {
		case i > 0 && single:
			b.WriteString(", ")
		case i > 0:
			b.WriteString(" OR ")
		}
		if !single {
			b.WriteByte('(')
		}
		for j, v := range key {
			if j > 0 {
				b.WriteString(" AND ")
			}
			col, _ := c.table.column(c.table.key[j])
			args = append(args, d.argument(col.kind, v))
			if !single {
				b.WriteString(prefix + d.quote(c.table.key[j]) + " = ")
			}
			b.WriteString(d.bind(len(args)))
		}
		if !single {
			b.WriteByte(')')
		}
	}
	if single {
		b.WriteByte(')')
	}
	return b.String(), args
}

// countsMatches reports whether the statement must note which rows it matches,
// since it can't be given the rows that were read: on MySQL and MariaDB a table
// without a key.
func (c *capture) countsMatches() bool {
	return c.plugin.dialect.name == "mysql" && c.text.verb == "UPDATE" && !c.joins() && len(c.assignments()) > 0
}
