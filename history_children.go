package audit

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Child declares that records of one type belong to records of another: a line
// of an order, a member of a team.
//
// Whose child it is, the trail tells by the changes of Field alone: a create or
// a removal has it, and so has an update that moves the child. What can't be
// told is left out: a child that the trail has no such entry of, as one that was
// there before the trail and only ever changed in other columns; one whose Field
// is redacted, unless it holds the hash that is the parent's ID; one that refers to a parent with a composite key by several
// columns. Children of children are those of the child's own history.
type Child struct {
	Type  string // the children's Object.Type: "order_lines"
	Field string // the column of theirs that holds the parent's Object.ID: "order_id"
}

// family is a record and those that are or were its children.
type family struct {
	parent   Object
	ids      []string // the parent's, of which parent has the present one
	children []Child
	// belongs tells of each child, by type and ID, whether it is the parent's: at
	// the beginning, and then, while its entries go by, at each moment.
	belongs map[Object]bool
}

func newFamily(o Object, children []Child) *family {
	f := &family{parent: Object{Type: CleanName(o.Type), ID: CleanName(o.ID)}, belongs: map[Object]bool{}}
	for _, c := range children {
		f.children = append(f.children, Child{CleanName(c.Type), cleanField(c.Field)})
	}
	return f
}

// find learns who belongs to the parent at any time, and who did at the
// beginning: it goes back, so that what it hears last is the oldest.
func (f *family) find(ctx context.Context, r Reader) error {
	var named Filter
	for _, c := range f.children {
		named.ObjectTypes = append(named.ObjectTypes, c.Type)
		named.Fields = append(named.Fields, c.Field)
	}
	for e, err := range r.All(ctx, Query{Filter: named, Sort: SortRecorded.Reverse()}) {
		if err != nil {
			return err
		}
		child, old, now, told := f.tells(e)
		_, known := f.belongs[child]
		switch {
		case !told || !known && !old && !now:
		case e.Outcome.orSuccess() == Success:
			f.belongs[child] = old
		case !known:
			f.belongs[child] = false
		}
	}
	return nil
}

// tells returns which child the entry is of, and whether it says that the child
// was, or is, the parent's; told is false if it says nothing of that.
func (f *family) tells(e Entry) (child Object, old, now, told bool) {
	child = Object{Type: e.Object.Type, ID: e.Object.ID}
	for _, c := range f.children {
		if c.Type != child.Type {
			continue
		}
		for _, ch := range e.Changes {
			hashed := ch.Redacted == RedactedHashed && (isHashedID(ch.Old) || isHashedID(ch.New))
			if ch.Field == c.Field && (ch.Redacted == "" || hashed) {
				told = true
				old = old || ch.op() != OpAdd && f.isParent(ch.Old)
				now = now || ch.op() != OpRemove && f.isParent(ch.New)
			}
		}
	}
	return child, old, now, told
}

// isParent compares a column's value with an ID, which is that value as text.
func (f *family) isParent(v any) bool {
	switch v.(type) {
	case nil, []any, map[string]any:
		return false
	}
	return f.parent.ID != "" && slices.Contains(f.ids, CleanName(fmt.Sprint(v)))
}

// isHashedID reports whether a column's value is what package hooks puts into an ID in
// the place of a secret.
func isHashedID(v any) bool {
	s, ok := v.(string)
	return ok && strings.HasPrefix(s, "hmac-") && !strings.HasPrefix(s, "hmac-sha256:")
}

// filter selects at least all entries of the family.
func (f *family) filter() Filter {
	list := Filter{ObjectTypes: []string{f.parent.Type}, ObjectIDs: slices.Clone(f.ids)}
	for _, c := range f.children {
		list.ObjectTypes = append(list.ObjectTypes, c.Type)
	}
	for child := range f.belongs {
		list.ObjectIDs = append(list.ObjectIDs, child.ID)
	}
	if len(list.ObjectIDs) > MaxFilterValues {
		list.ObjectIDs = nil
	}
	return list
}

// shows reports whether the next entry is of the family, and keeps in mind what
// it says of who belongs to it.
func (f *family) shows(e Entry) bool {
	child, old, now, told := f.tells(e)
	before, known := f.belongs[child]
	if told && known && e.Outcome.orSuccess() == Success {
		f.belongs[child] = now
	}
	own := child.Type == f.parent.Type && slices.Contains(f.ids, child.ID)
	return own || before || old || now
}
