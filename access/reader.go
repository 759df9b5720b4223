package access

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/words"
)

// Reader returns a reader of the entries in from that g allows, with masked values.
// Filters and orders that would reveal masked values fail with a *audit.QueryError
// (see Check). A keyword matches an entry only if it still matches after masking; such
// a search is bounded (MaxSearched, MaxSearchTime), and a page of it may be partial.
// If g isn't valid, every method returns the error of Validate.
//
// from is a *audit.Trail, or another reader. To limit it further, narrow g.Scope. A
// masked search and Neighbours need an audit.Paginator, and Count an audit.Counter;
// without, their error is errors.ErrUnsupported.
//
// The Reader is an audit.Counter and an audit.FacetFinder. Count returns errors.ErrUnsupported if from can't
// count.
func (g Grant) Reader(from audit.Reader) audit.Reader { return g.reader(from) }

func (g Grant) reader(from audit.Reader) reader {
	g.Scope = g.ownScope()
	return reader{from: from, grant: g, mask: g.mask(), limits: limits{MaxSearched, MaxSearchTime}}
}

type reader struct {
	from  audit.Reader
	grant Grant
	mask  mask

	limits limits // of searches after masking
	list   *List  // nil: whole entries
}

var _ interface {
	audit.Reader
	audit.Counter
	audit.FacetFinder
} = reader{}

// Query implements audit.Reader.
func (r reader) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	if err := r.admit(ctx, q); err != nil {
		return nil, err
	}
	if words := r.grant.words(r.Joined(q.Filter)); len(words) > 0 {
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
		if r.list != nil {
			e = r.list.cut(e)
		}
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
		words := r.grant.words(r.Joined(q.Filter))
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

// FindFacets implements audit.FacetFinder. If from isn't one, it returns all values
// that match.
func (r reader) FindFacets(ctx context.Context, q audit.FacetQuery) (audit.Facets, error) {
	if err := r.grant.Check(audit.Query{Filter: q.Filter}); err != nil {
		return audit.Facets{}, err
	}
	facets, err := r.storedFacets(ctx, q)
	if err != nil {
		return audit.Facets{}, err
	}
	return r.mask.facets(facets, words.Fold(cleantext.Text(q.Find))), nil
}

// storedFacets returns facets of the scope, unmasked.
func (r reader) storedFacets(ctx context.Context, q audit.FacetQuery) (audit.Facets, error) {
	q.Filter = r.grant.within(q.Filter)
	if finder, ok := r.from.(audit.FacetFinder); ok {
		return finder.FindFacets(ctx, q)
	}
	if err := q.Validate(); err != nil {
		return audit.Facets{}, err
	}
	facets, err := r.from.Facets(ctx, q.Filter)
	return q.Of(facets), err
}

// Facets implements audit.Reader. Without Personal there are no users, nor those they
// stood in for, since they are named by their email addresses, and other values are masked.
func (r reader) Facets(ctx context.Context, f audit.Filter) (audit.Facets, error) {
	if err := r.grant.Check(audit.Query{Filter: f}); err != nil {
		return audit.Facets{}, err
	}
	facets, err := r.from.Facets(ctx, r.grant.within(f))
	if err != nil {
		return audit.Facets{}, err
	}
	return r.mask.facets(facets, ""), nil
}

// facets masks values; of those found by a text it leaves those that still have it.
func (m mask) facets(facets audit.Facets, needle string) audit.Facets {
	if m.personal {
		return facets
	}
	facets.Users, facets.OnBehalfOf = nil, nil
	for _, list := range []*[]string{
		&facets.Tenants, &facets.Projects, &facets.Actions, &facets.ObjectTypes, &facets.Products, &facets.ActorTypes,
	} {
		*list = m.values(*list, needle)
	}
	return facets
}

// values returns a facet's masked values, sorted and without duplicates.
func (m mask) values(list []string, needle string) []string {
	blank := m
	blank.as = unsearchable
	seen := make([]string, 0, len(list))
	for _, v := range list {
		if needle == "" || strings.Contains(words.Fold(blank.text(v, nil)), needle) {
			seen = append(seen, m.text(v, nil))
		}
	}
	slices.Sort(seen)
	return slices.Compact(seen)
}

// Count implements audit.Counter: it counts what Query shows. Of a search after
// masking that takes too long it returns what it has counted by then, and more.
func (r reader) Count(ctx context.Context, f audit.Filter, bound int) (n int, more bool, err error) {
	if err := r.grant.Check(audit.Query{Filter: f}); err != nil {
		return 0, false, err
	}
	counter, ok := r.from.(audit.Counter)
	if !ok {
		return 0, false, fmt.Errorf("access: counting in a %T: %w", r.from, errors.ErrUnsupported)
	}
	words := r.grant.words(r.Joined(f))
	if len(words) == 0 {
		return counter.Count(ctx, r.grant.within(f), bound)
	}
	return r.siftedCount(ctx, f, bound, words)
}
