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
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/httpaudit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// User is a model that the application had before.
type User struct {
	ID       uint
	Email    string
	Role     string
	Password string
}

// application is what was there before: a database, routes, and functions that
// know who sends a request and what they may see.
type application struct {
	db      *gorm.DB
	mux     *http.ServeMux
	actorOf func(*http.Request) (audit.Actor, error)
	mayRead access.Authorize

	trail   *audit.Trail
	handler http.Handler
}

// addTrail is all that it gets.
func (a *application) addTrail(ctx context.Context) error {
	db, mux, actorOf, mayRead := a.db, a.mux, a.actorOf, a.mayRead
	// region embed
	store, err := gormstore.New(db, nil) // the trail lives in your own database
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx); err != nil { // makes its tables, or upgrades them
		return err
	}
	trail, err := audit.New(store, nil)
	if err != nil {
		return err
	}
	if err := db.Use(hooks.New(trail, nil)); err != nil { // from here on, changes are on it
		return err
	}
	handler := httpaudit.Middleware(&httpaudit.Options{Actor: actorOf})(mux) // who, from where
	// endregion
	// region export
	exports, err := export.Handler(trail, &export.Options{Authorize: mayRead})
	if err != nil {
		return err
	}
	mux.Handle("GET /audit/export", exports)
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
	actorOf := func(r *http.Request) (audit.Actor, error) {
		return audit.Actor{Type: "user", Email: r.Header.Get("X-User")}, nil
	}
	mayRead := func(*http.Request) (access.Grant, error) {
		return access.Grant{Everything: true, Personal: true, Export: true}, nil
	}
	app := &application{db: db, mux: mux, actorOf: actorOf, mayRead: mayRead}
	check(app.addTrail(ctx))
	trail, handler := app.trail, app.handler

	mux.HandleFunc("POST /users", func(w http.ResponseWriter, r *http.Request) {
		check(db.WithContext(r.Context()).Create(&User{Email: "bob@acme.example", Role: "member", Password: "hunter2"}).Error)
	})
	mux.HandleFunc("POST /users/{id}/promote", func(w http.ResponseWriter, r *http.Request) {
		// region change
		// Your code stays as it is: pass the request's context on, as you may do already.
		err := db.WithContext(r.Context()).Model(&User{}).Where("id = ?", r.PathValue("id")).Update("role", "admin").Error
		// endregion
		check(err)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		// region record
		// What is no row change, you record: logins and failures, for instance.
		err := trail.Record(r.Context(), audit.Entry{Action: "login", Outcome: audit.Failure, Error: "wrong password"})
		// endregion
		check(err)
	})
	for _, path := range []string{"/users", "/users/1/promote", "/login"} {
		send(handler, "POST", path)
	}

	// region query
	page, err := trail.Query(ctx, audit.Query{Filter: audit.Filter{Users: []string{"ada@acme.example"}}, Sort: audit.SortTime})
	if err != nil {
		return
	}
	for _, e := range page.Entries {
		fmt.Println(e.Actor.Email, e.Request.IP, e.Action, e.Object.Type, e.Object.ID, e.Outcome)
		for _, c := range e.Changes {
			fmt.Println("  ", c.Field, c.Op, c.Old, "->", c.New)
		}
	}
	// endregion
	file := send(handler, "GET", "/audit/export?format=csv")
	fmt.Println(strings.Count(file, "ada@acme.example") > 0, strings.Contains(file, "hunter2"))
	// Output:
	// ada@acme.example 203.0.113.7 create users 1 success
	//    id add <nil> -> 1
	//    email add <nil> -> bob@acme.example
	//    role add <nil> -> member
	//    password add <nil> -> [masked]
	// ada@acme.example 203.0.113.7 update users 1 success
	//    role replace member -> admin
	// ada@acme.example 203.0.113.7 login   failure
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
