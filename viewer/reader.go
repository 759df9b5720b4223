package viewer

import (
	"context"
	"iter"
	"slices"

	"github.com/gormtrail/audit"
)

// reader is what one request sees of the trail: its scope, with what it may
// not see taken out. Page, API, facets and exports all read through it.
type reader struct {
	trail   *audit.Trail
	scope   audit.Filter
	mask    mask
	choices *choices
}

var _ audit.Reader = reader{}

// expand reads the search text by its grammar (audit.ParseKeyword). It happens
// here, below page, export and feed, so that all of them carry what was typed.
//
// A tenant that the scope asks for anyway isn't asked for twice: databases choose
// worse plans for the same condition given again, by a factor of a thousand.
func (r reader) expand(f audit.Filter) (audit.Filter, error) {
	for _, limit := range r.scope.Terms() {
		if len(limit.Tenants) == 1 && slices.Equal(f.Tenants, limit.Tenants) {
			f.Tenants = nil
		}
	}
	return f.Expand(r.trail.Catalogue())
}

// check refuses questions whose answer would reveal what is masked, and an order
// that would read all that is selected for each page, unless that is one record.
func (r reader) check(q audit.Query) error {
	if q.Sort.Key() == audit.SortRecorded && !slices.ContainsFunc(q.Terms(), func(f audit.Filter) bool { return len(f.ObjectTypes) == 1 && len(f.ObjectIDs) == 1 }) {
		return &audit.QueryError{Param: "sort", Reason: "recorded is the order of one record's entries, and needs its type and its ID"}
	}
	if r.mask.personal {
		return nil
	}
	if key := q.Sort.Key(); key == audit.SortUser || key == audit.SortIP {
		return &audit.QueryError{Param: "sort", Reason: "sorting by " + string(key) + " needs access to personal data"}
	}
	return personalIn(q.Filter, false)
}

func personalIn(f audit.Filter, negated bool) error {
	for _, term := range f.Terms() {
		var param string
		switch {
		case len(term.Users) > 0:
			param = "user"
		case len(term.IPs) > 0:
			param = "ip"
		case negated && term.Keyword != "":
			param = "not"
		default:
			param = maskedValueIn(term)
		}
		if param != "" {
			return &audit.QueryError{Param: param, Reason: "needs access to personal data"}
		}
		for _, n := range term.Not {
			if err := personalIn(n, true); err != nil {
				return err
			}
		}
	}
	return nil
}

// maskedValueIn names the parameter that asks for an address, which a masked
// reader could otherwise try out on the IDs of objects.
func maskedValueIn(f audit.Filter) string {
	f.Keyword = ""
	for param, values := range f.Values() {
		for _, v := range values {
			if param != "from" && param != "to" && param != "not" && (mask{}).text(v, nil) != v {
				return param
			}
		}
	}
	return ""
}

// sorted is q in an order that the store has, as the trail asks it: cursors that
// are made here are then the store's.
func (r reader) sorted(q audit.Query) audit.Query {
	if s, ok := r.trail.Store().(audit.Sequencer); q.Sort.Key() == audit.SortRecorded && (!ok || !s.Sequenced()) {
		q.Sort = map[bool]audit.Sort{true: audit.Newest, false: audit.SortTime}[q.Sort.Descending()]
	}
	return q
}

// sifts reports whether the store may find entries that this reader may not
// find: the keyword looks into email addresses.
func (r reader) sifts(q audit.Query) bool {
	if r.mask.personal {
		return false
	}
	for _, term := range q.Terms() {
		if term.Keyword != "" {
			return true
		}
	}
	return false
}

// Query implements audit.Reader.
func (r reader) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	var err error
	if q.Filter, err = r.expand(q.Filter); err != nil {
		return nil, err
	}
	if err := r.check(q); err != nil {
		return nil, err
	}
	q = r.sorted(q)
	if r.sifts(q) {
		return r.siftedPage(ctx, q)
	}
	page, err := r.trail.Scope(r.scope).Query(ctx, q)
	if err != nil {
		return nil, err
	}
	seen := &audit.Page{Entries: make([]audit.Entry, len(page.Entries)), Next: page.Next, Prev: page.Prev}
	for i, e := range page.Entries {
		seen.Entries[i] = r.mask.entry(e)
	}
	return seen, nil
}

// siftedPage fills a page with the entries that still match once masked, so
// that neither a row nor a gap tells that the keyword is part of an address.
func (r reader) siftedPage(ctx context.Context, q audit.Query) (*audit.Page, error) {
	q, err := q.Validate()
	if err != nil {
		return nil, err
	}
	scoped := q
	scoped.Filter = q.Filter.And(r.scope)
	back := false
	if q.Cursor != "" {
		at, err := audit.DecodeCursor(scoped)
		if err != nil {
			return nil, err
		}
		back = at.Back
	}
	kept, more, err := r.sift(ctx, scoped, q, back)
	if err != nil {
		return nil, err
	}
	page := &audit.Page{Entries: make([]audit.Entry, len(kept))}
	for i, e := range kept {
		page.Entries[i] = r.mask.entry(e)
	}
	if len(kept) == 0 {
		return page, nil
	}
	if more || back {
		page.Next = cursorAt(scoped, kept[len(kept)-1], false)
	}
	if (more && back) || (!back && q.Cursor != "") {
		page.Prev = cursorAt(scoped, kept[0], true)
	}
	return page, nil
}

func cursorAt(q audit.Query, e audit.Entry, back bool) string {
	return audit.EncodeCursor(q, audit.Position{Key: audit.SortKey(q.Sort, e), Time: e.Time, ID: e.ID, Back: back})
}

// sift reads on from the query's cursor until the page is full. The entries
// are as stored, in display order; more says that at least one other follows.
func (r reader) sift(ctx context.Context, scoped, asked audit.Query, back bool) (kept []audit.Entry, more bool, err error) {
	for {
		page, err := r.trail.Query(ctx, scoped)
		if err != nil {
			return nil, false, err
		}
		var fits []audit.Entry
		for _, e := range page.Entries {
			if asked.Match(r.mask.entry(e)) {
				fits = append(fits, e)
			}
		}
		on := page.Next
		if back {
			kept, on = append(fits, kept...), page.Prev
		} else {
			kept = append(kept, fits...)
		}
		if n := len(kept) - asked.Limit; n > 0 {
			if back {
				return kept[n:], true, nil
			}
			return kept[:asked.Limit], true, nil
		}
		if on == "" {
			return kept, false, nil
		}
		scoped.Cursor = on
	}
}

// countSifted reads what the store finds and counts what still matches once
// masked: the number of rows that leafing through the pages would show.
func (r reader) countSifted(ctx context.Context, q audit.Query, bound int) (n int, more bool, err error) {
	for _, err := range r.All(ctx, q) {
		if err != nil {
			return 0, false, err
		}
		if n == bound {
			return n, true, nil
		}
		n++
	}
	return n, false, nil
}

// unsearched is the filter without its words: what the live feed selects for
// who may not see addresses, before it looks at the masked entries.
func unsearched(f audit.Filter) audit.Filter {
	var loose audit.Filter
	for _, term := range f.Terms() {
		term.Keyword = ""
		loose = loose.And(term)
	}
	return loose
}

// All implements audit.Reader.
func (r reader) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		var err error
		if q.Filter, err = r.expand(q.Filter); err == nil {
			err = r.check(q)
		}
		if err != nil {
			yield(audit.Entry{}, err)
			return
		}
		sifts := r.sifts(q)
		for e, err := range r.trail.Scope(r.scope).All(ctx, q) {
			if err != nil {
				yield(audit.Entry{}, err)
				return
			}
			e = r.mask.entry(e)
			if sifts && !q.Match(e) {
				continue
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// Get implements audit.Reader.
func (r reader) Get(ctx context.Context, id string) (audit.Entry, error) {
	e, err := r.stored(ctx, id)
	return r.mask.entry(e), err
}

// place is a cursor of the query beside an entry, as Query takes it.
func (r reader) place(q audit.Query, e audit.Entry, back bool) (string, error) {
	f, err := r.expand(q.Filter)
	if err != nil {
		return "", err
	}
	q.Filter = f.And(r.scope)
	return cursorAt(r.sorted(q), e, back), nil
}

// stored returns an entry as the store has it, for places in an order.
func (r reader) stored(ctx context.Context, id string) (audit.Entry, error) {
	return r.trail.Scope(r.scope).Get(ctx, id)
}

// Facets implements audit.Reader. Who may not see personal data gets no users:
// they are named by their email addresses.
func (r reader) Facets(ctx context.Context, f audit.Filter) (audit.Facets, error) {
	facets, err := r.choices.of(ctx, f.And(r.scope), func(ctx context.Context) (audit.Facets, error) {
		return r.trail.Scope(r.scope).Facets(ctx, f)
	})
	if !r.mask.personal {
		facets.Users = nil
	}
	return facets, err
}

// Count counts up to bound what this reader may find. errors.ErrUnsupported: the
// store can't.
func (r reader) Count(ctx context.Context, f audit.Filter, bound int) (int, bool, error) {
	f, err := r.expand(f)
	if err != nil {
		return 0, false, err
	}
	q := audit.Query{Filter: f}
	if err := r.check(q); err != nil {
		return 0, false, err
	}
	if r.sifts(q) {
		return r.countSifted(ctx, q, bound)
	}
	return r.trail.Count(ctx, f.And(r.scope), bound)
}
