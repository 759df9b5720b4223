package storagetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gormtrail/audit"
)

func isPurger(s audit.Store) bool { _, ok := s.(audit.Purger); return ok }
func isTailer(s audit.Store) bool { _, ok := s.(audit.Tailer); return ok }

var purgeContracts = []contract{
	{name: "purge/oldest first", why: "Purge removes at most limit of the entries that match, oldest first, and returns how many it removed.", has: isPurger, run: tryPurge},
	{name: "purge/nothing else", why: "Purge leaves every entry that doesn't match, and all that belongs to it.", has: isPurger, run: tryPurgeNothingElse},
	{name: "purge/during a walk", why: "A walk goes on over what a purge left, also from a page that became empty.", has: isPurger, run: tryPurgeDuringWalk},
}

var tailContracts = []contract{
	{name: "tail/once and in order", why: "Tail tells what was committed since a position, each entry once, in commit order.", has: isTailer, run: tryTail},
	{name: "tail/filter", why: "Tail tells the entries that match the filter, and passes over the others for good.", has: isTailer, run: tryTailFilter},
	{name: "tail/head", why: "Head is the position behind the newest committed entry.", has: isTailer, run: tryTailHead},
	{name: "tail/after a purge", why: "A position stays one after what lies before it was purged; what was purged is not told, and the rest once.", has: isTailer, run: tryTailAfterPurge},
	{name: "tail/unknown position", why: "An unknown position is ErrBadCursor.", has: isTailer, run: tryTailUnknown},
	{name: "tail/while others append", why: "Tail tells each entry exactly once while others append.", has: isTailer, run: tryTailWhileAppending},
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

// tail reads on from a position until nothing more comes and the position stays.
func (c *trial) tail(f audit.Filter, after string, limit int) (list []audit.Entry, end string) {
	c.t.Helper()
	for range 100_000 {
		part, next, err := c.store.(audit.Tailer).Tail(c.ctx, f, after, limit)
		switch {
		case err != nil:
			c.broken("Tail after %q: %v", after, err)
		case len(part) > limit:
			c.broken("Tail returned %d entries where at most %d were asked for", len(part), limit)
		case len(part) > 0 && next == after:
			c.broken("Tail returned %d entries and the position that it was asked from", len(part))
		case len(part) == 0 && next == after:
			return list, next
		}
		list, after = append(list, part...), next
	}
	c.broken("Tail doesn't come to an end")
	return nil, ""
}

func tryTail(c *trial) {
	var stored []audit.Entry
	position := ""
	if list, next := c.tail(audit.Filter{}, "", 10); len(list) != 0 {
		c.broken("Tail of an empty trail returned %d entries", len(list))
	} else if _, _, err := c.store.(audit.Tailer).Tail(c.ctx, audit.Filter{}, next, 10); err != nil {
		c.broken("Tail after the position %q, which it gave: %v", next, err)
	}
	for round := range 15 {
		fresh := c.entries(1 + c.IntN(5))
		for i := range fresh { // committed in this order, however old they are
			fresh[i].Time = epoch.Add(-time.Duration(round) * time.Second)
		}
		c.append(fresh...)
		c.append(fresh[0]) // stored once, told once
		stored = append(stored, fresh...)
		if round%3 == 0 {
			list, next := c.tail(audit.Filter{}, position, 1+c.IntN(6))
			c.wantCommitOrder(stored[len(stored)-len(list):], list)
			position = next
		}
	}
	list, next := c.tail(audit.Filter{}, position, 3)
	c.wantCommitOrder(stored[len(stored)-len(list):], list)
	if list, _ := c.tail(audit.Filter{}, next, 3); len(list) != 0 {
		c.broken("Tail behind the end returned %d entries", len(list))
	}
	for _, limit := range []int{1, 4, 1000} {
		list, _ := c.tail(audit.Filter{}, "", limit)
		c.wantCommitOrder(stored, list)
	}
}

// wantCommitOrder: the entries of one Append are committed together, so their
// order among themselves is free. They share a time here.
func (c *trial) wantCommitOrder(want, got []audit.Entry) {
	c.t.Helper()
	byID := func(a, b audit.Entry) int {
		if !a.Time.Equal(b.Time) {
			return 0
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	}
	for i := range min(len(want), len(got)) {
		if !want[i].Time.Equal(got[i].Time) {
			c.broken("number %d of the tail is\n  %s\nand should be one committed together with\n  %s", i, brief(got[i]), brief(want[i]))
		}
	}
	want, got = slices.Clone(want), slices.Clone(got)
	slices.SortStableFunc(want, byID)
	slices.SortStableFunc(got, byID)
	c.wantEntries(want, got, "the tail")
}

func tryTailFilter(c *trial) {
	stored := c.someStored(150)
	for range 25 {
		f := c.filter(1)
		list, next := c.tail(f, "", 1+c.IntN(20))
		q := audit.Query{Filter: f}
		c.wantEntries(naive(stored, q), naive(list, audit.Query{}), "the tail of "+describe(q))
		fresh := c.entries(3)
		c.append(fresh...)
		stored = append(stored, fresh...)
		list, _ = c.tail(f, next, 10)
		c.wantEntries(naive(fresh, q), naive(list, audit.Query{}), "the tail after three more, of "+describe(q))
	}
}

func tryTailHead(c *trial) {
	head := func() string {
		h, err := c.store.(audit.Tailer).Head(c.ctx)
		if err != nil {
			c.broken("Head: %v", err)
		}
		return h
	}
	before := head() // of an empty trail
	for range 6 {
		fresh := c.entries(3)
		c.append(fresh...)
		list, _ := c.tail(audit.Filter{}, before, 2)
		c.wantEntries(naive(fresh, audit.Query{}), naive(list, audit.Query{}), "the tail after the head of before")
		before = head()
		if list, _ := c.tail(audit.Filter{}, before, 10); len(list) != 0 {
			c.broken("Tail after the head returned %d entries", len(list))
		}
	}
}

func tryTailAfterPurge(c *trial) {
	if !isPurger(c.store) {
		c.t.Skip("no audit.Purger")
	}
	stored := c.someStored(30)
	list, _, err := c.store.(audit.Tailer).Tail(c.ctx, audit.Filter{}, "", 10)
	if err != nil || len(list) != 10 {
		c.broken("Tail of at most 10 of 30: %d, %v", len(list), err)
	}
	told, position := c.tail(audit.Filter{}, "", 10)
	c.purge(audit.Filter{}, 1000, len(told))
	if rest, _ := c.tail(audit.Filter{}, "", 10); len(rest) != 0 {
		c.broken("Tail from the beginning tells %d entries that were purged", len(rest))
	}
	fresh := c.entries(7)
	c.append(fresh...)
	for _, from := range []string{position, ""} {
		rest, _ := c.tail(audit.Filter{}, from, 3)
		c.wantEntries(naive(fresh, audit.Query{}), naive(rest, audit.Query{}), "the tail after a purge")
	}
	c.wantEntries(naive(stored, audit.Query{}), naive(told, audit.Query{}), "the tail before it")
}

func tryTailUnknown(c *trial) {
	c.someStored(3)
	for _, position := range []string{"nothing", " ", "-1", "0x10", "18446744073709551616", "1;", "' OR 1=1", "\x00", "😀", "99999999999"} {
		list, _, err := c.store.(audit.Tailer).Tail(c.ctx, audit.Filter{}, position, 10)
		c.wantError(err, audit.ErrBadCursor, fmt.Sprintf("Tail after %q", position))
		if len(list) > 0 {
			c.broken("Tail after %q returned entries beside the error", position)
		}
	}
}

func tryTailWhileAppending(c *trial) {
	const writers, rounds = 4, 12
	batches := make([][]audit.Entry, writers*rounds)
	for i := range batches {
		batches[i] = c.entries(1 + i%3)
	}
	errs := make(chan error, len(batches))
	done := make(chan struct{})
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := w; i < len(batches); i += writers {
				if err := c.store.Append(c.ctx, batches[i]...); err != nil {
					errs <- err
				}
			}
		})
	}
	go func() { writing.Wait(); close(done) }()
	var told []audit.Entry
	position := ""
	for running := true; running; {
		select {
		case <-done:
			running = false // and one last look
		default:
		}
		list, next := c.tail(audit.Filter{}, position, 5)
		told, position = append(told, list...), next
	}
	close(errs)
	for err := range errs {
		c.broken("Append while someone follows: %v", err)
	}
	stored := naive(slices.Concat(batches...), audit.Query{})
	c.wantOnce(stored, naive(told, audit.Query{}), "following while others append")
}
