package viewer_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/stream"
	"github.com/gormtrail/audit/viewer"
)

// API, downloads, feed and the export handler refuse a mistyped parameter by name, and
// pass over what campaigns and the application add, which can't be a filter.
func TestAMistypedParameterIsRefused(t *testing.T) {
	trail := newTrail(t, demo(5)...)
	ignore := []string{"session", "action"}
	page := newViewer(t, trail, &viewer.Options{IgnoreParams: ignore})
	file, err := export.Handler(trail, &export.Options{Authorize: access.InsecureForDevelopment, IgnoreParams: ignore})
	require.NoError(t, err)
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, hub.Close(t.Context())) }()
	feed, err := hub.Handler(&stream.HandlerOptions{Authorize: access.InsecureForDevelopment, IgnoreParams: ignore})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		handler http.Handler
		query   string
	}{
		"API": {page, "?format=json"}, "download": {page, "?export=csv"}, "live": {page, "?live=1"}, "export": {file, "?format=csv"}, "feed": {feed, "?"},
	} {
		w := get(c.handler, c.query+"&utm_source=mail&session=1&acton=login")
		require.Equal(t, http.StatusBadRequest, w.Code, name)
		require.Contains(t, w.Body.String(), "acton", name)
		require.Contains(t, w.Body.String(), "did you mean action?", name)
		if name == "live" || name == "feed" {
			continue // it would follow
		}
		w = get(c.handler, c.query+"&utm_source=mail&session=1&action=nobody+did+this")
		require.Equal(t, http.StatusOK, w.Code, "%s: %s", name, w.Body)
		require.NotContains(t, w.Body.String(), "lumen.example", "%s: the filter still holds", name)
	}
}
