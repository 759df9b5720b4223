package stream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gormtrail/audit"
)

// HubOptions of a Hub. nil and the zero value mean every default.
type HubOptions struct {
	// Buffer is how many events wait for a reader that is slower than the
	// trail. Beyond them it is told to resume (*BehindError). Default: 256.
	Buffer int
	// Wake, where something sends on it, makes the hub look at once instead of
	// at the next fifth of a second: connect PostgreSQL's LISTEN to it. It may
	// be sent on as often as one likes. Default: only the clock.
	Wake <-chan struct{}
	// Logger is told of stores that fail for a while. Default: the trail's.
	Logger *slog.Logger
}

// Hub reads a trail's store once for many readers. It is safe for concurrent
// use. While nobody follows, it does nothing and holds no goroutine.
type Hub struct {
	trail *audit.Trail
	opts  HubOptions

	mu      sync.Mutex
	readers map[*Reader]struct{}
	cancel  context.CancelFunc // of the running poll; nil if there is none
	stopped chan struct{}      // closed when the latest poll has ended
	after   string             // the store's position up to which everything was handed out
	round   int                // how often the store was asked
	closed  bool
}

// NewHub returns a hub over the trail's store. It asks the store nothing; the
// error is errors.ErrUnsupported if that is no audit.Tailer.
func NewHub(trail *audit.Trail, opts *HubOptions) (*Hub, error) {
	if _, err := tailerOf(trail); err != nil {
		return nil, err
	}
	h := &Hub{trail: trail, readers: map[*Reader]struct{}{}}
	if opts != nil {
		h.opts = *opts
	}
	if h.opts.Buffer <= 0 {
		h.opts.Buffer = 256
	}
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

// join adds a reader and makes sure that someone polls. It returns the position
// behind which the reader is offered everything.
func (h *Hub) join(ctx context.Context, r *Reader) (string, error) {
	tailer, err := tailerOf(h.trail)
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || r.closed {
		return "", audit.ErrClosed
	}
	if h.cancel == nil {
		head, err := tailer.Head(ctx)
		if err != nil {
			return "", err
		}
		polling, cancel := context.WithCancel(context.Background())
		h.cancel, h.stopped, h.after = cancel, make(chan struct{}), head
		go h.poll(polling, tailer, head, h.stopped)
	}
	h.readers[r] = struct{}{}
	return h.after, nil
}

// leave removes a reader. The last one stops the poll.
func (h *Hub) leave(r *Reader) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.readers, r)
	if len(h.readers) == 0 && h.cancel != nil {
		h.cancel()
		h.cancel = nil
	}
}

// poll reads the store and hands out what is new, until it is cancelled or the
// trail is closed.
func (h *Hub) poll(ctx context.Context, tailer audit.Tailer, after string, stopped chan struct{}) {
	defer close(stopped)
	failing := false
	for {
		round := h.begin()
		entries, next, err := tailer.Tail(ctx, audit.Filter{}, after, batch)
		switch {
		case ctx.Err() != nil || h.trail.Closed():
			h.end(ctx, audit.ErrClosed)
			return
		case errors.Is(err, audit.ErrBadCursor):
			// The store is another one than before; nobody knows what was missed.
			h.end(ctx, err)
			return
		case err != nil:
			if !failing {
				h.opts.Logger.Warn("audit stream: the store can't be read; trying on", "error", err)
			}
			failing = true
		default:
			failing = false
			h.publish(ctx, newBatch(place{after: after}, entries, next), entries, round)
			after = next
		}
		if len(entries) == batch {
			continue
		}
		if !h.wait(ctx) {
			h.end(ctx, audit.ErrClosed)
			return
		}
	}
}

func (h *Hub) wait(ctx context.Context) bool {
	timer := time.NewTimer(pollEvery)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case _, ok := <-h.opts.Wake:
		if !ok { // a closed channel would turn this into a busy loop
			select {
			case <-ctx.Done():
				return false
			case <-timer.C:
			}
		}
	}
	return true
}

// begin counts a question to the store.
func (h *Hub) begin() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.round++
	return h.round
}

// publish hands entries to the readers whose filters select them. It never
// waits for one.
func (h *Hub) publish(ctx context.Context, b *answer, entries []audit.Entry, round int) {
	b.hub = true
	shared := make([]*item, len(entries))
	for i := range entries {
		shared[i] = &item{Entry: entries[i], batch: b, index: i}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return // the readers there are now belong to a later poll
	}
	h.after = b.end.after
	for r := range h.readers {
		r.offer(shared, round, len(entries) < batch)
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
	if h.cancel != nil {
		h.cancel()
		h.cancel = nil
	}
}

// item is an entry that many readers share, with its place and what it was
// encoded to.
type item struct {
	audit.Entry
	batch *answer
	index int

	mu      sync.Mutex
	encoded []encoding
}

type encoding struct {
	key  string
	data []byte
}

// event is the item for those outside.
func (i *item) event() Event {
	return Event{Entry: i.Entry, Position: i.batch.behind(i.index).String()}
}

// as returns the event's encoding under a key, made by the first who asks.
func (i *item) as(key string, encode func(audit.Entry) ([]byte, error)) ([]byte, error) {
	if key == "" {
		return encode(i.Entry)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, e := range i.encoded {
		if e.key == key {
			return e.data, nil
		}
	}
	data, err := encode(i.Entry)
	if err == nil {
		i.encoded = append(i.encoded, encoding{key, data})
	}
	return data, err
}
