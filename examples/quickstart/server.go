package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/viewer"
)

// page shows the trail to people.
func (h *host) page() (*viewer.Viewer, error) {
	return viewer.New(h.trail, &viewer.Options{
		Back: viewer.Link{Label: "Quickstart", URL: "/"},
		// English, and what the reader's browser asks for.
		Languages: []viewer.Language{viewer.German(), viewer.Spanish(), viewer.French(), viewer.Japanese()},
		Authorize: authorize,
		RecordURL: recordURL,
		Users:     h.users,
		Jobs:      h.jobs,
	})
}

// users returns the users of the organizations, or all if organizations is nil. With them
// the page's user menu also lists people who have done nothing yet.
//
// region users
func (h *host) users(ctx context.Context, organizations []string, find string) ([]audit.Actor, error) {
	find = "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(find) + "%"
	query := h.db.WithContext(ctx).Where(`users.name LIKE ? ESCAPE '\' OR users.email LIKE ? ESCAPE '\'`, find, find)
	if organizations != nil {
		query = query.Where("organization_id IN (?)", h.db.Model(&Organization{}).Select("id").Where("slug IN ?", organizations))
	}
	var found []User
	if err := query.Order("name").Limit(1000).Find(&found).Error; err != nil {
		return nil, err
	}
	var list []audit.Actor
	for _, u := range found {
		list = append(list, userActor(u))
	}
	return list, nil
}

// endregion

// recordURL is the host's own page of a record: its JSON.
func recordURL(objectType, id string) string {
	switch objectType {
	case "organizations", "users", "security_groups", "projects":
		return "/api/" + objectType + "/" + id
	case "api_key":
		return "/api/api_keys/" + id
	}
	return ""
}

// exports are the trail's downloads. An export is itself something to see on the
// trail.
func (h *host) exports() (http.Handler, error) {
	return export.Handler(h.trail, &export.Options{Authorize: authorize, Record: h.trail, Logger: h.log, Now: h.clock.Now})
}

// handler is the whole application: its own API, and the trail's.
func (h *host) handler(page, exports http.Handler, byDefault, address string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/audit", page)
	serve[Organization](mux, h, "organizations", "organizations", true)
	serve[User](mux, h, "users", "users", true)
	serve[APIKey](mux, h, "api_keys", "api_key", false)
	serve[SecurityGroup](mux, h, "security_groups", "security_groups", false)
	serve[Project](mux, h, "projects", "projects", true)
	mux.HandleFunc("POST /login", handle(h.login))

	mux.HandleFunc("GET /api/audit/entries", handle(h.scoped(queryTrail)))
	mux.HandleFunc("GET /api/audit/entries/{id}", handle(h.scoped(getEntry)))
	mux.HandleFunc("GET /api/audit/facets", handle(h.scoped(facets)))
	mux.Handle("GET /api/audit/export", exports)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, guide(address, byDefault))
	})
	return h.identify(mux, byDefault)
}

// scoped shows callers what they may see of the trail, as page and export do.
func (h *host) scoped(read func(*http.Request, audit.Reader) (any, error)) func(*http.Request) (int, any, error) {
	return func(r *http.Request) (int, any, error) {
		grant, err := access.Authorize(authorize).Grant(r)
		if err != nil {
			return 0, nil, err
		}
		body, err := read(r, grant.Reader(h.trail))
		return http.StatusOK, body, err
	}
}

// page is an audit.Page as JSON.
type page struct {
	Entries []audit.Entry `json:"entries"`
	Next    string        `json:"next"`
	Prev    string        `json:"prev"`
}

func queryTrail(r *http.Request, view audit.Reader) (any, error) {
	q, err := audit.ParseQuery(r.URL.Query())
	if err != nil {
		return nil, err
	}
	p, err := view.Query(r.Context(), q)
	if err != nil {
		return nil, err
	}
	return page{append([]audit.Entry{}, p.Entries...), p.Next, p.Prev}, nil
}

func getEntry(r *http.Request, view audit.Reader) (any, error) {
	e, err := view.Get(r.Context(), r.PathValue("id"))
	return e, err
}

func facets(r *http.Request, view audit.Reader) (any, error) {
	f, err := audit.ParseFilter(r.URL.Query())
	if err != nil {
		return nil, err
	}
	values, err := view.Facets(r.Context(), f)
	return choices(values), err
}

// choices are audit.Facets as JSON.
type choices struct {
	Tenants     []string `json:"tenants"`
	Projects    []string `json:"projects"`
	Actions     []string `json:"actions"`
	Outcomes    []string `json:"outcomes"`
	ObjectTypes []string `json:"object_types"`
	Products    []string `json:"products"`
	ActorTypes  []string `json:"actor_types"`
	Users       []string `json:"users"`
	OnBehalfOf  []string `json:"on_behalf_of"`
}

// login is what no row change shows: an entry that the host records itself,
// for failures too.
func (h *host) login(r *http.Request) (int, any, error) {
	var sent struct{ Email, Password string }
	if err := decode(r, &sent); err != nil {
		return 0, nil, err
	}
	var u User
	err := h.db.WithContext(r.Context()).Preload("Organization").Where("email = ?", sent.Email).First(&u).Error
	if err != nil && !errors.Is(err, gorm.ErrRecordNotFound) {
		return 0, nil, err
	}
	ok := err == nil && u.Active && u.passwordIs(sent.Password)
	if err := h.recordLogin(r, sent.Email, u, ok); err != nil {
		return 0, nil, err
	}
	if !ok {
		return 0, nil, &problem{http.StatusUnauthorized, "wrong email or password"}
	}
	err = h.db.WithContext(r.Context()).Model(&u).UpdateColumn("last_login_at", h.clock.Now()).Error
	return http.StatusOK, map[string]string{"actor": u.Email, "hint": "send it as X-Actor"}, err
}

func (h *host) recordLogin(r *http.Request, email string, u User, ok bool) error {
	e := loginEntry(u, ok)
	if u.ID == 0 {
		e.Actor = audit.Actor{Type: "user", Email: email}
		e.Error = "no such user"
	}
	return h.trail.Record(r.Context(), e)
}

func loginEntry(u User, ok bool) audit.Entry {
	e := audit.Entry{Action: "login", Actor: userActor(u)}
	if u.ID != 0 {
		e.Object = audit.Object{Type: "users", ID: fmt.Sprint(u.ID), Name: u.Name}
	}
	if u.Organization != nil {
		e.Tenant = u.Organization.Slug
	}
	if !ok {
		e.Outcome, e.Error = audit.Failure, "wrong password"
	}
	return e
}
