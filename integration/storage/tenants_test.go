package storage

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

// A trail of more tenants than are asked for has the entries of all of them on its
// pages, and the values of all in its facets.
func TestMoreTenantsThanAreAskedFor(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		store := migrated(t, open(t, s.create(t)), nil)
		ctx := context.Background()
		entries := newGenerator(1).entries(1015)
		for i := range entries {
			entries[i].Tenant, entries[i].Project = fmt.Sprintf("tenant %04d", i), "web"
			entries[i].Actor.Email = "ada@example.com"
		}
		require.NoError(t, store.Append(ctx, entries...))
		for _, f := range []audit.Filter{{Users: []string{"ada@example.com"}}, {Projects: []string{"web"}}} {
			for _, sort := range []audit.Sort{audit.Newest, audit.SortIP} {
				n := 0
				for q := (audit.Query{Filter: f, Sort: sort, Limit: 1000}); ; {
					page, err := store.Query(ctx, q)
					require.NoError(t, err)
					n += len(page.Entries)
					if q.Cursor = page.Next; q.Cursor == "" {
						break
					}
				}
				assert.Equal(t, len(entries), n, "%s by %s", f.Values().Encode(), sort)
			}
			n, _, err := store.Count(ctx, f, 10_000)
			require.NoError(t, err)
			assert.Equal(t, len(entries), n)
			facets, err := store.Facets(ctx, audit.Filter{}.And(f))
			require.NoError(t, err)
			assert.Equal(t, len(entries), len(facets.Tenants))
		}
	})
}
