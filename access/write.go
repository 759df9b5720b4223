package access

import "net/http"

// MayWrite reports whether a request may change something: it is a POST, it comes
// from a page of the same origin or from a program (SameOrigin, without further
// origins), and g allows it (Grant.Operate). Every handler that starts, cancels or
// stores something asks this first, so a link or a form on another site can't.
func (g Grant) MayWrite(r *http.Request) bool {
	return r.Method == http.MethodPost && SameOrigin(r, nil) && g.Operate
}
