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
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/memstore"
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
		p, err := storage.DecodeCursor(q)
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
	return storage.EncodeCursor(q, storage.Position{Key: q.Sort.KeyOf(e), Time: e.Time, ID: e.ID, Back: back}), nil
}

func (h *haystack) CursorBack(_ context.Context, q audit.Query) (bool, error) {
	if q.Cursor == "" {
		return false, nil
	}
	p, err := storage.DecodeCursor(q)
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

// places are the texts in which a keyword is looked for and which may hold an address.
var places = map[string]func(*audit.Entry, string){
	"error":       func(e *audit.Entry, s string) { e.Error = s },
	"comment":     func(e *audit.Entry, s string) { e.Comment = s },
	"transaction": func(e *audit.Entry, s string) { e.TransactionID = s },
	"request":     func(e *audit.Entry, s string) { e.Request.ID = s },
	"action":      func(e *audit.Entry, s string) { e.Action = s },
	"type":        func(e *audit.Entry, s string) { e.Object.Type = s },
	"record":      func(e *audit.Entry, s string) { e.Object.ID = s },
	"name":        func(e *audit.Entry, s string) { e.Object.Name = s },
	"actor":       func(e *audit.Entry, s string) { e.Actor.Name = s },
	"actor ID":    func(e *audit.Entry, s string) { e.Actor.ID = s },
	"behalf":      func(e *audit.Entry, s string) { e.OnBehalfOf = &audit.Actor{ID: "7", Name: s} },
	"behalf ID":   func(e *audit.Entry, s string) { e.OnBehalfOf = &audit.Actor{ID: s} },
	"field":       func(e *audit.Entry, s string) { e.Changes = []audit.Change{{Field: s, Op: audit.OpAdd, New: "x"}} },
	"metadata":    func(e *audit.Entry, s string) { e.Metadata = map[string]any{"in": []any{map[string]any{"ticket": s}}} },
}

// found is how many entries each way to read finds.
func found(t *testing.T, trail *audit.Trail, grant Grant, f audit.Filter) (n []int) {
	t.Helper()
	r := grant.reader(trail)
	page, err := r.Query(t.Context(), audit.Query{Filter: f, Limit: 50, Brief: true})
	require.NoError(t, err)
	all := 0
	for _, err := range r.All(t.Context(), audit.Query{Filter: f}) {
		require.NoError(t, err)
		all++
	}
	counted, _, err := r.Count(t.Context(), f, 100)
	require.NoError(t, err)
	selection, err := grant.Select(trail.Joined(f))
	require.NoError(t, err)
	followed := 0
	for e, err := range trail.All(t.Context(), audit.Query{}) {
		require.NoError(t, err)
		if selection.Filter.Match(e) {
			if _, shown := selection.Show(e); shown {
				followed++
			}
		}
	}
	return []int{len(page.Entries), all, counted, followed}
}

func searchable(t *testing.T, entries ...audit.Entry) *audit.Trail {
	t.Helper()
	trail, err := audit.New(memstore.New(), &audit.Options{SearchableMetadata: []string{"ticket", "salary"}})
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), entries...))
	return trail
}

// A reader without Personal finds an entry by each text around an address, and by no
// part of the address, wherever it is repeated.
func TestAMaskedSearchFindsNoAddress(t *testing.T) {
	masked, personal := Grant{Everything: true, Follow: true}, Grant{Everything: true, Follow: true, Personal: true}
	for place, set := range places {
		e := audit.Entry{ID: "01980000-0000-7000-8000-111111111111", Action: "update", Actor: audit.Actor{Email: "odd&mail"}, Request: audit.Request{IP: "10.20.30.40"}, OnBehalfOf: &audit.Actor{Email: "boss@lumen.example"}}
		set(&e, "before:mara@lumen.example/203.0.113.77/2001:db8::1c9/odd&mail/behind")
		trail := searchable(t, e)
		for _, guess := range []string{"mara", "lumen", "@", "203.0", "113.77", "1C9", "db8", "odd&", "20.30", "boss", "e/2", "masked", "\ue000"} {
			f := audit.Filter{Keyword: guess}
			require.Equal(t, []int{0, 0, 0, 0}, found(t, trail, masked, f), "%s by %s", place, guess)
			if !slices.Contains([]string{"masked", "boss", "\ue000"}, guess) {
				require.Equal(t, []int{1, 1, 1, 1}, found(t, trail, personal, f), "%s by %s", place, guess)
			}
		}
		for _, shown := range []string{"BEFORE", "behind"} {
			require.Equal(t, []int{1, 1, 1, 1}, found(t, trail, masked, audit.Filter{Keyword: shown}), "%s by %s", place, shown)
		}
		_, err := masked.Select(audit.Filter{Not: []audit.Filter{{Keyword: "mara"}}})
		require.ErrorIs(t, err, audit.ErrInvalidQuery, "what a word leaves out can't be checked")
	}
}

// A reader with hidden fields doesn't find entries by metadata, nor by what a word
// leaves out. Values of changes are never searched.
func TestASearchFindsNothingHidden(t *testing.T) {
	e := audit.Entry{
		Action: "update", Metadata: map[string]any{"salary": "9000", "in": map[string]any{"salary": int64(9000)}, "ticket": `{"salary":9000}`},
		Changes: []audit.Change{{Field: "salary", Op: audit.OpAdd, New: "9000"}},
	}
	e.ID = "01980000-0000-7000-8000-111111111111"
	trail := searchable(t, e)
	one, none := []int{1, 1, 1, 1}, []int{0, 0, 0, 0}
	all := Grant{Everything: true, Follow: true, Personal: true}
	require.Equal(t, one, found(t, trail, all, audit.Filter{Keyword: "900"}))
	require.Equal(t, none, found(t, trail, all, audit.Filter{Not: []audit.Filter{{Keyword: "900"}}}))
	for _, personal := range []bool{true, false} {
		hidden := Grant{Everything: true, Follow: true, Personal: personal, Hidden: []string{"salary", "in.salary"}}
		for _, f := range []audit.Filter{{Keyword: "900"}, audit.Filter{Keyword: "update"}.And(audit.Filter{Keyword: "9000"}), trail.Joined(audit.Filter{Keyword: "9000"})} {
			require.Equal(t, none, found(t, trail, hidden, f), "personal %v: %s", personal, f.Values())
		}
		require.Equal(t, one, found(t, trail, hidden, audit.Filter{Keyword: "salar"}), "the page shows the names of hidden fields")
		if personal {
			require.Equal(t, one, found(t, trail, hidden, audit.Filter{Not: []audit.Filter{{Keyword: "900"}}}))
			require.Equal(t, one, found(t, trail, hidden, audit.Filter{Not: []audit.Filter{{Not: []audit.Filter{{Keyword: "update"}}}, {Keyword: "900"}}}))
		}
	}
}
