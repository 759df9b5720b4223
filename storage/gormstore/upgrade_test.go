package gormstore_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

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

	olderFacets(t, db)
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

// olderFacets makes the facets' projection what it was when its checkpoint had a table of
// its own.
func olderFacets(t *testing.T, db *gorm.DB) {
	t.Helper()
	for _, statement := range []string{
		"CREATE TABLE audit_entries_values (facet TEXT NOT NULL, value TEXT NOT NULL, tenant TEXT NOT NULL, PRIMARY KEY (facet, value, tenant)) WITHOUT ROWID",
		"CREATE TABLE audit_entries_values_upto (only_row INTEGER NOT NULL PRIMARY KEY, version BIGINT NOT NULL, position TEXT NOT NULL, entries BIGINT NOT NULL)",
		"INSERT INTO audit_entries_values SELECT * FROM audit_entries_facets",
		"INSERT INTO audit_entries_values_upto SELECT 1, 7, position, state FROM audit_entries_checkpoints WHERE name = 'gormstore/facets'",
		"DROP TABLE audit_entries_facets", "DROP TABLE audit_entries_checkpoints",
	} {
		require.NoError(t, db.Exec(statement).Error, statement)
	}
}

// The facets of an earlier version are copied with their checkpoint, not looked for among
// the entries. Its tables stay for processes of that version.
func TestUpgradeOfFacetsWithAnotherCheckpoint(t *testing.T) {
	ctx := context.Background()
	db := openSQLite(t, nil)
	store := migrated(t, db, nil)
	for i := range 3000 {
		e := full(i)
		e.Actor.Email = fmt.Sprintf("user%d@acme.example", i%7)
		require.NoError(t, store.Append(ctx, e))
	}
	require.NoError(t, store.Refresh(ctx))
	want, position := keptRows(t, db)
	require.NotZero(t, want)
	require.Equal(t, "sqlite:3000", position)
	olderFacets(t, db)

	older, err := gormstore.New(db, nil)
	require.NoError(t, err)
	_, err = older.Facets(ctx, audit.Filter{})
	require.ErrorIs(t, err, audit.ErrNotMigrated)
	upgraded := migrated(t, db, nil)
	require.NoError(t, upgraded.Migrate(ctx), "again, to no effect")
	got, position := keptRows(t, db)
	assert.Equal(t, want, got)
	assert.Equal(t, "sqlite:3000", position)
	require.NoError(t, upgraded.Append(ctx, full(5000)))
	facets, err := upgraded.Facets(ctx, audit.Filter{})
	require.NoError(t, err)
	assert.Len(t, facets.Users, 8)
	var left int
	require.NoError(t, db.Raw("SELECT count(*) FROM audit_entries_values").Scan(&left).Error)
	assert.Equal(t, want, left)
}
