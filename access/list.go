package access

import (
	"context"

	"github.com/gormtrail/audit"
)

// List is a page for a list that shows little of an entry: the first changes, and
// how many there are.
type List struct {
	*audit.Page
	Changes []int // how many each entry has

	shown int
}

// List returns a page as g's Reader does, whose entries have no metadata and at most
// so many changes: what a list doesn't show needs no masking.
func (g Grant) List(ctx context.Context, from audit.Reader, q audit.Query, changes int) (*List, error) {
	r := g.reader(from)
	r.list = &List{shown: changes}
	var err error
	r.list.Page, err = r.Query(ctx, q)
	return r.list, err
}

// cut leaves of an entry what the list shows, and counts the rest.
func (l *List) cut(e audit.Entry) audit.Entry {
	l.Changes = append(l.Changes, len(e.Changes))
	e.Changes, e.Metadata = e.Changes[:min(l.shown, len(e.Changes))], nil
	return e
}
