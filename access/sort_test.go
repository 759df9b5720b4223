package access_test

import (
	"errors"
	"testing"

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
