package access

import (
	"context"
	"errors"
	"slices"

	"github.com/gormtrail/audit"
)

// Check returns a *audit.QueryError for a query that g's Reader refuses: one
// whose answer would tell something about masked values, or one in the order of
// audit.SortRecorded that isn't about a single record. The Reader also refuses to
// sort by action, object type, tenant, project, product or actor type if one in the scope
// holds an address.
func (g Grant) Check(q audit.Query) error {
	if err := g.Validate(); err != nil {
		return err
	}
	if q.Sort.Key() == audit.SortRecorded && !ofOneRecord(q.Filter.And(g.Scope)) {
		return &audit.QueryError{Param: "sort", Reason: "recorded is the order of one record's entries, and needs its type and its ID"}
	}
	if g.Personal {
		return nil
	}
	key := q.Sort.Key()
	if _, listed := listedOrders[key]; !listed && !slices.Contains(openOrders, key) && !lists(q.Filter, key) {
		return personalOrder(key)
	}
	return personalIn(q.Filter, false)
}

// openOrders are the sort keys whose values are never masked.
var openOrders = []audit.Sort{audit.SortTime, audit.SortRecorded, audit.SortOutcome, audit.SortEntryID}

// listedOrders are the sort keys whose values facets list, so that admit can check whether
// any of them is masked: where the facets have the values, and where a filter names them.
var listedOrders = map[audit.Sort]struct {
	recorded func(audit.Facets) []string
	named    func(audit.Filter) []string
}{
	audit.SortAction:     {func(f audit.Facets) []string { return f.Actions }, func(f audit.Filter) []string { return f.Actions }},
	audit.SortObjectType: {func(f audit.Facets) []string { return f.ObjectTypes }, func(f audit.Filter) []string { return f.ObjectTypes }},
	audit.SortTenant:     {func(f audit.Facets) []string { return f.Tenants }, func(f audit.Filter) []string { return f.Tenants }},
	audit.SortProject:    {func(f audit.Facets) []string { return f.Projects }, func(f audit.Filter) []string { return f.Projects }},
	audit.SortProduct:    {func(f audit.Facets) []string { return f.Products }, func(f audit.Filter) []string { return f.Products }},
	audit.SortActorType:  {func(f audit.Facets) []string { return f.ActorTypes }, func(f audit.Filter) []string { return f.ActorTypes }},
}

func personalOrder(key audit.Sort) error {
	return &audit.QueryError{Param: "sort", Reason: "sorting by " + string(key) + " needs access to personal data"}
}

// lists reports whether the filter names the values of the key that it selects. They
// are the reader's own, and hold no addresses (personalIn).
func lists(f audit.Filter, key audit.Sort) bool {
	named := listedOrders[key].named
	if key == audit.SortObjectID {
		named = func(f audit.Filter) []string { return f.ObjectIDs }
	}
	return named != nil && slices.ContainsFunc(f.Terms(), func(term audit.Filter) bool { return len(named(term)) > 0 })
}

// admit is Check, and also rejects a sort key whose values facets list if a value in the
// scope holds an address, since the order would reveal something about it. For values that
// facets don't list, such as the IDs of objects, Check decides.
func (r reader) admit(ctx context.Context, q audit.Query) error {
	err := r.grant.Check(q)
	key := q.Sort.Key()
	order, listed := listedOrders[key]
	if err != nil || r.mask.personal || !listed || lists(q.Filter, key) {
		return err
	}
	facets, err := r.storedFacets(ctx, audit.FacetQuery{Name: string(key), Limit: audit.MaxLimit + 1})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return personalOrder(key)
	case err != nil:
		return err
	}
	values := order.recorded(facets)
	if len(values) > audit.MaxLimit || slices.ContainsFunc(values, func(v string) bool { return r.mask.text(v, nil) != v }) {
		return &audit.QueryError{Param: "sort", Reason: "sorting by " + string(key) + " needs access to personal data, since some values hold addresses"}
	}
	return nil
}

// ofOneRecord: to sort by SortRecorded reads all that is selected for each page.
func ofOneRecord(f audit.Filter) bool {
	return slices.ContainsFunc(f.Terms(), func(term audit.Filter) bool {
		return len(term.ObjectTypes) == 1 && len(term.ObjectIDs) == 1
	})
}

func personalIn(f audit.Filter, negated bool) error {
	for _, term := range f.Terms() {
		if param := personalParam(term, negated); param != "" {
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

// personalParam names the parameter of a term that asks for personal data. A
// keyword isn't one unless it is negated: its matches are checked once more
// after masking, but what it leaves out can't be.
func personalParam(term audit.Filter, negated bool) string {
	switch {
	case len(term.Users) > 0:
		return "user"
	case len(term.OnBehalfOf) > 0:
		return "on_behalf_of"
	case len(term.IPs) > 0:
		return "ip"
	case negated && term.Keyword != "":
		return "not"
	}
	return addressParam(term)
}

// addressParam names the parameter that holds an address. Without this check
// addresses could be guessed, for example as the IDs of objects.
func addressParam(f audit.Filter) string {
	f.Keyword, f.Not = "", nil
	for param, values := range f.Values() {
		if param == "from" || param == "to" {
			continue
		}
		if len(values) > audit.MaxLimit || slices.ContainsFunc(values, func(v string) bool { return len(addresses(v)) > 0 }) {
			return param
		}
	}
	return ""
}

// words are the keywords of a filter. A reader without Personal may only find
// what still has them once masked.
func (g Grant) words(f audit.Filter) []audit.Filter {
	if g.Personal {
		return nil
	}
	if len(g.Hidden) > 0 {
		f = f.WithoutMetadata()
	}
	return f.Keywords()
}
