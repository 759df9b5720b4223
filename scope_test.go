package audit_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

// counter is what a scope implements beside audit.Reader.
type counter interface {
	Count(ctx context.Context, f audit.Filter, bound int) (int, bool, error)
}

// TestScopeCannotBeWidened: whatever filter, keyword, sort, cursor, ID, facet
// or count a reader is asked for through a scope, what comes back is what
// limit.Match allows. Cursors of the whole trail and of another scope are tried
// too, as is a filter that was made to look like the scope.
func TestScopeCannotBeWidened(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		store := memstore.New()
		plain := rapid.Bool().Draw(t, "a store that can only query")
		trail := newScopeTrail(t, store, plain)
		given := rapid.SliceOfN(anyEntry(), 1, 25).Draw(t, "entries")
		require.NoError(t, trail.Record(t.Context(), given...))
		stored := everything(t, trail)

		limit := rapid.OneOf(rapid.Just(audit.Filter{Tenants: []string{"a"}}), anyFilter(1)).Draw(t, "limit")
		if rapid.Bool().Draw(t, "narrowed twice") {
			limit = limit.And(anyFilter(0).Draw(t, "second limit"))
		}
		scope := trail.Scope(limit)
		f := rapid.OneOf(anyFilter(1), rapid.Just(audit.Filter{}), rapid.Just(limit)).Draw(t, "filter")
		q := audit.Query{Filter: f, Limit: rapid.IntRange(1, 9).Draw(t, "limit"), Sort: rapid.SampledFrom([]audit.Sort{"", "time", "user", "-record", "ip"}).Draw(t, "sort")}

		allowed := slices.DeleteFunc(slices.Clone(stored), func(e audit.Entry) bool { return !limit.Match(e) })
		selected := slices.DeleteFunc(slices.Clone(allowed), func(e audit.Entry) bool { return !f.Match(e) })
		requireSame(t, selected, walkAll(t, scope, q))
		requireSame(t, selected, gatherAll(t, scope, q))
		requireForeignCursors(t, trail, scope, q, limit)
		for _, e := range stored {
			_, err := scope.Get(t.Context(), e.ID)
			if limit.Match(e) {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, audit.ErrNotFound)
			}
		}
		if !plain {
			requireFacetsAndCount(t, scope, f, allowed, selected)
		}
	})
}

func newScopeTrail(t *rapid.T, store *memstore.Store, plain bool) *audit.Trail {
	var s audit.Store = store
	if plain {
		s = storagetest.NewFaulty(store).Plain()
	}
	trail, err := audit.New(s, nil)
	require.NoError(t, err)
	return trail
}

func everything(t *rapid.T, from audit.Reader) []audit.Entry {
	return gatherAll(t, from, audit.Query{})
}

func gatherAll(t *rapid.T, from audit.Reader, q audit.Query) (list []audit.Entry) {
	for e, err := range from.All(t.Context(), q) {
		require.NoError(t, err)
		list = append(list, e)
	}
	return list
}

// walkAll goes to the end and back to the beginning.
func walkAll(t *rapid.T, from audit.Reader, q audit.Query) (list []audit.Entry) {
	for {
		page, err := from.Query(t.Context(), q)
		require.NoError(t, err)
		list = append(list, page.Entries...)
		if page.Next == "" {
			back := page.Entries
			for page.Prev != "" {
				q.Cursor = page.Prev
				page, err = from.Query(t.Context(), q)
				require.NoError(t, err)
				back = append(slices.Clone(page.Entries), back...)
			}
			require.Equal(t, append([]audit.Entry(nil), list...), append([]audit.Entry(nil), back...))
			return list
		}
		q.Cursor = page.Next
	}
}

func requireSame(t *rapid.T, want, got []audit.Entry) {
	ids := func(list []audit.Entry) (ids []string) {
		for _, e := range list {
			ids = append(ids, e.ID)
		}
		slices.Sort(ids)
		return ids
	}
	require.Equal(t, ids(want), ids(got))
}

// requireForeignCursors: a cursor that was made without the scope, or in
// another, is refused, or shows nothing that the scope doesn't.
func requireForeignCursors(t *rapid.T, trail *audit.Trail, scope audit.Reader, q audit.Query, limit audit.Filter) {
	for _, other := range []audit.Reader{trail, trail.Scope(audit.Filter{}), trail.Scope(audit.Filter{Tenants: []string{"b"}})} {
		for _, f := range []audit.Filter{q.Filter, q.Filter.And(limit), {}} {
			foreign := q
			foreign.Filter, foreign.Limit = f, 1
			page, err := other.Query(t.Context(), foreign)
			require.NoError(t, err)
			for _, cursor := range []string{page.Next, page.Prev} {
				if cursor == "" {
					continue
				}
				tried := q
				tried.Cursor = cursor
				got, err := scope.Query(t.Context(), tried)
				if err != nil {
					require.ErrorIs(t, err, audit.ErrBadCursor)
					continue
				}
				for _, e := range got.Entries {
					require.True(t, limit.Match(e))
				}
			}
		}
	}
}

func requireFacetsAndCount(t *rapid.T, scope audit.Reader, f audit.Filter, allowed, selected []audit.Entry) {
	facets, err := scope.Facets(t.Context(), f)
	require.NoError(t, err)
	for _, v := range []struct {
		facet []string
		of    func(audit.Entry) string
	}{
		{facets.Tenants, func(e audit.Entry) string { return e.Tenant }}, {facets.Projects, func(e audit.Entry) string { return e.Project }},
		{facets.Actions, func(e audit.Entry) string { return e.Action }}, {facets.Outcomes, func(e audit.Entry) string { return string(e.Outcome) }},
		{facets.ObjectTypes, func(e audit.Entry) string { return e.Object.Type }}, {facets.Products, func(e audit.Entry) string { return e.Object.Product }},
		{facets.ActorTypes, func(e audit.Entry) string { return e.Actor.Type }}, {facets.Users, func(e audit.Entry) string { return e.Actor.User() }},
		{facets.OnBehalfOf, audit.Entry.OnBehalfOfUser},
	} {
		for _, value := range v.facet {
			require.True(t, slices.ContainsFunc(allowed, func(e audit.Entry) bool { return v.of(e) == value }), "a facet %q of nobody's in the scope", value)
		}
	}
	n, more, err := scope.(counter).Count(t.Context(), f, 3)
	require.NoError(t, err)
	require.Equal(t, min(3, len(selected)), n)
	require.Equal(t, len(selected) > 3, more)
}

// Not found and not shown look alike, so that a scope can't be probed.
func TestScopeHidesWhetherAnIDExists(t *testing.T) {
	trail := newTrail(t, nil, nil)
	e := audit.Entry{ID: uuid.NewString(), Action: "login", Tenant: "theirs"}
	require.NoError(t, trail.Record(t.Context(), e))
	scope := trail.Scope(audit.Filter{Tenants: []string{"mine"}})
	_, hidden := scope.Get(t.Context(), e.ID)
	_, missing := scope.Get(t.Context(), uuid.NewString())
	assert.Equal(t, missing, hidden)
	assert.ErrorIs(t, hidden, audit.ErrNotFound)
}

// TestScopesAreCopied: the caller's lists may change afterwards.
func TestScopesAreCopied(t *testing.T) {
	trail := newTrail(t, nil, nil)
	require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "login", Tenant: "mine"}, audit.Entry{Action: "login", Tenant: "theirs"}))
	limit := audit.Filter{Tenants: []string{"mine"}, Not: []audit.Filter{{Actions: []string{"logout"}}}}
	scope := trail.Scope(limit)
	limit.Tenants[0], limit.Not[0].Actions[0] = "theirs", "login"
	page, err := scope.Query(t.Context(), audit.Query{})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	require.Equal(t, "mine", page.Entries[0].Tenant)
	_, err = scope.Get(t.Context(), page.Entries[0].ID)
	require.NoError(t, err)
}

// TestEmptyListsInAScopeSelectNothing, whatever field they are of, and however
// deep; nil doesn't limit.
func TestEmptyListsInAScopeSelectNothing(t *testing.T) {
	trail := newTrail(t, nil, nil)
	e := audit.Entry{ID: uuid.NewString(), Action: "login", Tenant: "mine"}
	require.NoError(t, trail.Record(t.Context(), e))
	none := []string{}
	for i, limit := range []audit.Filter{
		{Tenants: none}, {Projects: none}, {Actions: none}, {Outcomes: []audit.Outcome{}}, {ObjectTypes: none}, {ObjectIDs: none}, {Products: none},
		{ActorTypes: none}, {ActorIDs: none}, {Users: none}, {OnBehalfOf: none}, {IPs: none}, {Fields: none}, {Tenants: []string{"mine"}, Actions: none},
		audit.Filter{Tenants: []string{"mine"}}.And(audit.Filter{Projects: none}),
	} {
		scope := trail.Scope(limit)
		page, err := scope.Query(t.Context(), audit.Query{})
		require.NoError(t, err)
		require.Empty(t, page.Entries, i)
		for range scope.All(t.Context(), audit.Query{}) {
			t.Fatal("an entry", i)
		}
		_, err = scope.Get(t.Context(), e.ID)
		require.ErrorIs(t, err, audit.ErrNotFound, i)
		facets, err := scope.Facets(t.Context(), audit.Filter{})
		require.NoError(t, err)
		require.Empty(t, facets.Actions, i)
		n, _, err := scope.(counter).Count(t.Context(), audit.Filter{}, 9)
		require.NoError(t, err)
		require.Zero(t, n, i)
		require.False(t, audit.Filter{}.And(limit).Match(e), i)
	}
	for _, limit := range []audit.Filter{{}, {Not: []audit.Filter{}}} {
		page, err := trail.Scope(limit).Query(t.Context(), audit.Query{Filter: audit.Filter{Actions: none}})
		require.NoError(t, err)
		require.Len(t, page.Entries, 1)
	}
}
