package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/words"
)

// FacetQuery asks for some values of facets: a menu shows a few, and finds others
// by what is typed.
type FacetQuery struct {
	Filter        // the scope, as for Reader.Facets
	Name   string // the facet by its parameter: "user", "action", …; "": all of them
	Find   string // part of the values, in any case; "": any value
	Limit  int    // the most values of a facet; at least 1
}

// FacetFinder is a Faceter that finds some values without reading all.
type FacetFinder interface {
	// FindFacets returns, sorted, at most q.Limit values of each facet asked for
	// that contain q.Find. Where there are more, it chooses.
	FindFacets(ctx context.Context, q FacetQuery) (Facets, error)
}

// facetNames are the facets by their parameters.
var facetNames = []struct {
	name   string
	values func(*Facets) *[]string
}{
	{"tenant", func(f *Facets) *[]string { return &f.Tenants }},
	{"project", func(f *Facets) *[]string { return &f.Projects }},
	{"action", func(f *Facets) *[]string { return &f.Actions }},
	{"outcome", func(f *Facets) *[]string { return &f.Outcomes }},
	{"type", func(f *Facets) *[]string { return &f.ObjectTypes }},
	{"product", func(f *Facets) *[]string { return &f.Products }},
	{"actor_type", func(f *Facets) *[]string { return &f.ActorTypes }},
	{"user", func(f *Facets) *[]string { return &f.Users }},
	{"on_behalf_of", func(f *Facets) *[]string { return &f.OnBehalfOf }},
}

// Validate returns a *QueryError for a query that names no facet there is, or has
// no limit, and for a scope that isn't a valid filter.
func (q FacetQuery) Validate() error {
	known := q.Name == ""
	for _, n := range facetNames {
		known = known || n.name == q.Name
	}
	if !known {
		return &QueryError{Param: "facet", Reason: fmt.Sprintf("%q is not action, type, user, on_behalf_of, outcome, actor_type, tenant, project or product", words.Clip(q.Name))}
	}
	if q.Limit < 1 {
		return &QueryError{Param: "limit", Reason: fmt.Sprintf("%d is not at least 1", q.Limit)}
	}
	if len(q.Find) > MaxKeyword {
		return &QueryError{Param: "find", Reason: fmt.Sprintf("has %d bytes, at most %d are possible", len(q.Find), MaxKeyword)}
	}
	return q.Filter.Validate()
}

// Of returns what f has of the values that q asks for, all of them: Limit is not
// looked at.
func (q FacetQuery) Of(f Facets) Facets {
	needle := words.Fold(cleantext.Text(q.Find))
	for _, n := range facetNames {
		list := n.values(&f)
		switch {
		case q.Name != "" && n.name != q.Name:
			*list = nil
		case needle != "":
			*list = slices.DeleteFunc(slices.Clone(*list), func(v string) bool { return !strings.Contains(words.Fold(v), needle) })
		}
	}
	return f
}

// FindFacets returns some values of facets. See FacetFinder; if the store is only a
// Faceter it returns all that match, and the error is errors.ErrUnsupported if it
// is neither.
func (t *Trail) FindFacets(ctx context.Context, q FacetQuery) (Facets, error) {
	done, err := t.enter(ctx)
	if err != nil {
		return Facets{}, err
	}
	defer done()
	if err := q.Validate(); err != nil {
		return Facets{}, err
	}
	q.Filter = t.Joined(q.Filter)
	switch store := t.store.(type) {
	case FacetFinder:
		return store.FindFacets(ctx, q)
	case Faceter:
		f, err := store.Facets(ctx, q.Filter)
		return q.Of(f), err
	}
	return Facets{}, fmt.Errorf("audit: facets of a %T: %w", t.store, errors.ErrUnsupported)
}

func (s scope) FindFacets(ctx context.Context, q FacetQuery) (Facets, error) {
	q.Filter = q.Filter.And(s.limit)
	return s.trail.FindFacets(ctx, q)
}
