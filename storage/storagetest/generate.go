package storagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gormtrail/audit"
)

// generator draws entries and filters out of small pools, so that they meet.
// The pools hold what stores trip over: values that differ only in case, in an
// accent or in a blank at the end, the signs of LIKE and of SQL text, numbers
// beside texts.
type generator struct {
	t testing.TB
	*rand.Rand
}

var (
	tenantPool  = []string{"", "acme", "Acme", "acme ", "globex", "ac_me", "ac%"}
	projectPool = []string{"", "p1", "P1", "p2"}
	actionPool  = []string{"create", "update", "destroy", "login", "ISSUE_TOKEN", "issue_token", "issue token"}
	typePool    = []string{"", "users", "Users", "api_keys", "groups", "groüps", "groups "}
	idPool      = []string{"", "1", "2", "9", "10", "-3", "-12", "007", "99999999999999999999", "a", "B", "_", "%", "tenant_id=1,code=de", "Ω"}
	productPool = []string{"", "VPN", "vpn", "DNS"}
	kindPool    = []string{"", "user", "apiKey", "service"}
	namePool    = []string{
		"", "Ada Lovelace", "ada lovelace", "50%_off\\", `O'Brien "Bob"`, "Łukasz", "łUKASZ", "STRASSE", "straße", "ſam", "Sam",
		"\u212Aelvin", "kelvin", "😀 smile", "e\u0301tude", "étude", "ÉTUDE", "محمد علي", "שלום", "--; DROP TABLE x", "a\tb", "ΣΊΣΥΦΟΣ", "σίσυφος",
	}
	emailPool = []string{"", "", "ada@example.com", "Ada@Example.com", "bob@example.com", "o'brien@example.com"}
	ipPool    = []string{
		"", "10.0.0.1", "10.255.255.255", "11.0.0.0", "9.255.255.255", "192.168.1.7", "::ffff:10.0.0.9", "2001:db8::1",
		"2001:db8:ffff::1", "2001:db9::", "::1", "::a00:1", "fe80::1%eth0", "not an address", "10.0.0.1:443", "x",
	}
	prefixPool = []string{
		"10.0.0.0/8", "10.0.0.0/31", "10.9.9.9/8", "0.0.0.0/0", "192.168.1.7/32", "::ffff:10.0.0.0/104", "2001:db8::/32",
		"2001:db8::/33", "::/0", "::/96", "10.0.0.1", "::ffff:10.0.0.1", "2001:DB8:0:0::1", "203.0.113.7",
	}
	fieldPool = []string{"name", "Name", "settings", "settings.theme", "settings[2]", "settings_x", "settingsXtheme", "role", "tags[0].x", "a%b", "a_b", "axb", `a\b`, "naïve"}
	linkPool  = []string{"", "", "t1", "T1", "t1 ", "t2"}
)

func (g *generator) one(pool []string) string { return pool[g.IntN(len(pool))] }

// epoch is where generated times begin.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// entries draws n complete, valid entries with IDs of their own. Many share a
// microsecond.
func (g *generator) entries(n int) []audit.Entry {
	g.t.Helper()
	list := make([]audit.Entry, n)
	for i := range list {
		list[i] = g.entry()
	}
	return g.complete(list...)
}

func (g *generator) entry() audit.Entry {
	e := audit.Entry{
		Time:   epoch.Add(time.Duration(g.IntN(40)) * time.Microsecond),
		Tenant: g.one(tenantPool), Project: g.one(projectPool),
		Actor:   g.actor(),
		Action:  g.one(actionPool),
		Outcome: []audit.Outcome{audit.Success, audit.Success, audit.Failure, audit.Denied}[g.IntN(4)],
		Object:  audit.Object{Type: g.one(typePool), ID: g.one(idPool), Name: g.one(namePool), Product: g.one(productPool)},
		Request: audit.Request{IP: g.one(ipPool), ID: g.one(linkPool)},

		TransactionID: g.one(linkPool),
	}
	for range g.IntN(4) {
		e.Changes = append(e.Changes, g.change())
	}
	if g.IntN(4) == 0 {
		a := g.actor()
		e.OnBehalfOf, e.Comment, e.Error = &a, g.one(namePool), g.one(namePool)
		e.Request.UserAgent, e.Request.Method, e.Request.Path = g.one(namePool), "GET", "/"+g.one(namePool)
		e.Metadata = map[string]any{g.one(namePool): g.value(2)}
	}
	return e
}

func (g *generator) actor() audit.Actor {
	return audit.Actor{Type: g.one(kindPool), ID: g.one(idPool), Name: g.one(namePool), Email: g.one(emailPool)}
}

func (g *generator) change() audit.Change {
	op := []string{audit.OpAdd, audit.OpReplace, audit.OpRemove}[g.IntN(3)]
	return audit.Change{Field: g.one(fieldPool), Op: op, Old: g.value(1), New: g.value(1)}
}

// value draws a value that JSON can express.
func (g *generator) value(depth int) any {
	switch g.IntN(10 + 2*min(depth, 1)) {
	case 0:
		return nil
	case 1:
		return g.IntN(2) == 0
	case 2:
		return g.Int64() - g.Int64()
	case 3:
		return uint64(math.MaxUint64) - uint64(g.IntN(3))
	case 4:
		return g.NormFloat64()
	case 5:
		return json.Number(fmt.Sprintf("%d.%018d", g.IntN(9), g.Int64N(1e18)))
	case 10:
		return []any{g.value(depth - 1), g.value(depth - 1)}
	case 11:
		return map[string]any{g.one(namePool): g.value(depth - 1), "k": g.value(depth - 1)}
	}
	return g.one(namePool)
}

// complete makes entries what a store is given: what Trail.Enrich returns.
func (g *generator) complete(entries ...audit.Entry) []audit.Entry {
	g.t.Helper()
	trail, err := audit.New(nowhere{}, &audit.Options{Redaction: &audit.Redaction{Secret: func(string) bool { return false }}})
	if err != nil {
		g.t.Fatal(err)
	}
	ready, err := trail.Enrich(context.Background(), entries...)
	if err != nil {
		g.t.Fatalf("storagetest made an entry that isn't valid: %v", err)
	}
	return ready
}

// nowhere is the store of a trail that only enriches.
type nowhere struct{ audit.Store }

// filter draws a filter; depth is how far And and Not may nest.
func (g *generator) filter(depth int) audit.Filter {
	var f audit.Filter
	for _, p := range []struct {
		list *[]string
		pool []string
	}{
		{&f.Tenants, tenantPool}, {&f.Projects, projectPool}, {&f.Actions, actionPool}, {&f.ObjectTypes, typePool},
		{&f.ObjectIDs, idPool}, {&f.Products, productPool}, {&f.ActorTypes, kindPool}, {&f.ActorIDs, idPool},
		{&f.Users, slices.Concat(namePool, emailPool)}, {&f.OnBehalfOf, slices.Concat(namePool, emailPool)}, {&f.IPs, prefixPool}, {&f.Fields, fieldPool},
	} {
		if g.IntN(7) == 0 {
			*p.list = g.some(p.pool)
		}
	}
	if g.IntN(7) == 0 {
		f.Outcomes = [][]audit.Outcome{{audit.Success}, {""}, {audit.Failure, audit.Denied}}[g.IntN(3)]
	}
	if g.IntN(5) == 0 {
		f.From = epoch.Add(time.Duration(g.IntN(20)) * time.Microsecond)
	}
	if g.IntN(5) == 0 {
		f.To = epoch.Add(time.Duration(20+g.IntN(25)) * time.Microsecond)
	}
	if g.IntN(10) == 0 {
		f.TransactionID = g.one(linkPool)
	}
	if g.IntN(10) == 0 {
		f.RequestID = g.one(linkPool)
	}
	if g.IntN(5) == 0 {
		f.Keyword = g.keyword()
	}
	if depth > 0 && g.IntN(3) == 0 {
		f.Not = append(f.Not, g.filter(depth-1), g.filter(depth-1))
	}
	if depth > 0 && g.IntN(6) == 0 { // one of several
		f.Not = append(f.Not, audit.Filter{Not: []audit.Filter{g.filter(depth - 1), g.filter(depth - 1), {ActorIDs: g.some(idPool)}}[g.IntN(2):]})
	}
	if depth > 0 && g.IntN(3) == 0 {
		f = f.And(g.filter(depth - 1))
	}
	return f
}

// some draws more values than one usually, to leave something selected.
func (g *generator) some(pool []string) []string {
	list := make([]string, 1+g.IntN(len(pool)))
	for i := range list {
		list[i] = g.one(pool)
	}
	return list
}

// keyword draws a piece of a text in which keywords are looked for, of whichever kind.
func (g *generator) keyword() string {
	pools := [][]string{namePool, namePool, actionPool, idPool, typePool, emailPool, ipPool, fieldPool, linkPool, {"lov", "failed", "login failed", "issue-token denied", "-7", "ab", `\`, "<&>"}}
	runes := []rune(g.one(pools[g.IntN(len(pools))]))
	if len(runes) > 1 {
		i := g.IntN(len(runes))
		runes = runes[i : i+1+g.IntN(len(runes)-i)]
	}
	if s := string(runes); g.IntN(2) == 0 {
		return strings.ToUpper(s)
	}
	return string(runes)
}

// queryOf draws an order and a page size.
func (g *generator) queryOf(f audit.Filter) audit.Query {
	return audit.Query{Filter: f, Sort: allSorts[g.IntN(len(allSorts))], Limit: []int{4, 9, 20, 50, 1000}[g.IntN(5)]}
}

// sorts are the orders that indexes serve and a few others; allSorts are all orders. Both
// have each order in both directions, and neither has SortRecorded.
var sorts, allSorts = func() (some, all []audit.Sort) {
	for _, key := range audit.SortKeys() {
		if key == audit.SortRecorded {
			continue
		}
		all = append(all, key.Reverse(), key)
		if !key.Bounded() || key == audit.SortOutcome || key == audit.SortChanges {
			some = append(some, key.Reverse(), key)
		}
	}
	return some, all
}()
