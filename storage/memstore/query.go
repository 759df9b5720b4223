package memstore

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// placed is a record with its place in a query's order.
type placed struct {
	key    string
	record *record
}

// compare is the total order of every query: key, time, ID, all in one
// direction.
func (p placed) compare(q audit.Query, key string, t time.Time, id string) int {
	e := &p.record.entry
	c := cmp.Or(strings.Compare(p.key, key), e.Time.Compare(t), strings.Compare(e.ID, id))
	if q.Sort.Descending() {
		return -c
	}
	return c
}

// show returns a copy of the entry, or of what a brief query asks for.
func (p placed) show(q audit.Query) audit.Entry {
	e := p.record.entry
	if q.Brief {
		e.Changes, e.Metadata = nil, nil
	}
	return clone(e)
}

// selected returns all that q selects, in its order.
func (s *Store) selected(ctx context.Context, q audit.Query) ([]placed, error) {
	var all []placed
	records := s.snapshot()
	most := len(records)
	if q.Sort.Bounded() {
		most = audit.MaxSorted
	}
	err := look(ctx, records, q.Filter.Match, func(r *record) bool {
		all = append(all, placed{r.key(q.Sort), r})
		return len(all) <= most
	})
	if err == nil && len(all) > most {
		return nil, q.Sort.TooMany()
	}
	slices.SortFunc(all, func(a, b placed) int {
		return a.compare(q, b.key, b.record.entry.Time, b.record.entry.ID)
	})
	return all, err
}

// key is what an entry is sorted by: its place in the order of appending, as
// digits of one length, or a key of the entry itself.
func (r *record) key(sort audit.Sort) string {
	if sort.Key() == audit.SortRecorded {
		return fmt.Sprintf("%020d", r.place)
	}
	return sort.KeyOf(r.entry)
}

// decode reads the query's cursor. One that was made of an entry alone has no
// place in the order of appending; it is that of the entry.
func (s *Store) decode(q audit.Query) (storage.Position, error) {
	p, err := storage.DecodeCursor(q)
	if err != nil || p.Key != "" || q.Sort.Key() != audit.SortRecorded {
		return p, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, ok := s.byID[p.ID]
	if !ok {
		return p, &audit.QueryError{Param: "cursor", Reason: "its entry is gone; start from the first page", Err: audit.ErrBadCursor}
	}
	p.Key = r.key(q.Sort)
	return p, nil
}

// start returns where in all the page begins and, if the cursor points back,
// where it ends; else end is len(all).
func (s *Store) start(q audit.Query, all []placed) (begin, end int, err error) {
	if q.Cursor == "" {
		return 0, len(all), nil
	}
	p, err := s.decode(q)
	if err != nil {
		return 0, 0, err
	}
	if p.Back {
		end = sort.Search(len(all), func(i int) bool { return all[i].compare(q, p.Key, p.Time, p.ID) >= 0 })
		return max(0, end-q.Limit), end, nil
	}
	begin = sort.Search(len(all), func(i int) bool { return all[i].compare(q, p.Key, p.Time, p.ID) > 0 })
	return begin, len(all), nil
}

// Query returns one page. Errors: *audit.QueryError (audit.ErrTooManyToSort among them),
// the context's.
func (s *Store) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	q, err := q.Validate()
	if err != nil {
		return nil, err
	}
	all, err := s.selected(ctx, q)
	if err != nil {
		return nil, err
	}
	begin, end, err := s.start(q, all)
	if err != nil {
		return nil, err
	}
	end = min(end, begin+q.Limit)
	begin, end = within(q, all, begin, end)
	page := &audit.Page{Entries: make([]audit.Entry, 0, end-begin)}
	for _, p := range all[begin:end] {
		page.Entries = append(page.Entries, p.show(q))
	}
	if begin > 0 {
		page.Prev = storage.EncodeCursor(q, s.beside(q, all, begin, true))
	}
	if end < len(all) {
		page.Next = storage.EncodeCursor(q, s.beside(q, all, end-1, false))
	}
	return page, nil
}

// within shortens a page to q.MaxBytes, at its end or, if the cursor points back, at
// its beginning.
func within(q audit.Query, all []placed, begin, end int) (int, int) {
	if q.MaxBytes == 0 {
		return begin, end
	}
	size := func(i int) int {
		e := all[i].record.entry
		if q.Brief {
			e.Changes, e.Metadata = nil, nil
		}
		return e.Size()
	}
	total := 0
	if back := q.Cursor != "" && isBack(q); back {
		at := end
		for ; at > begin; at-- {
			if total += size(at - 1); total > q.MaxBytes && at < end {
				break
			}
		}
		return at, end
	}
	at := begin
	for ; at < end; at++ {
		if total += size(at); total > q.MaxBytes && at > begin {
			break
		}
	}
	return begin, at
}

func isBack(q audit.Query) bool {
	p, err := storage.DecodeCursor(q)
	return err == nil && p.Back
}

// beside is the position before or behind all[i], or, for a page that is empty
// because its entries were purged, one that takes in all on that side of it.
func (s *Store) beside(q audit.Query, all []placed, i int, back bool) storage.Position {
	if i >= 0 && i < len(all) {
		e := &all[i].record.entry
		return storage.Position{Key: all[i].key, Time: e.Time, ID: e.ID, Back: back}
	}
	p, _ := s.decode(q)      // start has read it
	step := time.Microsecond // past the entry that the cursor was made of
	if q.Sort.Descending() != p.Back {
		step = -step
	}
	return storage.Position{Key: p.Key, Time: p.Time.Add(step), ID: p.ID, Back: back}
}

// All yields what q selects at the moment at which the sequence is begun, from
// the cursor on. The snapshot costs a pointer for each entry.
func (s *Store) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		q.Limit = audit.MaxLimit
		q, err := q.Validate()
		if err != nil {
			yield(audit.Entry{}, err)
			return
		}
		all, err := s.selected(ctx, q)
		if err != nil {
			yield(audit.Entry{}, err)
			return
		}
		begin, _, err := s.start(q, all)
		if err != nil {
			yield(audit.Entry{}, err)
			return
		}
		for _, p := range all[begin:] {
			if err := ctx.Err(); err != nil {
				yield(audit.Entry{}, err)
				return
			}
			if !yield(p.show(q), nil) {
				return
			}
		}
	}
}

// Count returns how many entries match f, up to bound. See audit.Counter.
func (s *Store) Count(ctx context.Context, f audit.Filter, bound int) (n int, more bool, err error) {
	if err := f.Validate(); err != nil {
		return 0, false, err
	}
	err = look(ctx, s.snapshot(), f.Match, func(*record) bool {
		n++
		return n <= bound
	})
	if err != nil {
		return 0, false, err
	}
	return min(n, bound), n > bound, nil
}
