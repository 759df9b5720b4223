package access_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
)

// TestMaskedReadersCantSortByWhatTheyCantSee: an order tells something about the
// values that it follows.
func TestMaskedReadersCantSortByWhatTheyCantSee(t *testing.T) {
	trail := newTrail(t,
		audit.Entry{Tenant: "a", Action: "login", Object: audit.Object{Type: "users", ID: "7"}},
		audit.Entry{Tenant: "a", Action: "logout", Object: audit.Object{Type: "users", ID: "mara@lumen.example"}},
		audit.Entry{Tenant: "b", Action: "mail to mara@lumen.example", Object: audit.Object{Type: "users", ID: "8"}},
		audit.Entry{Tenant: "c", Action: "login", Object: audit.Object{Type: "host 203.0.113.77", ID: "9"}},
	)
	of := func(tenant string) access.Grant { return access.Grant{Scope: audit.Filter{Tenants: []string{tenant}}} }
	everything, personal := access.Grant{Everything: true}, access.Grant{Everything: true, Personal: true}
	for _, c := range []struct {
		grant  access.Grant
		sort   audit.Sort
		filter audit.Filter
		ok     bool
	}{
		{of("a"), "", audit.Filter{}, true},
		{of("a"), "time", audit.Filter{}, true},
		{of("a"), "action", audit.Filter{}, true},
		{of("a"), "-type", audit.Filter{}, true},
		{of("a"), "record", audit.Filter{}, false},
		{of("a"), "-record", audit.Filter{ObjectTypes: []string{"users"}}, false},
		{of("a"), "record", audit.Filter{ObjectIDs: []string{"7", "8"}}, true},
		{of("a"), "record", audit.Filter{Not: []audit.Filter{{ObjectIDs: []string{"7"}}}}, false},
		{of("a"), "user", audit.Filter{ActorIDs: []string{"7"}}, false},
		{of("a"), "ip", audit.Filter{}, false},
		{of("b"), "action", audit.Filter{}, false},
		{of("b"), "-action", audit.Filter{ObjectTypes: []string{"users"}}, false},
		{of("b"), "action", audit.Filter{Actions: []string{"login", "logout"}}, true},
		{of("b"), "type", audit.Filter{}, true},
		{of("c"), "type", audit.Filter{}, false},
		{of("c"), "type", audit.Filter{ObjectTypes: []string{"users"}}, true},
		{of("c"), "action", audit.Filter{}, true},
		{everything, "action", audit.Filter{}, false},
		{everything, "action", audit.Filter{Tenants: []string{"a"}}, false},
		{personal, "action", audit.Filter{}, true},
		{personal, "record", audit.Filter{}, true},
	} {
		q := audit.Query{Sort: c.sort, Filter: c.filter}
		r := c.grant.Reader(trail)
		_, err := r.Query(t.Context(), q)
		var all error
		for _, err := range r.All(t.Context(), q) {
			all = err
			break
		}
		var bad *audit.QueryError
		require.Equal(t, c.ok, err == nil, "%v %q: %v", c.grant, c.sort, err)
		require.Equal(t, c.ok, all == nil)
		if !c.ok {
			require.ErrorAs(t, err, &bad)
			require.ErrorAs(t, all, &bad)
			require.Equal(t, "sort", bad.Param)
		}
	}
	_, _, err := of("b").Neighbours(t.Context(), trail, audit.Query{Sort: "action"}, gather(t, of("b").Reader(trail), audit.Query{})[0].ID)
	require.ErrorIs(t, err, audit.ErrInvalidQuery)
}

// TestMaskedValuesSortNothing: two trails that differ in nothing but what is
// masked are in the same order for a reader without Personal, or refused alike, whatever
// they are sorted by.
func TestMaskedValuesSortNothing(t *testing.T) {
	entries := func(low, high string) (list []audit.Entry) {
		for i, v := range []string{low, high} {
			list = append(list, audit.Entry{
				ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", i), Time: time.Unix(int64(i), 0), Tenant: "a", Action: "update",
				Actor: audit.Actor{Type: "user", ID: v, Name: "Mara " + v, Email: v}, OnBehalfOf: &audit.Actor{Type: v, ID: v, Name: "Ben " + v, Email: v}, Error: "for " + v, Comment: "to " + v,
				Object:  audit.Object{Type: "users", ID: v, Name: v},
				Request: audit.Request{ID: v, Method: v, Path: "/" + v, UserAgent: v, IP: map[bool]string{true: "10.0.0.1", false: "10.0.0.2"}[low < high == (i == 0)]}, TransactionID: v,
				Changes: []audit.Change{{Field: "at " + v, Op: audit.OpAdd, New: "x"}},
			})
		}
		return list
	}
	const a, b = "ann@acme.example", "zoe@acme.example"
	one, other := newTrail(t, entries(a, b)...), newTrail(t, entries(b, a)...)
	ids := func(r audit.Reader, sort audit.Sort) (list []string, err error) {
		page, err := r.Query(t.Context(), audit.Query{Sort: sort})
		if err != nil {
			return nil, err
		}
		for _, e := range page.Entries {
			list = append(list, e.ID)
		}
		return list, nil
	}
	grant := access.Grant{Scope: audit.Filter{Tenants: []string{"a"}}}
	var refused []audit.Sort
	for _, key := range audit.SortKeys() {
		if key == audit.SortRecorded {
			continue
		}
		for _, sort := range []audit.Sort{key, key.Reverse()} {
			first, err := ids(grant.Reader(one), sort)
			second, otherErr := ids(grant.Reader(other), sort)
			require.Equal(t, first, second, sort)
			require.Equal(t, fmt.Sprint(err), fmt.Sprint(otherErr), sort)
			require.Equal(t, err, grant.Check(audit.Query{Sort: sort}), "the page says beforehand what can't be sorted by")
			if err != nil {
				refused = append(refused, sort.Key())
			}
		}
		grant.Personal = true
		first, err := ids(grant.Reader(one), key)
		require.NoError(t, err)
		second, err := ids(grant.Reader(other), key)
		require.NoError(t, err)
		require.Equal(t, slices.Contains(refused, key), !slices.Equal(first, second), "what is refused would tell: %s", key)
		grant.Personal = false
	}
	require.Len(t, slices.Compact(refused), 20)
}

// TestHiddenFieldsSortNothing: Hidden hides values, and an order by changes follows names.
func TestHiddenFieldsSortNothing(t *testing.T) {
	grant := access.Grant{Scope: audit.Filter{Tenants: []string{"a"}}, Personal: true, Hidden: []string{"salary"}}
	var orders [2][]string
	for i, values := range [][2]int{{1, 2}, {2, 1}} {
		var list []audit.Entry
		for n, v := range values {
			list = append(list, audit.Entry{Tenant: "a", Action: "update", Comment: fmt.Sprint(n), Time: time.Unix(int64(n), 0), Changes: []audit.Change{{Field: "salary", Op: audit.OpAdd, New: v}}})
		}
		for _, sort := range []audit.Sort{audit.SortChanges, "-changes"} {
			page, err := grant.Reader(newTrail(t, list...)).Query(t.Context(), audit.Query{Sort: sort})
			require.NoError(t, err)
			for _, e := range page.Entries {
				orders[i] = append(orders[i], e.Comment)
			}
		}
	}
	require.Equal(t, orders[0], orders[1])
}

// TestMaskedReadersSortByListedValues: values that facets list can be seen beforehand to hold
// no addresses.
func TestMaskedReadersSortByListedValues(t *testing.T) {
	trail := newTrail(t,
		audit.Entry{Tenant: "a", Action: "login", Project: "web", Object: audit.Object{Product: "cms"}, Actor: audit.Actor{Type: "user", ID: "1"}},
		audit.Entry{Tenant: "b", Action: "login", Project: "of mara@lumen.example", Object: audit.Object{Product: "ip:203.0.113.77"}, Actor: audit.Actor{Type: "from 203.0.113.77", ID: "1"}},
	)
	for _, key := range []audit.Sort{audit.SortTenant, audit.SortProject, audit.SortProduct, audit.SortActorType} {
		for tenant, ok := range map[string]bool{"a": true, "b": key == audit.SortTenant} {
			grant := access.Grant{Scope: audit.Filter{Tenants: []string{tenant}}}
			_, err := grant.Reader(trail).Query(t.Context(), audit.Query{Sort: key})
			require.Equal(t, ok, err == nil, "%s in %s: %v", key, tenant, err)
			_, err = grant.Reader(trail).Query(t.Context(), audit.Query{Sort: key, Filter: audit.Filter{Tenants: []string{"b"}, Projects: []string{"web"}, Products: []string{"cms"}, ActorTypes: []string{"user"}}})
			require.NoError(t, err, "the reader's own values")
		}
	}
}

// plain is a reader with no more than it needs, over a store that has no facets.
type plain struct{ audit.Reader }

type plainStore struct{ audit.Store }

func TestReadersWithoutAbilities(t *testing.T) {
	trail, err := audit.New(plainStore{memstore.New()}, &audit.Options{Key: make([]byte, audit.KeySize)})
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), named(10)...))
	g := access.Grant{Everything: true}
	_, err = g.Reader(trail).Query(t.Context(), audit.Query{Sort: "action"})
	require.ErrorIs(t, err, audit.ErrInvalidQuery, "nobody knows what the actions hold")
	g.Personal = true
	_, err = g.Reader(trail).Query(t.Context(), audit.Query{Sort: "action"})
	require.NoError(t, err)

	g.Personal = false
	_, err = g.Reader(plain{trail}).Query(t.Context(), audit.Query{Filter: audit.Filter{Keyword: "mara"}})
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, _, err = g.Neighbours(t.Context(), plain{trail}, audit.Query{}, named(1)[0].ID)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.Len(t, gather(t, g.Reader(plain{trail}), audit.Query{Filter: audit.Filter{Keyword: "mara"}}), 5)
	// A scope of a trail is a reader like any other.
	scope := trail.Scope(audit.Filter{Tenants: []string{"a"}})
	page, err := g.Reader(scope).Query(t.Context(), audit.Query{Filter: audit.Filter{Keyword: "mara"}, Limit: 2})
	require.NoError(t, err)
	page, err = g.Reader(scope).Query(t.Context(), audit.Query{Filter: audit.Filter{Keyword: "mara"}, Limit: 2, Cursor: page.Next})
	require.NoError(t, err)
	require.Len(t, page.Entries, 2)
}
