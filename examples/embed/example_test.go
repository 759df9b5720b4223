package embed_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/httpaudit"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/viewer"
)

// User is a model that the application had before.
type User struct {
	ID       uint
	Email    string
	Role     string
	Password string
}

// application is what was there before: a database and routes.
type application struct {
	db  *gorm.DB
	mux *http.ServeMux

	trail   *audit.Trail
	handler http.Handler
}

// session is what the application's own authentication knows.
type session struct {
	UserID, Email, Organization string
	Admin                       bool
}

func sessionOf(r *http.Request) (session, bool) {
	email := r.Header.Get("X-User")
	return session{UserID: "7", Email: email, Organization: "acme", Admin: true}, email != ""
}

// region functions
// actorOf returns who sends the request. The zero Actor is a visitor.
func actorOf(r *http.Request) (audit.Actor, error) {
	user, _ := sessionOf(r) // your own function
	return audit.Actor{Type: "user", ID: user.UserID, Email: user.Email}, nil
}

// tenantOf returns whose data the request is about.
func tenantOf(r *http.Request) (tenant, project string) {
	user, _ := sessionOf(r)
	return user.Organization, ""
}

// mayRead returns what the request may see: here, an admin's own organization.
func mayRead(r *http.Request) (access.Grant, error) {
	user, ok := sessionOf(r)
	if !ok || !user.Admin {
		return access.Grant{}, access.ErrDenied
	}
	return access.Grant{
		Scope:    audit.Filter{Tenants: []string{user.Organization}},
		Personal: true, // emails and IP addresses
		Export:   true, // downloads
		Follow:   true, // live updates
	}, nil
}

// endregion

// addAuditLog is all that it gets.
func (a *application) addAuditLog(ctx context.Context) error {
	db, mux := a.db, a.mux
	// region embed
	store, err := gormstore.New(db, nil) // the audit log is kept in your own database
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx); err != nil { // creates or upgrades its tables
		return err
	}
	trail, err := audit.New(store, nil)
	if err != nil {
		return err
	}
	if err := db.Use(hooks.New(trail, nil)); err != nil { // captures row changes from here on
		return err
	}
	page, err := viewer.New(trail, &viewer.Options{Authorize: mayRead})
	if err != nil {
		return err
	}
	go func() { _ = store.Run(ctx) }() // keeps the filters' choices up to date; it logs its errors
	mux.Handle("/admin/audit", page)   // list, details, downloads, live updates, JSON API
	handler := httpaudit.Middleware(&httpaudit.Options{Actor: actorOf, Tenant: tenantOf})(mux)
	// endregion
	a.trail, a.handler = trail, handler
	return nil
}

func Example() {
	ctx := context.Background()
	db, err := gorm.Open(sqlite.Open("file:embed?mode=memory&cache=shared"), nil)
	check(err)
	check(db.AutoMigrate(&User{}))
	mux := http.NewServeMux()
	app := &application{db: db, mux: mux}
	check(app.addAuditLog(ctx))
	trail, handler := app.trail, app.handler

	mux.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) {
		check(db.WithContext(r.Context()).Create(&User{Email: "bob@acme.example", Role: "member", Password: "hunter2"}).Error)
	})
	mux.HandleFunc("POST /users/{id}/promote", func(w http.ResponseWriter, r *http.Request) {
		// region change
		// Your code stays as it is. Pass the request's context to GORM, as you may do already.
		err := db.WithContext(r.Context()).Model(&User{}).Where("id = ?", r.PathValue("id")).Update("role", "admin").Error
		// endregion
		check(err)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		// region record
		// Record events that change no row, such as logins.
		err := trail.Record(r.Context(), audit.Entry{Action: "login", Outcome: audit.Failure, Error: "wrong password"})
		// endregion
		check(err)
	})
	for _, path := range []string{"/users", "/users/1/promote", "/login"} {
		send(handler, "POST", path)
	}

	// region query
	query := audit.Query{Filter: audit.Filter{Users: []string{"ada@acme.example"}}, Sort: audit.SortTime}
	for e, err := range trail.All(ctx, query) {
		if err != nil {
			break
		}
		fmt.Println(e.Tenant, e.Actor.Email, e.Request.IP, e.Action, e.Object.Type, e.Object.ID, e.Outcome)
		for _, c := range e.Changes {
			fmt.Println("  ", c.Field, c.Op, c.Old, "->", c.New)
		}
	}
	// endregion
	file := send(handler, "GET", "/admin/audit?export=csv")
	fmt.Println(strings.Count(file, "ada@acme.example") > 0, strings.Contains(file, "hunter2"))
	// Output:
	// acme ada@acme.example 203.0.113.7 create users 1 success
	//    id add <nil> -> 1
	//    email add <nil> -> bob@acme.example
	//    role add <nil> -> member
	//    password add <nil> -> [masked]
	// acme ada@acme.example 203.0.113.7 update users 1 success
	//    role replace member -> admin
	// acme ada@acme.example 203.0.113.7 login   failure
	// true false
}

func send(h http.Handler, method, path string) string {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr = "203.0.113.7:4711"
	r.Header.Set("X-User", "ada@acme.example")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Body.String()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
