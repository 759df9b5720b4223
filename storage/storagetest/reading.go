package storagetest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/gormtrail/audit"
)

func isFaceter(s audit.Store) bool { _, ok := s.(audit.Faceter); return ok }
func isFacetFinder(s audit.Store) bool {
	_, ok := s.(audit.FacetFinder)
	return ok
}
func isCounter(s audit.Store) bool  { _, ok := s.(audit.Counter); return ok }
func isIterator(s audit.Store) bool { _, ok := s.(audit.Iterator); return ok }

var facetContracts = []contract{
	{name: "facets/all", why: "Facets returns every value ever recorded, sorted by bytes, each once, without empty ones.", has: isFaceter, run: tryFacets},
	{name: "facets/scope", why: "Only the filter's Tenants and Projects, and what And added, narrow facets.", has: isFaceter, run: tryFacetScope},
	{name: "facets/find", why: "FindFacets returns the values that contain the text in any case, and no more than asked for: all of them if they are no more.", has: isFacetFinder, run: tryFindFacets},
	{name: "facets/fresh", why: "A value is among the facets as soon as the entry is on the trail.", has: isFaceter, run: tryFreshFacets},
}

var countContracts = []contract{
	{name: "count/bound", why: "Count returns how many entries match, and false; or bound, and true, if there are more.", has: isCounter, run: tryCount},
}

var iteratorContracts = []contract{
	{name: "all/same as pages", why: "All yields what the pages hold, in their order, from the cursor on; the limit is not looked at.", has: isIterator, run: tryAllIsPages},
	{name: "all/one snapshot", why: "All yields one snapshot: what is appended after it began is not in it.", has: isIterator, run: tryAllIsSnapshot},
	{name: "all/breaking off", why: "Breaking off early is safe: nothing stays locked, open or running.", has: isIterator, run: tryBreakingOff},
	{name: "all/bad cursor", why: "An error ends the sequence and comes with a zero Entry.", has: isIterator, run: tryAllBadCursor},
}

// naiveFacets is what facets mean.
func naiveFacets(stored []audit.Entry, f audit.Filter) audit.Facets {
	scope := audit.Filter{Tenants: f.Tenants, Projects: f.Projects}
	for _, limit := range f.Terms()[1:] {
		scope = scope.And(limit)
	}
	values := make([]map[string]bool, 9)
	for i := range values {
		values[i] = map[string]bool{}
	}
	for _, e := range stored {
		if scope.Match(e) {
			for i, v := range []string{e.Tenant, e.Project, e.Action, string(e.Outcome), e.Object.Type, e.Object.Product, e.Actor.Type, e.Actor.User(), e.OnBehalfOfUser()} {
				values[i][v] = true
			}
		}
	}
	list := func(i int) []string {
		delete(values[i], "")
		return slices.Sorted(maps.Keys(values[i]))
	}
	return audit.Facets{
		Tenants: list(0), Projects: list(1), Actions: list(2), Outcomes: list(3), ObjectTypes: list(4), Products: list(5), ActorTypes: list(6), Users: list(7), OnBehalfOf: list(8),
	}
}

func (c *trial) wantFacets(stored []audit.Entry, f audit.Filter) {
	c.t.Helper()
	got, err := c.store.(audit.Faceter).Facets(c.ctx, f)
	if err != nil {
		c.broken("Facets of %s: %v", describe(audit.Query{Filter: f}), err)
	}
	w, g := reflect.ValueOf(naiveFacets(stored, f)), reflect.ValueOf(got)
	for i := range w.NumField() {
		want, have := w.Field(i).Interface().([]string), g.Field(i).Interface().([]string)
		if !slices.Equal(want, have) {
			c.broken("Facets of %s: %s are\n  %q\nand should be\n  %q", describe(audit.Query{Filter: f}), w.Type().Field(i).Name, have, want)
		}
	}
}

func tryFindFacets(c *trial) {
	stored := c.someStored(120)
	scopes := []audit.Filter{{}, {Tenants: tenantPool[:1]}, {Tenants: tenantPool[:2]}, audit.Filter{}.And(audit.Filter{Actions: []string{"update"}}), audit.Filter{Tenants: tenantPool[:2]}.And(c.filter(1))}
	for _, f := range scopes {
		for _, name := range []string{"", "tenant", "project", "action", "outcome", "type", "product", "actor_type", "user", "on_behalf_of"} {
			for _, find := range []string{"", "A", "e", "@EXAMPLE", "nobody has this"} {
				for _, limit := range []int{1, 3, 1000} {
					c.wantFound(stored, audit.FacetQuery{Filter: f, Name: name, Find: find, Limit: limit})
				}
			}
		}
	}
}

func (c *trial) wantFound(stored []audit.Entry, q audit.FacetQuery) {
	c.t.Helper()
	got, err := c.store.(audit.FacetFinder).FindFacets(c.ctx, q)
	if err != nil {
		c.broken("FindFacets of %+v: %v", q, err)
	}
	w, g := reflect.ValueOf(q.Of(naiveFacets(stored, q.Filter))), reflect.ValueOf(got)
	for i := range w.NumField() {
		want, have := w.Field(i).Interface().([]string), g.Field(i).Interface().([]string)
		some := slices.IsSorted(have) && !slices.ContainsFunc(have, func(v string) bool { return !slices.Contains(want, v) })
		if !some || len(have) != min(len(want), q.Limit) || len(slices.Compact(slices.Clone(have))) != len(have) {
			c.broken("FindFacets of %+v: %s are\n  %q\nand should be %d of\n  %q", q, w.Type().Field(i).Name, have, min(len(want), q.Limit), want)
		}
	}
}

func tryFacets(c *trial) {
	c.wantFacets(nil, audit.Filter{})
	stored := c.someStored(200)
	c.wantFacets(stored, audit.Filter{})
	var entries []audit.Entry
	for i := range 600 {
		entries = append(entries, audit.Entry{Action: "login", Time: epoch, Tenant: "acme", Actor: audit.Actor{Name: fmt.Sprintf("user %d", i)}})
	}
	more := c.complete(entries...)
	c.append(more...)
	c.wantFacets(append(stored, more...), audit.Filter{})
}

func tryFacetScope(c *trial) {
	stored := c.someStored(250)
	acme := audit.Filter{Tenants: []string{"acme"}}
	for _, f := range []audit.Filter{
		acme, {Tenants: []string{"acme", "globex"}}, {Projects: []string{"p1"}}, {Tenants: []string{"acme"}, Projects: []string{"p1", "p2"}},
		{Tenants: []string{""}}, {Tenants: []string{"nobody"}},
		audit.Filter{}.And(acme), audit.Filter{Tenants: tenantPool}.And(acme), audit.Filter{Tenants: []string{"globex"}}.And(acme),
		audit.Filter{}.And(audit.Filter{Actions: []string{"login", "update"}}), acme.And(audit.Filter{Actions: []string{"login"}, Keyword: "a"}),
		audit.Filter{}.And(audit.Filter{Not: []audit.Filter{acme}}), audit.Filter{}.And(acme).And(audit.Filter{Products: []string{"VPN"}}),
		audit.Filter{}.And(audit.Filter{IPs: []string{"10.0.0.0/8"}, Fields: []string{"settings", "role"}}),
	} {
		c.wantFacets(stored, f)
		// What is chosen now doesn't narrow the choices.
		chosen := f
		chosen.Actions, chosen.Keyword, chosen.To, chosen.Users = []string{"create"}, "x", epoch, []string{"nobody"}
		chosen.Outcomes, chosen.Not, chosen.IPs = []audit.Outcome{audit.Denied}, []audit.Filter{acme}, []string{"192.0.2.1"}
		c.wantFacets(stored, chosen)
	}
}

func tryFreshFacets(c *trial) {
	var stored []audit.Entry
	for range 12 {
		fresh := c.entries(4)
		stored = append(stored, fresh...)
		c.append(fresh...)
		c.wantFacets(stored, audit.Filter{})
		c.wantFacets(stored, audit.Filter{Tenants: []string{fresh[0].Tenant}})
	}
}

func tryCount(c *trial) {
	counter := c.store.(audit.Counter)
	stored := c.someStored(150)
	filters := []audit.Filter{{}, {Actions: []string{"login"}}, {Tenants: []string{"nobody"}}, audit.Filter{}.And(audit.Filter{Products: []string{"VPN"}})}
	for range 25 {
		filters = append(filters, c.filter(1))
	}
	for _, f := range filters {
		n := len(naive(stored, audit.Query{Filter: f}))
		for _, bound := range []int{1, max(n-1, 1), max(n, 1), n + 1, 10_000} {
			got, more, err := counter.Count(c.ctx, f, bound)
			if err != nil || got != min(n, bound) || more != (n > bound) {
				c.broken("Count of %s, which selects %d, up to %d: %d, %t, %v", describe(audit.Query{Filter: f}), n, bound, got, more, err)
			}
		}
	}
}

func (c *trial) all(q audit.Query) []audit.Entry {
	c.t.Helper()
	q, _ = q.Validate()
	list, err := gather(c.store.(audit.Iterator).All(c.ctx, q))
	if err != nil {
		c.broken("All of %s: %v", describe(q), err)
	}
	return list
}

func tryAllIsPages(c *trial) {
	stored := c.someStored(250)
	for _, sort := range sorts {
		c.wantEntries(naive(stored, audit.Query{Sort: sort}), c.all(audit.Query{Sort: sort, Limit: 3}), "All by "+string(sort))
	}
	for range 40 {
		q := c.queryOf(c.filter(1))
		q.Limit = 1 + c.IntN(40)
		want := naive(stored, q)
		c.wantEntries(want, c.all(q), "All of "+describe(q))
		if page := c.query(q); page.Next != "" {
			q.Cursor = page.Next
			c.wantEntries(want[len(page.Entries):], c.all(q), "All from the second page on, of "+describe(q))
		}
	}
}

func tryAllIsSnapshot(c *trial) {
	stored := c.entries(1500)
	c.append(stored...)
	q, _ := audit.Query{Sort: audit.SortAction}.Validate()
	var appending sync.WaitGroup
	var appendErr error
	var got []audit.Entry
	for e, err := range c.store.(audit.Iterator).All(c.ctx, q) {
		if err != nil {
			c.broken("All: %v", err)
		}
		if got = append(got, e); len(got) == 1 {
			fresh := c.entries(50)
			// It may have to wait until the sequence is at its end.
			appending.Go(func() { appendErr = c.store.Append(c.ctx, fresh...) })
		}
	}
	appending.Wait()
	if appendErr != nil {
		c.broken("Append while All is read: %v", appendErr)
	}
	c.wantEntries(naive(stored, q), got, "All while someone appends")
	if n := len(c.all(audit.Query{})); n != len(stored)+50 {
		c.broken("after the append All yields %d entries of %d", n, len(stored)+50)
	}
}

func tryBreakingOff(c *trial) {
	stored := c.someStored(200)
	q, _ := audit.Query{}.Validate()
	for i := range 60 { // more than a pool has connections
		n := 0
		for _, err := range c.store.(audit.Iterator).All(c.ctx, q) {
			if err != nil {
				c.broken("All, for the %d. time broken off: %v", i, err)
			}
			if n++; n > i%5 {
				break
			}
		}
	}
	more := c.entries(1)
	c.append(more...)
	c.wantEntries(naive(append(stored, more...), q), c.all(q), "All after others were broken off")
	seq := c.store.(audit.Iterator).All(c.ctx, q)
	first, _ := gather(seq)
	again, _ := gather(seq)
	c.wantEntries(first, again, "a sequence that is read a second time")
}

func tryAllBadCursor(c *trial) {
	c.someStored(5)
	q, _ := audit.Query{Cursor: "made up"}.Validate()
	calls := 0
	for e, err := range c.store.(audit.Iterator).All(c.ctx, q) {
		calls++
		c.wantError(err, audit.ErrBadCursor, "All from a cursor that is made up")
		if e.ID != "" || e.Action != "" {
			c.broken("the error comes with the entry %s", brief(e))
		}
	}
	if calls != 1 {
		c.broken("All from a cursor that is made up yielded %d times", calls)
	}
}
