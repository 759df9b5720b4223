package audit_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// A name that was recorded with a strange byte is stored cleaned, and the same
// strange name finds it: filters are cleaned likewise, also inside Not and And.
func TestFilterIsCleanedAsEntriesAre(t *testing.T) {
	ctx := context.Background()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	const name = "Zo\xeb \x00 Doe"
	require.NoError(t, trail.Record(ctx, audit.Entry{Action: "login", Actor: audit.Actor{Name: name}}))

	find := func(f audit.Filter) int {
		page, err := trail.Query(ctx, audit.Query{Filter: f})
		require.NoError(t, err)
		return len(page.Entries)
	}
	byName := audit.Filter{Users: []string{name}}
	assert.Equal(t, 1, find(byName))
	assert.Equal(t, 1, find(audit.Filter{}.And(byName)))
	assert.Equal(t, 0, find(audit.Filter{Not: []audit.Filter{byName}}))
	assert.Equal(t, 1, find(audit.Filter{Keyword: "\xeb \x00"}))
	assert.Equal(t, []string{name}, byName.Users, "the caller's list is left alone")
}

// A scope is not widened by changing the lists that it was made of.
func TestScopeKeepsNoListOfTheCaller(t *testing.T) {
	mine := audit.Filter{Tenants: []string{"mine"}, Not: []audit.Filter{{Actions: []string{"hidden"}}}}
	f := audit.Filter{}.And(mine)
	mine.Tenants[0] = "yours"
	mine.Not[0].Actions[0] = "nothing"
	assert.True(t, f.Match(audit.Entry{Tenant: "mine", Action: "shown"}))
	assert.False(t, f.Match(audit.Entry{Tenant: "yours", Action: "shown"}))
	assert.False(t, f.Match(audit.Entry{Tenant: "mine", Action: "hidden"}))
}
