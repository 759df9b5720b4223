package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gormtrail/audit"
)

var pageContracts = []contract{
	{name: "sort/each", why: "Each sort orders by SortKey, byte by byte, then time, then ID, all in one direction.", run: trySorts},
	{name: "sort/texts", why: "Texts are sorted by their bytes, long ones by their first 200 characters, whatever the database's collation.", run: trySortedTexts},
	{name: "sort/numbers", why: "Object IDs that are numbers are sorted as numbers, before all others.", run: tryNumberOrder},
	{name: "pages/sizes", why: "A page holds Limit entries unless it is the last one; Next is empty exactly at the end.", run: tryPageSizes},
	{name: "pages/back", why: "Prev leads to the entries right before the page, in normal order; it is empty on the first page.", run: tryPagesBack},
	{name: "pages/any of several", why: "A walk over entries selected by lists of values, given twice or by several filters, is one walk in one order, both ways.", run: tryPagesOfLists},
	{name: "pages/one microsecond", why: "The order is total: a walk neither repeats nor skips where thousands of entries share one microsecond.", run: tryOneMicrosecond},
	{name: "pages/while others append", why: "A walk while others append neither repeats an entry nor skips one that was there at the start, both ways.", run: tryWalkWhileAppending},
	{name: "pages/empty", why: "A query that selects nothing returns an empty page without neighbours, and no error.", run: tryEmptyPage},
	{name: "pages/brief", why: "Brief leaves out Changes and Metadata, and nothing else: not an entry, not the order, not a cursor's validity.", run: tryBrief},
	{name: "pages/bytes", why: "A page ends before the entry with which it would have more than MaxBytes, has at least one entry, and a walk over such pages is whole both ways.", run: tryPageBytes},
	{name: "pages/limit changes", why: "The limit may change from page to page.", run: tryLimitChanges},
}

func trySorts(c *trial) {
	stored := c.someStored(250)
	for _, sort := range append(slices.Clone(allSorts), "") {
		c.wantAll(stored, audit.Query{Sort: sort, Limit: 1000})
		c.wantAll(stored, audit.Query{Sort: sort, Limit: 17})
		c.wantAll(stored, audit.Query{Sort: sort, Limit: 40, Filter: c.filter(1)})
	}
}

// trySortedTexts sorts texts that collations treat as equal, order differently, or cut.
func trySortedTexts(c *trial) {
	texts := []string{"", " ", "a", "a ", "A", "á", "a\u0301", "ab", "a b", "a-b", "_", "%", `\`, "'", "ß", "ss", "Z", "z", "é", "日本", "😀", "\uffff", "\x1f", "\x1d", "a\x1fb", "a\x1eb", "a.b", "a[1]", "a\tb", "\u200b"}
	for _, r := range []string{"x", "é", "😀"} { // 1, 2 and 4 bytes
		for _, n := range []int{199, 200, 201} {
			long := strings.Repeat(r, n)
			texts = append(texts, long, long+"a", long+"b", long+strings.Repeat("c", 900))
		}
	}
	var entries []audit.Entry
	for _, text := range texts {
		other := texts[c.IntN(len(texts))]
		e := audit.Entry{Action: "update", Time: epoch, Tenant: other, Comment: text, Error: text, Project: other, Actor: audit.Actor{Type: text, ID: other, Name: text, Email: other}}
		e.Object = audit.Object{Type: "x", ID: other, Name: text, Product: text}
		e.Request = audit.Request{ID: text, Method: text, Path: other, UserAgent: text}
		e.TransactionID = other
		if len(text) > 0 {
			e.Changes = []audit.Change{{Field: text, Op: audit.OpAdd, New: true}, {Field: "a", Op: audit.OpAdd, New: true}}
			e.OnBehalfOf = &audit.Actor{Type: other, ID: text, Name: other, Email: text}
		}
		entries = append(entries, e)
	}
	stored := c.complete(entries...)
	c.append(stored...)
	for _, sort := range allSorts {
		c.wantAll(stored, audit.Query{Sort: sort, Limit: 7})
	}
}

func tryNumberOrder(c *trial) {
	ordered := []string{
		"-100000000000000000000", "-99", "-12", "-9", "-1", "0", "1", "2", "9", "10", "11", "99", "100", "9223372036854775807", "9223372036854775808",
		"100000000000000000000", "", "+1", "-0", "00", "007", "1.5", "10a", "A", "B", "a", "tenant_id=1,code=de", "é",
	}
	var entries []audit.Entry
	for i := range ordered {
		id := ordered[(i*11)%len(ordered)]
		entries = append(entries, audit.Entry{Action: "update", Time: epoch, Object: audit.Object{Type: "x", ID: id}})
	}
	c.append(c.complete(entries...)...)
	for _, sort := range []audit.Sort{audit.SortObjectID, "-" + audit.SortObjectID} {
		var got []string
		for _, e := range c.walk(audit.Query{Sort: sort, Limit: 5}) {
			got = append(got, e.Object.ID)
		}
		if sort.Descending() {
			slices.Reverse(got)
		}
		if !slices.Equal(ordered, got) {
			c.broken("sort %q: the IDs come as %q, and should come as %q", sort, got, ordered)
		}
	}
}

func tryPageSizes(c *trial) {
	stored := c.someStored(60)
	for _, limit := range []int{1, 7, 20, 30, 59, 60, 61, audit.MaxLimit} {
		pages := c.pages(audit.Query{Limit: limit})
		if want := (60 + limit - 1) / limit; len(pages) != want {
			c.broken("60 entries by %d make %d pages, and %d were given", limit, want, len(pages))
		}
	}
	c.wantAll(stored, audit.Query{Limit: 0})
}

// wantBack walks to the end and back and fails unless the pages are the same.
func (c *trial) wantBack(q audit.Query) {
	c.t.Helper()
	pages := c.pages(q)
	if first := pages[0]; first.Prev != "" {
		c.broken("%s: the first page has a page before it", describe(q))
	}
	for i := len(pages) - 1; i > 0; i-- {
		if pages[i].Prev == "" {
			c.broken("%s: page %d of %d has no page before it", describe(q), i, len(pages))
		}
		q.Cursor = pages[i].Prev
		back := c.query(q)
		c.wantEntries(pages[i-1].Entries, back.Entries, fmt.Sprintf("%s, back from page %d", describe(q), i))
		if (back.Prev == "") != (i == 1) {
			c.broken("%s: back on page %d, and there is a page before it: %t", describe(q), i-1, back.Prev != "")
		}
		q.Cursor = back.Next
		c.wantEntries(pages[i].Entries, c.query(q).Entries, fmt.Sprintf("%s, back and forth from page %d", describe(q), i))
	}
}

func tryPagesBack(c *trial) {
	c.someStored(90)
	for _, sort := range allSorts {
		c.wantBack(audit.Query{Sort: sort, Limit: 13})
	}
	for range 15 {
		q := c.queryOf(c.filter(1))
		q.Limit = 1 + c.IntN(20)
		c.wantBack(q)
	}
}

// tryPagesOfLists: a store may read a list of values as one stream for each
// value, and must put them together again.
func tryPagesOfLists(c *trial) {
	stored := c.someStored(120)
	tenants, actions := []string{"acme", "globex", "acme", "Acme", "nobody"}, []string{"login", "update", "update", "ISSUE_TOKEN"}
	filters := []audit.Filter{
		{Tenants: tenants}, {Actions: actions}, {Tenants: tenants, Actions: actions}, {Tenants: tenants[:1], Actions: actions[:1]},
		{ObjectTypes: []string{"users", "api_keys", ""}, ObjectIDs: []string{"1", "10", "2", "-3", "a", "1"}},
		{Users: []string{"ada@example.com", "bob@example.com", "Ada Lovelace", "", "ada@example.com"}},
		{OnBehalfOf: []string{"ada@example.com", "bob@example.com", "Sam", "ada@example.com"}, Tenants: tenants},
		{Users: []string{"ada@example.com"}, Tenants: tenants}, {Outcomes: []audit.Outcome{"", audit.Success, audit.Failure}, Tenants: tenants},
		{IPs: []string{"10.0.0.0/8", "10.0.0.0/31", "::/0", "10.0.0.1"}}, {Fields: []string{"settings", "settings.theme", "role"}},
		{TransactionID: "t1", Tenants: tenants}, {RequestID: "t1", Actions: actions},
		audit.Filter{Tenants: tenants}.And(audit.Filter{Tenants: []string{"globex", "acme"}}),
		audit.Filter{Actions: actions}.And(audit.Filter{Tenants: tenants}).And(audit.Filter{Actions: actions[1:]}),
		{Tenants: tenants, Not: []audit.Filter{{Tenants: tenants[:1]}}}, {Tenants: tenants, From: epoch.Add(10 * time.Microsecond), To: epoch.Add(30 * time.Microsecond)},
	}
	for _, f := range filters {
		for i := range 2 { // of the sorts; each run draws others
			q := audit.Query{Filter: f, Sort: allSorts[c.IntN(len(allSorts))], Limit: 3 + c.IntN(12)}
			c.wantAll(stored, q)
			if i == 0 {
				c.wantBack(q)
			}
		}
	}
}

func tryOneMicrosecond(c *trial) {
	n := 3000
	if testing.Short() {
		n = 800
	}
	stored := c.entries(n)
	for i := range stored {
		stored[i].Time = epoch
	}
	c.append(stored...)
	for _, sort := range []audit.Sort{audit.Newest, audit.SortTime, audit.SortAction, "-" + audit.SortUser} {
		c.wantAll(stored, audit.Query{Sort: sort, Limit: 170})
	}
	c.wantBack(audit.Query{Limit: n / 7})
	c.wantBack(audit.Query{Limit: n / 5, Sort: "-" + audit.SortObjectType})
}

func tryWalkWhileAppending(c *trial) {
	for _, sort := range []audit.Sort{audit.Newest, audit.SortTime, audit.SortUser, "-" + audit.SortObjectID} {
		start := c.entries(150)
		for i := range start {
			start[i].Tenant = "walk " + string(sort)
		}
		c.append(start...)
		q := audit.Query{Sort: sort, Limit: 20, Filter: audit.Filter{Tenants: []string{start[0].Tenant}}}
		want := naive(start, q)
		last := c.appendBetween(q, want, start[0].Tenant)
		c.appendAllTheTime(q, want, start[0].Tenant, last)
	}
}

// appendBetween appends after each page, before and behind the place that the
// walk has reached, and returns a cursor of the page before the last.
func (c *trial) appendBetween(q audit.Query, want []audit.Entry, tenant string) (back string) {
	c.t.Helper()
	var seen []audit.Entry
	for {
		page := c.query(q)
		seen = append(seen, page.Entries...)
		c.append(c.entriesAround(tenant)...)
		if page.Next == "" {
			break
		}
		q.Cursor, back = page.Next, page.Prev
		if len(seen) > 5000 {
			c.broken("the walk doesn't come to its end")
		}
	}
	c.wantOnce(want, seen, "walking on while others append")
	return back
}

// entriesAround are entries that fall in all places of a walk, save that the
// time of most is the newest, as in life. There are few, or a walk towards the
// newest would never end.
func (c *trial) entriesAround(tenant string) []audit.Entry {
	fresh := c.entries(3)
	for i := range fresh {
		fresh[i].Tenant = tenant
		fresh[i].Time = epoch.Add(time.Duration(c.IntN(60)) * time.Microsecond)
	}
	return fresh
}

// appendAllTheTime walks back to the beginning while another goroutine appends.
func (c *trial) appendAllTheTime(q audit.Query, want []audit.Entry, tenant, cursor string) {
	c.t.Helper()
	var batches [][]audit.Entry
	for range 20 {
		batches = append(batches, c.entriesAround(tenant))
	}
	errs := make(chan error, len(batches))
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, b := range batches {
			if err := c.store.Append(c.ctx, b...); err != nil {
				errs <- err
			}
		}
	})
	var seen []audit.Entry
	q.Cursor = cursor
	for q.Cursor != "" {
		page := c.query(q)
		seen = append(slices.Clone(page.Entries), seen...)
		q.Cursor = page.Prev
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		c.broken("Append while someone walks: %v", err)
	}
	if len(seen) == 0 {
		c.broken("walking back from %s found nothing", describe(q))
	}
	// What lay before the cursor at the start lies before the last entry seen.
	q.Cursor = ""
	last := seen[len(seen)-1]
	before := naive(append(slices.Clone(want), last), q)
	before = before[:slices.IndexFunc(before, func(e audit.Entry) bool { return e.ID == last.ID })]
	c.wantOnce(before, seen, "walking back while others append")
}

// wantOnce fails unless all of want are in seen, in order, and nothing is twice.
func (c *trial) wantOnce(want, seen []audit.Entry, what string) {
	c.t.Helper()
	count := map[string]int{}
	for _, e := range seen {
		if count[e.ID]++; count[e.ID] > 1 {
			c.broken("%s: this entry came twice: %s", what, brief(e))
		}
	}
	c.wantEntries(want, common(seen, want), what)
}

func tryEmptyPage(c *trial) {
	check := func(q audit.Query) {
		page := c.query(q)
		if len(page.Entries) != 0 || page.Next != "" || page.Prev != "" {
			c.broken("%s: %d entries, next %q, previous %q", describe(q), len(page.Entries), page.Next, page.Prev)
		}
	}
	for _, sort := range sorts {
		check(audit.Query{Sort: sort})
	}
	c.someStored(20)
	for _, sort := range sorts {
		check(audit.Query{Sort: sort, Filter: audit.Filter{Tenants: []string{"nobody"}}})
		check(audit.Query{Sort: sort, Filter: audit.Filter{From: epoch, To: epoch}})
	}
}

// tryBrief takes away what could be taken for a filter's own: changed fields and
// keywords are still looked for.
func tryBrief(c *trial) {
	stored := c.someStored(120)
	filters := []audit.Filter{{}, {Tenants: tenantPool[:2]}, {Fields: fieldPool[:2]}, {Keyword: "a"}, c.filter(1), c.filter(1)}
	for i, sort := range sorts {
		for _, f := range []audit.Filter{filters[i%len(filters)], filters[(i+1)%len(filters)]} {
			q := audit.Query{Filter: f, Sort: sort, Limit: 13, Brief: true}
			c.wantAll(stored, q)
			c.wantBack(q)
			if s, ok := c.store.(audit.Iterator); ok {
				q, _ := q.Validate()
				got, err := gather(s.All(c.ctx, q))
				if err != nil {
					c.broken("All of %s: %v", describe(q), err)
				}
				c.wantEntries(naive(stored, q), got, "all of "+describe(q))
			}
		}
	}
	tryBriefCursors(c, stored)
}

// tryPageBytes has entries of very different sizes, in each order.
func tryPageBytes(c *trial) {
	entries := c.entries(40)
	for i := range entries {
		if i%3 == 0 {
			entries[i].Comment = strings.Repeat("x", 1000*(i%7))
		}
		if i == 20 {
			entries[i].Comment = strings.Repeat("y", 20_000) // more than a page by itself
		}
	}
	stored := c.complete(entries...)
	c.append(stored...)
	for _, sort := range sorts {
		for _, f := range []audit.Filter{{}, c.filter(1), {ObjectTypes: []string{stored[0].Object.Type}, ObjectIDs: []string{stored[0].Object.ID}}} {
			q := audit.Query{Filter: f, Sort: sort, Limit: 15, MaxBytes: 9000}
			c.wantAll(stored, q)
			pages := c.pages(q)
			for _, page := range pages {
				c.wantBytes(q, page)
			}
			c.wantBytesBack(q, pages)
		}
	}
}

func (c *trial) wantBytes(q audit.Query, page *audit.Page) {
	c.t.Helper()
	size := 0
	for i := range page.Entries {
		size += page.Entries[i].Size()
	}
	if len(page.Entries) > 1 && size > q.MaxBytes {
		c.broken("%s: a page of %d entries has %d bytes", describe(q), len(page.Entries), size)
	}
}

// wantBytesBack walks back from the last page: pages may end elsewhere, but nothing
// is lost.
func (c *trial) wantBytesBack(q audit.Query, pages []*audit.Page) {
	c.t.Helper()
	last := pages[len(pages)-1]
	got := slices.Clone(last.Entries)
	for q.Cursor = last.Prev; q.Cursor != ""; {
		page := c.query(q)
		c.wantBytes(q, page)
		if len(page.Entries) == 0 {
			c.broken("%s: a page back is empty", describe(q))
		}
		got = append(slices.Clone(page.Entries), got...)
		q.Cursor = page.Prev
	}
	var want []audit.Entry
	for _, page := range pages {
		want = append(want, page.Entries...)
	}
	c.wantEntries(want, got, "back over "+describe(q))
}

// tryBriefCursors goes from whole pages to brief ones and back.
func tryBriefCursors(c *trial, stored []audit.Entry) {
	whole := audit.Query{Sort: audit.SortUser, Limit: 10}
	brief := whole
	brief.Brief = true
	first := c.query(whole)
	brief.Cursor = first.Next
	second := c.query(brief)
	c.wantEntries(naive(stored, brief)[10:20], second.Entries, "a brief page behind a whole one")
	whole.Cursor = second.Prev
	c.wantEntries(first.Entries, c.query(whole).Entries, "the whole page before it")
}

func tryLimitChanges(c *trial) {
	stored := c.someStored(100)
	q := audit.Query{Sort: audit.SortAction, Limit: 10}
	want := naive(stored, q)
	first := c.query(q)
	q.Cursor, q.Limit = first.Next, 30
	second := c.query(q)
	c.wantEntries(want[10:40], second.Entries, "a second page of 30 behind a first of 10")
	q.Cursor, q.Limit = second.Prev, 4
	c.wantEntries(want[6:10], c.query(q).Entries, "a page of 4 before it")
	q.Cursor, q.Limit = second.Prev, 30
	back := c.query(q)
	c.wantEntries(want[:10], back.Entries, "all that is before it, which is less than a page")
	if back.Prev != "" {
		c.broken("the first page has a page before it")
	}
}
