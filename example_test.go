package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// A caller that may repeat itself gives its entry an ID, made of what it records. The same
// entry is stored once; other content under the ID is an error, not a silent loss.
func ExampleConflictError() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	// region conflict
	payment := audit.Entry{ID: "01980000-0000-7000-8000-000000000042", Action: "pay", Object: audit.Object{Type: "invoices", ID: "42"}}
	fmt.Println(trail.Record(ctx, payment))
	fmt.Println(trail.Record(ctx, payment)) // a retry: stored once

	payment.Object.ID = "43"
	err = trail.Record(ctx, payment)
	var conflict *audit.ConflictError
	if errors.As(err, &conflict) {
		fmt.Println("not recorded:", conflict.IDs)
	}
	// endregion
	// Output:
	// <nil>
	// <nil>
	// not recorded: [01980000-0000-7000-8000-000000000042]
}

// A client's text never keeps an entry off the trail, and finds it.
func ExampleCleanName() {
	trail, ctx := trailOfLogins("ada")
	long := strings.Repeat("x", 600)
	err := trail.Record(ctx, audit.Entry{Action: "login", Outcome: audit.Failure, Actor: audit.Actor{Name: long}, Request: audit.Request{ID: "a\x00\xff"}})
	page, _ := trail.Query(ctx, audit.Query{Filter: audit.Filter{Users: []string{long}}})
	e := page.Entries[0]
	fmt.Println(err, len(e.Actor.Name), e.Actor.Name == audit.CleanName(long), e.Request.ID)
	// Output:
	// <nil> 512 true a\x00\xff
}

// How many stored entries can't be read whole, say after a disk failed.
func ExampleTrail_Damaged() {
	trail, ctx := trailOfLogins("ada", "bob")
	n, err := trail.Damaged(ctx, audit.Filter{})
	fmt.Println(n, err)
	// Output: 0 <nil>
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
