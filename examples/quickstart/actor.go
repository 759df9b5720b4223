package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/httpaudit"
)

// operator works for the platform itself and may do everything, everywhere.
const operator = "olivia@platform.example"

// caller is who sends a request.
type caller struct {
	user     User
	org      Organization
	operator bool
}

type callerKey struct{}

// actorCookie keeps what a browser's ?as= said for its next requests.
const actorCookie = "quickstart_actor"

// identify stands for a host's authentication: it believes the header X-Actor,
// or ?as= for a browser, and takes -as where neither was ever said. A real host
// looks at a session or token here.
func (h *host) identify(next http.Handler, byDefault string) http.Handler {
	audited := httpaudit.Middleware(&httpaudit.Options{Actor: actorOf, Tenant: tenantOf})(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		values := r.URL.Query()
		name := values.Get("as")
		if cookie, err := r.Cookie(actorCookie); err == nil && !values.Has("as") {
			name = cookie.Value
		}
		if values.Has("as") { // the filters of the trail don't know it
			http.SetCookie(w, &http.Cookie{Name: actorCookie, Value: name, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			values.Del("as")
			u := *r.URL
			u.RawQuery = values.Encode()
			r = r.Clone(r.Context())
			r.URL = &u
		}
		if header := r.Header.Get("X-Actor"); header != "" {
			name = header
		}
		if name == "" {
			name = byDefault
		}
		who, err := h.find(r.Context(), name)
		ctx := context.WithValue(r.Context(), callerKey{}, lookup{name, who, err})
		audited.ServeHTTP(w, r.WithContext(ctx))
	})
}

// lookup is what identify found.
type lookup struct {
	name   string
	caller caller
	err    error
}

var errUnknownActor = errors.New("there is no such user")

func (h *host) find(ctx context.Context, email string) (caller, error) {
	if email == operator {
		return caller{user: User{Email: operator, Name: "Olivia Berg"}, operator: true}, nil
	}
	var u User
	err := h.db.WithContext(ctx).Preload("Organization").Where("email = ? AND active", email).First(&u).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound) || err == nil && u.Organization == nil:
		return caller{}, errUnknownActor
	case err != nil:
		return caller{}, err
	}
	return caller{user: u, org: *u.Organization}, nil
}

func lookupOf(r *http.Request) lookup {
	l, _ := r.Context().Value(callerKey{}).(lookup)
	return l
}

// actorOf gives the trail what the authentication found. On an error the name
// that was claimed stays on the entries.
func actorOf(r *http.Request) (audit.Actor, error) {
	l := lookupOf(r)
	if l.err != nil {
		return audit.Actor{Name: l.name}, l.err
	}
	return l.caller.actor(), nil
}

func tenantOf(r *http.Request) (tenant, project string) {
	return lookupOf(r).caller.org.Slug, ""
}

func (c caller) actor() audit.Actor {
	if c.operator {
		return audit.Actor{Type: "operator", ID: "1", Name: c.user.Name, Email: c.user.Email}
	}
	return userActor(c.user)
}

func userActor(u User) audit.Actor {
	return audit.Actor{Type: "user", ID: fmt.Sprint(u.ID), Name: u.Name, Email: u.Email}
}

// mayWrite: owners and admins change things in their own organization.
func (c caller) mayWrite(organizationID uint) bool {
	return c.operator || c.org.ID == organizationID && c.user.Role != "member"
}

func (c caller) mayRead(organizationID uint) bool {
	return c.operator || c.org.ID == organizationID
}

// authorize says what the caller may see of the audit log: the operator all of it,
// owners and admins their organization's. Page, export and API all ask it.
func authorize(r *http.Request) (access.Grant, error) {
	l := lookupOf(r)
	c := l.caller
	grant := access.Grant{Personal: true, Export: true, Follow: true, Operate: true}
	switch {
	case l.err != nil:
	case c.operator:
		grant.Everything = true
		return grant, nil
	case c.user.Role == "owner" || c.user.Role == "admin":
		grant.Scope.Tenants = []string{c.org.Slug}
		return grant, nil
	}
	return access.Grant{}, errors.Join(access.ErrDenied, &problem{http.StatusForbidden, l.who() + " has no access to the audit log"})
}
