package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gormtrail/audit"
)

func isTailer(s audit.Store) bool { _, ok := s.(audit.Tailer); return ok }

var tailContracts = []contract{
	{name: "tail/once and in order", why: "Tail returns what was committed since a position, each entry once, in commit order.", has: isTailer, run: tryTail},
	{name: "tail/filter", why: "Tail returns the entries that match the filter, and passes over the others for good.", has: isTailer, run: tryTailFilter},
	{name: "tail/next", why: "Tail's next position moves over entries that don't match, even if none does.", has: isTailer, run: tryTailNext},
	{name: "tail/positions", why: "Behind the position of an entry, exactly the entries behind that one follow, whatever the filter.", has: isTailer, run: tryTailPositions},
	{name: "tail/until", why: "TailUntil returns what lies between two positions, and the later one as next once that is all.", has: isTailer, run: tryTailUntil},
	{name: "tail/head", why: "Head is the position behind the newest committed entry.", has: isTailer, run: tryTailHead},
	{name: "tail/after a purge", why: "A position stays valid after what lies before it was purged; what was purged isn't returned, and the rest once.", has: isTailer, run: tryTailAfterPurge},
	{name: "tail/unknown position", why: "A position that isn't the store's is ErrBadCursor.", has: isTailer, run: tryTailUnknown},
	{name: "tail/while others append", why: "Tail returns each entry exactly once while others append, and behind each position the rest.", has: isTailer, run: tryTailWhileAppending},
}

func (c *trial) tailer() audit.Tailer { return c.store.(audit.Tailer) }

// tailed reads on from a position until fewer come than were asked for.
func (c *trial) tailed(f audit.Filter, after string, limit int) (list []audit.Tailed, end string) {
	c.t.Helper()
	return c.read(after, limit, func(after string) ([]audit.Tailed, string, error) { return c.tailer().Tail(c.ctx, f, after, limit) })
}

// tail is tailed without the positions.
func (c *trial) tail(f audit.Filter, after string, limit int) (list []audit.Entry, end string) {
	c.t.Helper()
	tailed, end := c.tailed(f, after, limit)
	return entriesOf(tailed), end
}

// tailedUntil reads what lies between two positions.
func (c *trial) tailedUntil(f audit.Filter, after, until string, limit int) []audit.Tailed {
	c.t.Helper()
	list, end := c.read(after, limit, func(after string) ([]audit.Tailed, string, error) {
		return c.tailer().TailUntil(c.ctx, f, after, until, limit)
	})
	if end != until {
		c.broken("TailUntil %q returned fewer entries than were asked for, and next %q", until, end)
	}
	return list
}

func (c *trial) read(after string, limit int, tail func(after string) ([]audit.Tailed, string, error)) (list []audit.Tailed, end string) {
	c.t.Helper()
	for range 100_000 {
		part, next, err := tail(after)
		switch {
		case err != nil:
			c.broken("Tail after %q: %v", after, err)
		case len(part) > limit:
			c.broken("Tail returned %d entries where at most %d were asked for", len(part), limit)
		case len(part) > 0 && next == after:
			c.broken("Tail returned %d entries and the position that it was asked from", len(part))
		}
		list, after = append(list, part...), next
		if len(part) < limit {
			return list, next
		}
	}
	c.broken("Tail doesn't come to an end")
	return nil, ""
}

func entriesOf(list []audit.Tailed) []audit.Entry {
	var entries []audit.Entry
	for _, e := range list {
		entries = append(entries, e.Entry)
	}
	return entries
}

func tryTail(c *trial) {
	var stored []audit.Entry
	position := ""
	if list, next := c.tail(audit.Filter{}, "", 10); len(list) != 0 {
		c.broken("Tail of an empty trail returned %d entries", len(list))
	} else if _, _, err := c.tailer().Tail(c.ctx, audit.Filter{}, next, 10); err != nil {
		c.broken("Tail after the position %q, which it gave: %v", next, err)
	}
	for round := range 15 {
		fresh := c.entries(1 + c.IntN(5))
		for i := range fresh { // committed in this order, however old they are
			fresh[i].Time = epoch.Add(-time.Duration(round) * time.Second)
		}
		c.append(fresh...)
		c.append(fresh[0]) // stored once, returned once
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
	before := c.head() // of an empty trail
	for range 6 {
		fresh := c.entries(3)
		c.append(fresh...)
		list, _ := c.tail(audit.Filter{}, before, 2)
		c.wantEntries(naive(fresh, audit.Query{}), naive(list, audit.Query{}), "the tail after the head of before")
		before = c.head()
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
	list, _, err := c.tailer().Tail(c.ctx, audit.Filter{}, "", 10)
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
	list, head := c.tailed(audit.Filter{}, "", 10)
	bad := []string{"nothing", " ", "-1", "0x10", "18446744073709551616", "1;", "' OR 1=1", "\x00", "😀", "99999999999"}
	for _, p := range []string{head, list[0].Position, list[2].Position} {
		bad = append(bad, p+" ", " "+p, p+"x", p+",", p+"/", "x"+p[1:], p+p)
	}
	for _, position := range bad {
		list, _, err := c.tailer().Tail(c.ctx, audit.Filter{}, position, 10)
		c.wantError(err, audit.ErrBadCursor, fmt.Sprintf("Tail after %q", position))
		if len(list) > 0 {
			c.broken("Tail after %q returned entries beside the error", position)
		}
		_, _, err = c.tailer().TailUntil(c.ctx, audit.Filter{}, position, head, 10)
		c.wantError(err, audit.ErrBadCursor, fmt.Sprintf("TailUntil after %q", position))
		_, _, err = c.tailer().TailUntil(c.ctx, audit.Filter{}, "", position, 10)
		c.wantError(err, audit.ErrBadCursor, fmt.Sprintf("TailUntil %q", position))
	}
}

func tryTailNext(c *trial) {
	none := audit.Filter{Actions: []string{"none has it"}}
	position := ""
	for range 4 {
		c.append(c.entries(20)...)
		list, next, err := c.tailer().Tail(c.ctx, none, position, 5)
		if err != nil || len(list) > 0 || next == position {
			c.broken("Tail of a filter that nothing matches: %d entries, next %q after %q, %v", len(list), next, position, err)
		}
		if list, _ := c.tail(audit.Filter{}, next, 5); len(list) > 0 {
			c.broken("Tail behind entries that were left out returned %d of them", len(list))
		}
		position = next
	}
}

func tryTailPositions(c *trial) {
	stored := c.someStored(60)
	all, _ := c.tailed(audit.Filter{}, "", 25)
	c.wantRest(all, audit.Filter{})
	for range 6 {
		f := c.filter(1)
		list, _ := c.tailed(f, "", 1+c.IntN(20))
		c.wantRest(list, f)
		for _, e := range list { // its position doesn't depend on the filter
			i := slices.IndexFunc(all, func(a audit.Tailed) bool { return a.ID == e.ID })
			rest, _ := c.tail(audit.Filter{}, e.Position, 1000)
			c.wantEntries(entriesOf(all[i+1:]), rest, "the tail behind an entry that another filter found")
		}
	}
	fresh := c.entries(10)
	c.append(fresh...)
	for i, e := range all {
		rest, _ := c.tail(audit.Filter{}, e.Position, 1000)
		c.wantEntries(naive(append(entriesOf(all[i+1:]), fresh...), audit.Query{}), naive(rest, audit.Query{}), "the tail behind an entry, after more were appended")
	}
	if len(all) != len(stored) {
		c.broken("Tail returned %d of %d entries", len(all), len(stored))
	}
}

// wantRest: what a filter selected is resumed behind each of its entries, by steps of any
// size.
func (c *trial) wantRest(list []audit.Tailed, f audit.Filter) {
	c.t.Helper()
	for i, e := range list {
		for _, limit := range []int{1 + c.IntN(7), 1000} {
			rest, _ := c.tail(f, e.Position, limit)
			c.wantEntries(entriesOf(list[i+1:]), rest, fmt.Sprintf("the tail behind number %d, by %d", i, limit))
		}
	}
}

func tryTailUntil(c *trial) {
	heads, counts := []string{c.head()}, []int{0}
	var stored []audit.Entry
	for range 5 {
		stored = append(stored, c.someStored(1+c.IntN(12))...)
		heads, counts = append(heads, c.head()), append(counts, len(stored))
	}
	for i, after := range heads {
		for j := i; j < len(heads); j++ {
			f := c.filter(1)
			q := audit.Query{Filter: f}
			list := c.tailedUntil(f, after, heads[j], 1+c.IntN(9))
			c.wantEntries(naive(stored[counts[i]:counts[j]], q), naive(entriesOf(list), audit.Query{}), "the tail between two positions, of "+describe(q))
		}
	}
	_, end := c.tailed(audit.Filter{}, "", 10)
	c.append(c.entries(5)...)
	list := c.tailedUntil(audit.Filter{}, "", end, 4)
	c.wantOnce(naive(stored, audit.Query{}), naive(entriesOf(list), audit.Query{}), "the tail until a position")
	for i, e := range list {
		rest := c.tailedUntil(audit.Filter{}, e.Position, end, 1+c.IntN(9))
		c.wantEntries(naive(entriesOf(list[i+1:]), audit.Query{}), naive(entriesOf(rest), audit.Query{}), "the tail from an entry's position until another one")
	}
}

func (c *trial) head() string {
	c.t.Helper()
	h, err := c.tailer().Head(c.ctx)
	if err != nil {
		c.broken("Head: %v", err)
	}
	return h
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
	var told []audit.Tailed
	position, heads := "", []string{}
	for running := true; running; {
		select {
		case <-done:
			running = false // and one last look
		default:
		}
		list, next := c.tailed(audit.Filter{}, position, 5)
		told, position, heads = append(told, list...), next, append(heads, next)
	}
	close(errs)
	for err := range errs {
		c.broken("Append while someone follows: %v", err)
	}
	stored := naive(slices.Concat(batches...), audit.Query{})
	c.wantOnce(stored, naive(entriesOf(told), audit.Query{}), "following while others append")
	c.wantResumable(told, heads)
}

// wantResumable: a follower that stopped behind any entry gets the others, wherever it
// then changes to what another follower reads (heads are that one's positions).
func (c *trial) wantResumable(told []audit.Tailed, heads []string) {
	c.t.Helper()
	for i, e := range told {
		want := naive(entriesOf(told[i+1:]), audit.Query{})
		rest, _ := c.tail(audit.Filter{}, e.Position, 1+c.IntN(9))
		c.wantOnce(want, naive(rest, audit.Query{}), fmt.Sprintf("the tail behind number %d", i))
		until := heads[len(heads)-1-c.IntN(min(3, len(heads)))]
		if _, _, err := c.tailer().TailUntil(c.ctx, audit.Filter{}, e.Position, until, 1); errors.Is(err, audit.ErrBadCursor) {
			continue // it is earlier
		}
		middle := entriesOf(c.tailedUntil(audit.Filter{}, e.Position, until, 1+c.IntN(9)))
		rest, _ = c.tail(audit.Filter{}, until, 10)
		if len(middle)+len(rest) > len(want) {
			continue // it is earlier, and the store can't tell
		}
		c.wantOnce(want, naive(append(middle, rest...), audit.Query{}), fmt.Sprintf("the tail behind number %d by way of another position", i))
	}
}
