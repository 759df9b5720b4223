package stream

import (
	"context"
	"fmt"
	"slices"
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
	group  key // of the filter
	tailer audit.Tailer
	sealer *sealer
	step   int // how many entries are read at once
	at     place
	live   bool          // it has read all of the past, and takes what the hub offers
	seen   map[mark]bool // read from the store, and offered by the hub once more
	gone   []mark        // of seen: were offered once more; the positions of that answer still name them
	forget bool          // nothing of seen comes any more
	last   place         // behind the last event that was returned

	closed bool // guarded by the hub's mu, under which readers join

	mu      sync.Mutex
	queue   []*parcel
	queued  int // events in the queue
	size    int // of the queue
	missed  int
	err     error
	ready   chan struct{} // holds a token once there is more to take
	joined  int           // the hub's round when the reader had read all of the past
	settled bool          // the hub has since offered all of that once more
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
	f = h.trail.Joined(audit.Filter{}.And(f)) // a copy: others share it, and the caller's lists may change
	tailer, err := tailerOf(h.trail)
	if err != nil {
		return nil, err
	}
	sealer, err := h.positions(ctx)
	if err != nil {
		return nil, err
	}
	r := &Reader{hub: h, filter: f, group: keyOf(f), tailer: tailer, sealer: sealer, step: batch, ready: make(chan struct{}, 1), seen: map[mark]bool{}, joined: -1}
	if after != "" {
		if r.at, err = sealer.place(after); err != nil {
			return nil, err
		}
		r.last = r.at
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
	r.at, r.last = place{after: head}, place{after: head}
	return r, nil
}

// Position is the place behind the last event that Next returned; at first the
// one that the reader was made with.
func (r *Reader) Position() string { return r.sealer.position(r.last) }

// progress moves the position over what the filter left out, and returns it: a
// client that resumes need not have that looked through again.
func (r *Reader) progress() string {
	r.advance()
	return r.Position()
}

func (r *Reader) advance() {
	if !r.live {
		return
	}
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, here := r.hub.readers[r]; here && len(r.queue) == 0 && r.missed == 0 && len(r.seen) == 0 {
		r.last = place{after: r.hub.after}
	}
}

// Next waits for events and returns all that are there, at least one and at
// most as many as the hub buffers.
//
// Errors: the context's, after which Next can be called again; *BehindError;
// audit.ErrClosed if the hub or the trail was closed; the store's.
func (r *Reader) Next(ctx context.Context) ([]Event, error) {
	p, err := r.next(ctx)
	var events []Event
	for p != nil {
		for i, it := range p.items[:len(p.items)-1] {
			events = append(events, Event{Entry: it.Entry, Position: r.sealer.position(r.with(p.behind(i), it))})
		}
		last := p.items[len(p.items)-1]
		events = append(events, Event{Entry: last.Entry, Position: r.Position()})
		if p = nil; r.live {
			p, _ = r.take() // an error stays, and is the next call's
		}
	}
	return events, err
}

// next waits for what comes next, at least one event.
func (r *Reader) next(ctx context.Context) (*parcel, error) {
	for {
		if !r.live {
			if p, err := r.catchUp(ctx); p != nil || err != nil {
				return p, err
			}
			continue
		}
		if p, err := r.take(); p != nil || err != nil {
			return p, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.ready:
		}
	}
}

// with is a place behind an item for this reader: it may have seen entries that
// the hub has not come to yet.
func (r *Reader) with(p place, it *item) place {
	if it.batch.hub && len(r.seen) > 0 {
		p.seen = slices.Clone(p.seen)
		for m := range r.seen {
			p.seen = append(p.seen, m)
		}
	}
	return p
}

// took moves the position behind a parcel.
func (r *Reader) took(p *parcel) *parcel {
	r.last = r.with(p.end, p.items[0])
	return p
}

// catchUp reads from the store. When that has no more, the reader joins the hub.
//
// The hub then offers everything behind a position of its own, which may be
// before or behind the reader's. So the reader asks the store for what is behind
// the hub's position (it is offered that once more, and must have it already or
// get it now), and then for what is behind its own, which it returns. What is
// committed later than the two answers comes from the hub alone.
//
// nil and no error is nothing new.
func (r *Reader) catchUp(ctx context.Context) (*parcel, error) {
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
	items, at, err := r.read(ctx, r.at)
	if err != nil {
		r.unjoin()
		return nil, err
	}
	r.at = at
	switch {
	case joined && at.quiet:
		for _, it := range items {
			r.seen[it.batch.marks[it.index]] = true
		}
		r.settle()
	case joined: // a whole batch behind again: the hub would only fill the queue
		r.unjoin()
	}
	if len(items) == 0 {
		return nil, nil
	}
	return r.took(newParcel(items)), nil
}

// read reads the entries behind a place: as many as have about maxHeld bytes, going
// by those before.
func (r *Reader) read(ctx context.Context, at place) ([]*item, place, error) {
	items, next, err := at.read(ctx, r.tailer, r.filter, r.step)
	if len(items) > 0 {
		size := 0
		for _, it := range items {
			size += sizeOf(&it.Entry)
		}
		r.step = min(max(maxHeld*len(items)/size, 1), batch)
	}
	return items, next, err
}

// settle makes the reader live. Once the hub has asked the store again and found
// all there was, nothing of what the reader has seen by now comes any more.
func (r *Reader) settle() {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.joined, r.settled, r.live = r.hub.round, false, true
}

// expect notes what the hub is going to offer that the store has already.
func (r *Reader) expect(ctx context.Context, after string) error {
	at := place{after: after}
	for {
		items, next, err := r.read(ctx, at)
		if err != nil {
			return err
		}
		for _, it := range items {
			r.seen[it.batch.marks[it.index]] = true
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
	r.queue, r.queued, r.size, r.missed, r.joined, r.settled = nil, 0, 0, 0, -1, false
	clear(r.seen)
	r.gone, r.forget = nil, false
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

// Close ends the reader: a Next that waits, and every later one once what is
// queued was taken, returns audit.ErrClosed. Closing again does nothing.
func (r *Reader) Close() {
	r.hub.mu.Lock()
	r.closed = true
	r.hub.mu.Unlock()
	r.hub.leave(r)
	r.fail(audit.ErrClosed)
}
