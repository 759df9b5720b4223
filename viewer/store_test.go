package viewer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// plainStore can do the minimum: no facets, no counting, no feed.
type plainStore struct{ audit.Store }

func TestAStoreThatCanDoTheMinimum(t *testing.T) {
	trail, err := audit.New(plainStore{memstore.New()}, nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), demo(60)...))
	h := newViewer(t, trail, nil)
	page := body(t, h, "")
	contains(t, page, "50 entries on this page")
	lacks(t, page, `role="switch"`)
	contains(t, page, `<input class="narrow" name="action"`)
	require.Equal(t, 26, rowsIn(body(t, h, "?action=update")))
	require.Equal(t, http.StatusForbidden, get(h, "?live=sse").Code)
	lacks(t, body(t, h, "?format=json&limit=1"), "total")
	contains(t, body(t, h, "?facet=user&format=json"), `"values":[]`)
	require.Equal(t, http.StatusOK, get(h, "?facet=user").Code)
}

// slowStore waits for the end of the context wherever it is asked to.
type slowStore struct {
	*memstore.Store
	query, count bool
}

func (s slowStore) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	if s.query {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.Store.Query(ctx, q)
}

func (s slowStore) Count(ctx context.Context, f audit.Filter, bound int) (int, bool, error) {
	if s.count {
		<-ctx.Done()
		return 0, false, ctx.Err()
	}
	return s.Store.Count(ctx, f, bound)
}

func TestSlowStores(t *testing.T) {
	serve := func(s slowStore, wait time.Duration) *httptest.ResponseRecorder {
		trail, err := audit.New(s, nil)
		require.NoError(t, err)
		require.NoError(t, trail.Record(t.Context(), demo(3)...))
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		defer cancel()
		w := httptest.NewRecorder()
		newViewer(t, trail, nil).ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
		return w
	}
	counting := serve(slowStore{Store: memstore.New(), count: true}, time.Minute)
	require.Equal(t, http.StatusOK, counting.Code)
	contains(t, counting.Body.String(), "3 entries on this page", "a number that doesn't come in time is left out")
	reading := serve(slowStore{Store: memstore.New(), query: true}, 20*time.Millisecond)
	require.Equal(t, http.StatusServiceUnavailable, reading.Code)
	contains(t, reading.Body.String(), "This took too long")

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	newViewer(t, newTrail(t), nil).ServeHTTP(w, httptest.NewRequestWithContext(gone, http.MethodGet, "/", nil))
	require.Empty(t, strings.TrimSpace(w.Body.String()))
}
