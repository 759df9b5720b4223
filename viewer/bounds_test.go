package viewer_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

// large has n entries of one record, each with a change of so many bytes.
func large(n, bytes int) []audit.Entry {
	list := demo(n)
	for i := range list {
		list[i].Object = audit.Object{Type: "documents", ID: "1"}
		list[i].Tenant = "lumen"
		list[i].Changes = []audit.Change{{Field: "body", Op: audit.OpReplace, Old: "x", New: strings.Repeat("y", bytes)}}
	}
	return list
}

// TestPagesAreBoundedInBytes: a page of 1,000 entries was 625 MB. Next continues from
// what was sent, and nothing is lost.
func TestPagesAreBoundedInBytes(t *testing.T) {
	const bound = 45_000
	entries := large(11, 10_000)
	h := newViewer(t, newTrail(t, entries...), &viewer.Options{MaxPageBytes: bound})
	for _, query := range []string{"?format=json&limit=1000", "?format=json&limit=1000&sort=record", "?format=json&limit=1000&entry=" + entries[0].ID + "&view=history"} {
		at, param, seen := query, "&cursor=", map[string]bool{}
		if strings.Contains(query, "history") {
			param = "&after="
		}
		for at != "" {
			answer := body(t, h, at)
			require.Less(t, len(answer), bound+bound/5)
			var page struct {
				Entries []audit.Entry
				Next    string
			}
			require.NoError(t, json.Unmarshal([]byte(answer), &page))
			require.NotEmpty(t, page.Entries)
			for _, e := range page.Entries {
				require.False(t, seen[e.ID], "twice")
				seen[e.ID] = true
			}
			if at = ""; page.Next != "" {
				at = query + param + page.Next
			}
		}
		require.Len(t, seen, 11, query)
	}
	page := body(t, h, "?per=100")
	contains(t, page, "This page ends early")
	require.Equal(t, 4, rowsIn(page))
	next := body(t, h, pager(t, page, "next"))
	require.Equal(t, 4, rowsIn(next))
	require.NotEqual(t, ids(page), ids(next))
	require.Equal(t, ids(page), ids(body(t, h, pager(t, next, "prev"))))
}

// TestNegativeBoundsAreRefused: zero is the default, and nothing means "no bound".
func TestNegativeBoundsAreRefused(t *testing.T) {
	trail := newTrail(t)
	for _, o := range []viewer.Options{{CountBound: -1}, {MaxLive: -1}, {MaxPageBytes: -1}} {
		o.Authorize = access.InsecureForDevelopment
		_, err := viewer.New(trail, &o)
		require.ErrorContains(t, err, "can't be negative")
	}
	require.Equal(t, http.StatusOK, get(newViewer(t, trail, nil), "").Code)
}

// blocked is a reader whose reading lasts until it is let go.
type blocked struct {
	audit.Reader
	begun, hold chan struct{}
}

func (b blocked) All(context.Context, audit.Query) iter.Seq2[audit.Entry, error] {
	return func(func(audit.Entry, error) bool) {
		close(b.begun)
		<-b.hold
	}
}

// TestDownloadsAreLimited: together with an export handler that shares the limiter.
func TestDownloadsAreLimited(t *testing.T) {
	trail := newTrail(t, demo(3)...)
	limiter, err := export.NewLimiter(1, 1)
	require.NoError(t, err)
	h := newViewer(t, trail, &viewer.Options{ExportLimiter: limiter})
	require.Equal(t, http.StatusOK, get(h, "?export=csv").Code)
	from := blocked{trail, make(chan struct{}), make(chan struct{})}
	other, err := export.Handler(trail, &export.Options{Authorize: access.InsecureForDevelopment, Reader: from, Limiter: limiter})
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		other.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}()
	<-from.begun
	w := get(h, "?export=csv")
	require.Equal(t, http.StatusTooManyRequests, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	close(from.hold)
	<-done
	require.Equal(t, http.StatusOK, get(h, "?export=csv").Code)
}

// menuStore notes what is asked of it for menus.
type menuStore struct {
	*memstore.Store
	whole int // Facets
	most  int // the largest limit
	slow  bool
}

func (s *menuStore) Facets(ctx context.Context, f audit.Filter) (audit.Facets, error) {
	s.whole++
	return s.Store.Facets(ctx, f)
}

func (s *menuStore) FindFacets(ctx context.Context, q audit.FacetQuery) (audit.Facets, error) {
	s.most = max(s.most, q.Limit)
	if s.slow {
		<-ctx.Done()
		return audit.Facets{}, ctx.Err()
	}
	all, err := s.Store.Facets(ctx, q.Filter)
	all = q.Of(all)
	for _, list := range []*[]string{&all.Users, &all.Actions} {
		*list = (*list)[:min(len(*list), q.Limit)]
	}
	return all, err
}

// TestMenusAskForSome: with 100,000 users the first page took eight seconds. Menus
// ask for a thousand, and any user can still be found.
func TestMenusAskForSome(t *testing.T) {
	store := &menuStore{Store: memstore.New()}
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	var list []audit.Entry
	for i := range 1500 {
		list = append(list, audit.Entry{Action: "login", Actor: audit.Actor{Email: fmt.Sprintf("user%05d@lumen.example", i)}})
	}
	require.NoError(t, trail.Record(t.Context(), list...))
	h := newViewer(t, trail, nil)
	page := body(t, h, "")
	contains(t, page, "Search all 1,000&#43;")
	require.Equal(t, 200, strings.Count(page, `name="user" value="`))
	find := link(t, page, "facet=user")
	contains(t, body(t, h, find), "<b>1,000&#43;</b>")
	contains(t, body(t, h, find+"&format=json"), `"total":1000,"total_more":true`)
	contains(t, body(t, h, find+"&find=USER01499"), "user01499@lumen.example")
	contains(t, body(t, h, find+"&find=USER01499&format=json"), `{"facet":"user","values":["user01499@lumen.example"],"total":1}`)
	chosen := body(t, h, "?user=user01499@lumen.example")
	contains(t, chosen, `value="user01499@lumen.example" checked`)
	contains(t, body(t, h, "?facet=action&find=logged+IN"), "action=login", "labels are found too")
	require.Zero(t, store.whole, "nobody asks for all")
	require.Equal(t, 1001, store.most)
}

// TestMenusDontKeepThePageWaiting: values are typed then.
func TestMenusDontKeepThePageWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail, err := audit.New(&menuStore{Store: memstore.New(), slow: true}, nil)
		require.NoError(t, err)
		require.NoError(t, trail.Record(t.Context(), demo(3)...))
		h := newViewer(t, trail, nil)
		page := body(t, h, "")
		contains(t, page, `<input class="narrow" name="user"`)
		require.Equal(t, 3, rowsIn(page))
		require.Equal(t, http.StatusServiceUnavailable, get(h, "?facet=user").Code)
	})
}

// sleepy takes its time for each page.
type sleepy struct{ *memstore.Store }

func (s sleepy) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	select {
	case <-time.After(3 * time.Second):
		return s.Store.Query(ctx, q)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestASearchThatTakesLongSaysSo: of a reader who may not see what is searched. It
// shows what it has found, how far it has come, and the way on.
func TestASearchThatTakesLongSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail, err := audit.New(sleepy{memstore.New()}, nil)
		require.NoError(t, err)
		list := demo(3000)
		for i := range list {
			list[i].Actor = audit.Actor{ID: "1", Email: "mara@lumen.example"}
		}
		list[2999].Object.Name = "@lumen" // the newest
		require.NoError(t, trail.Record(t.Context(), list...))
		h := newViewer(t, trail, &viewer.Options{Languages: []viewer.Language{viewer.German()}, Authorize: func(*http.Request) (access.Grant, error) {
			return access.Grant{Everything: true}, nil
		}})
		page := body(t, h, "?q=lumen")
		contains(t, page, "Search not finished. Reached")
		require.Equal(t, 1, rowsIn(page))
		page = body(t, h, pager(t, page, "next"))
		contains(t, page, "No results yet")
		contains(t, page, "Continue search")
		lacks(t, page, "No results<")
		contains(t, body(t, h, "?q=lumen&lang=de"), "Suche nicht abgeschlossen. Durchsucht bis")
		contains(t, body(t, h, "?q=lumen&sort=action"), "Search not finished.<")
		answer := body(t, h, "?q=lumen&format=json")
		contains(t, answer, `"partial":true,"until":"20`)
		contains(t, answer, `"next":"`)
		lacks(t, body(t, h, "?q=lumen&sort=action&format=json"), "until")
	})
}

// TestLongQueriesMakeNoLargePages: each row repeats the query in six links, and each
// filter has a chip with all of it.
func TestLongQueriesMakeNoLargePages(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(300)...), nil)
	var query strings.Builder
	for i := range 200 {
		fmt.Fprintf(&query, "&not=record%%3D%0200d", i)
	}
	long := "?per=200" + query.String()
	require.Greater(t, len(long), 40_000)
	page := body(t, h, long)
	require.Equal(t, 200, rowsIn(page))
	require.Less(t, len(page), 4<<20)
	contains(t, page, "180 more values")
	contains(t, link(t, page, "entry="), "?per=200&entry=")
	require.Less(t, len(body(t, h, long+"&facet=action")), 3<<20)
	w := get(h, long+"&format=json&limit=5")
	require.Equal(t, http.StatusOK, w.Code)
	require.Empty(t, w.Header().Values("Link"), "no proxy takes such a header")

	for _, more := range []string{"", "&format=json", "&export=csv", "&live=sse", "&entry=1", "&asset=viewer.css"} {
		w := get(h, "?"+strings.Repeat("action=x&", 10_000)+more)
		require.Equal(t, http.StatusBadRequest, w.Code, more)
		contains(t, w.Body.String(), "at most 65536 are possible")
	}
}

// TestMetadataOnThePageIsBounded: an entry may have a hundred thousand names.
func TestMetadataOnThePageIsBounded(t *testing.T) {
	e := demo(1)[0]
	e.Metadata = map[string]any{}
	for i := range 5000 {
		e.Metadata[fmt.Sprintf("name%05d", i)] = i
	}
	page := body(t, newViewer(t, newTrail(t, e), nil), "?entry="+e.ID)
	require.Equal(t, 200, strings.Count(page, "<dt><bdi>name"))
	contains(t, page, "The rest is in the raw entry")
}

// TestGapsOnThePageAreBounded: each of a record's paths may have changed without an
// entry.
func TestGapsOnThePageAreBounded(t *testing.T) {
	first, second := demo(2)[0], demo(2)[1]
	first.Object, second.Object = audit.Object{Type: "users", ID: "1"}, audit.Object{Type: "users", ID: "1"}
	first.Tenant, second.Tenant, first.Action, second.Action = "lumen", "lumen", "update", "update"
	first.Outcome, second.Outcome = audit.Success, audit.Success
	first.Changes, second.Changes = nil, nil
	for i := range 1000 {
		first.Changes = append(first.Changes, audit.Change{Field: fmt.Sprintf("f%04d", i), Op: audit.OpReplace, Old: "a", New: "b"})
		second.Changes = append(second.Changes, audit.Change{Field: fmt.Sprintf("f%04d", i), Op: audit.OpReplace, Old: "c", New: "d"})
	}
	page := body(t, newViewer(t, newTrail(t, first, second), nil), "?view=state&entry="+second.ID)
	contains(t, page, "f0049, 950 more fields")
}
