package viewer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

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
	// 200 acme {"facet":"action","values":["create"],"total":1}
}
