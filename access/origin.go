package access

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// SameOrigin reports whether a request comes from a page of the same origin, or
// from none: from a program, or because someone typed the address. Live feeds and
// exports answer no other: a browser sends cookies with a WebSocket handshake and
// with a link that another site opens. allowed are origins
// ("https://admin.example.com") to accept beside the request's own host.
//
// Sec-Fetch-Site decides where the browser sends it (Chromium doesn't with
// WebSocket handshakes). Else the Origin's host has to be the request's.
// X-Forwarded-Host counts for this check alone: a page can't set the headers of
// such a request, and a proxy that rewrites Host would otherwise lock everybody
// out. A request without both headers is allowed: browsers since 2023 send one of them.
func SameOrigin(r *http.Request, allowed []string) bool {
	origin := r.Header.Get("Origin")
	if origin != "" && slices.Contains(allowed, origin) {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return false
	}
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	return strings.EqualFold(u.Host, r.Host) || strings.EqualFold(u.Host, r.Header.Get("X-Forwarded-Host"))
}
