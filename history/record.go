package history

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/jsonvalue"
)

// record is a record as far as the entries read so far tell.
type record struct {
	object   audit.Object
	there    bool // the row exists
	deleted  bool // and is soft-deleted
	complete bool
	// known holds whole columns and, where the column isn't known as a whole,
	// paths inside it. A key is never inside another.
	known      *pathTree[any]
	redactions *pathTree[redaction]
	gaps       map[string]bool
}

// gone is the value at a path that is known to be absent.
type gone struct{}

// redaction says how a value was redacted, and which entry set it.
type redaction struct{ how, entry string }

// newRecord returns a record with a type and an ID; everything else is unknown.
func newRecord(o audit.Object) *record {
	return &record{object: audit.Object{Type: o.Type, ID: o.ID}, there: true, known: newPathTree[any](), redactions: newPathTree[redaction](), gaps: map[string]bool{}}
}

func (r *record) clone() *record {
	c := *r
	c.known = r.known.clone(jsonvalue.Clone)
	c.redactions = r.redactions.clone(func(m redaction) redaction { return m })
	c.gaps = maps.Clone(r.gaps)
	return &c
}

// removes reports whether a destroy removed the row. A soft delete only changes a column.
func removes(e audit.Entry) bool {
	return !slices.ContainsFunc(e.Changes, func(c audit.Change) bool { return op(c) != audit.OpRemove })
}

// apply applies the changes of an entry.
func (r *record) apply(e audit.Entry) {
	if !succeeded(e) {
		return
	}
	r.name(e.Object)
	switch {
	case e.Action == audit.ActionCreate:
		r.reset(true, len(e.Changes) > 0)
		r.steps(e)
	case e.Action == audit.ActionDestroy && removes(e):
		r.steps(e) // for the gaps that it shows
		r.reset(false, true)
	default:
		r.update(e, audit.ActionDestroy, audit.ActionRestore)
	}
}

// undo takes the changes of an entry back.
func (r *record) undo(e audit.Entry) {
	if !succeeded(e) {
		return
	}
	switch {
	case e.Action == audit.ActionCreate:
		r.reset(false, true)
	case e.Action == audit.ActionDestroy && removes(e):
		r.reset(true, len(e.Changes) > 0)
		r.steps(inverse(e))
	default:
		r.update(inverse(e), audit.ActionRestore, audit.ActionDestroy)
	}
}

// update applies an entry of a row that exists before and after it. The action deletes
// soft-deletes the row, restores restores it.
func (r *record) update(e audit.Entry, deletes, restores string) {
	if !r.there && len(e.Changes) > 0 { // no entry has its creation or removal
		r.reset(true, false)
	}
	r.deleted = e.Action == deletes || (r.deleted && e.Action != restores)
	r.steps(e)
}

func (r *record) name(o audit.Object) {
	if o.Name != "" {
		r.object.Name = o.Name
	}
	if o.Product != "" {
		r.object.Product = o.Product
	}
}

func (r *record) reset(there, complete bool) {
	r.there, r.deleted, r.complete = there, false, complete
	r.known.clear()
	r.redactions.clear()
}

// inverse is the entry that would undo e.
func inverse(e audit.Entry) audit.Entry {
	changes := make([]audit.Change, len(e.Changes))
	for i, c := range e.Changes {
		c.Old, c.New = c.New, c.Old
		switch op(c) {
		case audit.OpAdd:
			c.Op = audit.OpRemove
		case audit.OpRemove:
			c.Op = audit.OpAdd
		}
		changes[i] = c
	}
	e.Changes = changes
	return e
}

// steps applies the changes of an entry. Indexes of removed list items count in the list
// before the entry, so the last is removed first; those of added items count in the list
// after it, so the first is added first.
func (r *record) steps(e audit.Entry) {
	changes := slices.Clone(e.Changes)
	sortByPath(changes)
	for _, c := range changes {
		r.check(c)
	}
	for _, c := range slices.Backward(changes) {
		if op(c) == audit.OpRemove {
			r.set(c.Field, gone{}, false, redaction{})
		}
	}
	for _, c := range changes {
		if op(c) != audit.OpRemove {
			r.set(c.Field, jsonvalue.Clone(c.New), op(c) == audit.OpAdd, redaction{c.Redacted, e.ID})
		}
	}
}

// check adds a gap if the old value of a change isn't the known one.
func (r *record) check(c audit.Change) {
	known, ok := r.get(c.Field)
	if !ok || c.Redacted != "" || (*audit.Catalogue)(nil).Automatic(r.object.Type, c.Field) {
		return
	}
	if _, redacted := r.redactions.values[c.Field]; redacted {
		return
	}
	_, absent := known.(gone)
	switch {
	case op(c) == audit.OpAdd:
		if !absent && known != nil {
			r.gaps[c.Field] = true
		}
	case absent && !isPath(c.Field):
		if c.Old != nil { // a column that is absent is NULL
			r.gaps[c.Field] = true
		}
	case absent || !reflect.DeepEqual(known, c.Old):
		r.gaps[c.Field] = true
	}
}

// get returns the value at a path, gone if it is known to be absent; ok is false if
// nothing is known.
func (r *record) get(path string) (any, bool) {
	if v, ok := r.known.values[path]; ok {
		return v, true
	}
	if root, ok := r.known.around(path); ok {
		v, ok := valueAt(r.known.values[root], splitPath(path[len(root):]))
		if !ok {
			return gone{}, true
		}
		return v, true
	}
	if r.complete { // the column is NULL
		return gone{}, true
	}
	return nil, false
}

// set sets the value at a path, inside the known value around it if there is one; insert
// inserts it into a list.
func (r *record) set(path string, v any, insert bool, how redaction) {
	root, ok := r.known.around(path)
	if ok {
		inner, fits := withValueAt(r.known.values[root], splitPath(path[len(root):]), v, insert)
		if fits {
			r.known.set(root, inner)
			r.redact(path, how)
			return
		}
		// The known value around it is masked, or something without an entry changed it.
		if _, masked := r.redactions.values[root]; !masked {
			r.gaps[root] = true
		}
		r.redact(root, redaction{})
		r.known.remove(root)
	}
	if ok || isPath(path) { // only this part of the column is known
		r.complete = false
	}
	r.known.remove(path)
	r.known.set(path, v)
	r.redact(path, how)
}

// redact sets how the value at a path is redacted, in the place of what was known of the
// path and the paths inside it.
func (r *record) redact(path string, how redaction) {
	r.redactions.remove(path)
	if how.how != "" {
		r.redactions.set(path, how)
	}
}

// succeeded reports whether the entry's attempt took effect.
func succeeded(e audit.Entry) bool { return e.Outcome == "" || e.Outcome == audit.Success }

// op is the operation of a change; an empty Op is a replacement.
func op(c audit.Change) string { return cmp.Or(c.Op, audit.OpReplace) }
