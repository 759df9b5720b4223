package access

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

// haystack is a trail of n entries, newest first. Each entry has the word in an
// address; the needles also have it in a name. Query makes the entries.
type haystack struct {
	audit.Reader
	n       int
	needles []int
	took    time.Duration // for each page

	read, largest int
}

var hayDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (h *haystack) entry(i int) audit.Entry {
	e := audit.Entry{ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", h.n-i), Time: hayDay.Add(-time.Duration(i) * time.Second), Action: "update", Actor: audit.Actor{Email: "mara@acme.example"}}
	if slices.Contains(h.needles, i) {
		e.Object.Name = "mara's"
	}
	return e
}

func (h *haystack) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	if h.took > 0 {
		select {
		case <-time.After(h.took):
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	at, back := 0, false
	if q.Cursor != "" {
		p, err := audit.DecodeCursor(q)
		if err != nil {
			return nil, err
		}
		at, back = int(hayDay.Sub(p.Time)/time.Second), p.Back
		if !back {
			at++
		}
	}
	from, to := at, min(h.n, at+q.Limit)
	if back {
		from, to = max(0, at-q.Limit), at
	}
	page := &audit.Page{}
	for i := from; i < to; i++ {
		page.Entries = append(page.Entries, h.entry(i))
	}
	h.read += len(page.Entries)
	h.largest = max(h.largest, len(page.Entries))
	if to < h.n {
		page.Next, _ = h.CursorAt(ctx, q, h.entry(to-1), false)
	}
	if from > 0 {
		page.Prev, _ = h.CursorAt(ctx, q, h.entry(from), true)
	}
	return page, nil
}

func (h *haystack) CursorAt(_ context.Context, q audit.Query, e audit.Entry, back bool) (string, error) {
	return audit.EncodeCursor(q, audit.Position{Key: audit.SortKey(q.Sort, e), Time: e.Time, ID: e.ID, Back: back}), nil
}

func (h *haystack) CursorBack(_ context.Context, q audit.Query) (bool, error) {
	if q.Cursor == "" {
		return false, nil
	}
	p, err := audit.DecodeCursor(q)
	return p.Back, err
}

func (h *haystack) Count(context.Context, audit.Filter, int) (int, bool, error) { return 0, false, nil }

func names(page *audit.Page) (ids []string) {
	for _, e := range page.Entries {
		ids = append(ids, e.ID)
	}
	return ids
}

var mara = audit.Query{Filter: audit.Filter{Keyword: "mara"}, Limit: 50}

// A reader without Personal could make a search read the whole trail. A page of it
// looks at so many entries, in steps of the largest page, says how far it has come,
// and continues from there: forth and back, and nothing is lost.
func TestAMaskedSearchIsBounded(t *testing.T) {
	h := &haystack{n: 12_000, needles: []int{10, 6000, 6001, 11_999}}
	r := Grant{Everything: true}.reader(h)
	require.Equal(t, limits{MaxSearched, MaxSearchTime}, r.limits)
	r.limits.entries = 5000
	q := mara
	var pages []*audit.Page
	for first := true; first || q.Cursor != ""; first = false {
		h.read = 0
		page, err := r.Query(t.Context(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, h.read, 5000+audit.MaxLimit)
		require.LessOrEqual(t, h.largest, audit.MaxLimit)
		require.Equal(t, page.Next != "", page.Partial)
		if page.Partial {
			require.Zero(t, page.Until.Second())
			require.False(t, page.Until.IsZero())
		}
		pages = append(pages, page)
		q.Cursor = page.Next
	}
	require.Len(t, pages, 3)
	require.Equal(t, []int{1, 2, 1}, []int{len(pages[0].Entries), len(pages[1].Entries), len(pages[2].Entries)})
	require.Equal(t, hayDay.Add(-5049*time.Second).Truncate(time.Minute).Add(time.Minute), pages[0].Until, "to the minute: the entry there isn't shown")

	q.Cursor = pages[2].Prev
	var got []string
	for q.Cursor != "" {
		page, err := r.Query(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, page.Prev != "", page.Partial)
		got = append(names(page), got...)
		q.Cursor = page.Prev
	}
	require.Equal(t, append(names(pages[0]), names(pages[1])...), got)
}

// Nothing at all may be found for a while, in both directions.
func TestAMaskedSearchThatFindsNothingGoesOn(t *testing.T) {
	h := &haystack{n: 2500, needles: []int{2499}}
	r := Grant{Everything: true}.reader(h)
	r.limits.entries = 1000
	q := mara
	empty, err := r.Query(t.Context(), q)
	require.NoError(t, err)
	require.True(t, empty.Partial)
	require.Empty(t, empty.Entries)
	require.Empty(t, empty.Prev)
	q.Cursor = empty.Next
	second, err := r.Query(t.Context(), q)
	require.NoError(t, err)
	require.Empty(t, second.Entries)
	require.NotEmpty(t, second.Prev)
	q.Cursor = second.Next
	last, err := r.Query(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, last.Entries, 1)
	require.False(t, last.Partial)
	q.Cursor = last.Prev
	for i := 0; ; i++ {
		page, err := r.Query(t.Context(), q)
		require.NoError(t, err)
		require.Empty(t, page.Entries)
		if q.Cursor = page.Prev; q.Cursor == "" {
			break
		}
		if i > 0 {
			continue // from further back, the search ends early
		}
		forth := q
		forth.Cursor = page.Next
		again, err := r.Query(t.Context(), forth)
		require.NoError(t, err)
		require.Equal(t, names(last), names(again), "the page before leads back here")
	}
}

func TestAMaskedSearchHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &haystack{n: 1_000_000, took: 800 * time.Millisecond}
		r := Grant{Everything: true}.reader(h)
		start := time.Now()
		page, err := r.Query(t.Context(), mara)
		require.NoError(t, err)
		require.True(t, page.Partial)
		require.LessOrEqual(t, time.Since(start), MaxSearchTime)
		n, more, err := r.Count(t.Context(), mara.Filter, 100)
		require.NoError(t, err)
		require.True(t, more, "what wasn't counted may be some")
		require.Zero(t, n)

		h.took = time.Hour // a store that doesn't come to an answer at all
		_, err = r.Query(t.Context(), mara)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		ctx, cancel := context.WithCancel(t.Context())
		go func() { time.Sleep(time.Second); cancel() }()
		start = time.Now()
		_, err = r.Query(ctx, mara)
		require.ErrorIs(t, err, context.Canceled)
		_, _, err = r.Count(ctx, mara.Filter, 100)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// A count has the bounds of a page.
func TestAMaskedCountIsBounded(t *testing.T) {
	h := &haystack{n: 12_000, needles: []int{1, 2, 3, 10_000}}
	r := Grant{Everything: true}.reader(h)
	r.limits.entries = 5000
	n, more, err := r.Count(t.Context(), mara.Filter, 100)
	require.NoError(t, err)
	require.Equal(t, []any{3, true}, []any{n, more})
	require.LessOrEqual(t, h.read, 5000+audit.MaxLimit)
	n, more, err = r.Count(t.Context(), mara.Filter, 2)
	require.NoError(t, err)
	require.Equal(t, []any{2, true}, []any{n, more})
	h.n = 1000
	n, more, err = r.Count(t.Context(), mara.Filter, 100)
	require.NoError(t, err)
	require.Equal(t, []any{3, false}, []any{n, more})
}
