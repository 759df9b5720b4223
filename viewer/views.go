package viewer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
)

// SavedView is a list that has a name.
type SavedView struct {
	Name string
	// Query is the list's query string, without the "?": its filters, order, columns.
	Query string
}

// Views keeps the saved views that readers share. Your app stores them; a view can
// name what it filters by, such as an email address, so keep those of each tenant
// apart. All methods must be safe for concurrent use.
type Views interface {
	// List returns the views that a reader with this grant sees, in the order of the menu.
	List(ctx context.Context, grant access.Grant) ([]SavedView, error)
	// Save adds a view, or replaces the view of the same name.
	Save(ctx context.Context, grant access.Grant, view SavedView) error
	// Remove deletes a view. A name that doesn't exist is no error.
	Remove(ctx context.Context, grant access.Grant, name string) error
}

const (
	maxViewName  = 80       // runes
	maxViewQuery = 4 << 10  // bytes
	maxViewForm  = 16 << 10 // bytes
	maxViews     = 100      // in the menu
)

var errNoViews = errors.New("You may read the audit trail, and not save views for everyone.")

// SharedViews are the views for everyone. Without them the page still works.
func (p listPage) SharedViews() []SavedView {
	if p.opts.Views == nil {
		return nil
	}
	views, err := p.opts.Views.List(p.request.Context(), p.grant)
	if err != nil {
		p.trail.Logger().WarnContext(p.request.Context(), "audit viewer: saved views", "error", err)
	}
	return views[:min(len(views), maxViews)]
}

// Link is the view's list.
func (v SavedView) Link() string {
	values, err := url.ParseQuery(strings.TrimPrefix(v.Query, "?"))
	if err != nil {
		return "?"
	}
	return query(values)
}

// ViewQuery is what saving a view keeps of this page.
func (p listPage) ViewQuery() string { return p.list()[1:] }

// MayShare reports whether the reader can save views for everyone.
func (p listPage) MayShare() bool { return p.opts.Views != nil && p.grant.Operate }

// writesView reports whether a request saves or removes a view.
func (v *Viewer) writesView(r *http.Request) bool {
	what := r.URL.Query().Get("views")
	return v.opts.Views != nil && (what == "save" || what == "remove")
}

// serveViews saves or removes a view, and leads back to the list.
func (s *visit) serveViews(ctx context.Context, w http.ResponseWriter) error {
	r := s.request
	if !s.grant.MayWrite(r) {
		return errNoViews
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxViewForm)
	if err := r.ParseForm(); err != nil {
		return &audit.QueryError{Param: "name", Reason: "the form can't be read", Err: err}
	}
	view := SavedView{Name: strings.TrimSpace(r.PostForm.Get("name")), Query: strings.TrimPrefix(r.PostForm.Get("query"), "?")}
	if n := utf8.RuneCountInString(view.Name); n == 0 || n > maxViewName || !utf8.ValidString(view.Name) {
		return &audit.QueryError{Param: "name", Reason: fmt.Sprintf("a view has a name of 1 to %d characters", maxViewName)}
	}
	change := audit.Change{Field: "query", Op: audit.OpAdd, New: view.Query}
	action, to := audit.ActionCreate, "?"+view.Query
	write := func() error { return s.opts.Views.Save(ctx, s.grant, view) }
	if r.URL.Query().Get("views") == "remove" {
		action, to = audit.ActionDestroy, "?"
		change = audit.Change{}
		write = func() error { return s.opts.Views.Remove(ctx, s.grant, view.Name) }
	} else if err := s.checkView(view); err != nil {
		return err
	}
	e := audit.Entry{Action: action, Actor: s.grant.Actor, Object: audit.Object{Type: "audit_view", ID: view.Name, Name: view.Name}}
	if change.Field != "" {
		e.Changes = []audit.Change{change}
	}
	if err := s.recordView(ctx, e, write); err != nil {
		return err
	}
	http.Redirect(w, r, r.URL.Path+to, http.StatusSeeOther)
	return nil
}

// recordView makes a change and its entry. The entry comes first: what can't be
// recorded isn't done. A change that fails gets a second entry that says so.
func (s *visit) recordView(ctx context.Context, e audit.Entry, write func() error) error {
	e = access.Recorded(e, s.grant.Scope, "by", "viewer")
	if err := s.trail.Record(ctx, e); err != nil {
		return fmt.Errorf("viewer: recording a saved view: %w", err)
	}
	err := write()
	if err != nil {
		e.Outcome, e.Error, e.Changes = audit.Failure, err.Error(), nil
		err = errors.Join(fmt.Errorf("viewer: saved views: %w", err), s.trail.Record(ctx, e))
	}
	return err
}

// checkView refuses a view that the reader couldn't open.
func (s *visit) checkView(view SavedView) error {
	if len(view.Query) > maxViewQuery {
		return &audit.QueryError{Param: "query", Reason: fmt.Sprintf("is longer than %d bytes", maxViewQuery)}
	}
	values, err := url.ParseQuery(view.Query)
	if err != nil {
		return &audit.QueryError{Param: "query", Reason: "is not percent-encoded as it should be", Err: err}
	}
	q, err := audit.ParseQuery(values)
	if err != nil {
		return err
	}
	return s.grant.Check(q)
}
