package gormstore_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

func TestRemoveTakesOutWhatIsNamed(t *testing.T) {
	ctx := context.Background()
	s := migrated(t, openSQLite(t, nil), nil)
	trail, err := audit.New(s, nil)
	require.NoError(t, err)
	for i := range 150 {
		require.NoError(t, trail.Record(ctx, audit.Entry{Action: "a", Object: audit.Object{ID: fmt.Sprint(i)}}))
	}
	page, err := trail.Query(ctx, audit.Query{Sort: audit.SortTime, Limit: 1000})
	require.NoError(t, err)
	ids := []string{"01890000-0000-7000-8000-000000000000"} // one that isn't there
	for _, e := range page.Entries[:120] {
		ids = append(ids, e.ID)
	}
	require.NoError(t, s.Remove(ctx, ids...))
	require.NoError(t, s.Remove(ctx))
	require.Error(t, s.Remove(ctx, "not an ID"))
	left, err := trail.Query(ctx, audit.Query{Sort: audit.SortTime, Limit: 1000})
	require.NoError(t, err)
	require.Equal(t, page.Entries[120:], left.Entries)
}
