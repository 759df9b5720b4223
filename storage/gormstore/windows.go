package gormstore

import (
	"context"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// windows cuts a selection by time, in its order. It is whole if it isn't a page in the
// order of time.
func (s *Store) windows(sel selection) []selection {
	if sel.limit == 0 || sel.order.Sort.Key() != audit.SortTime {
		return []selection{sel}
	}
	return sel.parts(s.tables.Pages(sel.times(), sel.order.Descending))
}

// parts are the selection's parts in these windows.
func (sel selection) parts(windows []sqlgen.Window) []selection {
	list := make([]selection, len(windows))
	for i, w := range windows {
		list[i] = sel
		list[i].window = w
	}
	return list
}

// times is what the filter and the position leave of time.
func (sel selection) times() sqlgen.Window {
	w := sqlgen.Window{}
	for _, f := range sel.filter.Terms() {
		w = w.Narrow(sqlgen.Window{From: f.From, To: f.To})
	}
	if p := sel.after; p != nil && sel.order.Descending {
		w = w.Narrow(sqlgen.Window{To: p.Time.Add(time.Microsecond)})
	} else if p != nil {
		w = w.Narrow(sqlgen.Window{From: p.Time})
	}
	return w
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
