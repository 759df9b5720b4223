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
	choices *choices
}

var _ interface {
	audit.Counter
	audit.Paginator
} = source{}

func (v *Viewer) source() source {
	if v.opts.Reader != nil {
		return source{v.opts.Reader, &v.choices}
	}
	return source{v.trail, &v.choices}
}

// Facets implements audit.Reader.
func (s source) Facets(ctx context.Context, scope audit.Filter) (audit.Facets, error) {
	return s.choices.of(ctx, scope, func(ctx context.Context) (audit.Facets, error) { return s.Reader.Facets(ctx, scope) })
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
