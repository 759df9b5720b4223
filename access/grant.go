package access

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gormtrail/audit"
)

// ErrDenied is returned by an Authorize that refuses a request. The client gets
// status 403. Any other error has the same effect, and is also logged: a check
// that failed is not a permission.
var ErrDenied = errors.New("access: this request may not read the audit log")

var errNoTenant = errors.New("access: the grant names no tenant; list tenants in Grant.Scope.Tenants, or set Grant.Everything")

// Grant is what one request may see and do. The zero value shows nothing.
type Grant struct {
	// Scope limits every read: page, API, facets, exports and live feed. It has
	// to list tenants, and "" is not one of them, unless Everything is set. In
	// any field a list that is empty and not nil selects nothing.
	Scope audit.Filter
	// Everything opens all tenants, and entries without one. The rest of Scope
	// still holds.
	Everything bool
	// Export allows downloads.
	Export bool
	// Follow allows the live feed.
	Follow bool
	// Operate allows what changes something, such as jobs.
	Operate bool
	// Personal shows email and IP addresses. Without it they are masked in every
	// text, and can't be filtered, sorted or searched by.
	Personal bool
	// Hidden are fields whose values are masked: columns ("salary"), paths inside
	// structured values ("settings.token") and keys of the metadata. Places in
	// lists don't matter: "tags.secret" and "tags[2].secret" are the same. That
	// such a field changed is still shown.
	Hidden []string
	// Actor is the person or program that reads, for entries about reading.
	// Default: the actor in the request's context (audit.WithActor).
	Actor audit.Actor
}

// Authorize returns what a request may see and do. Each handler calls it for
// every request, and again while a live feed is open.
type Authorize func(*http.Request) (Grant, error)

// Grant calls a and validates its answer. It fills in the default of Actor.
func (a Authorize) Grant(r *http.Request) (Grant, error) {
	g, err := a(r)
	if err == nil {
		err = g.Validate()
	}
	if err != nil {
		return Grant{}, err
	}
	if g.Actor.IsZero() {
		g.Actor = audit.ActorFrom(r.Context())
	}
	return g, nil
}

// InsecureForDevelopment is an Authorize that lets everybody see and do
// everything. Use it on your own machine only.
func InsecureForDevelopment(*http.Request) (Grant, error) {
	return Grant{Everything: true, Export: true, Follow: true, Operate: true, Personal: true}, nil
}

// Validate returns an error for a grant that shows nothing because its scope
// lists no tenant, or lists "", and for a scope that isn't a valid filter.
func (g Grant) Validate() error {
	tenants := g.Everything
	for _, term := range g.Scope.Terms() {
		if g.Everything {
			break
		}
		if slices.Contains(term.Tenants, "") {
			return errNoTenant
		}
		tenants = tenants || len(term.Tenants) > 0
	}
	if !tenants {
		return errNoTenant
	}
	return g.Scope.Validate()
}

func (g Grant) mask() mask { return newMask(g.Personal, g.Hidden, audit.Mask) }

// ownScope copies the scope: And copies its lists, and makes an empty one select
// nothing. Match then agrees with queries. See within for tenants.
func (g Grant) ownScope() audit.Filter {
	terms := audit.Filter{}.And(g.Scope).Terms()[1:]
	scope := terms[0]
	for _, term := range terms[1:] {
		if len(term.Tenants) == 1 && slices.Equal(term.Tenants, scope.Tenants) {
			term.Tenants = nil
		}
		scope = scope.And(term)
	}
	return scope
}

// within adds the scope to a filter, and keeps the filter's keywords from metadata if
// some may be hidden.
//
// A tenant that the scope asks for anyway isn't asked for twice: databases choose
// worse plans for a repeated condition, by a factor of a thousand.
func (g Grant) within(f audit.Filter) audit.Filter {
	for _, limit := range g.Scope.Terms() {
		if len(limit.Tenants) == 1 && slices.Equal(f.Tenants, limit.Tenants) {
			f.Tenants = nil
		}
	}
	if len(g.Hidden) > 0 {
		f = f.WithoutMetadata()
	}
	return f.And(g.Scope)
}
