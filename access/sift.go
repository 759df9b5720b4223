package access

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gormtrail/audit"
)

// A store finds a keyword in email addresses too. A reader who may not see
// addresses gets the entries that still have the keyword after masking, so that
// neither a row nor a gap tells that the keyword is part of an address.

// The bounds of such a search, for one page and for one count. Beyond them the
// page is partial (audit.Page.Partial) and the count a lower bound.
const (
	MaxSearched   = 50_000 // entries
	MaxSearchTime = 5 * time.Second
)

// stepBytes bounds what is read at once.
const stepBytes = 8 << 20

// limits are those of a search.
type limits struct {
	entries int
	time    time.Duration
}

// walked is how far a search has come.
type walked struct {
	last audit.Entry // that was looked at
	on   string      // cursor behind it; "": everything was searched
	home string      // cursor in the other direction from where it began
}

// walk visits the entries that still have the words once masked, from q's cursor on,
// until visit returns false, until there are no more, or up to the limits. q is
// valid, and in the scope.
func (r reader) walk(ctx context.Context, q audit.Query, words []audit.Filter, back bool, visit func(audit.Entry) bool) (walked, error) {
	var w walked
	limited, cancel := context.WithTimeout(ctx, r.limits.time)
	defer cancel()
	q.MaxBytes = cmp.Or(q.MaxBytes, stepBytes)
	q.Brief = false // words may be in what a brief entry lacks
	for looked, first := 0, true; ; first = false {
		page, err := r.from.Query(limited, q)
		if err != nil {
			switch {
			case ctx.Err() != nil || limited.Err() == nil:
				return w, err
			case first:
				return w, fmt.Errorf("access: a search: %w: %w", limited.Err(), err)
			}
			return w, nil
		}
		on, home := page.Next, page.Prev
		if back {
			on, home = home, on
			slices.Reverse(page.Entries)
		}
		if first {
			w.home = home
		}
		w.on = on
		for _, e := range page.Entries {
			w.last = e
			if r.mask.finds(e, words) && !visit(e) {
				return w, nil
			}
		}
		looked += len(page.Entries)
		if on == "" || looked >= r.limits.entries || limited.Err() != nil {
			return w, ctx.Err()
		}
		q.Cursor, q.Limit = on, audit.MaxLimit
	}
}

// siftedPage fills a page with such entries.
func (r reader) siftedPage(ctx context.Context, q audit.Query, words []audit.Filter) (*audit.Page, error) {
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
	var found []audit.Entry
	size, more := 0, false
	w, err := r.walk(ctx, q, words, back, func(e audit.Entry) bool {
		size += e.Size()
		if more = len(found) == q.Limit || len(found) > 0 && q.MaxBytes > 0 && size > q.MaxBytes; more {
			return false
		}
		if q.Brief {
			e.Changes, e.Metadata = nil, nil
		}
		found = append(found, e)
		return true
	})
	if err != nil {
		return nil, err
	}
	if back {
		slices.Reverse(found)
	}
	page := &audit.Page{Entries: r.masked(found)}
	if page.Next, page.Prev, err = r.siftedCursors(ctx, q, found, w, more, back); err != nil {
		return nil, err
	}
	if page.Partial = !more && w.on != ""; page.Partial && q.Sort.Key() == audit.SortTime {
		page.Until = toMinute(w.last.Time, q.Sort.Descending() != back)
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

// siftedCursors lead on from the last entry found or, where the search ended early,
// looked at; and back from the first one found or, if there is none, from where the
// search began.
func (r reader) siftedCursors(ctx context.Context, q audit.Query, found []audit.Entry, w walked, more, back bool) (next, prev string, err error) {
	on, home := w.on, ""
	if len(found) > 0 {
		first, last := found[0], found[len(found)-1]
		if back {
			first, last = last, first
		}
		cursors, err := r.paginator()
		if err == nil && more {
			on, err = cursors.CursorAt(ctx, q, last, back)
		}
		if err == nil && q.Cursor != "" {
			home, err = cursors.CursorAt(ctx, q, first, !back)
		}
		if err != nil {
			return "", "", err
		}
	} else if w.on != "" && q.Cursor != "" {
		home = w.home
	}
	if back {
		return home, on, nil
	}
	return on, home, nil
}

// toMinute rounds a time to a minute on the side that was searched: the exact time
// is that of an entry that may not be shown. newest: from the newest on.
func toMinute(t time.Time, newest bool) time.Time {
	minute := t.Truncate(time.Minute)
	if newest && minute.Before(t) {
		return minute.Add(time.Minute)
	}
	return minute
}

// siftedCount counts such entries, up to the bound.
func (r reader) siftedCount(ctx context.Context, f audit.Filter, bound int, words []audit.Filter) (n int, more bool, err error) {
	q, err := audit.Query{Filter: f, Limit: audit.MaxLimit}.Validate()
	if err != nil {
		return 0, false, err
	}
	q.Filter = r.grant.within(q.Filter)
	w, err := r.walk(ctx, q, words, false, func(audit.Entry) bool {
		if more = n == bound; !more {
			n++
		}
		return !more
	})
	return n, more || w.on != "", err
}

// Neighbours returns the entries before and after the one with that ID in the
// order of q, brief and as g shows them; nil at either end, or if a search for one
// takes too long. q's limit and cursor are ignored. Errors are those of g's Reader, from is as there.
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
	q.Limit, q.Brief = 1, true
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
