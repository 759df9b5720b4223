package gormstore_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// A trail of version 4 has no column of whom an actor stood in for, and no user of
// an actor who is known by ID alone. Migrate derives both, for more entries than it
// reads at a time, and the facets kept beside them have the new values.
func TestUpgradeOfUsersFromVersionFour(t *testing.T) {
	ctx := context.Background()
	db := openSQLite(t, nil)
	store := migrated(t, db, nil)
	var entries []audit.Entry
	for i := range 2500 {
		e := full(i)
		e.Actor = audit.Actor{ID: fmt.Sprintf("id %d", i%3), Name: []string{"", "Ada"}[i%2]}
		e.OnBehalfOf = []*audit.Actor{nil, {Email: "ben@example.com"}, {Name: `"Eve" \ ü`, ID: "1"}, {Type: "user", ID: "7"}, {Type: "user"}}[i%5]
		entries = append(entries, e)
	}
	require.NoError(t, store.Append(ctx, entries...))
	require.NoError(t, store.Refresh(ctx))
	want, err := store.Facets(ctx, audit.Filter{})
	require.NoError(t, err)
	require.Equal(t, []string{`"Eve" \ ü`, "7", "ben@example.com"}, want.OnBehalfOf)
	require.Equal(t, []string{"Ada", "id 0", "id 1", "id 2"}, want.Users)

	for _, statement := range []string{ // what version 4 was
		"DROP INDEX audit_entries_behalf", "ALTER TABLE audit_entries DROP COLUMN behalf_user", "DELETE FROM audit_entries_schema WHERE version > 4",
		"UPDATE audit_entries SET actor_user = '' WHERE actor_user = actor_id", "DELETE FROM audit_entries_values WHERE facet = 'behalf_user' OR value LIKE 'id %'",
		"UPDATE audit_entries SET on_behalf_of = '{\"type\":' WHERE seq = 8", // damaged: it stands in for nobody
	} {
		require.NoError(t, db.Exec(statement).Error)
	}
	entries[7].OnBehalfOf = nil
	old, err := gormstore.New(db, nil)
	require.NoError(t, err)
	_, err = old.Query(ctx, audit.Query{})
	require.ErrorIs(t, err, audit.ErrNotMigrated)

	upgraded := migrated(t, db, nil)
	require.NoError(t, upgraded.Migrate(ctx), "again, to no effect")
	got, err := upgraded.Facets(ctx, audit.Filter{})
	require.NoError(t, err)
	assert.Equal(t, want, got)
	for _, f := range []audit.Filter{
		{OnBehalfOf: []string{"ben@example.com"}}, {OnBehalfOf: []string{`"Eve" \ ü`, "7"}}, {OnBehalfOf: []string{""}}, {OnBehalfOf: []string{"", "7"}},
		{Users: []string{"id 1"}}, {Users: []string{"Ada", "id 2"}, OnBehalfOf: []string{"7"}}, {Users: []string{""}},
	} {
		n := 0
		for i := range entries {
			if f.Match(entries[i]) {
				n++
			}
		}
		count, _, err := upgraded.Count(ctx, f, len(entries))
		require.NoError(t, err)
		assert.Equal(t, n, count, f.Values().Encode())
	}
}
