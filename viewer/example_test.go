package viewer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

func ExampleNew() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	_ = trail.Record(context.Background(), audit.Entry{
		Tenant: "acme", Action: "create", Object: audit.Object{Type: "invoice", ID: "INV-1"},
	})
	page, err := viewer.New(trail, &viewer.Options{
		Authorize: func(r *http.Request) (access.Grant, error) {
			tenant := r.Header.Get("X-Tenant") // a host asks its session
			if tenant == "nobody" {
				return access.Grant{}, access.ErrDenied
			}
			return access.Grant{Scope: audit.Filter{Tenants: []string{tenant}}, Export: true, Follow: true}, nil
		},
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/admin/audit", page)

	for _, tenant := range []string{"nobody", "other", "acme"} {
		r := httptest.NewRequest(http.MethodGet, "/admin/audit?facet=action&format=json", nil)
		r.Header.Set("X-Tenant", tenant)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		fmt.Println(w.Code, tenant, string(bytes.TrimSpace(body)))
	}
	// Output:
	// 403 nobody {"title":"You don't have access to this audit log","status":403,"detail":"Sign in with another account, or ask your administrator for access."}
	// 200 other {"facet":"action","values":[],"total":0}
	// 200 acme {"facet":"action","values":["create"],"labels":{"create":"Created"},"total":1}
}

// viewsOfTenants keeps saved views in memory, those of each tenant apart. An app would
// keep them in its database.
type viewsOfTenants map[string][]viewer.SavedView

func (v viewsOfTenants) List(_ context.Context, g access.Grant) ([]viewer.SavedView, error) {
	return v[g.Tenant()], nil
}

func (v viewsOfTenants) Save(_ context.Context, g access.Grant, view viewer.SavedView) error {
	v[g.Tenant()] = append(v[g.Tenant()], view)
	return nil
}

func (v viewsOfTenants) Remove(_ context.Context, g access.Grant, name string) error {
	v[g.Tenant()] = slices.DeleteFunc(v[g.Tenant()], func(view viewer.SavedView) bool { return view.Name == name })
	return nil
}

func ExampleViews() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	views := viewsOfTenants{}
	page, err := viewer.New(trail, &viewer.Options{Views: views, Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Scope: audit.Filter{Tenants: []string{"acme"}}, Operate: true, Actor: audit.Actor{ID: "ada"}}, nil
	}})
	if err != nil {
		panic(err)
	}
	form := url.Values{"name": {"Failed logins"}, "query": {"action=login&outcome=failure"}}
	r := httptest.NewRequest(http.MethodPost, "/admin/audit?views=save", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("Location"))
	fmt.Println(views["acme"])
	// Output:
	// 303 /admin/audit?action=login&outcome=failure
	// [{Failed logins action=login&outcome=failure}]
}

// The user menu lists the users of the reader's organization, also those who did nothing.
func ExampleOptions_users() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	_ = trail.Record(context.Background(), audit.Entry{Tenant: "acme", Action: "login", Actor: audit.Actor{ID: "1", Email: "ada@acme.example"}})
	usersOf := map[string][]audit.Actor{"acme": {{ID: "1", Email: "ada@acme.example"}, {ID: "2", Email: "ben@acme.example"}}}
	page, err := viewer.New(trail, &viewer.Options{
		Authorize: func(*http.Request) (access.Grant, error) {
			return access.Grant{Scope: audit.Filter{Tenants: []string{"acme"}}, Personal: true}, nil
		},
		Users: func(_ context.Context, tenants []string, find string) (list []audit.Actor, err error) {
			for _, tenant := range tenants {
				list = append(list, usersOf[tenant]...) // a host asks its database, for those who contain find
			}
			return list, nil
		},
	})
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?facet=user&format=json", nil))
	fmt.Print(w.Body)
	// Output:
	// {"facet":"user","values":["ada@acme.example","ben@acme.example"],"total":2}
}
