package history

import (
	"context"
	"time"

	"github.com/gormtrail/audit"
)

// cut is a point in a record's history.
type cut struct {
	at    time.Time // after the last change that has happened at this moment
	entry string    // or after this entry
	// last is the ID of the last entry before the cut; for a moment, of the last step.
	// It is awaited from when the reading back finds it until the reading forward
	// reaches it.
	last    string
	awaited bool
	// state is the record at the cut. While the cut is open, no further step has been
	// read, and other entries at the moment may still rename the record.
	state *record
	open  bool
}

// ends reports whether the reading back has reached the cut: it is right after this entry.
func (c *cut) ends(e audit.Entry) bool {
	if c.entry != "" {
		return e.ID == c.entry
	}
	return isStep(e) && happened(e.Time, c.at)
}

// replay reads all entries back, to find the state before the first entry and where the
// cuts are, then forward, and returns the record as it was at each cut.
func replay(ctx context.Context, r audit.Reader, o audit.Object, cuts ...*cut) ([]*record, error) {
	rec, err := beginning(ctx, r, o, cuts)
	if err != nil {
		return nil, err
	}
	for _, c := range cuts {
		if !c.awaited && c.entry != "" {
			return nil, audit.ErrNotFound
		}
		// It also holds if the last entry is purged between the two readings, since
		// older entries are purged then too.
		c.state, c.open = rec.clone(), !c.awaited
	}
	for e, err := range Of(ctx, r, o) {
		if err == nil {
			err = ctx.Err() // the reader may not check it
		}
		if err != nil {
			return nil, err
		}
		if advance(rec, cuts, e) {
			break
		}
	}
	states := make([]*record, len(cuts))
	for i, c := range cuts {
		states[i] = c.state
	}
	return states, nil
}

// beginning returns the record before its first entry, as far as later entries tell, and
// finds the last entry before each cut.
func beginning(ctx context.Context, r audit.Reader, o audit.Object, cuts []*cut) (*record, error) {
	rec, seen := newRecord(o), false
	for e, err := range r.All(ctx, audit.Query{Filter: ofObject(o), Sort: audit.SortRecorded.Reverse()}) {
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
		return nil, audit.ErrNotFound
	}
	rec.gaps = map[string]bool{} // counted when reading forward
	return rec, nil
}

// advance applies the next entry, and reports whether all cuts are done.
func advance(rec *record, cuts []*cut, e audit.Entry) (done bool) {
	done = true
	rec.apply(e)
	for _, c := range cuts {
		switch {
		case c.awaited && c.last == e.ID:
			c.state, c.awaited, c.open = rec.clone(), false, c.entry == ""
		case c.open && isStep(e):
			c.open = false
		case c.open && happened(e.Time, c.at):
			c.state.apply(e)
		}
		done = done && !c.awaited && !c.open
	}
	return done
}

// isStep reports whether the entry changed its object. Other entries, such as views, have
// no order among the changes, since no row lock was held.
func isStep(e audit.Entry) bool {
	if !succeeded(e) {
		return false
	}
	switch e.Action {
	case audit.ActionCreate, audit.ActionDestroy, audit.ActionRestore:
		return true
	}
	return len(e.Changes) > 0
}

// happened reports whether a change has happened at t. A t in whole seconds or
// milliseconds may be a time that a database truncated, so it stands for the whole second
// or millisecond.
func happened(change, t time.Time) bool {
	for _, unit := range []time.Duration{time.Second, time.Millisecond} {
		if t.Nanosecond()%int(unit) == 0 {
			return !change.Truncate(unit).After(t)
		}
	}
	return !change.After(t)
}
