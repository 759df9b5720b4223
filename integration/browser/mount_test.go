package browser

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

// TestMounts: one handler, without a path option, under whatever path: the page
// has its style, its script runs, an entry opens under the same path, and the
// live feed is found. The routers of others are in examples/viewer-mounts.
func TestMounts(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	page, err := viewer.New(s.trail, &viewer.Options{Authorize: access.InsecureForDevelopment})
	require.NoError(t, err)

	mux := http.NewServeMux()
	mux.Handle("/exact", page)
	mux.Handle("/tree/", page)
	mux.Handle("/stripped/", http.StripPrefix("/stripped", page))
	inner := httptest.NewServer(page)
	defer inner.Close()
	defer inner.CloseClientConnections()
	to, err := url.Parse(inner.URL)
	require.NoError(t, err)
	mux.Handle("/outer/deep/", http.StripPrefix("/outer/deep", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.SetXForwarded() // the host that the browser knows; r.Out.Host is another
	}}))
	server := httptest.NewServer(mux)
	defer server.Close()
	defer server.CloseClientConnections()

	b := newTab(t, browser, server)
	for i, path := range []string{"/exact", "/tree/", "/tree/a/b", "/stripped/", "/outer/deep/", "/outer/deep/x"} {
		b.do(chromedp.Navigate(server.URL + path))
		require.Equal(t, "grid", b.eval(`getComputedStyle(document.querySelector('.filters')).display`), path)
		require.Equal(t, "true", b.eval(`document.documentElement.classList.contains('js')`), path)
		if i == 0 {
			b.click(".live") // and remembered from here on
		}
		b.until(chip + ` === 'Live'`)
		b.click("thead .c-user a")
		b.until(search + ` === '?sort=user'`)
		require.Equal(t, path, b.eval(`location.pathname`))
		b.click("#results tbody th a")
		b.until(`document.querySelector('.entry-title')`)
		require.Equal(t, path, b.eval(`location.pathname`))
	}
}
