package viewer

import (
	"context"
	"errors"

	"github.com/gormtrail/audit"
)

// source is what pages read: Options.Reader, or the trail, with its choices
// remembered.
type source struct {
	audit.Reader
	choices   *choices
	catalogue *audit.Catalogue
}

var _ interface {
	audit.Counter
	audit.FacetFinder
	audit.Paginator
} = source{}

func (v *Viewer) source() source {
	if v.opts.Reader != nil {
		return source{v.opts.Reader, &v.choices, v.trail.Catalogue()}
	}
	return source{v.trail, &v.choices, v.trail.Catalogue()}
}

// Catalogue returns the trail's, also for Options.Reader (access.Grant.List).
func (s source) Catalogue() *audit.Catalogue { return s.catalogue }

// Joined returns f as the Reader does (audit.Trail.Joined): without it, users without
// Personal would find nothing by labels and metadata.
func (s source) Joined(f audit.Filter) audit.Filter {
	if j, ok := s.Reader.(interface {
		Joined(f audit.Filter) audit.Filter
	}); ok {
		return j.Joined(f)
	}
	return f
}

// FindFacets implements audit.FacetFinder. Without words to find, the choices that
// are remembered answer.
func (s source) FindFacets(ctx context.Context, q audit.FacetQuery) (audit.Facets, error) {
	if q.Find != "" {
		return s.find(ctx, q)
	}
	all := audit.FacetQuery{Filter: q.Filter, Limit: facetsAsked}
	facets, err := s.choices.of(ctx, q.Filter, func(ctx context.Context) (audit.Facets, error) { return s.find(ctx, all) })
	return q.Of(facets), err
}

func (s source) find(ctx context.Context, q audit.FacetQuery) (audit.Facets, error) {
	if finder, ok := s.Reader.(audit.FacetFinder); ok {
		return finder.FindFacets(ctx, q)
	}
	facets, err := s.Reader.Facets(ctx, q.Filter)
	return q.Of(facets), err
}

// Count implements audit.Counter, as far as the Reader does.
func (s source) Count(ctx context.Context, f audit.Filter, bound int) (n int, more bool, err error) {
	counter, ok := s.Reader.(audit.Counter)
	if !ok {
		return 0, false, errors.ErrUnsupported
	}
	return counter.Count(ctx, f, bound)
}

// CursorAt implements audit.Paginator, as far as the Reader does.
func (s source) CursorAt(ctx context.Context, q audit.Query, e audit.Entry, back bool) (string, error) {
	p, ok := s.Reader.(audit.Paginator)
	if !ok {
		return "", errors.ErrUnsupported
	}
	return p.CursorAt(ctx, q, e, back)
}

// CursorBack implements audit.Paginator, as far as the Reader does.
func (s source) CursorBack(ctx context.Context, q audit.Query) (bool, error) {
	p, ok := s.Reader.(audit.Paginator)
	if !ok {
		return false, errors.ErrUnsupported
	}
	return p.CursorBack(ctx, q)
}
