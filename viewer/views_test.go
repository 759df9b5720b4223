package viewer_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

// sharedViews keeps views in memory.
type sharedViews struct {
	mu   sync.Mutex
	list []viewer.SavedView
	err  error
}

func (s *sharedViews) List(context.Context, access.Grant) ([]viewer.SavedView, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list), s.err
}

func (s *sharedViews) Save(ctx context.Context, g access.Grant, view viewer.SavedView) error {
	_ = s.Remove(ctx, g, view.Name)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, view)
	return s.err
}

func (s *sharedViews) Remove(_ context.Context, _ access.Grant, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(v viewer.SavedView) bool { return v.Name == name })
	return s.err
}

// post sends a form to the page.
func post(h http.Handler, query string, form url.Values, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/deep/audit/"+query, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A view that is saved for everyone is in everybody's menu, and each change of it is an
// entry.
func TestViewsForEveryone(t *testing.T) {
	trail, views := newTrail(t, demo(3)...), &sharedViews{}
	grant := access.Grant{Scope: audit.Filter{Tenants: []string{"lumen"}}, Operate: true, Actor: audit.Actor{Type: "user", ID: "u1"}}
	h := newViewer(t, trail, &viewer.Options{Views: views, Authorize: func(*http.Request) (access.Grant, error) { return grant, nil }})
	w := post(h, "?views=save", url.Values{"name": {" Failed <b>logins</b> "}, "query": {"action=login&outcome=failure"}})
	require.Equal(t, http.StatusSeeOther, w.Code, w.Body)
	require.Equal(t, "/deep/audit/?action=login&outcome=failure", w.Header().Get("Location"))
	page := body(t, h, "")
	contains(t, page, "Failed &lt;b&gt;logins&lt;/b&gt;")
	contains(t, page, `href="?action=login&amp;outcome=failure"`)

	require.Equal(t, http.StatusSeeOther, post(h, "?views=remove", url.Values{"name": {"Failed <b>logins</b>"}}).Code)
	lacks(t, body(t, h, ""), `href="?action=login&amp;outcome=failure"`)
	found, err := trail.Query(t.Context(), audit.Query{Filter: audit.Filter{ObjectTypes: []string{"audit_view"}}})
	require.NoError(t, err)
	require.Len(t, found.Entries, 2)
	require.Equal(t, []string{audit.ActionDestroy, audit.ActionCreate}, []string{found.Entries[0].Action, found.Entries[1].Action})
	require.Equal(t, "lumen", found.Entries[1].Tenant)
	require.Equal(t, "u1", found.Entries[1].Actor.ID)
	require.Equal(t, "action=login&outcome=failure", found.Entries[1].Changes[0].New)
}

// Nothing is written for a reader, from another site, by a link, or with a view that
// can't be opened.
func TestViewsAreWrittenByWhoMay(t *testing.T) {
	views := &sharedViews{}
	grant := access.Grant{Everything: true, Operate: true, Actor: audit.Actor{ID: "u1"}}
	opts := &viewer.Options{Views: views, Authorize: func(*http.Request) (access.Grant, error) { return grant, nil }}
	trail := newTrail(t)
	h := newViewer(t, trail, opts)
	form := func(name, query string) url.Values { return url.Values{"name": {name}, "query": {query}} }
	require.Equal(t, http.StatusForbidden, post(h, "?views=save", form("x", ""), "Sec-Fetch-Site", "cross-site").Code)
	require.Equal(t, http.StatusMethodNotAllowed, get(h, "?views=save&name=x").Code)
	require.Equal(t, http.StatusMethodNotAllowed, post(h, "", form("x", "")).Code)
	for _, bad := range []url.Values{form("", ""), form(strings.Repeat("x", 81), ""), form("x", "nonsense=1"), form("x", "%zz"), form("x", "ip=10.0.0.1"), form("x", "q="+strings.Repeat("x", 5000)), form("x", strings.Repeat("x", 50_000))} {
		require.Equal(t, http.StatusBadRequest, post(h, "?views=save", bad).Code, "%.80s", bad.Encode())
	}
	grant.Operate = false
	require.Equal(t, http.StatusForbidden, post(h, "?views=save", form("x", "")).Code)
	lacks(t, body(t, h, ""), `action="?views=remove"`)
	require.Empty(t, views.list)
	require.Equal(t, http.StatusMethodNotAllowed, post(newViewer(t, trail, nil), "?views=save", form("x", "")).Code, "without the option")
	found, err := trail.Query(t.Context(), audit.Query{})
	require.NoError(t, err)
	require.Empty(t, found.Entries)
}

// A host whose views fail has a page all the same, and a failed change is on the trail
// as one.
func TestViewsThatFail(t *testing.T) {
	views := &sharedViews{err: errors.New("disk full")}
	trail := newTrail(t, demo(1)...)
	h := newViewer(t, trail, &viewer.Options{Views: views, Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Everything: true, Operate: true, Actor: audit.Actor{ID: "u1"}}, nil
	}})
	require.Equal(t, 1, rowsIn(body(t, h, "")))
	w := post(h, "?views=save", url.Values{"name": {"x"}})
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.NotContains(t, w.Body.String(), "disk full")
	found, err := trail.Query(t.Context(), audit.Query{Filter: audit.Filter{Outcomes: []audit.Outcome{audit.Failure}}})
	require.NoError(t, err)
	require.Len(t, found.Entries, 1)
}
