package viewer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

// day is when the demonstration's entries begin.
var day = time.Date(2026, 10, 15, 8, 0, 0, 0, time.UTC)

func newTrail(t testing.TB, entries ...audit.Entry) *audit.Trail {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), entries...))
	return trail
}

// demo is n entries as a billing program would have them.
func demo(n int) []audit.Entry {
	people := []audit.Actor{
		{Type: "user", ID: "u_1042", Name: "Mara Lindqvist", Email: "mara.lindqvist@lumen.example"},
		{Type: "user", ID: "u_1093", Name: "Hannah Weiß", Email: "hannah.weiss@lumen.example"},
		{Type: "user", ID: "u_1088", Name: "Łukasz Nowak", Email: "lukasz.nowak@lumen.example"},
		{Type: "apiKey", ID: "key_7f3a", Name: "ERP sync key"},
	}
	ips := []string{"203.0.113.24", "198.51.100.14", "2001:db8:4f1::1c9"}
	var list []audit.Entry
	for i := range n {
		e := audit.Entry{
			ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", i), Time: day.Add(time.Duration(i) * 97 * time.Second),
			Tenant: "lumen", Actor: people[i%len(people)], Action: audit.ActionUpdate,
			Object:        audit.Object{Type: "invoices", ID: fmt.Sprintf("INV-%d", 20000+i%40)},
			Request:       audit.Request{IP: ips[i%3], ID: fmt.Sprintf("req_%d", i/2), UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"},
			TransactionID: fmt.Sprintf("tx_%d", i/3),
			Changes: []audit.Change{
				{Field: "status", Old: "open", New: "paid"},
				{Field: "billing.address.city", Old: "Göteborg", New: "Malmö"},
			},
		}
		switch i % 7 {
		case 1:
			e.Action, e.Object = audit.ActionCreate, audit.Object{Type: "customers", ID: fmt.Sprintf("CUS-%d", i)}
			e.Changes = []audit.Change{{Field: "name", Op: audit.OpAdd, New: "Fjordlys Bokhandel AS"}}
		case 3:
			e.Action, e.Object, e.Changes = "login", audit.Object{Type: "sessions", ID: fmt.Sprintf("s_%d", i)}, nil
		case 5:
			e.Action, e.Object, e.Changes = "login", audit.Object{Type: "sessions", ID: fmt.Sprintf("s_%d", i)}, nil
			e.Outcome, e.Error = audit.Failure, "wrong one-time code"
		case 6:
			e.Action = audit.ActionDestroy
		}
		list = append(list, e)
	}
	return list
}

func newViewer(t testing.TB, trail *audit.Trail, opts *viewer.Options) *viewer.Viewer {
	t.Helper()
	if opts == nil {
		opts = &viewer.Options{}
	}
	if opts.Authorize == nil {
		opts.Authorize = access.InsecureForDevelopment
	}
	h, err := viewer.New(trail, opts)
	require.NoError(t, err)
	return h
}

func get(h http.Handler, query string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/deep/audit/"+query, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func body(t testing.TB, h http.Handler, query string) string {
	t.Helper()
	w := get(h, query)
	require.Equal(t, http.StatusOK, w.Code, "%s\n%s", query, w.Body)
	return w.Body.String()
}

func rowsIn(page string) int { return strings.Count(page, "<tr data-id=") }

// contains is require.Contains without the whole page in its message.
func contains(t testing.TB, page, want string, why ...any) {
	t.Helper()
	require.True(t, strings.Contains(page, want), fmt.Sprint("the page lacks ", want, " ", why))
}

func lacks(t testing.TB, page, unwanted string, why ...any) {
	t.Helper()
	require.False(t, strings.Contains(page, unwanted), fmt.Sprint("the page has ", unwanted, " ", why))
}

func newRequest(ctx context.Context) (*http.Request, *httptest.ResponseRecorder) {
	return httptest.NewRequestWithContext(ctx, http.MethodGet, "/deep/audit/", nil), httptest.NewRecorder()
}
