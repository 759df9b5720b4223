package audit

import "slices"

// Watch returns a channel that holds a token once entries may have been
// committed, or the trail was closed, since the last one was taken: who follows
// the trail then looks at once and not only by the clock. Tokens don't queue,
// and there may be one without a new entry. stop ends it; calling it again does
// nothing. The channel is never closed.
//
// It tells of what this process commits: by Record, by package hooks, and by
// who calls Committed. What other processes commit to the same database is
// found by asking it from time to time, or told by package pgnotify.
func (t *Trail) Watch() (woken <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	t.watching(func(list []chan struct{}) []chan struct{} { return append(list, c) })
	return c, func() {
		t.watching(func(list []chan struct{}) []chan struct{} {
			return slices.DeleteFunc(list, func(other chan struct{}) bool { return other == c })
		})
	}
}

// watching replaces the list: Committed reads it without a lock, since it runs
// behind every commit.
func (t *Trail) watching(change func([]chan struct{}) []chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []chan struct{}
	if old := t.watchers.Load(); old != nil {
		list = slices.Clone(*old)
	}
	list = change(list)
	t.watchers.Store(&list)
}

// Committed tells those who watch that entries of this trail were committed. Who
// appends to the store in a transaction of its own (TxAppender) calls it behind
// the commit; Record and package hooks do so by themselves. It never waits.
// Without it entries are seen all the same, a moment later.
func (t *Trail) Committed() {
	list := t.watchers.Load()
	if list == nil {
		return
	}
	for _, c := range *list {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
