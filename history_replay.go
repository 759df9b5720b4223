package audit

import (
	"context"
	"time"
)

// cut is a place in a record's history.
type cut struct {
	at    time.Time // behind the last change that has happened at this moment
	entry string    // or behind this entry
	// last is the ID of the last entry before the cut, of a moment's the last step.
	// It is awaited from when it is found, going back, until it comes, going
	// forward.
	last    string
	awaited bool
	// state is the record at the cut. While the cut is open, no further step has
	// come, and what else happened at the moment may still name the record.
	state *record
	open  bool
}

// ends reports whether the cut is behind this entry, going back.
func (c *cut) ends(e Entry) bool {
	if c.entry != "" {
		return e.ID == c.entry
	}
	return e.isStep() && happened(e.Time, c.at)
}

// replay goes back through all entries to learn what can be known of the
// beginning and where the cuts are, then forward, and returns the record as it
// was at each of them.
func replay(ctx context.Context, r Reader, o Object, cuts ...*cut) ([]*record, error) {
	rec, err := beginning(ctx, r, o, cuts)
	if err != nil {
		return nil, err
	}
	for _, c := range cuts {
		if !c.awaited && c.entry != "" {
			return nil, ErrNotFound
		}
		// Also if its last entry is purged between the two readings: then so is what
		// is older.
		c.state, c.open = rec.clone(), !c.awaited
	}
	for e, err := range History(ctx, r, o) {
		if err == nil {
			err = ctx.Err() // a reader may not look
		}
		if err != nil {
			return nil, err
		}
		if pass(rec, cuts, e) {
			break
		}
	}
	states := make([]*record, len(cuts))
	for i, c := range cuts {
		states[i] = c.state
	}
	return states, nil
}

// beginning is the record before its first entry, as far as the later ones tell,
// and finds the last entry before each cut.
func beginning(ctx context.Context, r Reader, o Object, cuts []*cut) (*record, error) {
	rec, seen := newRecord(o), false
	for e, err := range r.All(ctx, Query{Filter: ofObject(o), Sort: SortRecorded.Reverse()}) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		seen = true
		rec.undo(e)
		for _, c := range cuts {
			if !c.awaited && c.ends(e) {
				c.awaited, c.last = true, e.ID
			}
		}
	}
	if !seen {
		return nil, ErrNotFound
	}
	rec.gaps = map[string]bool{} // they are counted on the way forward
	return rec, nil
}

// pass takes the next entry's step, and reports whether no cut needs another one.
func pass(rec *record, cuts []*cut, e Entry) (done bool) {
	done = true
	rec.apply(e)
	for _, c := range cuts {
		switch {
		case c.awaited && c.last == e.ID:
			c.state, c.awaited, c.open = rec.clone(), false, c.entry == ""
		case c.open && e.isStep():
			c.open = false
		case c.open && happened(e.Time, c.at):
			c.state.apply(e)
		}
		done = done && !c.awaited && !c.open
	}
	return done
}

// isStep reports whether the entry is a step of its object. One that only tells
// of it, as that somebody looked at it, is in no order with the steps: no lock of
// the row was held.
func (e Entry) isStep() bool {
	if e.Outcome.orSuccess() != Success {
		return false
	}
	switch e.Action {
	case ActionCreate, ActionDestroy, ActionRestore:
		return true
	}
	return len(e.Changes) > 0
}

// happened reports whether a change has happened at t. A t in whole seconds or
// milliseconds may be a time that a database cut to them, as columns in rows do: it
// stands for all of that second or millisecond.
func happened(change, t time.Time) bool {
	for _, unit := range []time.Duration{time.Second, time.Millisecond} {
		if t.Nanosecond()%int(unit) == 0 {
			return !change.Truncate(unit).After(t)
		}
	}
	return !change.After(t)
}
