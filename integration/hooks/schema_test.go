package hooks_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

// A host with one schema per tenant: each transaction chooses one, and the trail is
// in none of them.
func TestTenantSchemasWithTheTrailElsewhere(t *testing.T) {
	for _, config := range []gorm.Config{{}, {PrepareStmt: true}, {SkipDefaultTransaction: true}, {PrepareStmt: true, SkipDefaultTransaction: true}} {
		for _, where := range []string{"public", "trail"} {
			t.Run(fmt.Sprintf("prepared %v, no default transaction %v, in %s", config.PrepareStmt, config.SkipDefaultTransaction, where), func(t *testing.T) {
				dsn := postgresDatabase(t)
				admin := openDSN(t, "postgres", dsn, gorm.Config{})
				for _, schema := range []string{"one", "two", "trail"} {
					require.NoError(t, admin.Exec("CREATE SCHEMA "+schema).Error)
					require.NoError(t, admin.Exec("CREATE TABLE "+schema+".counters (name text PRIMARY KEY, n int)").Error)
				}
				db := openDSN(t, "postgres", dsn, config)
				poolOf(t, db).SetMaxOpenConns(2)
				store, err := gormstore.New(db, &gormstore.Options{Schema: where})
				require.NoError(t, err)
				require.NoError(t, store.Migrate(context.Background()))
				trail, err := audit.New(store, nil)
				require.NoError(t, err)
				require.NoError(t, db.Use(hooks.New(trail, nil)))
				writes := 0
				for _, path := range []string{"SET LOCAL search_path TO one", "SET LOCAL search_path TO two, public", "SET search_path TO two", "SET search_path TO one, public"} {
					require.NoError(t, db.Transaction(func(tx *gorm.DB) error {
						require.NoError(t, tx.Exec(path).Error)
						require.NoError(t, tx.Create(&counter{Name: fmt.Sprint("a", writes), N: 1}).Error)
						require.NoError(t, tx.Model(&counter{}).Where("n = 1").Update("n", 2).Error)
						return tx.Exec("UPDATE counters SET n = n + 1").Error
					}))
					writes++
				}
				require.NoError(t, db.Connection(func(tx *gorm.DB) error { // the path stays on the connection
					require.NoError(t, tx.Exec("SET search_path TO two").Error)
					return tx.Create(&counter{Name: "z", N: 7}).Error
				}))
				n, _, err := trail.Count(context.Background(), audit.Filter{}, 100)
				require.NoError(t, err)
				assert.Equal(t, 3*writes+1, n)
			})
		}
	}
}
