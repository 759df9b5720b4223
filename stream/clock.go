package stream

import (
	"context"
	"time"

	"github.com/gormtrail/audit"
)

const (
	// pollEvery is how long a quiet feed waits before it asks the store again.
	pollEvery = 200 * time.Millisecond
	// pollAwake is the same where something from outside wakes it: then the clock
	// only finds what nobody told, still within a second.
	pollAwake = 800 * time.Millisecond
	// gather is how long a feed leaves the store alone at least.
	gather = 100 * time.Millisecond
)

// clock says when a feed looks at the store: at once where something was
// committed and the last look is a while ago, else when that while is over, and
// from time to time in any case.
type clock struct {
	trail   *audit.Trail
	woken   <-chan struct{} // by the trail
	outside <-chan struct{} // by something else; nil if there is nothing
	every   time.Duration
	gather  time.Duration
	asked   time.Time
	timer   *time.Timer
	stop    func()
}

// newClock is stopped by who made it.
func newClock(trail *audit.Trail, outside <-chan struct{}, gather time.Duration) *clock {
	c := &clock{trail: trail, outside: outside, every: pollEvery, gather: gather, timer: time.NewTimer(0)}
	if outside != nil {
		c.every = pollAwake
	}
	c.woken, c.stop = trail.Watch()
	return c
}

// ask notes that the store is asked now. What woke the clock until now is in
// the answer.
func (c *clock) ask() {
	select {
	case <-c.woken:
	default:
	}
	c.asked = time.Now()
}

// wait returns when the store should be asked again. The error is the context's
// or audit.ErrClosed.
func (c *clock) wait(ctx context.Context) error {
	for woken := false; !woken; {
		c.timer.Reset(time.Until(c.asked.Add(c.every)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.timer.C:
			return c.open()
		case <-c.woken:
			woken = true
		case _, woken = <-c.outside:
			if !woken { // closed: it would turn this into a busy loop
				c.outside, c.every = nil, pollEvery
			}
		}
	}
	return c.pause(ctx, c.asked.Add(c.gather))
}

// pause waits for a time, whatever wakes it but the trail's end.
func (c *clock) pause(ctx context.Context, until time.Time) error {
	for {
		if err := c.open(); err != nil {
			return err
		}
		c.timer.Reset(time.Until(until))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.timer.C:
			return nil
		case <-c.woken:
		}
	}
}

func (c *clock) open() error {
	if c.trail.Closed() {
		return audit.ErrClosed
	}
	return nil
}
