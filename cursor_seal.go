package audit

import (
	"context"

	"github.com/gormtrail/audit/internal/seal"
)

// Stores make cursors that can be read (EncodeCursor). A Trail seals them on their way
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
	return box.Seal(EncodeCursor(q, Position{Key: SortKey(q.Sort, e), Time: e.Time, ID: e.ID, Back: back})), nil
}

// CursorBack implements Paginator.
func (t *Trail) CursorBack(ctx context.Context, q Query) (bool, error) {
	q, err := t.open(ctx, q)
	if err != nil || q.Cursor == "" {
		return false, err
	}
	p, err := DecodeCursor(q)
	return p.Back, err
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
