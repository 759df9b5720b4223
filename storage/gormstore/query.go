package gormstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// Get returns the entry with that ID, or audit.ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (audit.Entry, error) {
	raw, err := row.ParseID(id)
	if err != nil {
		return audit.Entry{}, audit.ErrNotFound // no entry has such an ID
	}
	if s, err = s.ready(ctx, s.db); err != nil {
		return audit.Entry{}, err
	}
	b := s.newBuilder()
	b.List(schema.ReadNames, "SELECT ", "e.")
	if err := s.rows.ByID(ctx, s.db, b, raw); err != nil {
		return audit.Entry{}, s.translate(ctx, err)
	}
	entries, err := s.read(ctx, b)
	switch {
	case err != nil:
		return audit.Entry{}, err
	case len(entries) == 0:
		return audit.Entry{}, audit.ErrNotFound
	}
	return entries[0], nil
}

// Query returns one page. Errors: *audit.QueryError (audit.ErrTooManyToSort among them),
// audit.ErrNotMigrated, the context's, the database's.
func (s *Store) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	q, err := q.Validate()
	if err != nil {
		return nil, err
	}
	var p storage.Position
	if q.Cursor != "" {
		if p, err = storage.DecodeCursor(q); err != nil {
			return nil, err
		}
	}
	if s, err = s.ready(ctx, s.db); err != nil {
		return nil, err
	}
	if err := s.sortable(ctx, q); err != nil {
		return nil, err
	}
	if q.Cursor == "" {
		return s.firstPage(ctx, q)
	}
	return s.pageFrom(ctx, q, p)
}

func (s *Store) firstPage(ctx context.Context, q audit.Query) (*audit.Page, error) {
	sel := selection{filter: q.Filter, order: s.orderOf(q.Sort), limit: q.Limit + 1, brief: q.Brief, budget: newBudget(q)}
	var err error
	if sel.sought, err = s.seek(ctx, sel); err != nil {
		return nil, err
	}
	found, err := s.slice(ctx, sel)
	if err != nil {
		return nil, err
	}
	more := len(found.entries) > q.Limit || sel.budget.spent()
	found.cut(q.Limit)
	page := &audit.Page{Entries: found.entries}
	if more {
		page.Next = storage.EncodeCursor(q, found.position(len(found.entries)-1))
	}
	return page, nil
}

// pageFrom reads the page on one side of p, and looks whether there is anything
// on its other side: what the cursor was made of may have been purged since.
func (s *Store) pageFrom(ctx context.Context, q audit.Query, p storage.Position) (*audit.Page, error) {
	o := s.orderOf(q.Sort)
	if p.Back {
		o = o.Reverse()
	}
	p, err := s.resolve(ctx, o, p)
	if err != nil {
		return nil, err
	}
	sel := selection{filter: q.Filter, order: o, after: &p, limit: q.Limit + 1, brief: q.Brief, budget: newBudget(q)}
	if sel.sought, err = s.seek(ctx, sel); err != nil {
		return nil, err
	}
	found, err := s.slice(ctx, sel)
	if err != nil {
		return nil, err
	}
	more := len(found.entries) > q.Limit || sel.budget.spent()
	found.cut(q.Limit)
	// What lies on the other side of the page's first entry, or of p.
	near := beyond(p, o)
	if len(found.entries) > 0 {
		near = found.position(0)
	}
	behind, err := s.any(ctx, selection{filter: q.Filter, order: o.Reverse(), after: &near, sought: sel.sought})
	if err != nil {
		return nil, err
	}
	next, prev := more, behind
	if p.Back {
		next, prev = behind, more
		found.reverse()
	}
	first, last := near, near
	if n := len(found.entries); n > 0 {
		first, last = found.position(0), found.position(n-1)
	}
	page := &audit.Page{Entries: found.entries}
	if next {
		last.Back = false
		page.Next = storage.EncodeCursor(q, last)
	}
	if prev {
		first.Back = true
		page.Prev = storage.EncodeCursor(q, first)
	}
	return page, nil
}

// beyond is a hair further than p in the order o, so that what was at p is on
// the other side of it.
func beyond(p storage.Position, o sqlgen.Order) storage.Position {
	step := 1
	if o.Descending {
		step = -step
	}
	if row.IsRaw(p) {
		return p // a value that is none of the order's has no next one
	}
	if n, err := sqlgen.SeqPosition(p); err == nil && o.Recorded() {
		p.Key = strconv.Itoa(int(n) + step)
		return p
	}
	p.Time = p.Time.Add(time.Duration(step) * time.Microsecond)
	return p
}

// selection is a part of what a filter selects, in an order.
type selection struct {
	filter audit.Filter
	order  sqlgen.Order
	after  *storage.Position     // nil: from the beginning
	bound  func(*sqlgen.Builder) // writes a further condition; nil: none
	window sqlgen.Window         // a part of what is selected
	limit  int                   // 0: all
	// unordered: only how many there are matters, so the streams need no merging.
	unordered bool
	brief     bool    // without changes and metadata
	budget    *budget // of bytes; nil: none
	sought    *sought // what a keyword was found by; nil: nothing, it is looked for
}

// names are the columns that the selection's entries are read from.
func (sel selection) names() []string {
	if sel.brief {
		return schema.BriefNames
	}
	return schema.ReadNames
}

// keyed are the names, and the column that is sorted by before the time.
func (sel selection) keyed() []string {
	if len(sel.order.Columns) < 3 || sel.order.Key != "" {
		return sel.names()
	}
	return append(slices.Clone(sel.names()), sel.order.Columns[0])
}

// write writes all of a SELECT that follows WHERE.
func (sel selection) write(b *sqlgen.Builder) error { return sel.writeTerms(b, sel.filter.Terms()) }

func (sel selection) writeTerms(b *sqlgen.Builder, terms []audit.Filter) error {
	b.Terms(terms)
	if sel.bound != nil {
		b.WriteString(" AND ")
		sel.bound(b)
	}
	b.Within(sel.window, schema.ColTime)
	if sel.after != nil {
		values, err := sel.order.Values(b.Traits, *sel.after)
		if err != nil {
			return err
		}
		b.WriteString(" AND ")
		b.After(sel.order.Compared(), values, sel.order.Descending)
	}
	if !sel.unordered || sel.order.Indexed() { // which is walked in its order
		b.WriteString(" ORDER BY ")
		sel.order.By(b, "")
	}
	if sel.limit > 0 {
		b.Add(" LIMIT ", strconv.Itoa(sel.limit))
	}
	return nil
}

// slice reads the entries of a selection that has a limit.
//
// One stream along its index is read whole as it goes. Else the rows are found
// and ordered by their short columns alone, and only those of the page are then
// read whole: neither a sort nor a merge carries the changes along.
func (s *Store) slice(ctx context.Context, sel selection) (found run, err error) {
	found = run{sort: sel.order.Sort, entries: []audit.Entry{}}
	err = s.eachWindow(ctx, sel, func(q sqldb.Queryer, p streams, part selection) (bool, error) {
		part.limit -= len(found.entries)
		some, err := s.pageRun(ctx, q, part, p)
		found.add(some)
		return len(found.entries) == sel.limit || sel.budget.spent(), err
	})
	return found, err
}

// pageRun reads a page of the plan.
func (s *Store) pageRun(ctx context.Context, q sqldb.Queryer, sel selection, p streams) (run, error) {
	if sel.order.Recorded() {
		return s.recordedPage(ctx, q, sel, p)
	}
	b, err := s.page(sel, p)
	if err != nil {
		return run{}, err
	}
	return s.readRun(ctx, q, b, sel)
}

func (s *Store) page(sel selection, streams streams) (*sqlgen.Builder, error) {
	b := s.newBuilder()
	if streams.alone() && s.traits.KeepsOrder {
		return b, s.along(b, sel, streams)
	}
	b.List(sel.keyed(), "SELECT ", "e.")
	if sel.order.Recorded() {
		b.WriteString(", p.seq")
		return b, s.fromMerged(b, sel, streams)
	}
	if sel.order.Key != "" {
		b.WriteString(", p." + sqlgen.SortKey)
	}
	if err := s.fromMerged(b, sel, streams); err != nil {
		return nil, err
	}
	b.WriteString(" ORDER BY ")
	sel.order.By(b, "e.")
	return b, nil
}

// fromMerged writes FROM the entries e of merged streams.
func (s *Store) fromMerged(b *sqlgen.Builder, sel selection, p streams) error {
	b.WriteString(" FROM (")
	if err := s.merge(b, sel, p); err != nil {
		return err
	}
	b.WriteString(") p")
	s.rows.Join(b, sel.window)
	return nil
}

// along writes the SELECT of whole rows of one stream.
func (s *Store) along(b *sqlgen.Builder, sel selection, p streams) error {
	if p.tenants != nil {
		return s.stream1(b, sel, p, sel.keyed())
	}
	b.List(sel.keyed(), "SELECT ", "")
	b.Add(" FROM ", s.quoted, " WHERE ")
	return sel.writeTerms(b, p.terms)
}

// any reports whether the selection has an entry.
func (s *Store) any(ctx context.Context, sel selection) (found bool, err error) {
	sel.limit, sel.unordered = 1, !sel.order.Indexed()
	err = s.eachWindow(ctx, sel, func(q sqldb.Queryer, p streams, part selection) (bool, error) {
		b := s.newBuilder()
		if err := s.merge(b, part, p); err != nil {
			return false, err
		}
		rows, err := s.rowsOn(ctx, q, b)
		if err != nil {
			return false, err
		}
		defer rows.Close()
		found = rows.Next()
		return found, s.translate(ctx, rows.Err())
	})
	return found, err
}

// query runs the statement on the store's own pool.
func (s *Store) query(ctx context.Context, b *sqlgen.Builder) (*sql.Rows, error) {
	return s.rowsOn(ctx, s.db, b)
}

func (s *Store) rowsOn(ctx context.Context, q sqldb.Queryer, b *sqlgen.Builder) (*sql.Rows, error) {
	if err := s.checkMigrated(ctx, q); err != nil {
		return nil, err
	}
	if err := s.checkArgs(b); err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, b.String(), b.Args...)
	return rows, s.translate(ctx, err)
}

func (s *Store) checkArgs(b *sqlgen.Builder) error {
	if most := s.traits.MaxArgs; len(b.Args) > most {
		return &audit.QueryError{Param: "filter", Reason: fmt.Sprintf("needs %d parameters, at most %d are possible", len(b.Args), most)}
	}
	return nil
}

// read returns all entries that the statement finds.
func (s *Store) read(ctx context.Context, b *sqlgen.Builder) ([]audit.Entry, error) {
	found, err := s.readRun(ctx, s.db, b, selection{})
	return found.entries, err
}

// sortable returns an error if a query selects too many entries for its order.
func (s *Store) sortable(ctx context.Context, q audit.Query) error {
	if !q.Sort.Bounded() {
		return nil
	}
	_, more, err := s.Count(ctx, q.Filter, s.maxSorted)
	if err == nil && more {
		return q.Sort.TooMany()
	}
	return err
}

// orderOf is the order of any sort.
func (s *Store) orderOf(sort audit.Sort) sqlgen.Order { return sqlgen.OrderOf(s.traits, sort) }
