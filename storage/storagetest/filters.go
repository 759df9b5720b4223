package storagetest

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/gormtrail/audit"
)

var filterContracts = []contract{
	{name: "filter/each field", why: "Each field of Filter selects what Filter.Match says, alone.", run: tryEachField},
	{name: "filter/combined", why: "Any combination of fields, Not and And selects what Filter.Match says.", run: tryCombined},
	{name: "filter/not", why: "Not leaves out every entry that one of its filters selects, and only those.", run: tryNot},
	{name: "filter/and", why: "And selects what both filters select; nothing in the first can make it more than the second.", run: tryAnd},
	{name: "filter/time range", why: "From is inside the range, To is not, to the microsecond.", run: tryTimeRange},
	{name: "filter/addresses", why: "IPs are addresses or CIDR prefixes; an IPv4 address and its IPv4-mapped IPv6 form are one.", run: tryAddresses},
	{name: "filter/fields", why: "Fields selects entries that changed the field itself or a path inside it.", run: tryFieldPaths},
	{name: "filter/many values", why: "Lists of as many values as Validate lets through are no error.", run: tryManyValues},
}

func (c *trial) someStored(n int) []audit.Entry {
	c.t.Helper()
	stored := c.entries(n)
	c.append(stored...)
	return stored
}

// wantSelected tries one filter by one query; the order is another contract.
func (c *trial) wantSelected(stored []audit.Entry, f audit.Filter) {
	c.t.Helper()
	c.wantAll(stored, audit.Query{Filter: f, Limit: 1000})
}

func tryEachField(c *trial) {
	stored := c.someStored(200)
	for _, p := range []struct {
		pool []string
		list func(*audit.Filter) *[]string
	}{
		{tenantPool, func(f *audit.Filter) *[]string { return &f.Tenants }},
		{projectPool, func(f *audit.Filter) *[]string { return &f.Projects }},
		{actionPool, func(f *audit.Filter) *[]string { return &f.Actions }},
		{typePool, func(f *audit.Filter) *[]string { return &f.ObjectTypes }},
		{idPool, func(f *audit.Filter) *[]string { return &f.ObjectIDs }},
		{productPool, func(f *audit.Filter) *[]string { return &f.Products }},
		{kindPool, func(f *audit.Filter) *[]string { return &f.ActorTypes }},
		{idPool, func(f *audit.Filter) *[]string { return &f.ActorIDs }},
		{slices.Concat(namePool, emailPool), func(f *audit.Filter) *[]string { return &f.Users }},
		{slices.Concat(namePool, emailPool), func(f *audit.Filter) *[]string { return &f.OnBehalfOf }},
		{prefixPool, func(f *audit.Filter) *[]string { return &f.IPs }},
		{fieldPool, func(f *audit.Filter) *[]string { return &f.Fields }},
	} {
		lists := [][]string{p.pool, {p.pool[1], "203.0.113.250"}, {"203.0.113.250"}, {p.pool[1], p.pool[1]}} // no entry has the address
		for _, v := range p.pool {
			lists = append(lists, []string{v})
		}
		for _, list := range lists {
			var f audit.Filter
			*p.list(&f) = list
			c.wantSelected(stored, f)
		}
	}
	for _, list := range [][]audit.Outcome{{""}, {audit.Success}, {audit.Failure}, {audit.Denied}, {audit.Failure, audit.Denied}, {"", audit.Denied}} {
		c.wantSelected(stored, audit.Filter{Outcomes: list})
	}
	for _, list := range [][]audit.Severity{{audit.Info}, {audit.Notice}, {audit.Warning}, {audit.Alarm}, {audit.Notice, audit.Info}} {
		c.wantSelected(stored, audit.Filter{Severities: list})
		c.wantSelected(stored, audit.Filter{Severities: list, Actions: []string{"destroy", "login"}})
		c.wantSelected(stored, audit.Filter{Severities: list, WithoutReads: true})
		c.wantSelected(stored, audit.Filter{Not: []audit.Filter{{Severities: list}, {WithoutReads: true}}})
	}
	for _, link := range append(linkPool, "none") {
		c.wantSelected(stored, audit.Filter{TransactionID: link})
		c.wantSelected(stored, audit.Filter{RequestID: link})
	}
}

func tryCombined(c *trial) {
	stored := c.someStored(250)
	n := 60
	if testing.Short() {
		n = 40
	}
	for i := range n {
		f := c.filter(2)
		if i%4 == 0 {
			f.Severities, f.WithoutReads = [][]audit.Severity{{audit.Info}, {audit.Notice}}[i/4%2], i%8 == 0
		}
		c.wantAll(stored, c.queryOf(f))
	}
}

func tryNot(c *trial) {
	stored := c.someStored(120)
	everything := audit.Filter{}
	for _, not := range [][]audit.Filter{
		{everything},
		{{Actions: []string{"login"}}},
		{{Actions: []string{"login"}}, {Actions: []string{"update"}}},
		{{Actions: []string{"login"}, Outcomes: []audit.Outcome{audit.Failure}}},
		{{IPs: []string{"10.0.0.0/8"}}}, {{Fields: []string{"settings"}}}, {{Keyword: "a"}}, {{Users: []string{""}}}, {{OnBehalfOf: []string{""}}}, {{OnBehalfOf: []string{"ada@example.com"}}},
		{{Not: []audit.Filter{everything}}},
		{{Not: []audit.Filter{{Keyword: "ada"}}}},
		{{Not: []audit.Filter{{Not: []audit.Filter{{Not: []audit.Filter{{Products: []string{"VPN"}}}}}}}}},
		{audit.Filter{Actions: []string{"update"}}.And(audit.Filter{Products: []string{"VPN"}})},
	} {
		c.wantSelected(stored, audit.Filter{Not: not})
	}
}

func tryAnd(c *trial) {
	stored := c.someStored(150)
	limit := audit.Filter{Tenants: []string{"acme"}}
	for _, f := range []audit.Filter{
		{}, {Tenants: []string{"globex"}}, {Tenants: []string{"acme", "globex"}}, {Tenants: tenantPool}, {Keyword: "a"},
		{Not: []audit.Filter{{Tenants: []string{"acme"}}}}, {Not: []audit.Filter{limit}},
	} {
		c.wantSelected(stored, f.And(limit))
		c.wantSelected(stored, f.And(limit).And(audit.Filter{Actions: []string{"login", "update"}, Keyword: "a"}).And(audit.Filter{Keyword: "l"}))
	}
	for range 30 {
		c.wantSelected(stored, c.filter(0).And(c.filter(1)))
	}
	for _, limit := range []audit.Filter{{Tenants: []string{}}, {Tenants: []string{"acme"}, Actions: []string{}}} { // selects nothing
		c.wantSelected(stored, audit.Filter{}.And(limit))
		c.wantSelected(stored, audit.Filter{Tenants: []string{"acme"}}.And(limit))
	}
}

func tryTimeRange(c *trial) {
	var entries []audit.Entry
	for i := range 40 {
		for range 1 + i%3 {
			entries = append(entries, audit.Entry{Action: "login", Time: epoch.Add(time.Duration(i) * time.Microsecond)})
		}
	}
	stored := c.complete(entries...)
	c.append(stored...)
	zone := time.FixedZone("", -7*60*60)
	for range 60 {
		from := epoch.Add(time.Duration(c.IntN(42)-1) * time.Microsecond)
		to := from.Add(time.Duration(c.IntN(20)) * time.Microsecond)
		c.wantSelected(stored, audit.Filter{From: from})
		c.wantSelected(stored, audit.Filter{To: to})
		c.wantSelected(stored, audit.Filter{From: from, To: to})
		c.wantSelected(stored, audit.Filter{From: from.In(zone), To: to.In(zone)})
		// A bound between two microseconds is a bound all the same.
		c.wantSelected(stored, audit.Filter{From: from.Add(300 * time.Nanosecond), To: to.Add(700 * time.Nanosecond)})
	}
	c.wantSelected(stored, audit.Filter{From: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), To: time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)})
}

// tryAddresses compares with net/netip, not only with Filter.Match.
func tryAddresses(c *trial) {
	addresses := []string{
		"0.0.0.0", "9.255.255.255", "10.0.0.0", "10.0.0.1", "10.127.255.255", "10.128.0.0", "10.255.255.255", "11.0.0.0", "255.255.255.255",
		"::", "::1", "::a00:1", "::ffff:0:0", "64:ff9b::a00:1", "2001:db7:ffff::", "2001:db8::", "2001:db8:7fff::1", "2001:db8:8000::", "2001:db9::",
		"fe80::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	}
	entries := []audit.Entry{
		{Action: "none", Time: epoch}, {Action: "none", Time: epoch, Request: audit.Request{IP: "unknown"}},
		{Action: "none", Time: epoch, Request: audit.Request{IP: "10.0.0.0/8"}}, {Action: "none", Time: epoch, Request: audit.Request{IP: "010.0.0.1"}},
	}
	for _, a := range addresses {
		entries = append(entries, audit.Entry{Action: "login", Time: epoch, Request: audit.Request{IP: a}})
		if ip := netip.MustParseAddr(a); ip.Is4() {
			mapped := netip.AddrFrom16(ip.As16()).String()
			entries = append(entries, audit.Entry{Action: "login", Time: epoch, Request: audit.Request{IP: mapped}})
		}
	}
	stored := c.complete(entries...)
	c.append(stored...)
	for _, prefix := range append(slices.Clone(prefixPool), "10.0.0.0/9", "10.128.0.0/9", "0.0.0.0/32", "255.255.255.255/32", "::/128", "::/127", "fe80::/10", "128.0.0.0/1", "::ffff:0:0/96", "8000::/1") {
		c.wantSelected(stored, audit.Filter{IPs: []string{prefix}})
		c.wantSelected(stored, audit.Filter{IPs: []string{prefix, "2001:db8::/33", "9.255.255.255"}})
		c.wantPrefix(prefix)
	}
}

func (c *trial) wantPrefix(prefix string) {
	c.t.Helper()
	p, err := netip.ParsePrefix(prefix)
	if err != nil || p.Addr().Is4In6() {
		return
	}
	for _, e := range c.walk(audit.Query{Filter: audit.Filter{IPs: []string{prefix}}}) {
		a, err := netip.ParseAddr(e.Request.IP)
		inside := err == nil && (p.Contains(a) || p.Contains(netip.AddrFrom16(a.As16())))
		if !inside {
			c.broken("the prefix %s selects an entry from %q", prefix, e.Request.IP)
		}
	}
}

func tryFieldPaths(c *trial) {
	paths := append(slices.Clone(fieldPool), "settings.theme.dark", "settings.themes", "settings[2].x", "settings[21]", "setting", "Settings", "set", "a", "a%", "a_b.c", "naive", "naïve[0]", `a\b.c`, "[0]", ".x")
	var entries []audit.Entry
	for _, p := range paths {
		entries = append(entries,
			audit.Entry{Action: "update", Time: epoch, Changes: []audit.Change{{Field: p, New: "x"}}},
			audit.Entry{Action: "update", Time: epoch, Changes: []audit.Change{{Field: "other", New: "x"}, {Field: p, New: "y"}, {Field: p, New: "z"}}})
	}
	stored := c.complete(append(entries, audit.Entry{Action: "login", Time: epoch})...)
	c.append(stored...)
	for _, p := range paths {
		c.wantSelected(stored, audit.Filter{Fields: []string{p}})
		c.wantSelected(stored, audit.Filter{Fields: []string{p, "role"}})
		c.wantSelected(stored, audit.Filter{Not: []audit.Filter{{Fields: []string{p}}}})
	}
}

func tryManyValues(c *trial) {
	stored := c.someStored(50)
	many := make([]string, audit.MaxFilterValues)
	addresses := make([]string, audit.MaxFilterValues)
	for i := range many {
		many[i] = fmt.Sprintf("value %d", i)
		addresses[i] = fmt.Sprintf("172.16.%d.0/24", i%256)
	}
	many[500], addresses[500] = "login", "10.0.0.0/8"
	ids := slices.Clone(many)
	ids[999] = "1"
	c.wantSelected(stored, audit.Filter{Actions: many})
	c.wantSelected(stored, audit.Filter{IPs: addresses})
	c.wantSelected(stored, audit.Filter{Fields: append(many[:999:999], "settings")})
	c.wantSelected(stored, audit.Filter{Not: []audit.Filter{{Actions: many}}})
	c.wantSelected(stored, audit.Filter{Actions: many, ObjectIDs: ids, Users: many, Tenants: many})
}
