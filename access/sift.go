package access

import (
	"context"
	"errors"
	"fmt"

	"github.com/gormtrail/audit"
)

// A store finds a keyword in email addresses too. A reader who may not see
// addresses gets the entries that still have the keyword after masking, so that
// neither a row nor a gap tells that the keyword is part of an address.

// siftedPage fills a page with such entries.
func (r reader) siftedPage(ctx context.Context, q audit.Query, words []string) (*audit.Page, error) {
	q, err := q.Validate()
	if err != nil {
		return nil, err
	}
	q.Filter = r.within(q.Filter)
	cursors, err := r.paginator()
	if err != nil {
		return nil, err
	}
	back, err := cursors.CursorBack(ctx, q)
	if err != nil {
		return nil, err
	}
	found, more, err := r.sift(ctx, q, words, back)
	if err != nil {
		return nil, err
	}
	page := &audit.Page{Entries: r.masked(found)}
	if len(found) == 0 {
		return page, nil
	}
	if more || back {
		page.Next, err = cursors.CursorAt(ctx, q, found[len(found)-1], false)
	}
	if err == nil && ((more && back) || (!back && q.Cursor != "")) {
		page.Prev, err = cursors.CursorAt(ctx, q, found[0], true)
	}
	if err != nil {
		return nil, err
	}
	return page, nil
}

func (r reader) paginator() (audit.Paginator, error) {
	p, ok := r.from.(audit.Paginator)
	if !ok {
		return nil, fmt.Errorf("access: cursors of a %T: %w", r.from, errors.ErrUnsupported)
	}
	return p, nil
}

// sift reads on from the query's cursor until the page is full. The entries are
// as stored, in display order; more says that at least one other follows.
func (r reader) sift(ctx context.Context, q audit.Query, words []string, back bool) (found []audit.Entry, more bool, err error) {
	limit := q.Limit
	for {
		page, err := r.from.Query(ctx, q)
		if err != nil {
			return nil, false, err
		}
		var fits []audit.Entry
		for _, e := range page.Entries {
			if r.mask.finds(e, words) {
				fits = append(fits, e)
			}
		}
		on := page.Next
		if back {
			found, on = append(fits, found...), page.Prev
		} else {
			found = append(found, fits...)
		}
		if n := len(found) - limit; n > 0 {
			if back {
				return found[n:], true, nil
			}
			return found[:limit], true, nil
		}
		if on == "" {
			return found, false, nil
		}
		q.Cursor = on
	}
}

// Neighbours returns the entries before and after the one with that ID in the
// order of q, as g shows them; nil at either end. q's limit and cursor are
// ignored. Errors are those of g's Reader, from is as there.
func (g Grant) Neighbours(ctx context.Context, from audit.Reader, q audit.Query, id string) (before, after *audit.Entry, err error) {
	r := g.reader(from)
	e, err := r.stored(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if err := r.admit(ctx, q); err != nil {
		return nil, nil, err
	}
	cursors, err := r.paginator()
	if err != nil {
		return nil, nil, err
	}
	q.Limit = 1
	beside := q
	beside.Filter = r.within(q.Filter)
	for i, at := range []**audit.Entry{&before, &after} {
		if q.Cursor, err = cursors.CursorAt(ctx, beside, e, i == 0); err != nil {
			return nil, nil, err
		}
		page, err := r.Query(ctx, q)
		if err != nil {
			return nil, nil, err
		}
		if len(page.Entries) > 0 {
			*at = &page.Entries[0]
		}
	}
	return before, after, nil
}
