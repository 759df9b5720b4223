package access

import (
	"context"

	"github.com/gormtrail/audit"
)

// List is a page for a list that shows little of an entry: its most telling changes,
// and how many there are.
type List struct {
	*audit.Page
	Changes []int // how many each entry has (audit.Catalogue.Telling)

	shown     int
	catalogue *audit.Catalogue
}

// List returns a page as g's Reader does, whose entries have no metadata and at most
// that many changes, the most telling ones (audit.Catalogue.Telling): values that a list
// doesn't show need no masking. The catalogue is that of from, if it has the method
// Catalogue as *audit.Trail does, and otherwise the common one.
func (g Grant) List(ctx context.Context, from audit.Reader, q audit.Query, changes int) (*List, error) {
	r := g.reader(from)
	r.list = &List{shown: changes}
	if c, ok := from.(interface{ Catalogue() *audit.Catalogue }); ok {
		r.list.catalogue = c.Catalogue()
	}
	var err error
	r.list.Page, err = r.Query(ctx, q)
	return r.list, err
}

// cut leaves the changes that the list shows, and counts them all.
func (l *List) cut(e audit.Entry) audit.Entry {
	telling := l.catalogue.Telling(e)
	l.Changes = append(l.Changes, len(telling))
	e.Changes, e.Metadata = telling[:min(l.shown, len(telling))], nil
	return e
}
