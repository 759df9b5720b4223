package access

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/gormtrail/audit"
)

// Reader returns what g shows of from, which is a *audit.Trail or a reader that
// passes queries on to one unchanged; to limit it further, narrow g.Scope. It is
// scoped and masked, and the only way to the entries: filters and orders that would
// tell something about masked values are a *audit.QueryError (Check), and a keyword
// finds only what it still matches after masking. If g isn't valid, every method
// returns the error of Validate.
//
// The Reader is an audit.Counter; errors.ErrUnsupported if from isn't one.
func (g Grant) Reader(from audit.Reader) audit.Reader { return g.reader(from) }

func (g Grant) reader(from audit.Reader) reader {
	g.Scope = g.ownScope()
	return reader{from: from, grant: g, mask: g.mask()}
}

type reader struct {
	from  audit.Reader
	grant Grant
	mask  mask
}

var _ interface {
	audit.Reader
	audit.Counter
} = reader{}

// Query implements audit.Reader.
func (r reader) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	q, err := r.admit(q)
	if err != nil {
		return nil, err
	}
	if words := r.grant.words(q.Filter); len(words) > 0 {
		return r.siftedPage(ctx, q, words)
	}
	q.Filter = r.grant.within(q.Filter)
	page, err := r.from.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	return &audit.Page{Entries: r.masked(page.Entries), Next: page.Next, Prev: page.Prev}, nil
}

func (r reader) masked(entries []audit.Entry) []audit.Entry {
	seen := make([]audit.Entry, len(entries))
	for i, e := range entries {
		seen[i] = r.mask.entry(e)
	}
	return seen
}

// admit checks a query, and gives it an order that the store has: cursors made
// here are then the store's.
func (r reader) admit(q audit.Query) (audit.Query, error) {
	if err := r.grant.Check(q); err != nil {
		return q, err
	}
	if q.Sort.Key() != audit.SortRecorded || r.sequenced() {
		return q, nil
	}
	q.Sort = map[bool]audit.Sort{true: audit.Newest, false: audit.SortTime}[q.Sort.Descending()]
	return q, nil
}

func (r reader) sequenced() bool {
	trail, ok := r.from.(interface{ Store() audit.Store })
	if !ok {
		return true
	}
	s, ok := trail.Store().(audit.Sequencer)
	return ok && s.Sequenced()
}

// All implements audit.Reader.
func (r reader) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		q, err := r.admit(q)
		if err != nil {
			yield(audit.Entry{}, err)
			return
		}
		words := r.grant.words(q.Filter)
		q.Filter = r.grant.within(q.Filter)
		for e, err := range r.from.All(ctx, q) {
			if err != nil {
				yield(audit.Entry{}, err)
				return
			}
			if !r.mask.finds(e, words) {
				continue
			}
			if !yield(r.mask.entry(e), nil) {
				return
			}
		}
	}
}

// Get implements audit.Reader.
func (r reader) Get(ctx context.Context, id string) (audit.Entry, error) {
	e, err := r.stored(ctx, id)
	if err != nil {
		return audit.Entry{}, err
	}
	return r.mask.entry(e), nil
}

// stored is an entry in the scope, not masked.
func (r reader) stored(ctx context.Context, id string) (audit.Entry, error) {
	if err := r.grant.Validate(); err != nil {
		return audit.Entry{}, err
	}
	e, err := r.from.Get(ctx, id)
	if err != nil {
		return audit.Entry{}, err
	}
	if !r.grant.Scope.Match(e) {
		return audit.Entry{}, audit.ErrNotFound
	}
	return e, nil
}

// Facets implements audit.Reader. Without Personal there are no users, since
// they are named by their email addresses, and other values are masked.
func (r reader) Facets(ctx context.Context, f audit.Filter) (audit.Facets, error) {
	if err := r.grant.Check(audit.Query{Filter: f}); err != nil {
		return audit.Facets{}, err
	}
	facets, err := r.from.Facets(ctx, r.grant.within(f))
	if err != nil || r.mask.personal {
		return facets, err
	}
	facets.Users = nil
	for _, list := range []*[]string{
		&facets.Tenants, &facets.Projects, &facets.Actions, &facets.ObjectTypes, &facets.Products, &facets.ActorTypes,
	} {
		*list = r.mask.values(*list)
	}
	return facets, nil
}

// values masks a facet's values: a new list, sorted, each once.
func (m mask) values(list []string) []string {
	seen := make([]string, len(list))
	for i, v := range list {
		seen[i] = m.text(v, nil)
	}
	slices.Sort(seen)
	return slices.Compact(seen)
}

// Count implements audit.Counter: it counts what Query shows.
func (r reader) Count(ctx context.Context, f audit.Filter, bound int) (n int, more bool, err error) {
	if err := r.grant.Check(audit.Query{Filter: f}); err != nil {
		return 0, false, err
	}
	counter, ok := r.from.(audit.Counter)
	if !ok {
		return 0, false, fmt.Errorf("access: counting in a %T: %w", r.from, errors.ErrUnsupported)
	}
	if len(r.grant.words(f)) == 0 {
		return counter.Count(ctx, r.grant.within(f), bound)
	}
	for _, err := range r.All(ctx, audit.Query{Filter: f, Brief: true}) {
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
