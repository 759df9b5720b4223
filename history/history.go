package history

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
)

// Of yields all entries of one record in the order in which they were recorded
// (audit.SortRecorded), failed attempts included. For entries that package hooks
// captures, that is the order in which the record changed, even where the clocks of
// processes differ or are set back; each entry keeps the Time that its process
// gave it. An entry that was recorded with an explicit Time, by an import for example,
// comes in the order of recording. Of compares only the Type and ID of o, byte by byte.
// Errors are those of Reader.All. A record without entries yields nothing.
//
// With children, Of also yields the entries of the records that belong to o, all in one
// order: those of a child from when it joined the record until it left. Of first
// searches all entries that changed the Field of any child type, so its time grows with
// the number of children of all parents in r. See Child for what can't be found. Of then
// reads twice, and may leave out entries that are recorded between the two readings.
func Of(ctx context.Context, r audit.Reader, o audit.Object, children ...Child) iter.Seq2[audit.Entry, error] {
	if len(children) == 0 {
		return r.All(ctx, audit.Query{Filter: ofObject(o), Sort: audit.SortRecorded})
	}
	return func(yield func(audit.Entry, error) bool) {
		f := newFamily(o, children)
		f.ids = idsOf(r, f.parent)
		if err := f.find(ctx, r); err != nil {
			yield(audit.Entry{}, err)
			return
		}
		for e, err := range r.All(ctx, audit.Query{Filter: f.filter(), Sort: audit.SortRecorded}) {
			if (err != nil || f.shows(e)) && !yield(e, err) {
				return
			}
		}
	}
}

// joiner is a Reader that knows other IDs of records (audit.Trail.Joined).
type joiner interface {
	Joined(f audit.Filter) audit.Filter
}

// idsOf returns the IDs of a record, as far as r knows them.
func idsOf(r audit.Reader, o audit.Object) []string {
	f := ofObject(o)
	if j, ok := r.(joiner); ok {
		f = j.Joined(f)
	}
	return f.ObjectIDs
}

func ofObject(o audit.Object) audit.Filter {
	return audit.Filter{ObjectTypes: []string{o.Type}, ObjectIDs: []string{o.ID}}
}

// State is a record at a moment, as far as its entries tell.
type State struct {
	// Object is the record, with its name and product as of the last entry that has them.
	Object audit.Object
	// Time is the moment. Changes at this very moment are included.
	Time time.Time
	// Exists reports that the row existed and wasn't soft-deleted. Where no entry
	// tells, as before the first entry of a trail that began after the record was
	// created, the record is assumed to exist.
	Exists bool
	// Complete reports that every column is known, because the entries reach back to
	// the record's creation or forward to its removal. A column missing from Fields was
	// NULL then; otherwise its value is unknown.
	Complete bool
	// Fields are the known values, in the form of audit.Change. The key is the column
	// or, where only a part of a structured value is known, the path of that part
	// ("settings.theme"). NULL is nil. A removed record has no fields; a soft-deleted
	// one has.
	Fields map[string]any
	// Redacted says, by column or path, which values in Fields are redacted, and how:
	// one of the values of audit.Change.Redacted.
	Redacted map[string]string
	// Gaps are the fields that changed without an entry before the moment: the old
	// value of an entry differs from the new value of the entry before. SQL that wasn't
	// captured is the usual cause. Values in Fields are the last ones recorded. Columns
	// that the framework sets (updated_at, see audit.Catalogue.Automatic) never count as
	// gaps, since capture makes no entry for a change of such a column alone.
	Gaps []string
}

// At returns the state of a record at a moment, from the entries alone: entries up to
// the moment have the new values, later ones the old values. Entries whose outcome isn't
// audit.Success change nothing.
//
// A change is included if its entry's Time isn't after t, or if the Time of a later
// change of the record isn't, since changes are ordered as Of orders them. So where
// clocks differ, At with the Time of any entry includes that change and all before it,
// and At with the Time of the last one is the present state. A t in whole seconds or
// milliseconds stands for the whole second or millisecond: databases truncate times so,
// and At with a row's updated_at includes that update.
//
// At relies on how capture writes entries: a create and a removal have every column that
// isn't NULL, and paths inside structured values name what exists before or after the
// change, by index in lists.
//
// At reads the record's whole history twice, in constant memory. Errors:
// audit.ErrNotFound if r shows no entry of the record, and those of Reader.All.
func At(ctx context.Context, r audit.Reader, o audit.Object, t time.Time) (State, error) {
	records, err := replay(ctx, r, o, &cut{at: t})
	if err != nil {
		return State{}, err
	}
	return records[0].state(t), nil
}

// After returns the state of e's object right after e, whatever the Times of the
// entries are. It uses only the ID, Object and Time of e. Its errors are those of At, and
// audit.ErrNotFound if r doesn't show e among the object's entries.
func After(ctx context.Context, r audit.Reader, e audit.Entry) (State, error) {
	id, err := uuid.Parse(e.ID)
	if err != nil || len(e.ID) != len(uuid.Nil.String()) {
		return State{}, audit.ErrNotFound // no entry has such an ID
	}
	records, err := replay(ctx, r, e.Object, &cut{entry: id.String()})
	if err != nil {
		return State{}, err
	}
	return records[0].state(e.Time), nil
}

// Between returns the changes that lead from a record's state at one moment to its
// state at another, sorted by field. If from is the later moment, they are the changes
// that would undo. Inside structured values each change has its path. A masked value
// that was set in between is a change, even if it looks the same at both moments.
// A field that is unknown at one of the moments is left out; State.Complete says whether
// there may be any.
//
// Its errors are those of At.
func Between(ctx context.Context, r audit.Reader, o audit.Object, from, to time.Time) ([]audit.Change, error) {
	records, err := replay(ctx, r, o, &cut{at: from}, &cut{at: to})
	if err != nil {
		return nil, err
	}
	return difference(records[0], records[1]), nil
}

// state returns the known values for callers.
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
	for path, m := range r.redactions.values {
		if s.Redacted == nil {
			s.Redacted = map[string]string{}
		}
		s.Redacted[path] = m.how
	}
	s.Gaps = slices.Sorted(maps.Keys(r.gaps))
	return s
}
