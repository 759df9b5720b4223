package stream

import (
	"context"
	"fmt"
	"sync"

	"github.com/gormtrail/audit"
)

// BehindError tells a reader that the trail ran ahead of it by more than the
// hub buffers. Nothing is lost: a new reader after Position goes on.
type BehindError struct {
	Position string // behind the last event that Next returned
	Missed   int    // events that the hub dropped meanwhile, at least
}

func (e *BehindError) Error() string {
	return fmt.Sprintf("stream: the reader is behind by more than the buffer holds, %d events at least: resume from its position", e.Missed)
}

// Reader follows a hub. It belongs to one goroutine; Close may be called from
// any.
type Reader struct {
	hub    *Hub
	filter audit.Filter
	tailer audit.Tailer
	at     place
	live   bool            // it has read all of the past, and takes what the hub offers
	seen   map[string]bool // read from the store after joining: the hub offers them once more
	last   string          // position behind the last event that was returned

	mu     sync.Mutex
	queue  []*item
	missed int
	err    error
	ready  chan struct{} // holds one token while there is something to take
}

// Follow returns a reader of what f selects, after a position. "" is now: what
// is committed from here on. An older position first reads what was missed from
// the store.
//
// Errors: *audit.QueryError, audit.ErrBadCursor, audit.ErrClosed, the store's.
// Close the reader when done.
func (h *Hub) Follow(ctx context.Context, f audit.Filter, after string) (*Reader, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	tailer, err := tailerOf(h.trail)
	if err != nil {
		return nil, err
	}
	r := &Reader{hub: h, filter: f, tailer: tailer, ready: make(chan struct{}, 1), seen: map[string]bool{}}
	if after != "" {
		r.at, r.last = parsePlace(after), after
		// An unknown position is an answer of Follow, not of Next.
		if _, _, err = r.at.read(ctx, tailer, audit.Filter{}, 1); err != nil {
			return nil, err
		}
		return r, nil
	}
	head, err := tailer.Head(ctx)
	if err != nil {
		return nil, err
	}
	r.at, r.last = parsePlace(head), head
	return r, nil
}

// Position is the place behind the last event that Next returned; at first the
// one that the reader was made with.
func (r *Reader) Position() string { return r.last }

// progress moves the position over what the filter left out, and returns it: a
// client that resumes need not have that looked through again.
func (r *Reader) progress() string {
	if !r.live {
		return r.last
	}
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, here := r.hub.readers[r]; here && len(r.queue) == 0 && r.missed == 0 && len(r.seen) == 0 {
		r.last = r.hub.after
	}
	return r.last
}

// Next waits for events and returns all that are there, at least one and at
// most as many as the hub buffers.
//
// Errors: the context's, after which Next can be called again; *BehindError;
// audit.ErrClosed if the hub or the trail was closed; the store's.
func (r *Reader) Next(ctx context.Context) ([]Event, error) {
	items, err := r.next(ctx)
	events := make([]Event, len(items))
	for i, it := range items {
		events[i] = it.Event
	}
	return events, err
}

func (r *Reader) next(ctx context.Context) ([]*item, error) {
	for {
		var items []*item
		var err error
		if r.live {
			items, err = r.take(ctx)
		} else {
			items, err = r.catchUp(ctx)
		}
		if err != nil {
			return nil, err
		}
		if len(items) > 0 {
			r.last = items[len(items)-1].Position
			return items, nil
		}
	}
}

// catchUp reads from the store. When that has no more, the reader joins the hub.
//
// The hub then offers everything behind a position of its own, which may be
// before or behind the reader's. So the reader asks the store for what is behind
// the hub's position (it is offered that once more, and must have it already or
// get it now), and then for what is behind its own, which it returns. What is
// committed later than the two answers comes from the hub alone.
func (r *Reader) catchUp(ctx context.Context) ([]*item, error) {
	joined := r.at.quiet
	if joined {
		hub, err := r.hub.join(ctx, r)
		if err == nil {
			err = r.expect(ctx, hub)
		}
		if err != nil {
			r.unjoin()
			return nil, err
		}
	}
	events, at, err := r.at.read(ctx, r.tailer, r.filter, batch)
	if err != nil {
		r.unjoin()
		return nil, err
	}
	r.at = at
	items := make([]*item, len(events))
	for i := range events {
		items[i] = &item{Event: events[i]}
	}
	switch {
	case joined && at.quiet:
		for i := range events {
			r.seen[events[i].ID] = true
		}
		r.live = true
	case joined: // a whole batch behind again: the hub would only fill the queue
		r.unjoin()
	}
	return items, nil
}

// expect notes what the hub is going to offer that the store has already.
func (r *Reader) expect(ctx context.Context, after string) error {
	at := parsePlace(after)
	for {
		events, next, err := at.read(ctx, r.tailer, r.filter, batch)
		if err != nil {
			return err
		}
		for i := range events {
			r.seen[events[i].ID] = true
		}
		if at = next; at.quiet {
			return nil
		}
	}
}

func (r *Reader) unjoin() {
	r.hub.leave(r)
	r.drop()
}

func (r *Reader) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue, r.missed = nil, 0
	clear(r.seen)
}

// take waits for the hub's offers.
func (r *Reader) take(ctx context.Context) ([]*item, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.ready:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.missed > 0 && len(r.queue) == 0 {
		r.signal()
		return nil, &BehindError{Position: r.last, Missed: r.missed}
	}
	if r.err != nil && len(r.queue) == 0 {
		r.signal()
		return nil, r.err
	}
	items := r.queue
	r.queue = nil
	if r.missed > 0 || r.err != nil {
		r.signal() // what is queued comes first, then the news
	}
	kept := items[:0]
	for _, it := range items {
		if r.seen[it.ID] {
			delete(r.seen, it.ID)
			continue
		}
		kept = append(kept, it)
	}
	return kept, nil
}

// offer is the hub's; it never waits.
func (r *Reader) offer(items []*item) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, it := range items {
		switch {
		case !r.filter.Match(it.Entry):
			continue
		case r.missed > 0 || len(r.queue) >= r.hub.opts.Buffer:
			r.missed++ // after a gap nothing more is taken: order is part of the promise
		default:
			r.queue = append(r.queue, it)
		}
		r.signal()
	}
}

func (r *Reader) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
	r.signal()
}

func (r *Reader) signal() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// Close ends the reader. Closing again does nothing.
func (r *Reader) Close() { r.hub.leave(r) }
