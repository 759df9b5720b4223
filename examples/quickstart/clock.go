package main

import (
	"sync"
	"time"
)

// clock tells the time to the host and to its trail. While the seed runs it is
// set by hand, so that three weeks of work take a second.
type clock struct {
	mu  sync.Mutex
	set time.Time // zero: the real time
}

// Now never tells the same time twice while it is set by hand, so that the
// order in which things happened can be seen.
func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set.IsZero() {
		return time.Now()
	}
	c.set = c.set.Add(7 * time.Millisecond)
	return c.set
}

// Set moves the clock forward; it never goes back.
func (c *clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.After(c.set) {
		c.set = t
	}
}

// Release lets the clock tell the real time.
func (c *clock) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set = time.Time{}
}
