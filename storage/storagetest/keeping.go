package storagetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/gormtrail/audit"
)

func isPurger(s audit.Store) bool { _, ok := s.(audit.Purger); return ok }

var purgeContracts = []contract{
	{name: "purge/oldest first", why: "Purge removes at most limit of the entries that match, oldest first, and returns how many it removed.", has: isPurger, run: tryPurge},
	{name: "purge/nothing else", why: "Purge leaves every entry that doesn't match, and all that belongs to it.", has: isPurger, run: tryPurgeNothingElse},
	{name: "purge/during a walk", why: "A walk goes on over what a purge left, also from a page that became empty.", has: isPurger, run: tryPurgeDuringWalk},
}

func (c *trial) purge(f audit.Filter, limit, want int) {
	c.t.Helper()
	n, err := c.store.(audit.Purger).Purge(c.ctx, f, limit)
	if err != nil || n != want {
		c.broken("Purge of at most %d of %s returned %d, %v, and should remove %d", limit, describe(audit.Query{Filter: f}), n, err, want)
	}
}

func tryPurge(c *trial) {
	stored := c.someStored(120)
	for round := range 12 {
		f := c.filter(1)
		if round%3 == 0 {
			f = audit.Filter{To: epoch.Add(time.Duration(2*round) * time.Microsecond)}
		}
		old := naive(stored, audit.Query{Filter: f, Sort: audit.SortTime})
		limit := 1 + c.IntN(15)
		old = old[:min(limit, len(old))]
		c.purge(f, limit, len(old))
		for _, e := range old {
			_, err := c.store.Get(c.ctx, e.ID)
			c.wantError(err, audit.ErrNotFound, "Get of a purged entry")
		}
		stored = slices.DeleteFunc(stored, func(e audit.Entry) bool { return len(common([]audit.Entry{e}, old)) > 0 })
		c.wantAll(stored, audit.Query{Limit: 1000})
	}
	c.purge(audit.Filter{}, 10_000, len(stored))
	c.purge(audit.Filter{}, 10_000, 0)
	c.wantAll(nil, audit.Query{})
}

func tryPurgeNothingElse(c *trial) {
	stored := c.someStored(100)
	f := audit.Filter{Tenants: []string{"acme", "globex"}}
	c.purge(f, 1000, len(naive(stored, audit.Query{Filter: f})))
	stored = naive(stored, audit.Query{Filter: audit.Filter{Not: []audit.Filter{f}}})
	for _, sort := range sorts {
		c.wantAll(stored, audit.Query{Sort: sort})
	}
	for _, field := range fieldPool {
		c.wantSelected(stored, audit.Filter{Fields: []string{field}})
	}
	c.wantSelected(stored, audit.Filter{Keyword: "ada"})
	// The trail goes on after it.
	fresh := c.entries(30)
	c.append(fresh...)
	c.wantAll(append(stored, fresh...), audit.Query{})
}

func tryPurgeDuringWalk(c *trial) {
	sorts := []audit.Sort{audit.SortTime, audit.Newest, audit.SortAction}
	if isSequencer(c.store) {
		sorts = append(sorts, recordedSorts...)
	}
	for _, sort := range sorts {
		tenant := "purged by " + string(sort)
		entries := c.entries(30)
		for i := range entries {
			entries[i].Tenant, entries[i].Time = tenant, epoch.Add(time.Duration(i)*time.Microsecond)
		}
		c.append(entries...)
		q := audit.Query{Sort: sort, Limit: 10, Filter: audit.Filter{Tenants: []string{tenant}}}
		want := naive(entries, q)
		first := c.query(q)
		for _, e := range want[10:] {
			c.purge(audit.Filter{Tenants: []string{tenant}, From: e.Time, To: e.Time.Add(time.Microsecond)}, 1, 1)
		}
		q.Cursor = first.Next
		empty := c.query(q)
		if len(empty.Entries) != 0 || empty.Next != "" || empty.Prev == "" {
			c.broken("sort %q: behind the first page all was purged; the second has %d entries, next %q, previous %q", sort, len(empty.Entries), empty.Next, empty.Prev)
		}
		q.Cursor = empty.Prev
		c.wantEntries(want[:10], c.query(q).Entries, fmt.Sprintf("sort %q: back from the page that became empty", sort))
	}
}
