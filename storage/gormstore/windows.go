package gormstore

import (
	"context"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// windowMonths are the months of each window of a page but the last, which has
// all the rest. Planning a statement takes time with each partition that it may
// touch, and most pages lie in the first window.
var windowMonths = []int{1, 3, 12}

// windows cuts a selection by time, in its order. Where a table has no months, or
// the order isn't that of time, it is whole.
func (s *Store) windows(sel selection) []selection {
	if s.parts == nil || sel.limit == 0 || sel.order.Sort.Key() != audit.SortTime {
		return []selection{sel}
	}
	var list []selection
	add := func(w sqlgen.Window) {
		part := sel
		part.window = w
		list = append(list, part)
	}
	rest := sel.times()
	for _, n := range windowMonths {
		var cut time.Time
		if sel.order.Descending {
			if cut = monthBefore(rest.To, n); !rest.From.IsZero() && !cut.After(rest.From) {
				break
			}
			add(sqlgen.Window{From: cut, To: rest.To})
			rest.To = cut
		} else {
			if cut = s.parts.monthAfter(rest.From, n); !rest.To.IsZero() && !cut.Before(rest.To) {
				break
			}
			add(sqlgen.Window{From: rest.From, To: cut})
			rest.From = cut
		}
	}
	add(rest)
	return list
}

// times is what the filter and the position leave of time.
func (sel selection) times() sqlgen.Window {
	w := sqlgen.Window{}
	for _, f := range sel.filter.Terms() {
		w.Narrow(sqlgen.Window{From: f.From, To: f.To})
	}
	if p := sel.after; p != nil && sel.order.Descending {
		w.Narrow(sqlgen.Window{To: p.Time.Add(time.Microsecond)})
	} else if p != nil {
		w.Narrow(sqlgen.Window{From: p.Time})
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
func (s *Store) eachWindow(ctx context.Context, sel selection, fn func(sqldb.Queryer, streams, selection) (enough bool, err error)) error {
	return s.onPlan(ctx, sel, func(q sqldb.Queryer, p streams) error {
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
