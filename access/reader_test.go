package access_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
)

func newTrail(t testing.TB, entries ...audit.Entry) *audit.Trail {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), entries...))
	return trail
}

func gather(t *testing.T, r audit.Reader, q audit.Query) (list []audit.Entry) {
	t.Helper()
	for e, err := range r.All(t.Context(), q) {
		require.NoError(t, err)
		list = append(list, e)
	}
	return list
}

func count(t *testing.T, r audit.Reader, f audit.Filter) int {
	t.Helper()
	n, _, err := r.(audit.Counter).Count(t.Context(), f, 1000)
	require.NoError(t, err)
	return n
}

// refused fails unless every method of the reader returns an error.
func refused(t *testing.T, r audit.Reader, id string) {
	t.Helper()
	_, err := r.Query(t.Context(), audit.Query{})
	require.ErrorContains(t, err, "tenant")
	for _, err := range r.All(t.Context(), audit.Query{}) {
		require.ErrorContains(t, err, "tenant")
	}
	_, err = r.Get(t.Context(), id)
	require.ErrorContains(t, err, "tenant")
	_, err = r.Facets(t.Context(), audit.Filter{})
	require.ErrorContains(t, err, "tenant")
	_, _, err = r.(audit.Counter).Count(t.Context(), audit.Filter{}, 1)
	require.ErrorContains(t, err, "tenant")
}

func TestGrantsWithoutTenantsShowNothing(t *testing.T) {
	const id = "01980000-0000-7000-8000-000000000001"
	trail := newTrail(t, audit.Entry{ID: id, Action: "login"}, audit.Entry{Tenant: "a", Action: "login"})
	for _, scope := range []audit.Filter{
		{}, {Tenants: []string{}}, {Tenants: []string{""}}, {Tenants: []string{"a", ""}}, {Projects: []string{"p"}},
		audit.Filter{Tenants: []string{"a"}}.And(audit.Filter{Tenants: []string{""}}),
	} {
		g := access.Grant{Scope: scope, Personal: true}
		refused(t, g.Reader(trail), id)
		_, err := g.Select(audit.Filter{})
		require.ErrorContains(t, err, "tenant")
		_, _, err = g.Neighbours(t.Context(), trail, audit.Query{}, id)
		require.ErrorContains(t, err, "tenant")
	}
	everything := access.Grant{Everything: true}
	require.Len(t, gather(t, everything.Reader(trail), audit.Query{}), 2)
	everything.Scope.Tenants = []string{""}
	require.Len(t, gather(t, everything.Reader(trail), audit.Query{}), 1, "the rest of the scope holds")
	everything.Scope.Tenants = []string{}
	require.Empty(t, gather(t, everything.Reader(trail), audit.Query{}))
	_, err := everything.Reader(trail).Get(t.Context(), id)
	require.ErrorIs(t, err, audit.ErrNotFound)
}

func TestReadersKeepTheScopeTheyWereMadeWith(t *testing.T) {
	trail := newTrail(t, audit.Entry{Tenant: "a", Action: "login"}, audit.Entry{Tenant: "b", Action: "login"})
	g := access.Grant{Scope: audit.Filter{Tenants: []string{"a"}}, Hidden: []string{"x"}}
	r := g.Reader(trail)
	g.Scope.Tenants[0] = "b"
	for _, f := range []audit.Filter{{}, {Tenants: []string{"a", "b"}}, {Tenants: []string{"a"}}} {
		found := gather(t, r, audit.Query{Filter: f})
		require.Len(t, found, 1)
		require.Equal(t, "a", found[0].Tenant)
		require.Equal(t, 1, count(t, r, f))
	}
	facets, err := r.Facets(t.Context(), audit.Filter{})
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, facets.Tenants)
}

// terms is a reader that keeps what it is asked for.
type terms struct {
	*audit.Trail
	asked *[]audit.Filter
}

func (r terms) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	*r.asked = q.Terms()
	return r.Trail.Query(ctx, q)
}

// TestATenantIsAskedForOnce: databases choose worse plans for a repeated condition.
func TestATenantIsAskedForOnce(t *testing.T) {
	mine := audit.Filter{Tenants: []string{"a"}}
	for _, scope := range []audit.Filter{mine, mine.And(audit.Filter{Tenants: []string{"a"}, Actions: []string{"login"}})} {
		var asked []audit.Filter
		_, err := access.Grant{Scope: scope}.Reader(terms{newTrail(t), &asked}).Query(t.Context(), audit.Query{Filter: mine})
		require.NoError(t, err)
		n := 0
		for _, term := range asked {
			n += len(term.Tenants)
		}
		require.Equal(t, 1, n)
	}
}

func TestAuthorizeIsCheckedAndCompleted(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r = r.WithContext(audit.WithActor(r.Context(), audit.Actor{ID: "7"}))
	broken := errors.New("session store down")
	for _, c := range []struct {
		grant access.Grant
		err   error
		ok    bool
	}{
		{access.Grant{Everything: true}, nil, true},
		{access.Grant{}, nil, false},
		{access.Grant{Everything: true}, access.ErrDenied, false},
		{access.Grant{Everything: true}, broken, false},
		{access.Grant{Everything: true, Scope: audit.Filter{IPs: []string{"nowhere"}}}, nil, false},
	} {
		g, err := access.Authorize(func(*http.Request) (access.Grant, error) { return c.grant, c.err }).Grant(r)
		if c.ok {
			require.NoError(t, err)
			require.Equal(t, "7", g.Actor.ID)
			continue
		}
		require.Error(t, err)
		require.Zero(t, g)
		if c.err != nil {
			require.ErrorIs(t, err, c.err)
		}
	}
	all, err := access.Authorize(access.InsecureForDevelopment).Grant(r)
	require.NoError(t, err)
	require.True(t, all.Everything && all.Export && all.Follow && all.Operate && all.Personal)
}

// named returns entries. In every second one the word occurs only in an address.
func named(n int) (list []audit.Entry) {
	for i := range n {
		e := audit.Entry{
			ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", i), Time: time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC),
			Tenant: "a", Action: "login", Actor: audit.Actor{Name: "Ada", Email: "mara@lumen.example"},
		}
		if i%2 == 0 {
			e.Actor.Name = "Mara"
		}
		list = append(list, e)
	}
	return list
}

func TestMaskedSearchFindsWhatIsSeen(t *testing.T) {
	trail := newTrail(t, named(40)...)
	g := access.Grant{Scope: audit.Filter{Tenants: []string{"a"}}}
	r := g.Reader(trail)
	for _, word := range []string{"lumen", "mara@", "masked", "[", "k"} {
		f := audit.Filter{Keyword: word}
		page, err := r.Query(t.Context(), audit.Query{Filter: f})
		require.NoError(t, err)
		require.Empty(t, page.Entries, word)
		require.Empty(t, page.Next+page.Prev)
		require.Zero(t, count(t, r, f))
		require.Empty(t, gather(t, r, audit.Query{Filter: f}))
	}
	mara := audit.Query{Filter: audit.Filter{Keyword: "ma", Actions: []string{"login"}}, Limit: 7, Brief: true}
	require.Equal(t, 20, count(t, r, mara.Filter))
	require.Len(t, gather(t, r, mara), 20)
	var forth []string
	q := mara
	for {
		page, err := r.Query(t.Context(), q)
		require.NoError(t, err)
		for _, e := range page.Entries {
			forth = append(forth, e.ID)
		}
		if page.Next == "" {
			break
		}
		q.Cursor = page.Next
	}
	require.Len(t, forth, 20)
	before, after, err := g.Neighbours(t.Context(), trail, mara, forth[3])
	require.NoError(t, err)
	require.Equal(t, [2]string{forth[2], forth[4]}, [2]string{before.ID, after.ID})
	before, after, err = g.Neighbours(t.Context(), trail, audit.Query{}, forth[0])
	require.NoError(t, err)
	require.NotNil(t, before)
	require.Equal(t, audit.Mask, after.Actor.Email)
}

func TestMaskedValuesCantBeAskedFor(t *testing.T) {
	trail := newTrail(t, named(2)...)
	r := access.Grant{Everything: true}.Reader(trail)
	var bad *audit.QueryError
	for _, q := range []audit.Query{
		{Sort: "user"}, {Sort: "-ip"}, {Sort: audit.SortRecorded},
		{Filter: audit.Filter{Users: []string{"x"}}}, {Filter: audit.Filter{IPs: []string{"10.0.0.0/8"}}},
		{Filter: audit.Filter{ObjectIDs: []string{"email=mara%40lumen.example"}}}, {Filter: audit.Filter{RequestID: "ip:203.0.113.77"}},
		{Filter: audit.Filter{Not: []audit.Filter{{Keyword: "x"}}}}, {Filter: audit.Filter{Not: []audit.Filter{{Not: []audit.Filter{{Users: []string{"x"}}}}}}},
		{Filter: audit.Filter{}.And(audit.Filter{Actions: []string{"to mara@lumen.example"}})},
	} {
		_, err := r.Query(t.Context(), q)
		require.ErrorAs(t, err, &bad)
		for _, err := range r.All(t.Context(), q) {
			require.ErrorAs(t, err, &bad)
		}
	}
	require.Len(t, gather(t, r, audit.Query{Filter: audit.Filter{ObjectTypes: []string{""}, ObjectIDs: []string{""}}, Sort: audit.SortRecorded}), 2)
}

func TestFacetsAreMasked(t *testing.T) {
	trail := newTrail(t,
		audit.Entry{Tenant: "a", Action: "mail to bob@x.example", Project: "203.0.113.77", Object: audit.Object{Type: "t"}, Actor: audit.Actor{Email: "m@x.example"}},
		audit.Entry{Tenant: "a", Action: "mail to ada@x.example", Project: "p", Object: audit.Object{Product: "ip:203.0.113.77"}},
	)
	facets, err := access.Grant{Everything: true}.Reader(trail).Facets(t.Context(), audit.Filter{})
	require.NoError(t, err)
	require.Equal(t, audit.Facets{
		Tenants: []string{"a"}, Projects: []string{"[masked]", "p"}, Actions: []string{"mail to [masked]"}, Outcomes: []string{"success"},
		ObjectTypes: []string{"t"}, Products: []string{"ip:[masked]"}, ActorTypes: []string{},
	}, facets)
	facets, err = access.Grant{Everything: true, Personal: true}.Reader(trail).Facets(t.Context(), audit.Filter{})
	require.NoError(t, err)
	require.Equal(t, []string{"m@x.example"}, facets.Users)
}

func TestFeedsShowWhatReadersShow(t *testing.T) {
	all := named(2)
	g := access.Grant{Scope: audit.Filter{Tenants: []string{"a"}}, Hidden: []string{"b", "a"}}
	selection := func(g access.Grant, f audit.Filter) access.Selection {
		s, err := g.Select(f)
		require.NoError(t, err)
		return s
	}
	plain, searched := selection(g, audit.Filter{}), selection(g, audit.Filter{Keyword: "mara", Actions: []string{"login"}})
	for i, e := range all {
		require.True(t, searched.Filter.Match(e), "the store isn't asked for the word")
		_, ok := searched.Show(e)
		require.Equal(t, i == 0, ok)
		shown, ok := plain.Show(e)
		require.True(t, ok)
		require.Equal(t, audit.Mask, shown.Actor.Email)
	}
	require.False(t, searched.Filter.Match(audit.Entry{Tenant: "a", Action: "x"}))
	require.False(t, searched.Filter.Match(audit.Entry{Tenant: "b", Action: "login"}))
	require.NotEqual(t, plain.Key, searched.Key)
	require.Equal(t, plain.Key, selection(access.Grant{Everything: true, Hidden: []string{"a", "b"}}, audit.Filter{}).Key)
	g.Personal = true
	require.NotEqual(t, plain.Key, selection(g, audit.Filter{}).Key)
	require.Equal(t, "mara", selection(g, audit.Filter{Keyword: "mara"}).Filter.Keyword)
	_, err := access.Grant{Everything: true}.Select(audit.Filter{Users: []string{"x"}})
	require.Error(t, err)
}

// What a reader without Personal finds among the values of facets is what it sees
// of them.
func TestFoundFacetsAreMasked(t *testing.T) {
	trail := newTrail(t,
		audit.Entry{Tenant: "of canary@lumen.example", Action: "login", Actor: audit.Actor{Email: "canary@lumen.example"}},
		audit.Entry{Tenant: "canaries", Action: "login"})
	find := func(g access.Grant, text string) audit.Facets {
		found, err := g.Reader(trail).(audit.FacetFinder).FindFacets(t.Context(), audit.FacetQuery{Find: text, Limit: 10})
		require.NoError(t, err)
		return found
	}
	masked, whole := access.Grant{Everything: true}, access.Grant{Everything: true, Personal: true}
	require.Equal(t, []string{"canaries"}, find(masked, "canar").Tenants)
	require.Empty(t, find(masked, "canar").Users)
	require.Empty(t, find(masked, "masked").Tenants)
	require.Equal(t, []string{"of " + audit.Mask}, find(masked, "OF").Tenants)
	require.Len(t, find(whole, "canar").Tenants, 2)
	require.Equal(t, []string{"canary@lumen.example"}, find(whole, "canar").Users)
	scoped := access.Grant{Scope: audit.Filter{Tenants: []string{"canaries"}}, Personal: true}
	require.Equal(t, []string{"canaries"}, find(scoped, "").Tenants)
	require.Empty(t, find(scoped, "").Users)
}

// inMemory returns the same page for every query.
type inMemory struct {
	audit.Reader
	page audit.Page
}

func (m inMemory) Query(context.Context, audit.Query) (*audit.Page, error) { return &m.page, nil }

// A list shows the first changes of an entry; masking all of them was most of its
// work.
func TestListsMaskWhatTheyShow(t *testing.T) {
	of := func(changes int) inMemory {
		e := audit.Entry{ID: "1", Action: "update", Metadata: map[string]any{"to": "mara@lumen.example"}}
		for i := range changes {
			e.Changes = append(e.Changes, audit.Change{Field: fmt.Sprintf("f%d", i), Op: audit.OpReplace, Old: "mara@lumen.example", New: "x"})
		}
		return inMemory{page: audit.Page{Entries: []audit.Entry{e}, Next: "n"}}
	}
	g := access.Grant{Everything: true}
	work := func(from audit.Reader) float64 {
		return testing.AllocsPerRun(10, func() {
			_, err := g.List(t.Context(), from, audit.Query{}, 1)
			require.NoError(t, err)
		})
	}
	require.Less(t, work(of(1000)), 2*work(of(1))) // the pools of package regexp make single ones differ
	list, err := g.List(t.Context(), of(3), audit.Query{}, 2)
	require.NoError(t, err)
	require.Equal(t, []int{3}, list.Changes)
	require.Equal(t, "n", list.Next)
	require.Len(t, list.Entries[0].Changes, 2)
	require.Equal(t, audit.Mask, list.Entries[0].Changes[1].Old)
	require.Nil(t, list.Entries[0].Metadata)
	_, err = access.Grant{}.List(t.Context(), of(3), audit.Query{}, 2)
	require.Error(t, err)
}

// A list that is cut to few changes still shows the most telling ones.
func TestListsShowTheTellingChanges(t *testing.T) {
	e := audit.Entry{ID: "1", Action: "create", Object: audit.Object{Type: "users"}}
	for _, f := range []string{"id", "created_at", "synced", "email", "name"} {
		e.Changes = append(e.Changes, audit.Change{Field: f, Op: audit.OpAdd, New: "x"})
	}
	from := inMemory{page: audit.Page{Entries: []audit.Entry{e}}}
	for _, g := range []access.Grant{{Everything: true}, {Everything: true, Personal: true}} {
		list, err := g.List(t.Context(), from, audit.Query{}, 1)
		require.NoError(t, err)
		require.Equal(t, "name", list.Entries[0].Changes[0].Field)
		require.Equal(t, []int{4}, list.Changes, "without created_at")

		known := audit.NewCatalogue(nil, nil)
		known.SetAutomatic("users", "synced")
		list, err = g.List(t.Context(), catalogued{from, known}, audit.Query{}, 1)
		require.NoError(t, err)
		require.Equal(t, []int{3}, list.Changes, "and without synced")
	}
}

type catalogued struct {
	audit.Reader
	known *audit.Catalogue
}

func (c catalogued) Catalogue() *audit.Catalogue { return c.known }
