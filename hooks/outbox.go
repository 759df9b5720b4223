package hooks

import (
	"context"
	"errors"

	"github.com/gormtrail/audit"
)

// deliverNow is Deliver after a commit: what can't be delivered yet stays in the
// outbox, and is no reason for the host's call to fail.
func (p *Plugin) deliverNow(ctx context.Context) {
	if err := p.Deliver(ctx); err != nil {
		p.trail.Logger().WarnContext(ctx, "audit: entries stay in the outbox for now", "error", err)
	}
}

// Deliver carries committed entries from the outbox to the trail's store: those
// that a crash or an unreachable store left behind. It is called after each
// commit that filled the outbox; a host calls it at its start and, if its writes
// are rare, from time to time. Delivering twice stores once. Without an outbox
// it does nothing.
func (p *Plugin) Deliver(ctx context.Context) error {
	if p.opts.Outbox == nil {
		return nil
	}
	p.delivery.Lock()
	defer p.delivery.Unlock()
	remover, ok := p.opts.Outbox.(audit.Remover)
	if !ok {
		return errors.ErrUnsupported
	}
	q := audit.Query{Sort: audit.SortTime, Limit: audit.MaxLimit}
	if s, ok := p.opts.Outbox.(audit.Sequencer); ok && s.Sequenced() {
		q.Sort = audit.SortRecorded // a record's changes reach the store in their order
	}
	for {
		page, err := p.opts.Outbox.Query(ctx, q)
		if err != nil || len(page.Entries) == 0 {
			return err
		}
		if err := p.trail.Store().Append(ctx, page.Entries...); err != nil {
			return err
		}
		p.trail.Committed()
		ids := make([]string, len(page.Entries))
		for i, e := range page.Entries {
			ids[i] = e.ID
		}
		if err := remover.Remove(ctx, ids...); err != nil {
			return err
		}
	}
}
