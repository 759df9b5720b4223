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
	group  key // of the filter
	tailer audit.Tailer
	sealer *sealer
	step   int    // how many entries are read at once
	at     string // the store's position behind what was returned
	until  string // the hub's position when the reader joined it; "" before
	caught bool   // the last read found all that was committed
	live   bool   // it has read up to until, and takes what the hub offers

	closed bool // guarded by the hub's mu, under which readers join

	mu     sync.Mutex
	queue  []*batch
	queued int // events in the queue
	size   int // of the queue
	missed int
	err    error
	ready  chan struct{} // holds a token once there is more to take
}

// Follow returns a reader of what f selects, after a position. "" is now: what
// is committed from here on, which the hub offers the reader from now on too. After a
// position, the reader first reads from the store what was missed.
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
	r := &Reader{hub: h, filter: f, group: keyOf(f), tailer: tailer, sealer: sealer, step: batchSize, ready: make(chan struct{}, 1)}
	if after == "" {
		r.at, err = h.join(ctx, r)
		r.until, r.live = r.at, true
	} else if r.at, err = sealer.open(after); err == nil {
		// An unknown position is an error of Follow, not of Next.
		_, _, err = tailer.Tail(ctx, audit.Filter{}, r.at, 1)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Position is the one behind the last event that Next returned; at first the one that
// the reader was made with.
func (r *Reader) Position() string { return r.sealer.seal(r.at) }

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
	if _, here := r.hub.readers[r]; here && len(r.queue) == 0 && r.missed == 0 {
		r.at = r.hub.after
	}
}

// Next waits for events and returns all that are there, at least one and at
// most as many as the hub buffers.
//
// Errors: the context's, after which Next can be called again; *BehindError;
// audit.ErrClosed if the hub or the trail was closed; the store's.
func (r *Reader) Next(ctx context.Context) ([]Event, error) {
	b, err := r.next(ctx)
	var events []Event
	for b != nil {
		for _, it := range b.items {
			events = append(events, Event{Entry: it.Entry, Position: r.sealer.seal(it.Position)})
		}
		if b = nil; r.live {
			b, _ = r.take() // an error stays, and is the next call's
		}
	}
	return events, err
}

// next waits for what comes next, at least one event.
func (r *Reader) next(ctx context.Context) (*batch, error) {
	for {
		if !r.live {
			if b, err := r.catchUp(ctx); b != nil || err != nil {
				return b, err
			}
			continue
		}
		if b, err := r.take(); b != nil || err != nil {
			return b, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-r.ready:
		}
	}
}

// catchUp reads from the store; nil and no error is nothing new. When the reader has
// read all there was, it joins the hub, which from then on offers it what comes behind
// a position. Up to that position it reads itself.
func (r *Reader) catchUp(ctx context.Context) (*batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.caught && r.until == "" {
		until, err := r.hub.join(ctx, r)
		if err != nil {
			return nil, err
		}
		r.until = until
	}
	entries, next, err := r.tailer.TailUntil(ctx, r.filter, r.at, r.until, r.step)
	if err != nil {
		return nil, err
	}
	r.at, r.caught, r.live = next, len(entries) < r.step, r.until != "" && next == r.until
	if len(entries) == 0 {
		return nil, nil
	}
	b := newBatch(newItems(entries, nil), next)
	r.step = min(max(maxHeld*len(entries)/b.size, 1), batchSize) // about maxHeld bytes, going by these
	return b, nil
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
