package audit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// A trail in memory: who is in the context, what is in the entry.
func Example() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := audit.WithActor(context.Background(), audit.Actor{Type: "user", ID: "7", Email: "ada@example.com"})
	ctx = audit.WithRequest(ctx, audit.Request{IP: "10.1.2.3", UserAgent: "curl"})
	err = trail.Record(ctx, audit.Entry{
		Action: "update", Object: audit.Object{Type: "vpns", ID: "42", Name: "Office VPN"},
		Changes: []audit.Change{{Field: "port", Old: 1194, New: 443}, {Field: "psk_secret", Old: "old", New: "new"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	page, err := trail.Query(ctx, audit.Query{Filter: audit.Filter{Users: []string{"ada@example.com"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range page.Entries {
		fmt.Println(e.Actor.User(), e.Action, e.Object.Name, "from", e.Request.IP)
		for _, c := range e.Changes {
			fmt.Println(" ", c.Field, c.Old, "->", c.New)
		}
	}
	// Output:
	// ada@example.com update Office VPN from 10.1.2.3
	//   port 1194 -> 443
	//   psk_secret [masked] -> [masked]
}

// Failed and denied attempts are entries too.
func ExampleTrail_Record() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	fmt.Println(trail.Record(ctx, audit.Entry{Action: "login", Outcome: audit.Failure, Error: "wrong password", Actor: audit.Actor{Name: "ada"}}))

	err = trail.Record(ctx, audit.Entry{Object: audit.Object{Type: "users"}})
	var invalid *audit.EntryError
	fmt.Println(errors.As(err, &invalid), err)
	// Output:
	// <nil>
	// true audit: invalid entry 0: action: is missing
}

// Pages by cursor: entries that are appended meanwhile shift nothing.
func ExampleTrail_Query() {
	trail, ctx := trailOfLogins("ada", "bob", "eve")
	q := audit.Query{Sort: audit.SortUser, Limit: 2}
	for {
		page, err := trail.Query(ctx, q)
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, e := range page.Entries {
			fmt.Print(e.Actor.User(), " ")
		}
		fmt.Println("| more:", page.Next != "")
		if page.Next == "" {
			return
		}
		q.Cursor = page.Next
	}
	// Output:
	// ada bob | more: true
	// eve | more: false
}

// All of it, in constant memory.
func ExampleTrail_All() {
	trail, ctx := trailOfLogins("ada", "bob", "eve")
	for e, err := range trail.All(ctx, audit.Query{Sort: audit.SortTime}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Time.Format(time.DateOnly), e.Actor.User())
	}
	// Output:
	// 2026-03-01 ada
	// 2026-03-02 bob
	// 2026-03-03 eve
}

// A tenant's own view: nothing that it is asked shows another tenant's entry.
func ExampleTrail_Scope() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tenant := range []string{"acme", "globex"} {
		if err := trail.Record(audit.WithTenant(context.Background(), tenant, ""), audit.Entry{Action: "login"}); err != nil {
			fmt.Println(err)
			return
		}
	}
	acme := trail.Scope(audit.Filter{Tenants: []string{"acme"}})
	page, err := acme.Query(context.Background(), audit.Query{Filter: audit.Filter{Tenants: []string{"acme", "globex"}}})
	fmt.Println(len(page.Entries), page.Entries[0].Tenant, err)
	facets, err := acme.Facets(context.Background(), audit.Filter{})
	fmt.Println(facets.Tenants, err)
	// Output:
	// 1 acme <nil>
	// [acme] <nil>
}

func trailOfLogins(names ...string) (*audit.Trail, context.Context) {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for i, name := range names {
		e := audit.Entry{Action: "login", Time: time.Date(2026, 3, 1+i, 12, 0, 0, 0, time.UTC), Actor: audit.Actor{Name: name}}
		if err := trail.Record(ctx, e); err != nil {
			panic(err)
		}
	}
	return trail, ctx
}

// A menu finds users by what is typed.
func ExampleTrail_FindFacets() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, email := range []string{"ada@example.com", "grace@example.com", "barbara@example.com"} {
		if err := trail.Record(ctx, audit.Entry{Action: "login", Actor: audit.Actor{Email: email}}); err != nil {
			fmt.Println(err)
			return
		}
	}
	found, err := trail.FindFacets(ctx, audit.FacetQuery{Name: "user", Find: "ARA", Limit: 10})
	fmt.Println(found.Users, err)
	// Output: [barbara@example.com] <nil>
}
