package audit

import (
	"maps"
	"reflect"
	"slices"
)

// record is a record as far as entries tell of it.
type record struct {
	object   Object
	there    bool // the row exists
	deleted  bool // and is marked as deleted
	complete bool
	// known holds whole columns and, where the column isn't known as a whole,
	// paths inside it. A key is never inside another.
	known *pathTree[any]
	marks *pathTree[mark] // of values that aren't real
	gaps  map[string]bool
}

// gone is the value of what is known not to be there.
type gone struct{}

// mark tells which entry set a redacted value, and how it was redacted.
type mark struct{ how, entry string }

// newRecord is one of which nothing is known, save that someone acted on it.
func newRecord(o Object) *record {
	return &record{object: Object{Type: o.Type, ID: o.ID}, there: true, known: newPathTree[any](), marks: newPathTree[mark](), gaps: map[string]bool{}}
}

func (r *record) clone() *record {
	c := *r
	c.known = r.known.clone(cloneValue)
	c.marks = r.marks.clone(func(m mark) mark { return m })
	c.gaps = maps.Clone(r.gaps)
	return &c
}

func cloneValue(v any) any {
	switch x := v.(type) {
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = cloneValue(x[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, inner := range x {
			m[k] = cloneValue(inner)
		}
		return m
	}
	return v
}

// removes reports whether a destroy took the row away. One that only marked it
// as deleted changed a column.
func removes(e Entry) bool {
	return !slices.ContainsFunc(e.Changes, func(c Change) bool { return c.op() != OpRemove })
}

// apply takes the step of an entry.
func (r *record) apply(e Entry) {
	if e.Outcome.orSuccess() != Success {
		return
	}
	r.name(e.Object)
	switch {
	case e.Action == ActionCreate:
		r.reset(true, len(e.Changes) > 0)
		r.steps(e)
	case e.Action == ActionDestroy && removes(e):
		r.steps(e) // for the gaps that it shows
		r.reset(false, true)
	default:
		r.goOn(e, ActionDestroy, ActionRestore)
	}
}

// undo takes it back.
func (r *record) undo(e Entry) {
	if e.Outcome.orSuccess() != Success {
		return
	}
	switch {
	case e.Action == ActionCreate:
		r.reset(false, true)
	case e.Action == ActionDestroy && removes(e):
		r.reset(true, len(e.Changes) > 0)
		r.steps(inverse(e))
	default:
		r.goOn(inverse(e), ActionRestore, ActionDestroy)
	}
}

// goOn takes a step of a row that is there before and after; one action marks
// it as deleted, another takes the mark away.
func (r *record) goOn(e Entry, deletes, restores string) {
	if !r.there && len(e.Changes) > 0 { // its coming or going is on no entry
		r.reset(true, false)
	}
	r.deleted = e.Action == deletes || (r.deleted && e.Action != restores)
	r.steps(e)
}

func (r *record) name(o Object) {
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
	r.marks.clear()
}

// inverse is the entry that takes e back.
func inverse(e Entry) Entry {
	changes := make([]Change, len(e.Changes))
	for i, c := range e.Changes {
		c.Old, c.New = c.New, c.Old
		switch c.op() {
		case OpAdd:
			c.Op = OpRemove
		case OpRemove:
			c.Op = OpAdd
		}
		changes[i] = c
	}
	e.Changes = changes
	return e
}

// steps takes the changes of an entry. The places in a list that it removes are
// those before the entry, so the last go first; those that it adds are those
// after it, so the first come first.
func (r *record) steps(e Entry) {
	changes := slices.Clone(e.Changes)
	sortByPath(changes)
	for _, c := range changes {
		r.check(c)
	}
	for _, c := range slices.Backward(changes) {
		if c.op() == OpRemove {
			r.set(c.Field, gone{}, false, mark{})
		}
	}
	for _, c := range changes {
		if c.op() != OpRemove {
			r.set(c.Field, cloneValue(c.New), c.op() == OpAdd, mark{c.Redacted, e.ID})
		}
	}
}

// check notes a gap where a change doesn't begin at what is known.
func (r *record) check(c Change) {
	known, ok := r.get(c.Field)
	if !ok || c.Redacted != "" || (*Catalogue)(nil).Automatic(r.object.Type, c.Field) {
		return
	}
	if _, marked := r.marks.values[c.Field]; marked {
		return
	}
	_, absent := known.(gone)
	switch {
	case c.op() == OpAdd:
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

// get returns the value at a path, gone if it is known not to be there, and
// whether anything is known.
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

// set puts a value at a path, inside of what is known around it if that is
// known; insert makes place for it in a list.
func (r *record) set(path string, v any, insert bool, m mark) {
	root, ok := r.known.around(path)
	if ok {
		inner, fits := withValueAt(r.known.values[root], splitPath(path[len(root):]), v, insert)
		if fits {
			r.known.set(root, inner)
			r.mark(path, m)
			return
		}
		// What is known around it is masked, or was changed by something that is
		// on no entry.
		if _, masked := r.marks.values[root]; !masked {
			r.gaps[root] = true
		}
		r.mark(root, mark{})
		r.known.remove(root)
	}
	if ok || isPath(path) { // of the column only this part is known
		r.complete = false
	}
	r.known.remove(path)
	r.known.set(path, v)
	r.mark(path, m)
}

// mark notes how the value at a path was redacted, and forgets it of what was
// there before.
func (r *record) mark(path string, m mark) {
	r.marks.remove(path)
	if m.how != "" {
		r.marks.set(path, m)
	}
}
