package page_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/stream"
	"github.com/gormtrail/audit/viewer"
)

// member is the application's own user.
type member struct {
	ID, Name, Email, Tenant string
	Admin                   bool
	may                     string
}

// May reports whether the user has a permission.
func (m member) May(what string) bool { return strings.Contains(m.may, what) }

func sessionOf(r *http.Request) (member, bool) {
	name := r.Header.Get("X-User")
	return member{ID: "7", Name: name, Email: name + "@acme.example", Tenant: "acme", Admin: name == "ada"}, name != ""
}

// region authorize
func authorize(r *http.Request) (access.Grant, error) {
	user, ok := sessionOf(r)
	if !ok || !user.Admin {
		return access.Grant{}, access.ErrDenied
	}
	return access.Grant{
		Scope:    audit.Filter{Tenants: []string{user.Tenant}}, // limits everything below
		Personal: user.May("see personal data"),                // email and IP addresses
		Export:   true,                                         // downloads
		Follow:   true,                                         // the live feed
		Hidden:   []string{"salary", "profile.iban"},           // fields whose values are masked
		Actor:    audit.Actor{Type: "user", ID: user.ID, Name: user.Name, Email: user.Email},
	}, nil
}

// endregion

func newTrail() *audit.Trail {
	trail, err := audit.New(memstore.New(), nil)
	check(err)
	check(trail.Record(context.Background(), audit.Entry{
		Tenant: "acme", Action: "create", Object: audit.Object{Type: "invoice", ID: "INV-1"},
	}))
	return trail
}

// The page's downloads and a route for exports count as one.
func Example_limits() {
	trail := newTrail()
	// region limits
	limiter, err := export.NewLimiter(4, 1) // exports at once: of the process, of one actor
	if err != nil {
		return
	}
	page, err := viewer.New(trail, &viewer.Options{
		Authorize:        authorize,
		ExportLimiter:    limiter,
		MaxPageBytes:     4 << 20,
		MaxLivePerTenant: 50,
	})
	if err != nil {
		return
	}
	exports, err := export.Handler(trail, &export.Options{
		Authorize:    authorize,
		Limiter:      limiter,
		WriteTimeout: 10 * time.Second,
		MaxRows:      1_000_000,
	})
	// endregion
	check(err)
	for _, h := range []http.Handler{page, exports} {
		r := httptest.NewRequest("GET", "/?export=csv", nil)
		r.Header.Set("X-User", "ada")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("Content-Type"))
	}
	// Output:
	// 200 text/csv; charset=utf-8
	// 200 text/csv; charset=utf-8
}

// One handler for every router.
func Example_mount() {
	gin.SetMode(gin.ReleaseMode)
	trail, mux, r, g, e := newTrail(), http.NewServeMux(), chi.NewRouter(), gin.New(), echo.New()
	// region mount
	page, err := viewer.New(trail, &viewer.Options{Authorize: authorize})

	mux.Handle("/admin/audit", page)              // net/http
	r.Handle("/admin/audit", page)                // chi
	g.GET("/admin/audit", gin.WrapH(page))        // gin
	e.GET("/admin/audit", echo.WrapHandler(page)) // echo
	// endregion
	check(err)
	for _, router := range []http.Handler{mux, r, g, e} {
		fmt.Println(get(router, "ada"), get(router, "bob"))
	}
	// Output:
	// 200 403
	// 200 403
	// 200 403
	// 200 403
}

// The page in a host's own dress.
func Example_dress() {
	logoSVG := []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`)
	labels := map[string]string{"credit_limit": "Credit limit"}
	swedish := viewer.Language{Tag: "sv", Texts: map[string]string{"Action": "Händelse"}}
	// region options
	opts := &viewer.Options{
		Authorize: authorize,
		Title:     "Audit log",
		Back:      viewer.Link{Label: "Lumen Billing", URL: "/"},
		Logo:      logoSVG,
		ThemeCSS:  []byte(`:root { --av-accent: light-dark(#7a2e8e, #e0a8f0); --av-radius: 4px }`),
		RecordURL: func(objectType, id string) string { return "/" + objectType + "/" + url.PathEscape(id) },
		Label:     func(objectType, field string) string { return labels[field] },
		Languages: []viewer.Language{viewer.German(), viewer.French(), swedish},
	}
	// endregion
	page, err := viewer.New(newTrail(), opts)
	check(err)
	fmt.Println(get(page, "ada"))
	// Output: 200
}

// Following the trail in the program itself, and for many readers.
func Example_follow() {
	trail := newTrail()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	filter, after := audit.Filter{Actions: []string{"create"}}, ""
	// region follow
	for event, err := range stream.Tail(ctx, trail, filter, after) { // in the program itself
		if err != nil {
			break
		}
		fmt.Println(event.Action, event.Object.ID, event.Position != "")
		break // or go on for ever
	}

	hub, err := stream.NewHub(trail, nil) // reads the store once for many readers
	if err != nil {
		return
	}
	handler, err := hub.Handler(&stream.HandlerOptions{ // WebSocket and server-sent events
		Authorize: authorize,
	})
	// endregion
	check(err)
	check(hub.Close(ctx))
	fmt.Println(handler != nil)
	// Output:
	// create INV-1 true
	// true
}

func get(h http.Handler, user string) int {
	r := httptest.NewRequest("GET", "/admin/audit", nil)
	r.Header.Set("X-User", user)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
