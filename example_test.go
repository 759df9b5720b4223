package audit_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/cleantext"
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

// An application finds the places that forget the actor.
func ExampleOptions_actor() {
	store := memstore.New()
	// region require-actor
	trail, err := audit.New(store, &audit.Options{
		RequireActor: audit.ActorRefuse, // or audit.ActorWarn
	})
	// endregion
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	fmt.Println(errors.Is(trail.Record(ctx, audit.Entry{Action: "sync"}), audit.ErrNoActor))
	// region job-actor
	ctx = audit.WithActor(ctx, audit.Actor{Type: "service", Name: "nightly import"})
	// endregion
	fmt.Println(trail.Record(ctx, audit.Entry{Action: "sync"}))

	// region default-actor
	trail, err = audit.New(store, &audit.Options{
		DefaultActor: audit.Actor{Type: "service", Name: "billing worker"},
	})
	// endregion
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(trail.Record(context.Background(), audit.Entry{Action: "sync"}))
	for e := range trail.All(ctx, audit.Query{Sort: audit.SortTime}) {
		fmt.Println(e.Actor.Name)
	}
	// Output:
	// true
	// <nil>
	// <nil>
	// nightly import
	// billing worker
}

// The entries right before and after one in a list.
func ExampleTrail_CursorAt() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, action := range []string{"create", "update", "destroy"} {
		if err := trail.Record(ctx, audit.Entry{Action: action}); err != nil {
			fmt.Println(err)
			return
		}
	}
	q := audit.Query{Sort: audit.SortAction}
	page, err := trail.Query(ctx, q)
	if err != nil {
		fmt.Println(err)
		return
	}
	q.Limit = 1
	for _, before := range []bool{true, false} {
		if q.Cursor, err = trail.CursorAt(ctx, q, page.Entries[1], before); err != nil {
			fmt.Println(err)
			return
		}
		beside, err := trail.Query(ctx, q)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(beside.Entries[0].Action)
	}
	// Output:
	// create
	// update
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
	fmt.Println(err, len(e.Actor.Name), e.Actor.Name == cleantext.Name(long), e.Request.ID)
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

// A key keeps hashes, cursors and positions from being guessed or forged.
func ExampleOptions_key() {
	secrets := map[string]string{
		"AUDIT_KEY":     "6368616e676520746869732070617373776f726420746f206120736563726574",
		"AUDIT_KEY_OLD": "746869732077617320746865206b6579206f66206c6173742079656172212121",
	}
	store := memstore.New()
	// region key
	key, err := hex.DecodeString(secrets["AUDIT_KEY"]) // 32 random bytes, from your secret manager
	if err != nil {
		log.Fatal(err)
	}
	former, err := hex.DecodeString(secrets["AUDIT_KEY_OLD"])
	if err != nil {
		log.Fatal(err)
	}
	trail, err := audit.New(store, &audit.Options{Key: key, FormerKeys: [][]byte{former}})
	// endregion
	fmt.Println(trail.HasKey(), err)
	// Output: true <nil>
}

// Secrets that an earlier version recorded, before the rule knew their names.
func ExampleTrail_MaskSecrets() {
	ctx := audit.WithActor(context.Background(), audit.Actor{Type: "user", ID: "9", Name: "Root"})
	store := memstore.New()
	earlier, err := audit.New(store, &audit.Options{Redaction: &audit.Redaction{Except: []string{"totp_seed"}}})
	if err != nil {
		log.Fatal(err)
	}
	err = earlier.Record(ctx, audit.Entry{
		Action: "update", Object: audit.Object{Type: "users", ID: "7"}, Changes: []audit.Change{{Field: "totp_seed", New: "JBSWY3DP"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	trail, err := audit.New(store, nil)
	if err != nil {
		log.Fatal(err)
	}
	// region mask
	found, err := trail.FindSecrets(ctx, nil) // changes nothing
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range found.Secrets {
		fmt.Println(s.ObjectType, s.Field, s.Entries)
	}
	done, err := trail.MaskSecrets(ctx, &audit.MaskOptions{Batch: 500})
	if err != nil {
		log.Fatal(err) // done.Next is where to go on
	}
	// endregion
	fmt.Println(done.Masked, "masked")
	// Output:
	// users totp_seed 1
	// 1 masked
}

// A search finds entries by metadata that your app names, and by labels.
func ExampleOptions_searchableMetadata() {
	trail, err := audit.New(memstore.New(), &audit.Options{SearchableMetadata: []string{"ticket"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := audit.WithMetadata(audit.WithActor(context.Background(), audit.Actor{Name: "Ada"}), "ticket", "OPS-4711")
	if err := trail.Record(ctx, audit.Entry{Action: "destroy", Outcome: audit.Denied}); err != nil {
		fmt.Println(err)
		return
	}
	for _, keyword := range []string{"ops-47", "delete denied", "OPS-5"} {
		n, _, err := trail.Count(ctx, audit.Filter{Keyword: keyword}, 10)
		fmt.Println(n, err)
	}
	// Output:
	// 1 <nil>
	// 1 <nil>
	// 0 <nil>
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

// An order that no index serves takes so many entries; then sort by time, or narrow the filter.
func ExampleSort_Bounded() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for _, outcome := range []audit.Outcome{audit.Success, audit.Denied, audit.Failure} {
		if err := trail.Record(ctx, audit.Entry{Action: "login", Outcome: outcome}); err != nil {
			fmt.Println(err)
			return
		}
	}
	q := audit.Query{Sort: audit.SortOutcome}
	page, err := trail.Query(ctx, q)
	if errors.Is(err, audit.ErrTooManyToSort) {
		q.Sort = audit.Newest
		page, err = trail.Query(ctx, q)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range page.Entries {
		fmt.Println(e.Outcome)
	}
	fmt.Println(q.Sort.Bounded(), audit.MaxSorted)
	// Output:
	// denied
	// failure
	// success
	// true 100000
}
