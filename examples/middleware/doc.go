// Package middleware shows how the audit trail's HTTP middleware is mounted in
// net/http, chi, gin and echo: one line in each. The examples are its tests.
package middleware

import (
	"net/http"
	"net/netip"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/httpaudit"
)

// Options are the same for every router: who acts is what the host's own
// authentication says, here basic authentication, and one proxy is believed.
func Options() *httpaudit.Options {
	return &httpaudit.Options{
		Actor: func(r *http.Request) (audit.Actor, error) {
			name, _, _ := r.BasicAuth()
			return audit.Actor{Type: "user", Name: name}, nil
		},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")},
	}
}
