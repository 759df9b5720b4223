package viewer_test

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
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

// TestPagesAreBoundedInBytes: a page of 1,000 entries was 625 MB. Next goes on from
// what was sent, and nothing is lost.
func TestPagesAreBoundedInBytes(t *testing.T) {
	const bound = 200_000
	entries := large(30, 40_000)
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
		require.Len(t, seen, 30, query)
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
