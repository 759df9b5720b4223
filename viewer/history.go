package viewer

import (
	"context"

	"github.com/gormtrail/audit"
)

// historyQuery selects the record's timeline, the newest change first. Of a record
// with very many entries it is in the order of time, which an index has.
func (p *entryPage) historyQuery(ctx context.Context) audit.Query {
	q := audit.Query{Filter: p.recordFilter(), Sort: audit.SortRecorded.Reverse(), MaxBytes: p.opts.MaxPageBytes}
	if p.size(ctx) == sizeMany {
		q.Sort = audit.Newest
	}
	return q
}

// How many entries the record has: at most maxState, more, or nobody can tell.
const (
	sizeFew = iota + 1
	sizeMany
	sizeUnknown
)

// size is asked once for a page.
func (p *entryPage) size(ctx context.Context) int {
	if p.recordSize == 0 {
		p.recordSize = sizeFew
		if _, more, err := p.countUpTo(ctx, p.recordFilter(), maxState); err != nil {
			p.recordSize = sizeUnknown
		} else if more {
			p.recordSize = sizeMany
		}
	}
	return p.recordSize
}

// wholeHistory is a page of the record's timeline.
func (p *entryPage) wholeHistory(ctx context.Context) error {
	if !p.HasRecord() {
		return audit.ErrNotFound
	}
	q := p.historyQuery(ctx)
	q.Cursor = p.request.URL.Query().Get("after")
	found, stale, err := p.pageOf(ctx, q, inTimeline)
	if err != nil {
		return err
	}
	p.Stale = stale
	for i := range found.Entries {
		p.History = append(p.History, &found.Entries[i])
	}
	if found.Next != "" {
		p.HistoryNext = p.As("after", found.Next)
	}
	return nil
}
