package viewer_test

import (
	"html"
	"net/http"
	"strings"
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

// The page passes over a mistyped parameter and says so; nothing that it leads to has it.
func TestThePageSaysWhichParametersItDoesntKnow(t *testing.T) {
	trail := newTrail(t, demo(120)...)
	h := newViewer(t, trail, &viewer.Options{IgnoreParams: []string{"session"}, Languages: []viewer.Language{viewer.German(), viewer.Spanish(), viewer.French(), viewer.Japanese()}})
	const typo = "usr=ada%40lumen.example&utm_source=mail&session=1"
	note := "The address has a parameter that this page doesn't know: usr. Did you mean user?"
	id := "&entry=01980000-0000-7000-8000-000000000007"
	for _, query := range []string{"?per=25&", "?per=25&" + id + "&", "?chart=1&", "?facet=user&", "?legend=1&", "?help=1&", "?per=25" + id + "&view=history&"} {
		page := body(t, h, query+typo)
		contains(t, html.UnescapeString(page), note, query)
		contains(t, page, `role="alert"`, query)
		lacks(t, page, "usr=", query)
		lacks(t, page, "utm_", query)
		lacks(t, body(t, h, query), "role=\"alert\"", query)
	}
	page := body(t, h, "?per=25&action=update&"+typo)
	contains(t, page, `href="?action=update&amp;per=25&amp;user=ada%40lumen.example"`, "what was meant is one click away")
	require.Equal(t, ids(body(t, h, "?per=25&action=update")), ids(page), "the other filters hold")
	for lang, want := range map[string]string{"de": "Meinten Sie user?", "fr": "Vouliez-vous dire user", "es": "¿Querías decir user?", "ja": "user のことですか"} {
		contains(t, body(t, h, "?lang="+lang+"&"+typo), want)
	}

	page = html.UnescapeString(body(t, h, "?"+strings.Repeat("x", 300)+"=1&%3Cb%3E=2&a1=1&a2=1&a3=1&a4=1&a5=1&a6=1&acton=login"))
	contains(t, page, "4 more unknown parameters")
	lacks(t, page, strings.Repeat("x", 201))
	lacks(t, page, "<b>=")
	masked := newViewer(t, trail, &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) { return access.Grant{Everything: true}, nil }})
	page = body(t, masked, "?"+typo)
	contains(t, html.UnescapeString(page), note)
	lacks(t, page, "user=ada", "who may not filter by users isn't led to it")

	for _, query := range []string{"?entry=x&format=json&", "?not=usr%3Dx&", "?jobs=start&"} {
		require.NotEqual(t, http.StatusOK, get(h, query+typo).Code, query)
	}
	require.Equal(t, http.StatusBadRequest, get(h, "?"+typo, "Accept", "application/json").Code)
}
