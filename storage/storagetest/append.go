package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/gormtrail/audit"
)

var appendContracts = []contract{
	{name: "append/stores", why: "Append stores the entries; Get and Query return what was appended, value for value.", run: tryStores},
	{name: "append/nothing", why: "Append of no entries stores nothing and is no error.", run: tryAppendNothing},
	{name: "append/same ID again", why: "An ID that is already stored is passed over: what is on the trail stays as it is.", run: trySameIDAgain},
	{name: "append/same ID in one call", why: "An ID that is given twice in one call is stored once, as it was given first.", run: trySameIDInOneCall},
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

func trySameIDAgain(c *trial) {
	stored := c.entries(5)
	c.append(stored...)
	other := c.entries(5)
	for i := range other {
		other[i].ID = stored[i].ID
	}
	for _, repeated := range [][]audit.Entry{other[:1], other, stored} {
		c.append(repeated...)
		c.wantAll(stored, audit.Query{})
	}
}

func trySameIDInOneCall(c *trial) {
	list := c.entries(6)
	list[3].ID, list[5].ID = list[0].ID, list[0].ID
	c.append(list...)
	c.wantAll([]audit.Entry{list[0], list[1], list[2], list[4]}, audit.Query{})
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
		page := c.query(audit.Query{Limit: 1000})
		n := len(common(batch, page.Entries))
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
