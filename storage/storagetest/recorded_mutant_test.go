package storagetest

import (
	"context"
	"iter"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// onSort answers queries by SortRecorded in another order.
func (m *mutant) onSort(wrong func(audit.Sort) audit.Sort) {
	m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
		if q.Sort.Key() != audit.SortRecorded {
			return m.Store.Query(ctx, q)
		}
		changed := q
		changed.Sort = wrong(q.Sort)
		if q.Cursor != "" {
			p, err := storage.DecodeCursor(q)
			if err != nil {
				return nil, err
			}
			changed.Cursor = storage.EncodeCursor(changed, p)
		}
		page, err := m.Store.Query(ctx, changed)
		return again(q, changed, page), err
	}
}

// recordedMistakes are those of stores that know the order of recording.
var recordedMistakes = map[string]struct {
	make   func(*mutant)
	breaks []string
}{
	"what was recorded is sorted by time": {func(m *mutant) {
		m.onSort(func(s audit.Sort) audit.Sort {
			if s.Descending() {
				return audit.Newest
			}
			return audit.SortTime
		})
	}, []string{"recorded/order", "recorded/record"}},
	"what was recorded comes one way only": {func(m *mutant) {
		m.onSort(audit.Sort.Key)
	}, []string{"recorded/order", "recorded/record", "recorded/position of an entry"}},
	"all of what was recorded is sorted by time": {func(m *mutant) {
		m.all = func(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
			if q.Sort == audit.SortRecorded && q.Cursor == "" {
				q.Sort = audit.SortTime
			}
			return m.Store.All(ctx, q)
		}
	}, []string{"recorded/all"}},
	"an append stores its entries by time": {func(m *mutant) {
		m.append = func(ctx context.Context, entries ...audit.Entry) error {
			return m.Store.Append(ctx, naive(entries, audit.Query{Sort: audit.SortTime})...)
		}
	}, []string{"recorded/order", "recorded/record"}},
	"a position without a key is the beginning": {func(m *mutant) {
		m.query = func(ctx context.Context, q audit.Query) (*audit.Page, error) {
			if q.Cursor != "" && q.Sort.Key() == audit.SortRecorded {
				if p, err := storage.DecodeCursor(q); err == nil && p.Key == "" {
					q.Cursor = ""
				}
			}
			return m.Store.Query(ctx, q)
		}
	}, []string{"recorded/position of an entry"}},
}
