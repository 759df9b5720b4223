package storagetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

func isCheckpointer(s audit.Store) bool {
	c, ok := s.(storage.Checkpointer)
	if !ok {
		return false
	}
	_, err := c.Checkpoint(context.Background(), "ability")
	return !errors.Is(err, errors.ErrUnsupported)
}

var checkpointContracts = []contract{
	{name: "checkpoint/advance", why: "A checkpoint begins at version 0 and the feed's beginning; each Advance stores position and state, and counts the version up by one. Checkpoints of other names stay as they are.", has: isCheckpointer, run: tryAdvance},
	{name: "checkpoint/stale", why: "Advance from any version but the stored one returns ErrStale and changes nothing.", has: isCheckpointer, run: tryStale},
	{name: "checkpoint/race", why: "Of followers that advance from the same version one succeeds and the others get ErrStale.", has: isCheckpointer, run: tryRacingFollowers},
	{name: "checkpoint/lease", why: "While a lease holds, only Advance with its number succeeds, and no other holder gets one; its number stays while it is renewed, and is greater in each later lease.", has: isCheckpointer, run: tryLease},
	{name: "checkpoint/lease expires", why: "After a lease has expired another holder gets one, and Advance with the number of the expired one returns ErrStale, whether or not there is another.", has: isCheckpointer, run: tryExpiry},
	{name: "checkpoint/lease race", why: "Of holders that ask for a lease at once one gets it and the others get ErrLeased.", has: isCheckpointer, run: tryRacingHolders},
	{name: "checkpoint/arguments", why: "Arguments that can't be stored are a *CheckpointError, and nothing is written.", has: isCheckpointer, run: tryCheckpointArguments},
	{name: "checkpoint/context ended", why: "With a context that is done, the methods of a Checkpointer return its error.", has: isCheckpointer, run: tryCheckpointContext},
}

// checkpointer is a trial's store as one.
type checkpointer struct {
	*trial
	storage.Checkpointer
}

func (c *trial) checkpointer() checkpointer {
	return checkpointer{c, c.store.(storage.Checkpointer)}
}

func (c checkpointer) read(name string) storage.Checkpoint {
	c.t.Helper()
	got, err := c.Checkpoint(c.ctx, name)
	if err != nil {
		c.broken("Checkpoint of %q: %v", name, err)
	}
	return got
}

// to advances from a checkpoint, and returns it as it then is.
func (c checkpointer) to(from storage.Checkpoint, position, state string) storage.Checkpoint {
	c.t.Helper()
	to := from
	to.Position, to.State = position, state
	if err := c.Advance(c.ctx, from, to); err != nil {
		c.broken("Advance from version %d of %q: %v", from.Version, from.Name, err)
	}
	to.Version++
	c.want(to)
	return to
}

func (c checkpointer) want(want storage.Checkpoint) {
	c.t.Helper()
	want.Fence = 0
	if got := c.read(want.Name); got != want {
		c.broken("Checkpoint of %q is %.200v, where %.200v was stored", want.Name, got, want)
	}
}

// stale fails unless Advance returns ErrStale and leaves the checkpoint as it is.
func (c checkpointer) stale(from storage.Checkpoint, what string) {
	c.t.Helper()
	before := c.read(from.Name)
	to := from
	to.Position, to.State = "stale", "stale"
	c.wantError(c.Advance(c.ctx, from, to), storage.ErrStale, "Advance "+what)
	c.want(before)
}

func (c checkpointer) lease(name, holder string, ttl time.Duration) int64 {
	c.t.Helper()
	fence, err := c.Lease(c.ctx, name, holder, ttl)
	if err != nil {
		c.broken("Lease of %q for %s: %v", name, holder, err)
	}
	return fence
}

func tryAdvance(t *trial) {
	c := t.checkpointer()
	names := []string{"facets", "Facets", "sink/siem", "a b", "é", strings.Repeat("x", storage.MaxName)}
	last := map[string]storage.Checkpoint{}
	for _, name := range names {
		if got := c.read(name); got != (storage.Checkpoint{Name: name}) {
			c.broken("Checkpoint of a name that nobody has used is %v", got)
		}
		last[name] = storage.Checkpoint{Name: name}
	}
	for i, text := range []string{"1", "", "pg/12:34:", strings.Repeat("ü\n\"'\\", 1000), strings.Repeat("s", storage.MaxState)} {
		for _, name := range names {
			last[name] = c.to(last[name], fmt.Sprintf("%s %d", text, i), text)
		}
	}
	for _, name := range names {
		c.want(last[name])
	}
}

func tryStale(t *trial) {
	c := t.checkpointer()
	none := storage.Checkpoint{Name: "x"}
	ahead := none
	ahead.Version = 1
	c.stale(ahead, "from version 1 of a checkpoint that has none")
	first := c.to(none, "one", "1")
	c.stale(none, "from version 0 of a checkpoint of version 1")
	second := c.to(first, "one", "1") // the same position again counts too
	c.stale(first, "from version 1 of a checkpoint of version 2")
	ahead.Version = 3
	c.stale(ahead, "from version 3 of a checkpoint of version 2")
	second.Fence = 1
	c.stale(second, "with the number of a lease that there never was")
}

func tryRacingFollowers(t *trial) {
	c := t.checkpointer()
	const followers, each = 6, 10
	var wg sync.WaitGroup
	for n := range followers {
		wg.Go(func() {
			for done := 0; done < each; {
				from, err := c.Checkpoint(c.ctx, "race")
				if err != nil {
					c.alsoBroken("Checkpoint: %v", err)
					return
				}
				to := from
				to.Position = fmt.Sprintf("%d/%d", n, done)
				to.State = from.State + "."
				switch err := c.Advance(c.ctx, from, to); {
				case err == nil:
					done++
				case !errors.Is(err, storage.ErrStale):
					c.alsoBroken("Advance beside others: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	got := c.read("race")
	if got.Version != followers*each || len(got.State) != followers*each {
		c.broken("%d followers advanced %d times each, and the checkpoint has version %d and the state of %d", followers, each, got.Version, len(got.State))
	}
}

func tryLease(t *trial) {
	c := t.checkpointer()
	at := c.to(storage.Checkpoint{Name: "x"}, "one", "")
	first := c.lease("x", "a", time.Hour)
	if first < 1 {
		c.broken("the first lease has number %d", first)
	}
	if again := c.lease("x", "a", 2*time.Hour); again != first {
		c.broken("the lease has number %d after it was renewed, and had %d", again, first)
	}
	c.want(at)
	_, err := c.Lease(c.ctx, "x", "b", time.Hour)
	c.wantError(err, storage.ErrLeased, "Lease for another holder")
	c.stale(at, "without the lease's number")
	at.Fence = first + 1
	c.stale(at, "with another number than the lease's")
	at.Fence = first
	at = c.to(at, "two", "2")

	c.lease("x", "b", 0) // isn't the holder
	at = c.to(at, "three", "3")
	c.lease("x", "a", 0)
	c.stale(at, "with the number of a lease that was ended")
	at.Fence = 0
	at = c.to(at, "four", "")

	second := c.lease("x", "b", time.Hour)
	if second <= first {
		c.broken("the second lease has number %d, and the first had %d", second, first)
	}
	at.Fence = first
	c.stale(at, "with the number of an earlier lease")
	at.Fence = second
	c.to(at, "five", "")
	if own := c.lease("y", "a", time.Hour); own < 1 {
		c.broken("the lease of another checkpoint has number %d", own)
	}
	fresh := storage.Checkpoint{Name: "y"}
	c.stale(fresh, "without the number of a lease that came before the first Advance")
}

func tryExpiry(t *trial) {
	c := t.checkpointer()
	at := c.to(storage.Checkpoint{Name: "x"}, "one", "")
	at.Fence = c.lease("x", "a", 50*time.Millisecond)
	time.Sleep(100 * time.Millisecond)
	c.stale(at, "after the lease has expired")
	if again := c.lease("x", "a", 50*time.Millisecond); again <= at.Fence {
		c.broken("the lease that the same holder took after it had expired has number %d, and the first had %d", again, at.Fence)
	}
	time.Sleep(100 * time.Millisecond)
	second := c.lease("x", "b", time.Hour)
	c.stale(at, "after another holder got the lease")
	at.Fence = second
	c.to(at, "two", "")
}

func tryRacingHolders(t *trial) {
	c := t.checkpointer()
	for round := range 3 {
		name := fmt.Sprint("race ", round)
		if round > 0 { // there is a row already
			c.to(storage.Checkpoint{Name: name}, "one", "")
		}
		const holders = 8
		errs := make([]error, holders)
		var wg sync.WaitGroup
		for n := range holders {
			wg.Go(func() { _, errs[n] = c.Lease(c.ctx, name, fmt.Sprint(n), time.Hour) })
		}
		wg.Wait()
		got := 0
		for _, err := range errs {
			if err == nil {
				got++
			} else if !errors.Is(err, storage.ErrLeased) {
				c.broken("Lease beside others: %v", err)
			}
		}
		if got != 1 {
			c.broken("%d of %d holders got the lease", got, holders)
		}
	}
}

func tryCheckpointArguments(t *trial) {
	c := t.checkpointer()
	check := func(err error, what string) {
		c.t.Helper()
		if bad := (*storage.CheckpointError)(nil); !errors.As(err, &bad) {
			c.broken("%s returned %v", what, err)
		}
	}
	for _, name := range []string{"", strings.Repeat("x", storage.MaxName+1), "a\x00b"} {
		what := fmt.Sprintf("with the name %.20q", name)
		_, err := c.Checkpoint(c.ctx, name)
		check(err, "Checkpoint "+what)
		check(c.Advance(c.ctx, storage.Checkpoint{Name: name}, storage.Checkpoint{Name: name}), "Advance "+what)
		_, err = c.Lease(c.ctx, name, "a", time.Hour)
		check(err, "Lease "+what)
		_, err = c.Lease(c.ctx, "x", name, time.Hour)
		check(err, "Lease for a holder "+what)
	}
	x := storage.Checkpoint{Name: "x"}
	check(c.Advance(c.ctx, x, storage.Checkpoint{Name: "y"}), "Advance to another name")
	check(c.Advance(c.ctx, x, storage.Checkpoint{Name: "x", State: strings.Repeat("x", storage.MaxState+1)}), "Advance to a state that is too long")
	for _, ttl := range []time.Duration{-1, 1} {
		_, err := c.Lease(c.ctx, "x", "a", ttl)
		check(err, fmt.Sprintf("Lease for %v", ttl))
	}
	c.want(x)
}

func tryCheckpointContext(t *trial) {
	c := t.checkpointer()
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	_, err := c.Checkpoint(ctx, "x")
	c.wantError(err, context.Canceled, "Checkpoint with a cancelled context")
	c.wantError(c.Advance(ctx, storage.Checkpoint{Name: "x"}, storage.Checkpoint{Name: "x", Position: "y"}), context.Canceled, "Advance with a cancelled context")
	_, err = c.Lease(ctx, "x", "a", time.Hour)
	c.wantError(err, context.Canceled, "Lease with a cancelled context")
	c.want(storage.Checkpoint{Name: "x"})
}
