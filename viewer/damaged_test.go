package viewer_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// damagedStore reads every entry as damaged.
type damagedStore struct{ audit.Store }

const damage = "cannot be read: changes"

func (s damagedStore) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	page, err := s.Store.Query(ctx, q)
	for i := range page.Entries {
		page.Entries[i].Damaged, page.Entries[i].Changes = damage, nil
	}
	return page, err
}

func (s damagedStore) Get(ctx context.Context, id string) (audit.Entry, error) {
	e, err := s.Store.Get(ctx, id)
	e.Damaged, e.Changes = damage, nil
	return e, err
}

func TestThePageShowsDamagedEntries(t *testing.T) {
	trail, err := audit.New(damagedStore{memstore.New()}, nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), entryWith(audit.Change{Field: "a", New: "b"})))
	h := newViewer(t, trail, nil)
	contains(t, body(t, h, ""), `title="`+damage+`">damaged</span>`)
	contains(t, body(t, h, "?format=json"), `"damaged":"`+damage+`"`)
	entry := body(t, h, "?entry="+someID)
	contains(t, entry, "<b>This entry is damaged</b>", damage)
	lacks(t, body(t, newViewer(t, newTrail(t, entryWith()), nil), ""), ">damaged<")
}
