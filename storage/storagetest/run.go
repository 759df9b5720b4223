// Package storagetest checks that a store keeps what package audit promises of
// it, and makes stores fail on purpose.
//
// [Run] is the conformance suite: who writes an audit.Store calls it from a
// test. [RunTx] adds what an audit.TxAppender promises. [Faulty] wraps a store
// for tests of what is built upon it.
package storagetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/gormtrail/audit"
)

// SeedVariable is the environment variable that repeats a run: the number that
// a failure printed as its seed. Without it each run draws another.
const SeedVariable = "AUDIT_STORAGETEST_SEED"

// Run checks every promise of audit.Store and of the optional interfaces that
// the store implements, each in a subtest of its own. open returns an empty
// store; it is called once for each subtest and may use t.Cleanup. A failure
// prints the sentence of the contract that is broken, what was seen, and the
// seed of the data.
//
// Run it with the race detector too: some subtests use the store from many
// goroutines. With -short the largest data is smaller.
func Run(t *testing.T, open func(t *testing.T) audit.Store) {
	t.Helper()
	seed := newSeed(t)
	for _, c := range contracts() {
		t.Run(c.name, func(t *testing.T) {
			c.check(t, open(t), seed)
		})
	}
}

// contract is one promise and how to try it.
type contract struct {
	name string
	why  string // the promise, as store.go makes it
	// has reports whether the store makes this promise at all; nil: every does.
	has func(audit.Store) bool
	run func(*trial)
}

func (c contract) check(t testing.TB, store audit.Store, seed uint64) {
	t.Helper()
	if c.has != nil && !c.has(store) {
		t.Skipf("a %T doesn't implement this optional interface", store)
	}
	c.run(newTrial(t, c.why, store, seed))
}

// contracts are all promises, in the order of store.go.
func contracts() []contract {
	var all []contract
	for _, part := range [][]contract{
		appendContracts, valueContracts, filterContracts, textContracts, pageContracts, cursorContracts, contextContracts,
		facetContracts, countContracts, iteratorContracts, recordedContracts, purgeContracts, tailContracts, keyContracts, replaceContracts, checkpointContracts,
	} {
		all = append(all, part...)
	}
	return all
}

func newSeed(t testing.TB) uint64 {
	s := os.Getenv(SeedVariable)
	if s == "" {
		return uint64(time.Now().UnixNano())
	}
	seed, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s is %q, not a number", SeedVariable, s)
	}
	return seed
}

// trial is one promise being tried on one store.
type trial struct {
	t     testing.TB
	why   string
	seed  uint64
	ctx   context.Context
	store audit.Store
	*generator
}

func newTrial(t testing.TB, why string, store audit.Store, seed uint64) *trial {
	return &trial{t: t, why: why, seed: seed, ctx: context.Background(), store: store,
		generator: &generator{t: t, Rand: rand.New(rand.NewPCG(seed, 0))}}
}

// broken ends the trial: the promise wasn't kept.
func (c *trial) broken(format string, args ...any) {
	c.t.Helper()
	c.report(c.t.Fatalf, format, args...)
}

// alsoBroken goes on: what follows may tell more.
func (c *trial) alsoBroken(format string, args ...any) {
	c.t.Helper()
	c.report(c.t.Errorf, format, args...)
}

func (c *trial) report(fail func(string, ...any), format string, args ...any) {
	c.t.Helper()
	args = append([]any{c.why}, append(args, SeedVariable, c.seed)...)
	fail("The contract: %s\nBroken: "+format+"\nThe data: %s=%d", args...)
}

// append gives the store copies, so that what is compared later is what was
// meant, whatever the store does to what it is given.
func (c *trial) append(entries ...audit.Entry) {
	c.t.Helper()
	if err := c.store.Append(c.ctx, copies(entries)...); err != nil {
		c.broken("Append of %d entries: %v", len(entries), err)
	}
}

// query asks for a page as a Trail does: validated.
func (c *trial) query(q audit.Query) *audit.Page {
	c.t.Helper()
	page, err := c.tryQuery(q)
	if err != nil {
		c.broken("Query of %s: %v", describe(q), err)
	}
	if page == nil {
		c.broken("Query of %s returned neither a page nor an error", describe(q))
	}
	return page
}

func (c *trial) tryQuery(q audit.Query) (*audit.Page, error) {
	c.t.Helper()
	q, err := q.Validate()
	if err != nil {
		c.t.Fatalf("storagetest made a query that isn't valid: %v", err)
	}
	return c.store.Query(c.ctx, q)
}

// walk returns all pages of q put together, going by Next.
func (c *trial) walk(q audit.Query) []audit.Entry {
	c.t.Helper()
	var all []audit.Entry
	for _, page := range c.pages(q) {
		all = append(all, page.Entries...)
	}
	return all
}

// pages returns the pages of q, going by Next.
func (c *trial) pages(q audit.Query) []*audit.Page {
	c.t.Helper()
	v, _ := q.Validate()
	var pages []*audit.Page
	for {
		page := c.query(q)
		pages = append(pages, page)
		if n := len(page.Entries); n > v.Limit || (n < v.Limit && page.Next != "" && q.MaxBytes == 0) {
			c.broken("a page of %d entries, next page %q, where the limit is %d", n, page.Next, v.Limit)
		}
		if page.Next == "" {
			return pages
		}
		if len(pages) > 100_000 {
			c.broken("the walk over %s doesn't end", describe(q))
		}
		q.Cursor = page.Next
	}
}

// wantAll fails unless q selects exactly what a naive evaluation over stored
// does, in its order.
func (c *trial) wantAll(stored []audit.Entry, q audit.Query) {
	c.t.Helper()
	c.wantEntries(naive(stored, q), c.walk(q), describe(q))
}

func (c *trial) wantEntries(want, got []audit.Entry, what string) {
	c.t.Helper()
	if difference := compareLists(want, got); difference != "" {
		c.broken("%s: %s", what, difference)
	}
}

func (c *trial) wantError(err, target error, what string) {
	c.t.Helper()
	if !errors.Is(err, target) {
		c.broken("%s returned the error %v, which is not %v", what, err, target)
	}
}
