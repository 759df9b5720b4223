package audit

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"
)

// History yields all entries of one record in the order in which they were
// recorded (SortRecorded), failed attempts among them. For what package hooks
// captures that is the order in which the record changed, also where processes'
// clocks differ or are set back; each entry's Time stays what its process said.
// An entry that Record gave a Time of its own, as of an import, stands where it
// was recorded. Only o's Type and ID are looked at, byte by byte. Errors are
// those of Reader.All; a record that no entry tells of has none.
//
// With children, the entries of the records that are declared to belong to it
// come too, all in one order: a child's from when it came to the record until it
// left it. One that was moved tells the rest of its story elsewhere. The children
// are first looked for among all entries of their types that changed the Field
// that names the parent, so the time this takes grows with how many children
// there are in r, whosever they are; Child says what can't be told. It is two
// readings, and what is recorded between them may be left out.
func History(ctx context.Context, r Reader, o Object, children ...Child) iter.Seq2[Entry, error] {
	if len(children) == 0 {
		return r.All(ctx, Query{Filter: ofObject(o), Sort: SortRecorded})
	}
	return func(yield func(Entry, error) bool) {
		f := newFamily(o, children)
		f.ids = idsOf(r, f.parent)
		if err := f.find(ctx, r); err != nil {
			yield(Entry{}, err)
			return
		}
		for e, err := range r.All(ctx, Query{Filter: f.filter(), Sort: SortRecorded}) {
			if (err != nil || f.shows(e)) && !yield(e, err) {
				return
			}
		}
	}
}

func ofObject(o Object) Filter {
	return Filter{ObjectTypes: []string{o.Type}, ObjectIDs: []string{o.ID}}
}

// State is what the trail tells of a record at a moment.
type State struct {
	// Object is the record, with the last name and product that an entry gave.
	Object Object
	// Time is the moment. What happened at it has happened.
	Time time.Time
	// Exists: the record was there, and not marked as deleted. Where no entry
	// tells, as before the first one of a trail that doesn't reach back to its
	// creation, it is taken to have been there.
	Exists bool
	// Complete: the trail tells all of the record, from its creation or up to
	// its removal; a column that Fields doesn't have was NULL. Else a column
	// that Fields doesn't have is not known.
	Complete bool
	// Fields are the values that are known, in the terms of Change. The key is
	// the column or, where only a part of a structured value is known, the path
	// of that part ("settings.theme"). A NULL is nil. Of a record that was
	// removed there are none; of one marked as deleted there are.
	Fields map[string]any
	// Redacted says, by column or path, which of the values in Fields are not the
	// real ones, and why: one of the values of Change.Redacted.
	Redacted map[string]string
	// Gaps are the fields that changed without an entry up to the moment: where
	// an entry says what the value was before it, entries before say otherwise.
	// Raw SQL that wasn't captured does that. Their values, and those of other
	// fields, are what was last recorded. Columns whose names say that the framework
	// sets them (updated_at, see Catalogue.Automatic) are left out: capture makes no
	// entry for a change of such a column alone.
	Gaps []string
}

// At returns the state of a record at a moment, from the entries alone: those
// before it tell what the values became, those after it what they were until
// then. Entries whose outcome isn't Success change nothing.
//
// A change has happened at t if its entry's Time isn't after t, or if that of a
// later change of the record isn't: changes happen in the order of History. So
// where clocks differ, At with the Time of any entry has that change and all
// before it, and with the Time of the last one it has the present state. A t in
// whole seconds or milliseconds stands for all of that second or millisecond:
// databases cut the times in rows so, and At with a row's updated_at has that
// update.
//
// It relies on how capture writes entries: a create has every column that isn't
// NULL, a removal likewise, paths inside structured values name what is there
// before or after the change, by place in lists.
//
// It reads the record's whole history, twice, in constant memory. Errors:
// ErrNotFound if no entry tells of the record (or r shows none), and those of
// Reader.All.
func At(ctx context.Context, r Reader, o Object, t time.Time) (State, error) {
	records, err := replay(ctx, r, o, &cut{at: t})
	if err != nil {
		return State{}, err
	}
	return records[0].state(t), nil
}

// After returns the state of e's object right after e, whatever the Times of the
// entries say. Only e's ID, Object and Time are looked at. Its errors are those of
// At; ErrNotFound also if r doesn't show e among the object's entries.
func After(ctx context.Context, r Reader, e Entry) (State, error) {
	id, err := parseID(e.ID)
	if err != nil {
		return State{}, ErrNotFound // no entry has such an ID
	}
	records, err := replay(ctx, r, e.Object, &cut{entry: id})
	if err != nil {
		return State{}, err
	}
	return records[0].state(e.Time), nil
}

// Between returns the steps that lead from a record's state at one moment to
// that at another, sorted by field; from may be the later one, which gives what
// would undo. Inside structured values each step has its path. A masked value
// that was set in between is a step, even if it looks the same at both ends. A
// field that is not known at one of the moments is left out: State.Complete
// says whether there may be any.
//
// Its errors are those of At.
func Between(ctx context.Context, r Reader, o Object, from, to time.Time) ([]Change, error) {
	records, err := replay(ctx, r, o, &cut{at: from}, &cut{at: to})
	if err != nil {
		return nil, err
	}
	return difference(records[0], records[1]), nil
}

// state is what is known, for others to see.
func (r *record) state(t time.Time) State {
	s := State{Object: r.object, Time: t, Exists: r.there && !r.deleted, Complete: r.complete, Fields: map[string]any{}}
	for path, v := range r.known.values {
		if _, absent := v.(gone); !absent {
			s.Fields[path] = v
		} else if !isPath(path) {
			s.Fields[path] = nil
		}
	}
	if r.complete {
		maps.DeleteFunc(s.Fields, func(_ string, v any) bool { return v == nil })
	}
	for path, m := range r.marks.values {
		if s.Redacted == nil {
			s.Redacted = map[string]string{}
		}
		s.Redacted[path] = m.how
	}
	s.Gaps = slices.Sorted(maps.Keys(r.gaps))
	return s
}
