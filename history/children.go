package history

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/cleantext"
)

// Child declares that records of one type belong to records of another: a line
// of an order, a member of a team.
//
// Only changes of Field tell the parent of a child: a create and a removal have it, and so
// has an update that moves the child. Left out are a child without such an entry, which
// existed before the trail and only ever changed in other columns; one with a redacted
// Field, except a hash that equals the parent's ID; and one that refers to a parent with a
// composite key by several columns. Children of children are in the child's
// own history.
type Child struct {
	Type  string // the children's Object.Type: "order_lines"
	Field string // their column with the parent's Object.ID: "order_id"
}

// family is a record and its present and former children.
type family struct {
	parent   audit.Object
	ids      []string // all IDs of the parent; parent has the present one
	children []Child
	// belongs says whether a child, by type and ID, belongs to the parent: first at
	// the beginning of the trail, then as of the entry that was read last.
	belongs map[audit.Object]bool
}

func newFamily(o audit.Object, children []Child) *family {
	f := &family{parent: audit.Object{Type: cleantext.Name(o.Type), ID: cleantext.Name(o.ID)}, belongs: map[audit.Object]bool{}}
	for _, c := range children {
		f.children = append(f.children, Child{cleantext.Name(c.Type), cleantext.Field(c.Field)})
	}
	return f
}

// find sets belongs as of the beginning for every child that ever belongs to the parent.
// It reads from the newest entry back, so the oldest one decides.
func (f *family) find(ctx context.Context, r audit.Reader) error {
	var named audit.Filter
	for _, c := range f.children {
		named.ObjectTypes = append(named.ObjectTypes, c.Type)
		named.Fields = append(named.Fields, c.Field)
	}
	for e, err := range r.All(ctx, audit.Query{Filter: named, Sort: audit.SortRecorded.Reverse()}) {
		if err != nil {
			return err
		}
		child, old, now, recorded := f.membership(e)
		_, known := f.belongs[child]
		switch {
		case !recorded || !known && !old && !now:
		case succeeded(e):
			f.belongs[child] = old
		case !known:
			f.belongs[child] = false
		}
	}
	return nil
}

// membership returns the child of the entry, and whether it belonged to the parent before
// and after; recorded is false if the entry doesn't say.
func (f *family) membership(e audit.Entry) (child audit.Object, old, now, recorded bool) {
	child = audit.Object{Type: e.Object.Type, ID: e.Object.ID}
	for _, c := range f.children {
		if c.Type != child.Type {
			continue
		}
		for _, ch := range e.Changes {
			hashed := ch.Redacted == audit.RedactedHashed && (isHashedID(ch.Old) || isHashedID(ch.New))
			if ch.Field == c.Field && (ch.Redacted == "" || hashed) {
				recorded = true
				old = old || op(ch) != audit.OpAdd && f.isParent(ch.Old)
				now = now || op(ch) != audit.OpRemove && f.isParent(ch.New)
			}
		}
	}
	return child, old, now, recorded
}

// isParent reports whether a column's value, as text, is an ID of the parent.
func (f *family) isParent(v any) bool {
	switch v.(type) {
	case nil, []any, map[string]any:
		return false
	}
	return f.parent.ID != "" && slices.Contains(f.ids, cleantext.Name(fmt.Sprint(v)))
}

// isHashedID reports whether a column's value is the hash that package hooks puts into an
// ID instead of a secret.
func isHashedID(v any) bool {
	s, ok := v.(string)
	return ok && strings.HasPrefix(s, "hmac-") && !strings.HasPrefix(s, "hmac-sha256:")
}

// filter selects all entries of the family, and possibly more.
func (f *family) filter() audit.Filter {
	list := audit.Filter{ObjectTypes: []string{f.parent.Type}, ObjectIDs: slices.Clone(f.ids)}
	for _, c := range f.children {
		list.ObjectTypes = append(list.ObjectTypes, c.Type)
	}
	for child := range f.belongs {
		list.ObjectIDs = append(list.ObjectIDs, child.ID)
	}
	if len(list.ObjectIDs) > audit.MaxFilterValues {
		list.ObjectIDs = nil
	}
	return list
}

// shows reports whether the next entry is of the family, and updates belongs by it.
func (f *family) shows(e audit.Entry) bool {
	child, old, now, recorded := f.membership(e)
	before, known := f.belongs[child]
	if recorded && known && succeeded(e) {
		f.belongs[child] = now
	}
	own := child.Type == f.parent.Type && slices.Contains(f.ids, child.ID)
	return own || before || old || now
}
