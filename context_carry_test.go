package audit_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// TestCarry: an entry of work that outlives its request is the request's, and the
// request's end doesn't end it.
func TestCarry(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	type key struct{}
	request, end := context.WithCancel(context.WithValue(t.Context(), key{}, "a transaction"))
	request = audit.WithOnBehalfOf(audit.WithActor(request, audit.Actor{ID: "1"}), audit.Actor{ID: "2"})
	request = audit.WithMetadata(audit.WithComment(audit.WithTenant(request, "a", "p"), "why"), "ticket", "T-1")
	request = audit.Skip(audit.WithRequest(request, audit.Request{ID: "r"}), "import")
	ctx := audit.Carry(t.Context(), request)
	end()
	require.NoError(t, ctx.Err())
	require.Nil(t, ctx.Value(key{}))
	require.Nil(t, audit.SkipFrom(ctx))
	require.NoError(t, trail.Record(ctx, audit.Entry{Action: "export"}))
	page, err := trail.Query(t.Context(), audit.Query{})
	require.NoError(t, err)
	e := page.Entries[0]
	require.Equal(t, []string{"1", "2", "a", "p", "why", "r"}, []string{e.Actor.ID, e.OnBehalfOf.ID, e.Tenant, e.Project, e.Comment, e.Request.ID})
	require.Equal(t, "T-1", e.Metadata["ticket"])
	own := audit.Skip(t.Context(), "own")
	require.Equal(t, "own", audit.SkipFrom(audit.Carry(own, request)).Reason())
}
