package gormstore

import (
	"context"
	"time"

	"github.com/gormtrail/audit"
)

// windowMonths are the months of each window of a page but the last, which has
// all the rest. Planning a statement takes time with each partition that it may
// touch, and most pages lie in the first window.
var windowMonths = []int{1, 3, 12}

// windows cuts a selection by time, in its order. Where a table has no months, or
// the order isn't that of time, it is whole.
func (s *Store) windows(sel selection) []selection {
	if s.parts == nil || sel.limit == 0 || sel.order.sort.Key() != audit.SortTime {
		return []selection{sel}
	}
	var list []selection
	add := func(w window) {
		part := sel
		part.window = w
		list = append(list, part)
	}
	rest := sel.times()
	for _, n := range windowMonths {
		var cut time.Time
		if sel.order.descending {
			if cut = monthBefore(rest.to, n); !rest.from.IsZero() && !cut.After(rest.from) {
				break
			}
			add(window{cut, rest.to})
			rest.to = cut
		} else {
			if cut = s.parts.monthAfter(rest.from, n); !rest.to.IsZero() && !cut.Before(rest.to) {
				break
			}
			add(window{rest.from, cut})
			rest.from = cut
		}
	}
	add(rest)
	return list
}

// times is what the filter and the position leave of time.
func (sel selection) times() window {
	w := window{}
	for _, f := range sel.filter.Terms() {
		w.narrow(window{f.From, f.To})
	}
	if p := sel.after; p != nil && sel.order.descending {
		w.narrow(window{to: p.Time.Add(time.Microsecond)})
	} else if p != nil {
		w.narrow(window{from: p.Time})
	}
	return w
}

// monthOf is the beginning of t's month.
func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// monthBefore is the beginning of the last of n months that end at t, or now.
func monthBefore(t time.Time, n int) time.Time {
	if t.IsZero() {
		t = time.Now()
	}
	return monthOf(t.Add(-time.Microsecond)).AddDate(0, 1-n, 0)
}

// eachWindow runs fn with each window of the selection, and what its statements
// are to run on, until fn says that there is enough.
func (s *Store) eachWindow(ctx context.Context, sel selection, fn func(querier, streams, selection) (enough bool, err error)) error {
	return s.onPlan(ctx, sel, func(q querier, p streams) error {
		parts := []selection{sel}
		// The few may lie anywhere: all windows would be planned, and of none would the
		// database keep its plan.
		if !p.few {
			parts = s.windows(sel)
		}
		for _, part := range parts {
			if enough, err := fn(q, p, part); enough || err != nil {
				return err
			}
		}
		return nil
	})
}
