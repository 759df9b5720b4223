package hooks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
)

// deliveryTimeout bounds how long a batch may take that is delivered after a commit.
const deliveryTimeout = 5 * time.Second

// delivery makes one call at a time carry entries from the outbox to the trail's store.
type delivery struct {
	turn chan struct{} // of capacity 1: whoever delivers has put something in

	mu      sync.Mutex
	running bool // a goroutine delivers after commits
	again   bool // a transaction was committed since it began to read
}

func newDelivery() *delivery { return &delivery{turn: make(chan struct{}, 1)} }

// deliverSoon delivers after a commit, which doesn't wait for it: in a goroutine that
// ends with the last entry, or with the first error. What can't be delivered stays in
// the outbox.
func (p *Plugin) deliverSoon() {
	d := p.delivery
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running {
		d.again = true
		return
	}
	d.running = true
	go func() {
		for p.deliverAll(context.Background(), deliveryTimeout) && d.more() {
		}
	}()
}

// more reports whether there is more to deliver. If not, the goroutine is at its end.
func (d *delivery) more() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running, d.again = d.again, false
	return d.running
}

// deliverAll is Deliver for the goroutine: it tells the logger of an error, and that
// the goroutine is at its end then.
func (p *Plugin) deliverAll(ctx context.Context, patience time.Duration) bool {
	err := p.deliver(ctx, patience)
	if err == nil {
		return true
	}
	p.delivery.mu.Lock()
	p.delivery.running, p.delivery.again = false, false
	p.delivery.mu.Unlock()
	if !errors.Is(err, audit.ErrClosed) {
		p.trail.Logger().WarnContext(ctx, "audit: entries stay in the outbox for now", "error", err)
	}
	return false
}

// Deliver carries committed entries from the outbox to the trail's store. After a
// commit that filled the outbox this happens by itself, in the background: no commit
// waits for the trail's store, and one delivery runs at a time. An application calls
// Deliver at its start and, if its writes are rare, from time to time: for what a
// crash or an unreachable store left behind. Before it ends, it calls Deliver and then
// Trail.Close, which waits for the batch under way; after that nothing is delivered
// (audit.ErrClosed), and the outbox's database can be closed. What isn't delivered is in
// the outbox still.
//
// Delivering twice stores once. An entry whose ID the trail has with other content
// (audit.ErrConflict) is stored under another ID, made of its content, with its own ID
// as Metadata["conflict"]; the logger is told. A damaged entry stays in the outbox, and
// keeps no other there.
//
// Deliver waits for another delivery that is under way, or for the context. Without an
// outbox it does nothing. Errors: audit.ErrClosed, the context's, those of either store.
func (p *Plugin) Deliver(ctx context.Context) error {
	if p.opts.Outbox == nil {
		return nil
	}
	return p.deliver(ctx, 0)
}

// deliver is Deliver, with a bound for each batch; 0: none.
func (p *Plugin) deliver(ctx context.Context, patience time.Duration) error {
	select {
	case p.delivery.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-p.delivery.turn }()
	done, err := p.trail.Begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	remover, ok := p.opts.Outbox.(audit.Remover)
	if !ok {
		return errors.ErrUnsupported
	}
	q := audit.Query{Sort: audit.SortTime, Limit: audit.MaxLimit}
	if s, ok := p.opts.Outbox.(audit.Sequencer); ok && s.Sequenced() {
		q.Sort = audit.SortRecorded // a record's changes reach the store in their order
	}
	for more := true; more; {
		var err error
		if more, err = p.deliverBatch(ctx, patience, remover, &q); err != nil {
			return err
		}
	}
	return nil
}

// deliverBatch delivers some entries, and reports whether there may be more. Damaged
// ones stay where they are, and q goes on behind them.
func (p *Plugin) deliverBatch(ctx context.Context, patience time.Duration, outbox audit.Remover, q *audit.Query) (more bool, err error) {
	if patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	page, err := p.opts.Outbox.Query(ctx, *q)
	if err != nil {
		return false, err
	}
	var ids, damaged []string
	var whole []audit.Entry
	for _, e := range page.Entries {
		if e.Damaged != "" {
			damaged = append(damaged, e.ID)
			continue
		}
		ids, whole = append(ids, e.ID), append(whole, e)
	}
	if len(damaged) > 0 {
		p.trail.Logger().ErrorContext(ctx, "audit: damaged entries stay in the outbox", "ids", damaged)
		q.Cursor = page.Next
	}
	if len(whole) > 0 {
		if err := p.forward(ctx, whole); err != nil {
			return false, err
		}
		if err := outbox.Remove(ctx, ids...); err != nil {
			return false, err
		}
	}
	return len(page.Entries) > 0 && (len(damaged) == 0 || page.Next != ""), nil
}

// forward appends entries to the trail's store, those in conflict under other IDs.
func (p *Plugin) forward(ctx context.Context, entries []audit.Entry) error {
	for {
		err := p.trail.Append(ctx, entries...)
		var conflict *audit.ConflictError
		if !errors.As(err, &conflict) {
			return err
		}
		moved, moveErr := moveConflicts(entries, conflict.IDs)
		if moveErr != nil || !moved {
			return errors.Join(err, moveErr)
		}
		p.trail.Logger().ErrorContext(ctx, "audit: entries in the outbox have IDs that are on the trail with other content; they are stored under other IDs", "ids", conflict.IDs)
	}
}

// moveConflicts gives the entries with these IDs others, and reports whether there are
// any. An entry gets the same ID each time.
func moveConflicts(entries []audit.Entry, ids []string) (moved bool, err error) {
	for i := range entries {
		e := &entries[i]
		if _, again := e.Metadata["conflict"]; again || !slices.Contains(ids, e.ID) {
			continue
		}
		raw, err := e.Canonical()
		if err != nil {
			return moved, fmt.Errorf("hooks: entry %s: %w", e.ID, err)
		}
		metadata := map[string]any{"conflict": e.ID}
		maps.Copy(metadata, e.Metadata)
		e.ID, e.Metadata, moved = uuid.NewSHA1(uuid.MustParse(e.ID), raw).String(), metadata, true
	}
	return moved, nil
}
