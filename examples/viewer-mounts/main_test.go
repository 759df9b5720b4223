package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
)

// TestEveryMountServesTheWholePage follows the page's own links, as a browser
// resolves them, and opens the live feed.
func TestEveryMountServesTheWholePage(t *testing.T) {
	page, err := newPage(t.Context())
	require.NoError(t, err)
	for path, handler := range mounts(page) {
		t.Run(path, func(t *testing.T) {
			server := httptest.NewServer(handler)
			defer server.Close()
			checkPage(t, server.URL+path)
		})
	}
	// Behind a proxy that takes part of the path away and has a host name of its
	// own for the server.
	mux := http.NewServeMux()
	for path, handler := range mounts(page) {
		mux.Handle(path, handler)
	}
	inner := httptest.NewServer(mux)
	defer inner.Close()
	to, err := url.Parse(inner.URL)
	require.NoError(t, err)
	outer := httptest.NewServer(http.StripPrefix("/outer/deep", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.SetXForwarded()
	}}))
	defer outer.Close()
	checkPage(t, outer.URL+"/outer/deep/chi/audit")
}

var link = regexp.MustCompile(`(?:href|src)="(\?[^"]*)"`)

func checkPage(t *testing.T, address string) {
	t.Helper()
	base, err := url.Parse(address)
	require.NoError(t, err)
	list := fetch(t, base, "?")
	seen := 0
	for _, m := range link.FindAllStringSubmatch(list, -1) {
		fetch(t, base, strings.ReplaceAll(m[1], "&amp;", "&"))
		seen++
	}
	require.Greater(t, seen, 15)
	require.Contains(t, list, "INV-1")

	origin := base.Scheme + "://" + base.Host
	conn, _, err := websocket.Dial(t.Context(), address+"?live=ws", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {origin}}})
	require.NoError(t, err)
	_, _, err = conn.Read(t.Context())
	require.NoError(t, err)
	_ = conn.CloseNow()
}

func fetch(t *testing.T, base *url.URL, ref string) string {
	t.Helper()
	to, err := base.Parse(ref)
	require.NoError(t, err)
	answer, err := http.Get(to.String())
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, ref)
	return string(body)
}
