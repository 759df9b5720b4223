package gormstore

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// What was read before entries were purged isn't kept after it: nothing would ever
// take their values out again. So it is with one that has kept something meanwhile.
func TestNothingIsKeptThatWasReadBeforeAnotherWrote(t *testing.T) {
	db, pool := openHost(t)
	ctx := context.Background()
	s, err := New(db, nil)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(ctx))
	entry := audit.Entry{ID: "01950000-0000-7000-8000-000000000001", Time: time.Now(), Tenant: "acme", Action: "login", Actor: audit.Actor{Name: "Ada"}}
	for what, write := range map[string]func() error{
		"purge":  func() error { _, err := s.Purge(ctx, audit.Filter{}, 10); return err },
		"remove": func() error { return s.Remove(ctx, entry.ID) },
		"fold": func() error {
			k, _, err := s.readCheckpoint(ctx, facetsProjection)
			_ = s.fold(ctx, k, nil, nil)
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			require.NoError(t, s.Append(ctx, entry))
			k, ok, err := s.readCheckpoint(ctx, facetsProjection)
			require.NoError(t, err)
			require.True(t, ok)
			news, _, err := s.readNews(ctx, &k, nil)
			require.NoError(t, err)
			require.NotEmpty(t, news.values)
			require.NoError(t, write())
			_ = s.fold(ctx, k, news.without(keptValues{}), nil)
			rows, err := sqldb.Number(ctx, pool, "SELECT count(*) FROM audit_entries_facets")
			require.NoError(t, err)
			assert.Zero(t, rows)
			require.NoError(t, s.Remove(ctx, entry.ID))
		})
	}
}
