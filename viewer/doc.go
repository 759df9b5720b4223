// Package viewer is the page of an audit trail: read, filter, open, export,
// follow live. It is one http.Handler that a host mounts in any router, under
// any path:
//
//	page, err := viewer.New(trail, &viewer.Options{Authorize: authorize})
//	mux.Handle("/admin/audit", page)
//
// Everything is in the query string, and every link begins with "?", so the
// page never needs to know its own path: a prefix, a trailing slash or a proxy
// that strips part of the path makes no difference.
//
// The same URLs answer as JSON where format=json or the Accept header asks for
// it. An OpenAPI 3.1 description is served at ?asset=openapi.json.
//
// The page is readable without JavaScript, asks no other host for anything, and
// runs under a Content-Security-Policy without inline script or style. It only
// reads: every method but GET and HEAD is refused.
package viewer
