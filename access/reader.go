package access

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/gormtrail/audit"
)

// Reader returns a reader of the entries in from that g allows, with masked values.
// Filters and orders that would reveal masked values fail with a *audit.QueryError
// (see Check). A keyword matches an entry only if it still matches after masking.
// If g isn't valid, every method returns the error of Validate.
//
// from is a *audit.Trail, or another reader. To limit it further, narrow g.Scope. A
// masked search and Neighbours need an audit.Paginator, and Count an audit.Counter;
// without, their error is errors.ErrUnsupported.
//
// The Reader is an audit.Counter.
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
	if err := r.admit(ctx, q); err != nil {
		return nil, err
	}
	if words := r.grant.words(q.Filter); len(words) > 0 {
		return r.siftedPage(ctx, q, words)
	}
	q.Filter = r.within(q.Filter)
	page, err := r.from.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	return &audit.Page{Entries: r.masked(page.Entries), Next: page.Next, Prev: page.Prev}, nil
}

// Joined returns f with the other IDs of the records that it names, if the reader of
// the entries knows such (audit.Trail.Joined).
func (r reader) Joined(f audit.Filter) audit.Filter {
	if j, ok := r.from.(interface {
		Joined(audit.Filter) audit.Filter
	}); ok {
		return j.Joined(f)
	}
	return f
}

// within joins, so that cursors made here are those of the query that the trail makes.
func (r reader) within(f audit.Filter) audit.Filter { return r.Joined(r.grant.within(f)) }

func (r reader) masked(entries []audit.Entry) []audit.Entry {
	seen := make([]audit.Entry, len(entries))
	for i, e := range entries {
		seen[i] = r.mask.entry(e)
	}
	return seen
}

// All implements audit.Reader.
func (r reader) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		if err := r.admit(ctx, q); err != nil {
			yield(audit.Entry{}, err)
			return
		}
		words := r.grant.words(q.Filter)
		q.Filter = r.within(q.Filter)
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

// stored returns an entry in the scope, unmasked.
func (r reader) stored(ctx context.Context, id string) (audit.Entry, error) {
	if err := r.grant.Validate(); err != nil {
		return audit.Entry{}, err
	}
	e, err := r.from.Get(ctx, id)
	if err != nil {
		return audit.Entry{}, err
	}
	if !r.Joined(r.grant.Scope).Match(e) {
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

// values returns a facet's masked values, sorted and without duplicates.
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
