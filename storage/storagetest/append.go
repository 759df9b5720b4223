package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gormtrail/audit"
)

var appendContracts = []contract{
	{name: "append/stores", why: "Append stores the entries; Get and Query return what was appended, value for value.", run: tryStores},
	{name: "append/nothing", why: "Append of no entries stores nothing and is no error.", run: tryAppendNothing},
	{name: "append/same again", why: "An entry that is already stored is passed over: appending the same entries again is always right.", run: trySameAgain},
	{name: "append/same ID in one call", why: "An entry that is given twice in one call is stored once.", run: trySameIDInOneCall},
	{name: "append/conflict", why: "An ID that is stored with other content is a ConflictError that names it; none of the call's entries is stored, and what is on the trail stays as it is.", run: tryConflict},
	{name: "append/conflict in one call", why: "An ID that comes with other content in one call is a ConflictError that names it; none of the call's entries is stored.", run: tryConflictInOneCall},
	{name: "append/conflict at once", why: "Of those who append other content under one ID at the same time, one succeeds and all others get a ConflictError.", run: tryConflictAtOnce},
	{name: "append/another time", why: "The time that Enrich gave to a caller's ID is not compared; one that the caller gave is.", run: tryAnotherTime},
	{name: "append/damaged", why: "An entry that was read damaged is not stored.", run: tryAppendDamaged},
	{name: "append/old among new", why: "Entries whose ID is already stored don't keep those beside them from being stored.", run: tryOldAmongNew},
	{name: "append/many", why: "Append takes any number of entries in one call, all or none.", run: tryMany},
	{name: "append/same IDs at once", why: "Appending the same entries again is always right, also at the same time.", run: trySameIDsAtOnce},
	{name: "append/all or none", why: "Append stores all entries or none, also when its context ends halfway.", run: tryAllOrNone},
	{name: "append/changes nothing", why: "The store leaves the entries that it is given as they are.", run: tryChangesNothing},
	{name: "append/keeps no reference", why: "The store keeps no reference to what it was given, and gives out none to what it keeps.", run: tryKeepsNoReference},
	{name: "get/unknown", why: "Get returns ErrNotFound for an ID that no entry has.", run: tryGetUnknown},
	{name: "concurrent use", why: "A store is safe for concurrent use: each reader sees whole entries, and each Append wholly or not at all.", run: tryConcurrentUse},
}

func tryStores(c *trial) {
	stored := c.entries(60)
	for _, part := range [][]audit.Entry{stored[:1], stored[1:7], stored[7:]} {
		c.append(part...)
	}
	for _, e := range stored {
		got, err := c.store.Get(c.ctx, e.ID)
		if err != nil {
			c.broken("Get of a stored entry: %v", err)
		}
		if d := compareEntries(e, got); d != "" {
			c.broken("Get: %s", d)
		}
	}
	c.wantAll(stored, audit.Query{})
}

func tryAppendNothing(c *trial) {
	c.append()
	c.append([]audit.Entry{}...)
	c.wantAll(nil, audit.Query{})
}

func trySameAgain(c *trial) {
	stored := c.entries(5)
	c.append(stored...)
	fresh := c.entries(2)
	for _, repeated := range [][]audit.Entry{stored[:1], stored, slices.Concat(fresh[:1], stored, fresh[1:]), {stored[0], stored[0], fresh[0]}} {
		c.append(repeated...)
	}
	c.wantAll(append(stored, fresh...), audit.Query{})
}

func trySameIDInOneCall(c *trial) {
	list := c.entries(6)
	list[3], list[5] = list[0], list[0]
	c.append(list...)
	c.wantAll([]audit.Entry{list[0], list[1], list[2], list[4]}, audit.Query{})
	list = c.entries(1)
	c.append(list[0], list[0])
	if _, err := c.store.Get(c.ctx, list[0].ID); err != nil {
		c.broken("an entry that was given twice, and alone: %v", err)
	}
}

// others are the entries with their content changed in one place each.
func others(entries []audit.Entry) []audit.Entry {
	list := copies(entries)
	for i := range list {
		switch e := &list[i]; i % 6 {
		case 0:
			e.Comment += "!"
		case 1:
			e.Actor.ID += "!"
		case 2:
			e.Time = e.Time.Add(time.Microsecond)
		case 3:
			e.Changes = append(e.Changes, audit.Change{Field: "more", Op: audit.OpAdd, New: nil})
		case 4:
			e.Metadata = map[string]any{"more": e.Metadata}
		case 5:
			e.OnBehalfOf = &audit.Actor{Name: "another"}
		}
	}
	return list
}

func tryConflict(c *trial) {
	stored := c.entries(6)
	c.append(stored...)
	fresh := c.entries(40)
	for i, e := range others(stored) {
		for _, call := range [][]audit.Entry{
			{e}, {e, fresh[i]}, {fresh[i], e}, {stored[i], e}, {stored[(i+1)%6], e, fresh[i]}, slices.Concat(fresh[:20], []audit.Entry{e}, fresh[20:]),
		} {
			c.wantConflict(c.store.Append(c.ctx, copies(call)...), e.ID)
			c.wantAll(stored, audit.Query{})
		}
	}
	c.append(append(fresh, stored...)...)
	c.wantAll(append(fresh, stored...), audit.Query{Limit: 1000})
}

// wantConflict fails unless err names that ID.
func (c *trial) wantConflict(err error, id string) {
	c.t.Helper()
	c.wantError(err, audit.ErrConflict, "Append of other content under a stored ID")
	var conflict *audit.ConflictError
	if !errors.As(err, &conflict) || !slices.Equal(conflict.IDs, []string{id}) {
		c.broken("the conflict of %s is told as %v", id, err)
	}
}

func tryConflictInOneCall(c *trial) {
	list := c.entries(6)
	for i, e := range others(list) {
		c.wantConflict(c.store.Append(c.ctx, copies([]audit.Entry{list[i], e})...), e.ID)
		c.wantConflict(c.store.Append(c.ctx, copies(append(list, e))...), e.ID)
		c.wantAll(nil, audit.Query{})
	}
}

func tryConflictAtOnce(c *trial) {
	for range 6 {
		var wg sync.WaitGroup
		const writers = 6
		one := c.entries(1)[0]
		errs := make([]error, writers)
		beside := c.entries(writers)
		for i := range writers {
			mine := one
			mine.Comment = fmt.Sprint("writer ", i)
			call := []audit.Entry{beside[i], mine}[1-i%2:]
			wg.Go(func() { errs[i] = c.store.Append(c.ctx, call...) })
		}
		wg.Wait()
		won := -1
		for i, err := range errs {
			switch {
			case err != nil:
				c.wantConflict(err, one.ID)
			case won >= 0:
				c.broken("writers %d and %d have both stored what they have under one ID", won, i)
			default:
				won = i
			}
		}
		if won < 0 {
			c.broken("nobody stored the entry")
		}
		got, err := c.store.Get(c.ctx, one.ID)
		if err != nil || got.Comment != fmt.Sprint("writer ", won) {
			c.broken("writer %d got no error, and what is stored is %q, %v", won, got.Comment, err)
		}
		for i := range writers {
			if _, err := c.store.Get(c.ctx, beside[i].ID); i%2 == 1 && (err == nil) != (i == won) {
				c.broken("an entry of a call whose error was %v: Get says %v", errs[i], err)
			}
		}
	}
}

func tryAnotherTime(c *trial) {
	e := c.entries(1)[0]
	e.Time = time.Time{}
	first := c.complete(e)[0]
	c.append(first)
	again := c.complete(e)[0]
	for !again.Time.After(first.Time) {
		again = c.complete(e)[0]
	}
	c.append(again)
	again.Comment += "!"
	c.wantConflict(c.store.Append(c.ctx, again), e.ID)
	e.Time = again.Time
	c.wantConflict(c.store.Append(c.ctx, c.complete(e)[0]), e.ID)
	got, err := c.store.Get(c.ctx, e.ID)
	if err != nil || !got.Time.Equal(first.Time) {
		c.broken("the entry of %v has the time %v, %v", first.Time, got.Time, err)
	}
}

func tryAppendDamaged(c *trial) {
	list := c.entries(2)
	list[1].Damaged = "changes"
	c.wantError(c.store.Append(c.ctx, list...), audit.ErrInvalidEntry, "Append of a damaged entry")
	c.wantAll(nil, audit.Query{})
}

func tryOldAmongNew(c *trial) {
	old, fresh := c.entries(150), c.entries(150)
	c.append(old...)
	var mixed []audit.Entry
	for i := range fresh {
		mixed = append(mixed, fresh[i], old[i])
	}
	c.append(mixed...)
	c.wantAll(append(old, fresh...), audit.Query{Limit: 1000})
}

func tryMany(c *trial) {
	n := 2500
	if testing.Short() {
		n = 600
	}
	stored := c.entries(n)
	c.append(stored...)
	c.wantAll(stored, audit.Query{Limit: 1000})
}

func trySameIDsAtOnce(c *trial) {
	stored := c.entries(40)
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for range 8 {
		mine := slices.Clone(stored)
		c.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
		wg.Go(func() {
			for _, part := range [][]audit.Entry{mine[:20], mine[10:30], mine[20:]} {
				if err := c.store.Append(c.ctx, part...); err != nil {
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		c.broken("Append at the same time as others: %v", err)
	}
	c.wantAll(stored, audit.Query{})
}

// tryAllOrNone ends contexts at all kinds of moments: when they are ended by
// the n-th time that anyone asks.
//
// Who gives up may not learn that a server has stored everything a moment later.
// What can't be seen after an error is therefore appended again in the end, as a
// caller would.
func tryAllOrNone(c *trial) {
	var stored, unsure []audit.Entry
	for patience := range 40 {
		batch := c.entries(120)
		ctx, cancel := context.WithCancel(c.ctx)
		err := c.store.Append(&impatient{Context: ctx, cancel: cancel, patience: patience}, batch...)
		cancel()
		// All pages, since the server may also have stored entries after an earlier Append gave up.
		n := len(common(batch, c.walk(audit.Query{Limit: 1000})))
		switch {
		case n != 0 && n != len(batch):
			c.broken("%d of %d entries are stored after Append returned %v", n, len(batch), err)
		case err == nil && n == 0:
			c.broken("Append returned nil and stored nothing")
		case err != nil && !errors.Is(err, context.Canceled):
			c.broken("Append whose context was cancelled returned the error %v", err)
		}
		if n > 0 {
			stored = append(stored, batch...)
		} else {
			unsure = append(unsure, batch...)
		}
		if len(stored) > 800 {
			break
		}
	}
	if err := c.store.Append(c.ctx, unsure...); err != nil {
		c.broken("Append of what a cancelled one did not store: %v", err)
	}
	c.wantAll(append(stored, unsure...), audit.Query{Limit: 1000})
}

// impatient is a context that is cancelled once it was asked patience times.
type impatient struct {
	context.Context
	cancel   context.CancelFunc
	mu       sync.Mutex
	patience int
}

func (i *impatient) ask() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.patience--; i.patience < 0 {
		i.cancel()
	}
}

func (i *impatient) Err() error {
	i.ask()
	return i.Context.Err()
}

func (i *impatient) Done() <-chan struct{} {
	i.ask()
	return i.Context.Done()
}

// common returns those of list that are among others, by ID.
func common(list, others []audit.Entry) []audit.Entry {
	ids := map[string]bool{}
	for _, e := range others {
		ids[e.ID] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(e audit.Entry) bool { return !ids[e.ID] })
}

func tryChangesNothing(c *trial) {
	given := c.entries(40)
	want := copies(given)
	for range 2 {
		if err := c.store.Append(c.ctx, given...); err != nil {
			c.broken("Append: %v", err)
		}
		c.wantEntries(want, given, "the caller's own entries after Append")
	}
}

func tryKeepsNoReference(c *trial) {
	fresh := func() audit.Entry {
		return audit.Entry{
			Action: "update", Time: epoch, OnBehalfOf: &audit.Actor{Name: "ada"},
			Changes:  []audit.Change{{Field: "settings", Op: audit.OpReplace, Old: map[string]any{"a": []any{int64(1)}}, New: []any{"x"}}},
			Metadata: map[string]any{"k": map[string]any{"deep": "value"}},
		}
	}
	given := c.complete(fresh())[0]
	want := fresh()
	want.ID, want.Outcome = given.ID, given.Outcome
	if err := c.store.Append(c.ctx, given); err != nil {
		c.broken("Append: %v", err)
	}
	spoil(&given)
	for range 2 {
		got, err := c.store.Get(c.ctx, given.ID)
		if err != nil {
			c.broken("Get: %v", err)
		}
		if d := compareEntries(want, got); d != "" {
			c.broken("after the caller changed its own copy: %s", d)
		}
		spoil(&got)
	}
	page := c.query(audit.Query{})
	for i := range page.Entries {
		spoil(&page.Entries[i])
	}
	c.wantAll([]audit.Entry{want}, audit.Query{})
}

// spoil changes all that an entry refers to.
func spoil(e *audit.Entry) {
	e.OnBehalfOf.Name = "spoiled"
	e.Changes[0].Old.(map[string]any)["a"].([]any)[0] = "spoiled"
	e.Changes[0].New.([]any)[0] = "spoiled"
	e.Changes[0].Field = "spoiled"
	e.Metadata["k"].(map[string]any)["deep"] = "spoiled"
}

func tryGetUnknown(c *trial) {
	stored := c.entries(3)
	c.append(stored...)
	for _, id := range []string{
		"00000000-0000-4000-8000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "", "nothing", "' OR '1'='1", "%", stored[0].ID[:35], stored[0].ID + "0",
	} {
		e, err := c.store.Get(c.ctx, id)
		c.wantError(err, audit.ErrNotFound, fmt.Sprintf("Get(%q)", id))
		if e.ID != "" || e.Action != "" {
			c.broken("Get(%q) returned an entry beside ErrNotFound", id)
		}
	}
}

// tryConcurrentUse appends batches whose entries share a transaction ID, and
// looks for batches of which a part is seen.
func tryConcurrentUse(c *trial) {
	const writers, rounds, size = 4, 8, 12
	batches := make([][]audit.Entry, writers*rounds)
	for i := range batches {
		batches[i] = c.entries(size)
		for j := range batches[i] {
			batches[i][j].TransactionID = fmt.Sprintf("batch %d", i)
		}
	}
	problems := make(chan string, 1000)
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := w * rounds; i < (w+1)*rounds; i++ {
				if err := c.store.Append(c.ctx, batches[i]...); err != nil {
					problems <- fmt.Sprintf("Append: %v", err)
				}
			}
		})
	}
	done := make(chan struct{})
	for range 3 {
		reading.Go(func() { readWhileWriting(c, done, size, problems) })
	}
	writing.Wait()
	close(done)
	reading.Wait()
	close(problems)
	for p := range problems {
		c.alsoBroken("%s", p)
	}
	c.wantAll(slices.Concat(batches...), audit.Query{Limit: 1000})
}

func readWhileWriting(c *trial, done <-chan struct{}, size int, problems chan<- string) {
	for round := 0; ; round++ {
		select {
		case <-done:
			return
		default:
		}
		q := audit.Query{Sort: sorts[round%len(sorts)], Limit: 1000}
		page, err := c.store.Query(c.ctx, q)
		if err != nil {
			problems <- fmt.Sprintf("Query while others append: %v", err)
			return
		}
		seen := map[string]int{}
		for _, e := range page.Entries {
			seen[e.TransactionID]++
		}
		for id, n := range seen {
			if n != size {
				problems <- fmt.Sprintf("%d of the %d entries of %q are seen", n, size, id)
				return
			}
		}
	}
}
