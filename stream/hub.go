package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gormtrail/audit"
)

// HubOptions of a Hub. nil and the zero value mean every default.
type HubOptions struct {
	// Buffer is how many events wait for a reader that is slower than the
	// trail; if their texts are more than four megabytes, it is fewer. Beyond
	// them the reader is told to resume (*BehindError). Default: 256.
	Buffer int
	// Gather is how long the hub leaves the store alone at least, unless a reader joins:
	// what is committed meanwhile comes together, in one frame of a Handler. The first
	// entry after a quiet while comes at once. Default: 100 ms.
	Gather time.Duration
	// MaxEncoded is how many bytes of encoded entries and frames the handlers of the
	// hub keep, for readers to share. Default: 32 MiB.
	MaxEncoded int
	// Wake tells of entries that other processes have committed
	// (pgnotify.Notifier.Wake): each value makes the hub look at once, and more of them
	// do no harm. The hub takes values only while it has readers, so send without
	// blocking. Entries of this process wake the hub without it. With Wake the hub polls
	// every 0.8 s instead of every 0.2 s, since polling only finds entries that nobody
	// told of. A closed channel is the same as none. Default: none.
	Wake <-chan struct{}
	// Logger is told of stores that fail for a while. Default: the trail's.
	Logger *slog.Logger
}

// Hub reads a trail's store once for many readers. It is safe for concurrent
// use. While nobody follows, it does nothing and holds no goroutine.
type Hub struct {
	trail  *audit.Trail
	opts   HubOptions
	sealer atomic.Pointer[sealer] // nil until someone follows
	shelf  shelf

	// reading holds a token while the store is read for the hub.
	reading chan struct{}

	mu      sync.Mutex
	readers map[*Reader]*group
	groups  map[key]*group     // by keyOf
	cancel  context.CancelFunc // of the running poll; nil if there is none
	stopped chan struct{}      // closed when the latest poll has ended
	after   string             // the store's position up to which everything was handed out
	begun   int                // reads of the store that have begun
	done    int                // the last of them that found all there was
	closed  bool
}

const defaultEncoded = 32 << 20

// NewHub returns a hub over the trail's store. It asks the store nothing; the
// error is errors.ErrUnsupported if that is no audit.Tailer. A negative number in
// the options is an error.
func NewHub(trail *audit.Trail, opts *HubOptions) (*Hub, error) {
	if _, err := tailerOf(trail); err != nil {
		return nil, err
	}
	h := &Hub{trail: trail, reading: make(chan struct{}, 1), readers: map[*Reader]*group{}, groups: map[key]*group{}}
	if opts != nil {
		h.opts = *opts
	}
	if h.opts.Buffer < 0 || h.opts.Gather < 0 || h.opts.MaxEncoded < 0 {
		return nil, fmt.Errorf("stream: HubOptions: Buffer %d, Gather %v, MaxEncoded %d: none can be negative", h.opts.Buffer, h.opts.Gather, h.opts.MaxEncoded)
	}
	h.opts.Buffer = cmp.Or(h.opts.Buffer, 256)
	h.opts.Gather = cmp.Or(h.opts.Gather, gather)
	h.shelf.most = cmp.Or(h.opts.MaxEncoded, defaultEncoded)
	if h.opts.Logger == nil {
		h.opts.Logger = trail.Logger()
	}
	return h, nil
}

// Close ends every reader with audit.ErrClosed and waits for the hub's
// goroutine, or for the context, whose error it then returns. Closing the trail
// ends the readers too.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	cancel, stopped := h.cancel, h.stopped
	h.mu.Unlock()
	if stopped == nil {
		return nil
	}
	if cancel != nil {
		cancel()
	}
	select {
	case <-stopped:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// positions makes and reads positions.
func (h *Hub) positions(ctx context.Context) (*sealer, error) {
	if s := h.sealer.Load(); s != nil {
		return s, nil
	}
	s, err := newSealer(ctx, h.trail)
	if err == nil {
		h.sealer.Store(s)
	}
	return s, err
}

// join adds a reader and makes sure that someone polls. It returns the position
// behind which the reader is offered everything: all that was committed before the call
// lies before it.
func (h *Hub) join(ctx context.Context, r *Reader) (string, error) {
	tailer, err := tailerOf(h.trail)
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	begun := h.begun
	h.mu.Unlock()
	if err := h.lock(ctx); err != nil {
		return "", err
	}
	defer h.unlock()
	if err := h.refresh(ctx, tailer, begun); err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || r.closed {
		return "", audit.ErrClosed
	}
	if h.cancel == nil {
		polling, cancel := context.WithCancel(context.Background())
		h.cancel, h.stopped = cancel, make(chan struct{})
		go h.poll(polling, tailer, h.stopped)
	}
	g := h.groups[r.group]
	if g == nil {
		g = &group{filter: r.filter, readers: map[*Reader]struct{}{}}
		h.groups[r.group] = g
	}
	g.readers[r] = struct{}{}
	h.readers[r] = g
	return h.after, nil
}

// refresh brings the hub's position up to now, unless a read that began after begun
// others has. The caller holds the token.
func (h *Hub) refresh(ctx context.Context, tailer audit.Tailer, begun int) error {
	h.mu.Lock()
	polled, fresh := h.cancel != nil, h.done > begun
	h.mu.Unlock()
	switch {
	case polled && fresh: // many readers that join at a time share a read
		return nil
	case polled:
		return h.read(ctx, tailer)
	}
	head, err := tailer.Head(ctx)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.after = head
	return nil
}

func (h *Hub) lock(ctx context.Context) error {
	select {
	case h.reading <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hub) unlock() { <-h.reading }

// leave removes a reader. The last one stops the poll.
func (h *Hub) leave(r *Reader) {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.readers[r]
	if g == nil {
		return
	}
	delete(h.readers, r)
	delete(g.readers, r)
	if len(g.readers) == 0 {
		delete(h.groups, r.group)
	}
	if len(h.readers) == 0 && h.cancel != nil {
		h.cancel()
		h.cancel = nil
		h.shelf.clear()
	}
}

// poll reads the store and hands out what is new, until it is cancelled or the
// trail is closed.
func (h *Hub) poll(ctx context.Context, tailer audit.Tailer, stopped chan struct{}) {
	defer close(stopped)
	clock := newClock(h.trail, h.opts.Wake, h.opts.Gather)
	defer clock.stop()
	failing := false
	for {
		err := h.lock(ctx)
		if err == nil {
			clock.ask()
			err = h.read(ctx, tailer)
			h.unlock()
		}
		switch {
		case ctx.Err() != nil || h.trail.Closed():
			h.end(ctx, audit.ErrClosed)
			return
		case errors.Is(err, audit.ErrBadCursor):
			// The store is another one than before; nobody knows what was missed.
			h.end(ctx, err)
			return
		case err != nil && !failing:
			h.opts.Logger.Warn("audit stream: the store can't be read; trying on", "error", err)
		}
		if failing = err != nil; failing { // commits may still be possible, and mustn't hurry this on
			err = clock.pause(ctx, clock.asked.Add(clock.every))
		} else {
			err = clock.wait(ctx)
		}
		if err != nil {
			h.end(ctx, audit.ErrClosed)
			return
		}
	}
}

// read hands out what was committed since the last read. The caller holds the token.
func (h *Hub) read(ctx context.Context, tailer audit.Tailer) error {
	h.mu.Lock()
	h.begun++
	after := h.after
	h.mu.Unlock()
	for {
		entries, next, err := tailer.Tail(ctx, audit.Filter{}, after, batchSize)
		if err != nil {
			return err
		}
		h.publish(entries, next)
		if len(entries) < batchSize {
			return nil
		}
		after = next
	}
}

// publish hands entries to the readers whose filters select them. It never
// waits for one.
func (h *Hub) publish(entries []audit.Tailed, next string) {
	items := newItems(entries, &h.shelf)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.after = next; len(entries) < batchSize {
		h.done = h.begun
	}
	for _, g := range h.groups {
		if b := g.pack(items, next); b != nil {
			for r := range g.readers {
				r.offer(b)
			}
		}
	}
}

// end tells the readers of this poll that it is over. If the poll was stopped
// because the last reader left, there are none, or they belong to a later poll.
func (h *Hub) end(ctx context.Context, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil && !h.closed {
		return
	}
	for r := range h.readers {
		r.fail(err)
	}
	clear(h.readers)
	clear(h.groups)
	h.shelf.clear()
	if h.cancel != nil {
		h.cancel()
		h.cancel = nil
	}
}
