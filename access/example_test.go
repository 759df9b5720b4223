package access_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
)

// An application's own API reads the audit log as its page, exports and live feed
// do: through the grant.
func ExampleGrant_Reader() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	_ = trail.Record(context.Background(), audit.Entry{
		Tenant: "acme", Action: "login", Actor: audit.Actor{Name: "Ada", Email: "ada@acme.example"}, Comment: "from 203.0.113.7",
	})
	var authorize access.Authorize = func(r *http.Request) (access.Grant, error) {
		tenant := r.Header.Get("X-Tenant") // an application asks its session
		if tenant == "nobody" {
			return access.Grant{}, access.ErrDenied
		}
		return access.Grant{Scope: audit.Filter{Tenants: []string{tenant}}}, nil
	}

	for _, tenant := range []string{"acme", "rival", "", "nobody"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Tenant", tenant)
		grant, err := authorize.Grant(r) // calls authorize, and validates what it grants
		if err != nil {
			fmt.Println(err)
			continue
		}
		// region reader
		log := grant.Reader(trail) // scoped and masked
		page, err := log.Query(r.Context(), audit.Query{})
		// endregion
		if err != nil {
			panic(err)
		}
		fmt.Println(len(page.Entries), "entries")
		for _, e := range page.Entries {
			fmt.Println(e.Actor.Name, e.Actor.Email, e.Comment)
		}
	}
	// Output:
	// 1 entries
	// Ada [masked] from [masked]
	// 0 entries
	// access: the grant names no tenant; list tenants in Grant.Scope.Tenants, or set Grant.Everything
	// access: this request may not read the audit log
}

// A list of your own shows how many fields changed: it needs no values, and nothing
// of them has to be masked.
func ExampleGrant_List() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	_ = trail.Record(ctx, audit.Entry{Tenant: "acme", Action: "update", Changes: []audit.Change{
		{Field: "email", Op: audit.OpReplace, Old: "ada@acme.example", New: "a@acme.example"}, {Field: "role", Op: audit.OpAdd, New: "admin"},
	}})
	grant := access.Grant{Scope: audit.Filter{Tenants: []string{"acme"}}}
	list, err := grant.List(ctx, trail, audit.Query{}, 1)
	if err != nil {
		panic(err)
	}
	for i, e := range list.Entries {
		fmt.Println(e.Action, e.Changes[0].Field, e.Changes[0].New, "of", list.Changes[i])
	}
	// Output: update email [masked] of 2
}
