package audit

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gormtrail/audit/internal/cursor"
	"github.com/gormtrail/audit/internal/seal"
)

// Identity is a text that two queries share if they select the same entries in the same
// order: filter, scope and sort. Limit, MaxBytes and Brief may differ, as may From and To of
// a filter that is Sliding. Cursors are bound to it. It holds the filter's values, so it is as
// confidential as they are.
func (q Query) Identity() string {
	var b strings.Builder
	fmt.Fprintf(&b, "audit cursor\n%s\n", cmp.Or(q.Sort, Newest))
	for _, term := range q.Filter.Terms() {
		fmt.Fprintf(&b, "%s\n", term.identity())
	}
	return b.String()
}

// identity is the term and all inside it as text: Values leaves out what And
// added below a Not.
func (f Filter) identity() string {
	var b bytes.Buffer
	not := f.Not
	f.Not = nil
	if f.sliding {
		b.WriteString("moving ")
		f.From, f.To = time.Time{}, time.Time{}
	}
	b.WriteString(f.Values().Encode())
	for _, n := range not {
		b.WriteString("!(")
		for _, term := range n.Terms() {
			fmt.Fprintf(&b, "(%s)", term.identity())
		}
		b.WriteString(")")
	}
	return b.String()
}

func badCursor(reason string) error {
	return &QueryError{Param: "cursor", Reason: reason, Err: ErrBadCursor}
}

// Stores make cursors that can be read (storage.EncodeCursor). A Trail seals them on their way
// out and opens them on their way in, so that readers learn neither a sort key that is
// masked for them nor a number that counts entries which they can't see.

// Paginator is a Reader that makes cursors for places in the middle of a page. A Trail
// is one, and so are its scopes.
type Paginator interface {
	// CursorAt returns a cursor of q for the page after e or, with back, for the page
	// before it. e must be as it is stored. q.Cursor is ignored.
	CursorAt(ctx context.Context, q Query, e Entry, back bool) (string, error)
	// CursorBack reports whether q.Cursor leads to a page before its place. An empty
	// cursor doesn't. The error is a *QueryError that unwraps to ErrBadCursor for a
	// cursor that isn't one of q's.
	CursorBack(ctx context.Context, q Query) (bool, error)
}

// CursorAt implements Paginator.
func (t *Trail) CursorAt(ctx context.Context, q Query, e Entry, back bool) (string, error) {
	q, err := t.valid(q)
	if err != nil {
		return "", err
	}
	box, err := t.cursorBox(ctx)
	if err != nil {
		return "", err
	}
	return box.Seal(cursor.Encode(q.Identity(), cursor.Position{Key: q.Sort.KeyOf(e), Time: e.Time, ID: e.ID, Back: back})), nil
}

// CursorBack implements Paginator.
func (t *Trail) CursorBack(ctx context.Context, q Query) (bool, error) {
	q, err := t.open(ctx, q)
	if err != nil || q.Cursor == "" {
		return false, err
	}
	p, wrong := cursor.Decode(q.Identity(), q.Cursor)
	if wrong != "" {
		return false, badCursor(wrong)
	}
	return p.Back, nil
}

// open returns q as the store is asked: valid, its cursor opened.
func (t *Trail) open(ctx context.Context, q Query) (Query, error) {
	q, err := t.valid(q)
	if err != nil || q.Cursor == "" {
		return q, err
	}
	box, err := t.cursorBox(ctx)
	if err != nil {
		return q, err
	}
	plain, ok := box.Open(q.Cursor)
	if !ok {
		return q, badCursor("it is damaged, or was made with another key; start from the first page")
	}
	q.Cursor = plain
	return q, nil
}

// sealPage returns a store's page as readers get it.
func (t *Trail) sealPage(ctx context.Context, page *Page) (*Page, error) {
	if page.Next == "" && page.Prev == "" {
		return page, nil
	}
	box, err := t.cursorBox(ctx)
	if err != nil {
		return nil, err
	}
	sealed := &Page{Entries: page.Entries}
	if page.Next != "" {
		sealed.Next = box.Seal(page.Next)
	}
	if page.Prev != "" {
		sealed.Prev = box.Seal(page.Prev)
	}
	return sealed, nil
}

// cursorBox is made at the first use, since the key may have to be read.
func (t *Trail) cursorBox(ctx context.Context) (*seal.Box, error) {
	if box := t.cursors.Load(); box != nil {
		return box, nil
	}
	const purpose = "cursor"
	key, err := t.SubKey(ctx, nil, purpose)
	if err != nil {
		return nil, err
	}
	t.cursors.Store(seal.New(key, t.FormerSubKeys(purpose)...))
	return t.cursors.Load(), nil
}
