package audit_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// A name that was recorded with a strange byte is stored cleaned, and the same
// strange name finds it: filters are cleaned likewise, also inside Not and And.
func TestFilterIsCleanedAsEntriesAre(t *testing.T) {
	ctx := context.Background()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	const name = "Zo\xeb \x00 Doe"
	require.NoError(t, trail.Record(ctx, audit.Entry{Action: "login", Actor: audit.Actor{Name: name}}))

	find := func(f audit.Filter) int {
		page, err := trail.Query(ctx, audit.Query{Filter: f})
		require.NoError(t, err)
		return len(page.Entries)
	}
	byName := audit.Filter{Users: []string{name}}
	assert.Equal(t, 1, find(byName))
	assert.Equal(t, 1, find(audit.Filter{}.And(byName)))
	assert.Equal(t, 0, find(audit.Filter{Not: []audit.Filter{byName}}))
	assert.Equal(t, 1, find(audit.Filter{Keyword: "\xeb \x00"}))
	assert.Equal(t, []string{name}, byName.Users, "the caller's list is left alone")
}

// Every text of a filter is cleaned, one that is added later too.
func TestEveryTextOfAFilterIsCleaned(t *testing.T) {
	kind := reflect.TypeFor[audit.Filter]()
	for i := range kind.NumField() {
		if !kind.Field(i).IsExported() {
			continue
		}
		var f audit.Filter
		switch field := reflect.ValueOf(&f).Elem().Field(i); field.Interface().(type) {
		case string:
			field.SetString("a\x00")
			assert.Equal(t, `a\x00`, reflect.ValueOf(f.Terms()[0]).Field(i).String(), kind.Field(i).Name)
		case []string:
			field.Set(reflect.ValueOf([]string{"a\xff"}))
			assert.Equal(t, []string{`a\xff`}, reflect.ValueOf(f.Terms()[0]).Field(i).Interface(), kind.Field(i).Name)
		}
	}
}

// A scope is not widened by changing the lists that it was made of.
func TestScopeKeepsNoListOfTheCaller(t *testing.T) {
	mine := audit.Filter{Tenants: []string{"mine"}, Not: []audit.Filter{{Actions: []string{"hidden"}}}}
	f := audit.Filter{}.And(mine)
	mine.Tenants[0] = "yours"
	mine.Not[0].Actions[0] = "nothing"
	assert.True(t, f.Match(audit.Entry{Tenant: "mine", Action: "shown"}))
	assert.False(t, f.Match(audit.Entry{Tenant: "yours", Action: "shown"}))
	assert.False(t, f.Match(audit.Entry{Tenant: "mine", Action: "hidden"}))
}

// One entry, and for each field of Filter what selects it and what doesn't.
func TestMatchFieldByField(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC)
	e := audit.Entry{
		Time: at, Tenant: "acme", Project: "web", Action: "update", Outcome: audit.Success, TransactionID: "t1",
		Actor: audit.Actor{Type: "user", ID: "7", Name: "Ada Lovelace", Email: "ada@example.com"}, OnBehalfOf: &audit.Actor{Name: "Eve", Email: "eve@example.com"},
		Object: audit.Object{Type: "users", ID: "42", Name: "Bob's 100%_account", Product: "VPN"}, Request: audit.Request{IP: "10.1.2.3", ID: "r1"},
		Changes: []audit.Change{{Field: "settings.theme"}, {Field: "tags[2]"}, {Field: "role"}}, Comment: "comment", Error: "error",
	}
	type list = []string
	for name, c := range map[string]struct{ yes, no []audit.Filter }{
		"everything": {yes: []audit.Filter{{}}},
		"tenant":     {[]audit.Filter{{Tenants: list{"acme"}}, {Tenants: list{"x", "acme"}}}, []audit.Filter{{Tenants: list{"Acme"}}, {Tenants: list{"acme "}}, {Tenants: list{""}}}},
		"project":    {[]audit.Filter{{Projects: list{"web"}}}, []audit.Filter{{Projects: list{"acme"}}}},
		"from":       {[]audit.Filter{{From: at}, {From: at.Add(-1)}, {From: at.In(time.FixedZone("", 3600))}}, []audit.Filter{{From: at.Add(1)}}},
		"to":         {[]audit.Filter{{To: at.Add(1)}}, []audit.Filter{{To: at}, {To: at.Add(-1)}, {From: at, To: at}}},
		"action":     {[]audit.Filter{{Actions: list{"update"}}}, []audit.Filter{{Actions: list{"UPDATE"}}, {Actions: list{"upd"}}}},
		"outcome":    {[]audit.Filter{{Outcomes: []audit.Outcome{audit.Success}}, {Outcomes: []audit.Outcome{""}}}, []audit.Filter{{Outcomes: []audit.Outcome{audit.Denied, audit.Failure}}}},
		"type":       {[]audit.Filter{{ObjectTypes: list{"users"}}}, []audit.Filter{{ObjectTypes: list{"user"}}}},
		"record":     {[]audit.Filter{{ObjectIDs: list{"42"}}}, []audit.Filter{{ObjectIDs: list{"042"}}, {ObjectIDs: list{"4"}}}},
		"product":    {[]audit.Filter{{Products: list{"VPN"}}}, []audit.Filter{{Products: list{"vpn"}}}},
		"actor type": {[]audit.Filter{{ActorTypes: list{"user"}}}, []audit.Filter{{ActorTypes: list{"apiKey"}}}},
		"actor":      {[]audit.Filter{{ActorIDs: list{"7"}}}, []audit.Filter{{ActorIDs: list{"ada@example.com"}}}},
		"user":       {[]audit.Filter{{Users: list{"ada@example.com"}}}, []audit.Filter{{Users: list{"Ada Lovelace"}}, {Users: list{"eve@example.com"}}}},
		"on behalf":  {[]audit.Filter{{OnBehalfOf: list{"eve@example.com"}}, {OnBehalfOf: list{"", "eve@example.com"}}}, []audit.Filter{{OnBehalfOf: list{"Eve"}}, {OnBehalfOf: list{"ada@example.com"}}, {OnBehalfOf: list{""}}}},
		"ip": {[]audit.Filter{{IPs: list{"10.1.2.3"}}, {IPs: list{"10.0.0.0/8"}}, {IPs: list{"::ffff:10.1.2.3"}}, {IPs: list{"x", "0.0.0.0/0"}}, {IPs: list{"::/0"}}},
			[]audit.Filter{{IPs: list{"10.1.2.4"}}, {IPs: list{"11.0.0.0/8"}}, {IPs: list{"nothing"}}, {IPs: list{""}}, {IPs: list{"10.1.2.3/33"}}, {IPs: list{"::/96"}}}},
		"field":       {[]audit.Filter{{Fields: list{"role"}}, {Fields: list{"settings"}}, {Fields: list{"settings.theme"}}, {Fields: list{"tags"}}, {Fields: list{"tags[2]"}}}, []audit.Filter{{Fields: list{"setting"}}, {Fields: list{"theme"}}, {Fields: list{"tags[2"}}, {Fields: list{"settings.theme.x"}}, {Fields: list{"Role"}}, {Fields: list{""}}}},
		"transaction": {[]audit.Filter{{TransactionID: "t1"}}, []audit.Filter{{TransactionID: "t"}}},
		"request":     {[]audit.Filter{{RequestID: "r1"}}, []audit.Filter{{RequestID: "R1"}}},
		"keyword": {[]audit.Filter{{Keyword: "LOVE"}, {Keyword: "ada@"}, {Keyword: "'S 100%_ACC"}, {Keyword: "42"}, {Keyword: "pdat"}, {Keyword: " "}, {Keyword: "eve"}, {Keyword: "comment"}, {Keyword: "error"}, {Keyword: "users"}},
			[]audit.Filter{{Keyword: "ada  lovelace"}, {Keyword: "100_"}, {Keyword: "acme"}, {Keyword: "VPN"}, {Keyword: "42update"}}},
		"not": {[]audit.Filter{{Not: []audit.Filter{{Actions: list{"create"}}}}, {Not: []audit.Filter{{Actions: list{"update"}, Tenants: list{"x"}}}}, {Not: []audit.Filter{{Not: []audit.Filter{{}}}}}},
			[]audit.Filter{{Not: []audit.Filter{{}}}, {Not: []audit.Filter{{Actions: list{"create"}}, {Actions: list{"update"}}}}, {Not: []audit.Filter{{Not: []audit.Filter{{Actions: list{"create"}}}}}}}},
		"and": {[]audit.Filter{audit.Filter{Tenants: list{"acme"}}.And(audit.Filter{Actions: list{"update"}})},
			[]audit.Filter{audit.Filter{Tenants: list{"acme"}}.And(audit.Filter{Tenants: list{"x"}}), {Not: []audit.Filter{audit.Filter{}.And(audit.Filter{Tenants: list{"acme"}})}}}},
		"all and-ed": {[]audit.Filter{{Tenants: list{"acme"}, Actions: list{"update"}, Keyword: "ada"}}, []audit.Filter{{Tenants: list{"acme"}, Actions: list{"create"}, Keyword: "ada"}}},
	} {
		for _, f := range c.yes {
			assert.True(t, f.Match(e), "%s: %s", name, f.Values().Encode())
		}
		for _, f := range c.no {
			assert.False(t, f.Match(e), "%s: %s", name, f.Values().Encode())
		}
	}
	assert.True(t, audit.Filter{Users: []string{"Ada"}}.Match(audit.Entry{Actor: audit.Actor{Name: "Ada"}}), "who has no email goes by name")
	assert.True(t, audit.Filter{Users: []string{"7"}}.Match(audit.Entry{Actor: audit.Actor{ID: "7"}}), "who has neither goes by ID")
	assert.True(t, audit.Filter{OnBehalfOf: []string{""}}.Match(audit.Entry{}), "on behalf of nobody")
	assert.True(t, audit.Filter{Outcomes: []audit.Outcome{audit.Success}}.Match(audit.Entry{}), `"" is success`)
}

// A conjunction selects what both select, whatever they are, and a negation
// what it doesn't.
func TestAndAndNotAreWhatTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f, g := anyFilter(1).Draw(t, "f"), anyFilter(1).Draw(t, "g")
		e := anyEntry().Draw(t, "entry")
		require.Equal(t, f.Match(e) && g.Match(e), f.And(g).Match(e))
		require.Equal(t, f.Match(e) && g.Match(e), g.And(f).Match(e))
		require.Equal(t, !f.Match(e), audit.Filter{Not: []audit.Filter{f}}.Match(e))
		require.Equal(t, !f.Match(e) && !g.Match(e), audit.Filter{Not: []audit.Filter{f, g}}.Match(e))
		require.Equal(t, !(f.Match(e) && g.Match(e)), audit.Filter{Not: []audit.Filter{f.And(g)}}.Match(e))
		for _, term := range f.And(g).Terms() {
			require.Len(t, term.Terms(), 1)
		}
	})
}

// anyEntry draws entries out of small pools, so that filters meet them.
func anyEntry() *rapid.Generator[audit.Entry] {
	text := rapid.SampledFrom([]string{"", "a", "A", "b", `"`, "é", "a b"})
	return rapid.Custom(func(t *rapid.T) audit.Entry {
		actor := audit.Actor{Type: text.Draw(t, "actor type"), ID: text.Draw(t, "actor id"), Name: text.Draw(t, "name"), Email: text.Draw(t, "email")}
		e := audit.Entry{
			Time: anyTime().Draw(t, "time").Truncate(time.Microsecond), Tenant: text.Draw(t, "tenant"), Project: text.Draw(t, "project"), Actor: actor,
			Action:  rapid.SampledFrom([]string{"a", "A", "update"}).Draw(t, "action"),
			Outcome: rapid.SampledFrom([]audit.Outcome{audit.Success, audit.Failure, audit.Denied}).Draw(t, "outcome"),
			Object:  audit.Object{Type: text.Draw(t, "type"), ID: text.Draw(t, "id"), Name: text.Draw(t, "object"), Product: text.Draw(t, "product")},
			Request: audit.Request{IP: rapid.SampledFrom([]string{"", "10.0.0.1", "::1", "x"}).Draw(t, "ip"), ID: text.Draw(t, "request")},

			TransactionID: text.Draw(t, "transaction"), Error: text.Draw(t, "error"), Comment: text.Draw(t, "comment"),
		}
		if behalf := text.Draw(t, "on behalf of"); behalf != "" {
			e.OnBehalfOf = &audit.Actor{ID: behalf, Name: text.Draw(t, "for name"), Email: text.Draw(t, "for email")}
		}
		for _, field := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "a.b", "a[0]", "b"}), 0, 2).Draw(t, "fields") {
			e.Changes = append(e.Changes, audit.Change{Field: field, Op: audit.OpReplace})
		}
		return e
	})
}

func ExampleFilter_Match() {
	f := audit.Filter{Actions: []string{"login"}, IPs: []string{"10.0.0.0/8"}, Not: []audit.Filter{{Users: []string{"root"}}}}
	fmt.Println(f.Match(audit.Entry{Action: "login", Actor: audit.Actor{Name: "ada"}, Request: audit.Request{IP: "10.1.2.3"}}))
	fmt.Println(f.Match(audit.Entry{Action: "login", Actor: audit.Actor{Name: "root"}, Request: audit.Request{IP: "10.1.2.3"}}))
	fmt.Println(f.Values().Encode())
	// Output:
	// true
	// false
	// action=login&ip=10.0.0.0%2F8&not=user%3Droot
}
