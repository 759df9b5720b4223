package viewer

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/gormtrail/audit"
)

// choices remembers the facets of scopes for whose store they are much work, as
// all users of all tenants are. What comes quickly is asked for every time, so
// that a new value can be chosen at once; the rest is asked for again when
// choicesRatio times as long has gone by as it took, so that it never costs more
// than that part of the time. It holds what is recorded, not what a reader may
// see of it.
type choices struct {
	mu     sync.Mutex
	scopes map[string]*remembered
}

type remembered struct {
	turn   chan struct{} // holds one token while the store is asked
	facets audit.Facets
	asked  time.Time // when
	until  time.Time // when it has to be asked again
}

// source is what pages read: the trail, with the choices of menus remembered.
type source struct {
	*audit.Trail
	choices *choices
}

func (v *Viewer) source() source { return source{v.trail, &v.choices} }

// FindFacets implements audit.FacetFinder.
func (s source) FindFacets(ctx context.Context, q audit.FacetQuery) (audit.Facets, error) {
	if q.Find != "" {
		return s.Trail.FindFacets(ctx, q)
	}
	all := audit.FacetQuery{Filter: q.Filter, Limit: facetsAsked}
	facets, err := s.choices.of(ctx, q.Filter, func(ctx context.Context) (audit.Facets, error) { return s.Trail.FindFacets(ctx, all) })
	return q.Of(facets), err
}

const (
	choicesQuick = 25 * time.Millisecond
	choicesRatio = 20
	choicesMost  = 5 * time.Minute
	choicesScope = 100 // scopes that are remembered at a time
)

func (c *choices) of(ctx context.Context, scope audit.Filter, ask func(context.Context) (audit.Facets, error)) (audit.Facets, error) {
	came := time.Now()
	r := c.place(scope)
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return audit.Facets{}, ctx.Err()
	}
	if r.asked.After(came) || came.Before(r.until) { // who waited shares the answer
		return r.facets, nil
	}
	began := time.Now()
	facets, err := ask(ctx)
	if err != nil {
		return facets, err
	}
	r.facets, r.asked, r.until = facets, began, time.Time{}
	if took := time.Since(began); took > choicesQuick {
		r.until = time.Now().Add(min(took*choicesRatio, choicesMost))
	}
	return facets, nil
}

// place is where a scope is remembered. Of too many scopes some are forgotten.
func (c *choices) place(scope audit.Filter) *remembered {
	key := scopeKey(scope)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.scopes == nil {
		c.scopes = map[string]*remembered{}
	}
	r := c.scopes[key]
	if r == nil {
		for other := range c.scopes {
			if len(c.scopes) < choicesScope {
				break
			}
			delete(c.scopes, other)
		}
		r = &remembered{turn: make(chan struct{}, 1)}
		c.scopes[key] = r
	}
	return r
}

// scopeKey is the same for filters that select the same by the same conditions.
func scopeKey(scope audit.Filter) string {
	var terms []string
	for _, term := range scope.Terms() {
		v := term.Values()
		for i, not := range term.Not {
			v.Add("not", fmt.Sprint(i, scopeKey(not))) // as And made it
		}
		terms = append(terms, v.Encode())
	}
	return url.Values{"and": terms}.Encode()
}
