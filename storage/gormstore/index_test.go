package gormstore_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

func indexes(t *testing.T, db *gorm.DB) []string {
	t.Helper()
	var names []string
	require.NoError(t, db.Raw("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'audit_entries' AND name LIKE 'audit_entries_%' ORDER BY name").Scan(&names).Error)
	return names
}

// A host may begin without indexes and want them later, or the reverse: Migrate
// makes what is missing, drops nothing, and until it has run a store says what
// it lacks.
func TestIndexesComeWhenTheyAreWanted(t *testing.T) {
	db := openSQLite(t, nil)
	ctx := context.Background()
	// region lean
	lean, err := gormstore.New(db, &gormstore.Options{Without: gormstore.Lean()}) // or some of them
	// endregion
	require.NoError(t, err)
	require.NoError(t, lean.Migrate(ctx))
	require.NoError(t, lean.Append(ctx, full(1)))
	few := []string{"audit_entries_object", "audit_entries_outcome", "audit_entries_request", "audit_entries_tenant", "audit_entries_time", "audit_entries_transaction"}
	assert.Equal(t, few, indexes(t, db))

	whole, err := gormstore.New(db, nil)
	require.NoError(t, err)
	_, err = whole.Query(ctx, audit.Query{})
	require.ErrorIs(t, err, audit.ErrNotMigrated)
	assert.ErrorContains(t, err, "option Without")

	migrated(t, db, &gormstore.Options{Without: []gormstore.Index{gormstore.IndexFacet, gormstore.IndexIP}})
	assert.Len(t, indexes(t, db), len(few)+6)
	require.NoError(t, whole.Migrate(ctx))
	all := indexes(t, db)
	assert.Len(t, all, len(few)+8)
	for _, store := range []*gormstore.Store{whole, lean, migrated(t, db, &gormstore.Options{Without: gormstore.Lean()})} {
		page, err := store.Query(ctx, audit.Query{Filter: audit.Filter{Users: []string{full(1).Actor.Email}}, Sort: audit.SortIP})
		require.NoError(t, err)
		assert.Equal(t, []audit.Entry{full(1)}, page.Entries)
		assert.Equal(t, all, indexes(t, db), "nothing is dropped")
	}
	// A host drops them by itself, and a store that does without them works on.
	for _, index := range gormstore.Lean() {
		require.NoError(t, db.Exec("DROP INDEX audit_entries_"+string(index)).Error)
	}
	facets, err := lean.Facets(ctx, audit.Filter{Tenants: []string{full(1).Tenant}})
	require.NoError(t, err)
	assert.Equal(t, []string{full(1).Object.Product}, facets.Products)
}

func TestOnlyIndexesThatThereAreCanBeLeftOut(t *testing.T) {
	_, err := gormstore.New(openSQLite(t, nil), &gormstore.Options{Without: []gormstore.Index{"tenant"}})
	assert.ErrorContains(t, err, `no index "tenant" to do without`)
}
