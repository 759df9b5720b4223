package audit

import (
	"context"
	"maps"
	"sync/atomic"
)

// carried is all that a context holds for the trail: one value under one key,
// copied when something is added, so that a context can be shared freely.
type carried struct {
	actor      Actor
	onBehalfOf *Actor
	request    Request
	tenant     string
	project    string
	comment    string
	metadata   map[string]any
	skip       *SkipUse
}

type carriedKey struct{}

func carriedFrom(ctx context.Context) carried {
	c, _ := ctx.Value(carriedKey{}).(*carried)
	if c == nil {
		return carried{}
	}
	return *c
}

func with(ctx context.Context, set func(*carried)) context.Context {
	c := carriedFrom(ctx)
	set(&c)
	return context.WithValue(ctx, carriedKey{}, &c)
}

// WithActor returns a context whose entries are a's, where they name no actor
// themselves.
func WithActor(ctx context.Context, a Actor) context.Context {
	return with(ctx, func(c *carried) { c.actor = a })
}

// ActorFrom returns the context's actor; the zero Actor if it has none.
func ActorFrom(ctx context.Context) Actor { return carriedFrom(ctx).actor }

// WithOnBehalfOf returns a context in which the actor stands in for a:
// impersonation by support staff, or a service acting for a user.
func WithOnBehalfOf(ctx context.Context, a Actor) context.Context {
	return with(ctx, func(c *carried) { c.onBehalfOf = &a })
}

// OnBehalfOfFrom returns whom the context's actor stands in for; the zero Actor if
// nobody.
func OnBehalfOfFrom(ctx context.Context) Actor {
	if a := carriedFrom(ctx).onBehalfOf; a != nil {
		return *a
	}
	return Actor{}
}

// WithRequest returns a context whose entries come from r. Package httpaudit
// does it for HTTP servers.
func WithRequest(ctx context.Context, r Request) context.Context {
	return with(ctx, func(c *carried) { c.request = r })
}

// RequestFrom returns the context's request; the zero Request if it has none.
func RequestFrom(ctx context.Context) Request { return carriedFrom(ctx).request }

// WithTenant returns a context whose entries belong to tenant and, inside it,
// to project; project may be "".
func WithTenant(ctx context.Context, tenant, project string) context.Context {
	return with(ctx, func(c *carried) { c.tenant, c.project = tenant, project })
}

// TenantFrom returns the context's tenant and project, "" where it has none.
func TenantFrom(ctx context.Context) (tenant, project string) {
	c := carriedFrom(ctx)
	return c.tenant, c.project
}

// WithComment returns a context whose entries say why, in the actor's words.
func WithComment(ctx context.Context, why string) context.Context {
	return with(ctx, func(c *carried) { c.comment = why })
}

// WithMetadata returns a context whose entries carry value under key, beside
// what the context carried before. The value must be one that JSON can express;
// Record says so if it isn't.
func WithMetadata(ctx context.Context, key string, value any) context.Context {
	return with(ctx, func(c *carried) {
		m := maps.Clone(c.metadata)
		if m == nil {
			m = make(map[string]any, 1)
		}
		m[key] = value
		c.metadata = m
	})
}

// SkipUse is one call of Skip.
type SkipUse struct {
	reason   string
	recorded atomic.Bool
}

// Reason is what Skip was given.
func (s *SkipUse) Reason() string { return s.reason }

// Recorded reports whether an entry already tells of this use.
func (s *SkipUse) Recorded() bool { return s.recorded.Load() }

// MarkRecorded is for packages that capture: the entry that tells of this use
// is on the trail.
func (s *SkipUse) MarkRecorded() { s.recorded.Store(true) }

// Skip returns a context under which row changes are not captured: a bulk
// import, a backfill. The switching-off is itself on the trail, once for each
// call of Skip whose context a write then used: an entry of action ActionSkip
// with the reason as its comment. Record is not affected.
func Skip(ctx context.Context, reason string) context.Context {
	return with(ctx, func(c *carried) { c.skip = &SkipUse{reason: reason} })
}

// SkipFrom returns the context's use of Skip, nil if it has none.
func SkipFrom(ctx context.Context) *SkipUse { return carriedFrom(ctx).skip }

// Carry returns ctx with what from carries for the trail: actor, on behalf of whom,
// request, tenant, comment and metadata, but not Skip. It is for work that outlives the
// request that started it: from's cancellation, deadline and other values stay behind.
func Carry(ctx, from context.Context) context.Context {
	c := carriedFrom(from)
	c.skip = carriedFrom(ctx).skip
	return context.WithValue(ctx, carriedKey{}, &c)
}
