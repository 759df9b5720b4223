package access_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
)

// Whom an actor stood in for is personal, as users are: without Personal nobody filters
// by it, however deep, or lists it. An ID that stands for a user is not: it is shown.
func TestOnBehalfOfIsPersonal(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), audit.Entry{
		Tenant: "acme", Action: "login", Actor: audit.Actor{ID: "key 7"}, OnBehalfOf: &audit.Actor{ID: "9", Email: "ben@example.com"},
	}))
	grant := access.Grant{Scope: audit.Filter{Tenants: []string{"acme"}}}
	for _, f := range []audit.Filter{
		{OnBehalfOf: []string{"ben@example.com"}}, {OnBehalfOf: []string{"9"}}, {OnBehalfOf: []string{""}},
		{Not: []audit.Filter{{OnBehalfOf: []string{"x"}}}}, audit.Filter{}.And(audit.Filter{OnBehalfOf: []string{"x"}}),
	} {
		_, err := grant.Reader(trail).Query(t.Context(), audit.Query{Filter: f})
		var refused *audit.QueryError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, "on_behalf_of", refused.Param)
	}
	facets, err := grant.Reader(trail).Facets(t.Context(), audit.Filter{})
	require.NoError(t, err)
	assert.Empty(t, facets.OnBehalfOf)
	assert.Empty(t, facets.Users)
	page, err := grant.Reader(trail).Query(t.Context(), audit.Query{})
	require.NoError(t, err)
	assert.Equal(t, "key 7", page.Entries[0].Actor.User())
	assert.Equal(t, audit.Mask, page.Entries[0].OnBehalfOfUser())

	grant.Personal = true
	page, err = grant.Reader(trail).Query(t.Context(), audit.Query{Filter: audit.Filter{OnBehalfOf: []string{"ben@example.com"}}})
	require.NoError(t, err)
	assert.Len(t, page.Entries, 1)
	facets, err = grant.Reader(trail).Facets(t.Context(), audit.Filter{})
	require.NoError(t, err)
	assert.Equal(t, []string{"ben@example.com"}, facets.OnBehalfOf)
}
