package memstore

import (
	"context"
	"maps"
	"slices"

	"github.com/gormtrail/audit"
)

// Facets returns the values that were ever recorded in f's scope: its Tenants
// and Projects, and what And added. See audit.Faceter.
func (s *Store) Facets(ctx context.Context, f audit.Filter) (audit.Facets, error) {
	if err := f.Validate(); err != nil {
		return audit.Facets{}, err
	}
	terms := f.Terms()
	scope := audit.Filter{Tenants: terms[0].Tenants, Projects: terms[0].Projects}
	for _, limit := range terms[1:] {
		scope = scope.And(limit)
	}
	var tenants, projects, actions, outcomes, types, products, actorTypes, users, behalf = set{}, set{}, set{}, set{}, set{}, set{}, set{}, set{}, set{}
	err := look(ctx, s.snapshot(), scope.Match, func(r *record) bool {
		e := &r.entry
		tenants.add(e.Tenant)
		projects.add(e.Project)
		actions.add(e.Action)
		outcomes.add(string(e.Outcome))
		types.add(e.Object.Type)
		products.add(e.Object.Product)
		actorTypes.add(e.Actor.Type)
		users.add(e.Actor.User())
		behalf.add(e.OnBehalfOfUser())
		return true
	})
	if err != nil {
		return audit.Facets{}, err
	}
	return audit.Facets{
		Tenants: tenants.sorted(), Projects: projects.sorted(), Actions: actions.sorted(), Outcomes: outcomes.sorted(),
		ObjectTypes: types.sorted(), Products: products.sorted(), ActorTypes: actorTypes.sorted(), Users: users.sorted(), OnBehalfOf: behalf.sorted(),
	}, nil
}

// set holds the values of a facet; "" is none.
type set map[string]struct{}

func (s set) add(v string) {
	if v != "" {
		s[v] = struct{}{}
	}
}

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }
