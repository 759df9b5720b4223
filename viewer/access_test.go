package viewer_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/stream"
	"github.com/gormtrail/audit/viewer"
)

// secrets is an entry in which each place holds a canary: personal data
// wherever it may turn up, and fields that are hidden.
func secrets() audit.Entry {
	return audit.Entry{
		ID: "01980000-0000-7000-8000-0000000000aa", Tenant: "lumen", Time: day, Action: "update",
		Actor:      audit.Actor{Type: "user", ID: "u_1", Name: "Mara", Email: "canary.mail@lumen.example"},
		OnBehalfOf: &audit.Actor{ID: "u_2", Email: "canary.boss@lumen.example"},
		Object:     audit.Object{Type: "users", ID: "77", Name: "canary.object@lumen.example"},
		Request: audit.Request{IP: "203.0.113.77", ID: "req_1", Path: "/users/canary.path@lumen.example", UserAgent: "curl/8.1 203.0.113.77",
			Method: "PATCH"},
		TransactionID: "tx_1", Error: "mail to canary.error@lumen.example bounced", Comment: "asked by canary.comment@lumen.example from 2001:db8:77::1c9",
		Metadata: map[string]any{"peer": "203.0.113.77:443", "salary": "CANARY-9000", "nested": map[string]any{"to": []any{"canary.meta@lumen.example"}}},
		Changes: []audit.Change{
			{Field: "email", Old: "canary.old@lumen.example", New: "canary.new@lumen.example"},
			{Field: "salary", Old: "CANARY-9000", New: "CANARY-9500"},
			{Field: "profile", Old: map[string]any{"iban": "CANARY-IBAN", "x": "1"}, New: map[string]any{"iban": "CANARY-IBAN2", "x": "2"}},
			{Field: "profile.iban", Op: audit.OpAdd, New: "CANARY-IBAN3"},
		},
	}
}

var personalCanaries = []string{"canary.", "203.0.113.77", "2001:db8:77::1c9"}

func hiding(personal bool) *viewer.Options {
	return &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Everything: true, Export: true, Follow: true, Personal: personal, Hidden: []string{"salary", "profile.iban"}}, nil
	}}
}

// answers are all the ways in which an entry is shown.
func answers(t *testing.T, h http.Handler) map[string]string {
	t.Helper()
	const entry = "?entry=01980000-0000-7000-8000-0000000000aa"
	all := map[string]string{}
	for _, q := range []string{"", "?format=json", entry, entry + "&format=json", entry + "&view=history", entry + "&view=history&format=json",
		entry + "&view=state", entry + "&view=state&format=json", entry + "&mode=unified", "?facet=user", "?facet=user&format=json", "?q=mara", "?q=mara&format=json",
		"?export=csv", "?export=jsonl", "?export=xlsx", "?export=csv&q=mara"} {
		w := get(h, q)
		require.Equal(t, http.StatusOK, w.Code, q+w.Body.String())
		all[q] = w.Body.String()
		if q == "?export=xlsx" {
			all[q] = unzipped(t, w.Body.Bytes())
		}
	}
	return all
}

func unzipped(t *testing.T, file []byte) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	var all strings.Builder
	slices.SortFunc(z.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		_, err = io.Copy(&all, r)
		require.NoError(t, err)
		require.NoError(t, r.Close())
	}
	return all.String()
}

func TestMaskedValuesAppearNowhere(t *testing.T) {
	trail := newTrail(t, secrets())
	for _, personal := range []bool{true, false} {
		h := newViewer(t, trail, hiding(personal))
		for q, body := range answers(t, h) {
			lacks(t, body, "CANARY", q)
			if !personal {
				for _, canary := range personalCanaries {
					lacks(t, body, canary, q)
				}
			}
		}
	}
	for _, body := range answers(t, newViewer(t, trail, nil)) { // the test can see them
		if strings.Contains(body, "CANARY") {
			return
		}
	}
	t.Fatal("no answer has the canary even without masks")
}

func TestMasksHoldInTheLiveFeed(t *testing.T) {
	for _, query := range []string{"?live=sse", "?live=sse&format=json"} {
		trail := newTrail(t)
		h := newViewer(t, trail, hiding(false))
		server := httptest.NewServer(h)
		answer, err := http.Get(server.URL + query)
		require.NoError(t, err)
		require.NoError(t, trail.Record(t.Context(), secrets()))
		lines := bufio.NewScanner(answer.Body)
		lines.Buffer(nil, 1<<20)
		seen := ""
		for lines.Scan() {
			if seen += lines.Text(); strings.Contains(seen, "01980000-0000-7000-8000-0000000000aa") {
				break
			}
		}
		contains(t, seen, "email")
		for _, canary := range append([]string{"CANARY"}, personalCanaries...) {
			lacks(t, seen, canary, query)
		}
		require.NoError(t, trail.Close(context.Background()))
		_ = answer.Body.Close()
		server.Close()
	}
}

// TestMaskedValuesCantBeTriedOut: neither a row nor its absence tells whether a
// guess was right.
func TestMaskedValuesCantBeTriedOut(t *testing.T) {
	trail := newTrail(t, secrets())
	for i := range 120 {
		e := secrets()
		e.ID, e.Time = fmt.Sprintf("01980000-0000-7000-8000-%012d", i), day.Add(-time.Duration(i+1)*time.Second)
		e.Object.Name = "Mara"
		if i%2 == 0 {
			e.Object.Name = "nobody"
			e.Actor.Name = "Else"
		}
		require.NoError(t, trail.Record(t.Context(), e))
	}
	h := newViewer(t, trail, hiding(false))
	for _, q := range []string{"?user=canary.mail@lumen.example", "?ip=203.0.113.77", "?ip=203.0.113.0/24", "?sort=user", "?sort=-ip", "?not=user%3Dx", "?not=ip%3D10.0.0.1",
		"?not=q%3Dcanary", "?q=user:canary.mail@lumen.example", "?q=-canary", "?q=actor:u_1", "?q=ip:203.0.113.77", "?record=canary.mail@lumen.example", "?actor=canary.mail%40lumen.example"} {
		for _, form := range []string{"", "&format=json", "&export=csv", "&live=sse"} {
			require.Equal(t, http.StatusBadRequest, get(h, q+form).Code, q+form)
		}
	}
	for _, q := range []string{"?q=canary.mail", "?q=canary.mail&sort=time", "?q=lumen.example&per=25"} {
		page := body(t, h, q)
		require.Zero(t, rowsIn(page), q)
		lacks(t, page, `rel="next"`)
		contains(t, page, "<b>0 entries</b>")
		contains(t, body(t, h, q+"&format=json"), `{"entries":[],"total":0}`)
	}
	contains(t, body(t, h, "?q=mara"), "<b>61 entries</b>")
	// What may be found is found, page by page and back.
	var all []string
	for next := "?q=mara&per=25"; next != ""; {
		page := body(t, h, next)
		all = append(all, ids(page)...)
		if next = ""; strings.Contains(page, `rel="next"`) {
			next = pager(t, page, "next")
		}
	}
	require.Len(t, all, 61)
	second := body(t, h, pager(t, body(t, h, "?q=mara&per=25"), "next"))
	require.Equal(t, all[25:50], ids(second))
	require.Equal(t, all[:25], ids(body(t, h, pager(t, second, "prev"))))
}

// TestMaskedReadersSortByWhatTheySee: in page, API and downloads.
func TestMaskedReadersSortByWhatTheySee(t *testing.T) {
	trail := newTrail(t, secrets())
	h := newViewer(t, trail, hiding(false))
	answers := func(query string, status int) {
		t.Helper()
		for _, form := range []string{"", "&format=json", "&export=csv", "&export=xlsx", "&export=pdf", "&export=jsonl"} {
			require.Equal(t, status, get(h, query+form).Code, query+form)
		}
	}
	every := "&columns=" + strings.Join([]string{"record", "user", "ip", "name", "changes", "on_behalf_of", "for_type", "for_id", "for_name", "for_email", "comment", "error", "actor", "actor_name", "actor_email", "request", "transaction", "method", "path", "user_agent"}, ",")
	for _, key := range strings.Split(strings.TrimPrefix(every, "&columns="), ",") {
		lacks(t, body(t, h, "?"+every[1:]), `sort=`+key+`"`)
		answers("?sort="+key, http.StatusBadRequest)
		answers("?sort=-"+key, http.StatusBadRequest)
	}
	contains(t, body(t, h, ""), `href="?sort=action"`)
	answers("?sort=-action", http.StatusOK)
	contains(t, body(t, h, "?columns=outcome,entry"), `sort=outcome"`)
	contains(t, body(t, h, "?columns=outcome,entry"), `sort=entry"`)
	answers("?sort=outcome", http.StatusOK)
	mailed := secrets()
	mailed.ID, mailed.Action = "01980000-0000-7000-8000-0000000000ac", "mail to canary.action@lumen.example"
	require.NoError(t, trail.Record(t.Context(), mailed))
	lacks(t, body(t, h, ""), `href="?sort=action"`)
	answers("?sort=-action", http.StatusBadRequest)
}

// follow reads server-sent frames of a feed until one holds the text.
func follow(t *testing.T, h http.Handler, query string, write func(), until string) string {
	t.Helper()
	server := httptest.NewServer(h)
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+query, nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	seen := ""
	for lines.Scan() {
		if seen == "" {
			write()
		}
		if seen += lines.Text() + "\n"; strings.Contains(seen, until) {
			return seen
		}
	}
	t.Fatalf("the feed ended without %s: %v\n%s", until, lines.Err(), seen)
	return ""
}

// TestMaskedSearchIsFollowedLive: only by what this reader sees.
func TestMaskedSearchIsFollowedLive(t *testing.T) {
	named := secrets()
	named.ID, named.Actor.Name = "01980000-0000-7000-8000-0000000000ab", "Canary Mail"
	for _, form := range []string{"", "&format=json"} {
		trail := newTrail(t)
		seen := follow(t, newViewer(t, trail, hiding(false)), "?live=sse&q=canary"+form, func() {
			require.NoError(t, trail.Record(t.Context(), secrets(), named)) // only one has it where it may be seen
		}, named.ID)
		lacks(t, seen, "0000000000aa")
		lacks(t, seen, "canary.mail")
	}
}

// TestMaskedGapTellsNothing: how much a reader missed is counted without the
// words that masked addresses may hold.
func TestMaskedGapTellsNothing(t *testing.T) {
	var gaps []string
	for _, word := range []string{"canary", "nobody-has-this"} {
		trail := newTrail(t)
		after, err := stream.Head(t.Context(), trail)
		require.NoError(t, err)
		for i := range 300 {
			e := secrets()
			e.ID = fmt.Sprintf("01980000-0000-7000-8000-%012d", i)
			require.NoError(t, trail.Record(t.Context(), e))
		}
		seen := follow(t, newViewer(t, trail, hiding(false)), "?live=sse&q="+word+"&after="+url.QueryEscape(after), func() {}, `"gap":`)
		gaps = append(gaps, regexp.MustCompile(`"gap":\d+`).FindString(seen))
	}
	require.Equal(t, gaps[0], gaps[1])
}

// TestScopeHoldsInTheLiveFeed: also where the request asks for what is outside.
func TestScopeHoldsInTheLiveFeed(t *testing.T) {
	mine, other := secrets(), secrets()
	mine.ID, other.Tenant = "01980000-0000-7000-8000-0000000000ab", "rival"
	for _, query := range []string{"?live=sse", "?live=sse&tenant=rival&tenant=lumen", "?live=sse&q=mara"} {
		trail := newTrail(t)
		h := newViewer(t, trail, &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
			return access.Grant{Scope: audit.Filter{Tenants: []string{"lumen"}}, Follow: true}, nil
		}})
		seen := follow(t, h, query, func() { require.NoError(t, trail.Record(t.Context(), other, mine)) }, mine.ID)
		lacks(t, seen, other.ID, query)
	}
}

func TestScopeHoldsEverywhere(t *testing.T) {
	mine, other := secrets(), secrets()
	other.ID, other.Tenant, other.Action, other.Actor.Email = "01980000-0000-7000-8000-0000000000bb", "rival", "rivalry", "spy@rival.example"
	trail := newTrail(t, mine, other)
	h := newViewer(t, trail, &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Scope: audit.Filter{Tenants: []string{"lumen"}}, Export: true, Follow: true, Personal: true}, nil
	}})
	for q, body := range answers(t, h) {
		lacks(t, body, "rival", q)
	}
	require.Equal(t, http.StatusNotFound, get(h, "?entry="+other.ID).Code)
	for _, q := range []string{"?tenant=rival", "?action=rivalry", "?q=rival", "?transaction=tx_1"} {
		lacks(t, body(t, h, q+"&per=100"), `data-id="`+other.ID)
	}
}

func TestDenied(t *testing.T) {
	for _, err := range []error{access.ErrDenied, errors.New("the session store is down")} {
		h := newViewer(t, newTrail(t, demo(3)...), &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
			return access.Grant{Everything: true, Export: true, Follow: true}, err
		}})
		for _, q := range []string{"", "?entry=01980000-0000-7000-8000-000000000001", "?export=csv", "?live=ws", "?live=sse", "?facet=user", "?format=json"} {
			w := get(h, q)
			require.Equal(t, http.StatusForbidden, w.Code, q)
			lacks(t, w.Body.String(), "session store")
			lacks(t, w.Body.String(), "INV-")
		}
	}
	h := newViewer(t, newTrail(t, demo(3)...), &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) { return access.Grant{Everything: true}, nil }})
	page := body(t, h, "")
	lacks(t, page, "export=")
	lacks(t, page, `role="switch"`)
	require.Equal(t, http.StatusForbidden, get(h, "?export=csv").Code)
	require.Equal(t, http.StatusForbidden, get(h, "?live=sse").Code)
}

func TestReadingIsRecorded(t *testing.T) {
	trail := newTrail(t, demo(3)...)
	h := newViewer(t, trail, &viewer.Options{Record: true, Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Export: true, Personal: true, Actor: audit.Actor{Name: "Auditor"}, Scope: audit.Filter{Tenants: []string{"lumen"}}}, nil
	}})
	body(t, h, "?action=login")
	body(t, h, "?export=csv")
	found, err := trail.Query(t.Context(), audit.Query{Filter: audit.Filter{Users: []string{"Auditor"}}})
	require.NoError(t, err)
	require.Len(t, found.Entries, 2)
	require.Equal(t, "export", found.Entries[0].Action)
	require.Equal(t, "view", found.Entries[1].Action)
	require.Equal(t, "action=login", found.Entries[1].Metadata["query"])
	require.Equal(t, "lumen", found.Entries[0].Tenant)
	require.Equal(t, "lumen", found.Entries[1].Tenant)

	// Where it can't be recorded, nothing is shown.
	blind, err := audit.New(refusing{trail.Store()}, nil)
	require.NoError(t, err)
	h = newViewer(t, blind, &viewer.Options{Record: true})
	require.Equal(t, http.StatusInternalServerError, get(h, "").Code)
	// Nor where an actor is required and the grant names none.
	strict, err := audit.New(trail.Store(), &audit.Options{RequireActor: audit.ActorRefuse})
	require.NoError(t, err)
	h = newViewer(t, strict, &viewer.Options{Record: true})
	for _, q := range []string{"", "?export=csv", "?live=sse"} {
		require.Equal(t, http.StatusInternalServerError, get(h, q).Code, q)
	}
}

// TestRecordedReadsAreBounded: 900 KB of query string were 900 KB of entry.
func TestRecordedReadsAreBounded(t *testing.T) {
	trail := newTrail(t, demo(3)...)
	h := newViewer(t, trail, &viewer.Options{Record: true})
	get(h, "?"+strings.Repeat("action=login&", 900))
	body(t, h, "?export=csv"+strings.Repeat("&action=login", 900))
	found, err := trail.Query(t.Context(), audit.Query{Filter: audit.Filter{Actions: []string{"view", "export"}}})
	require.NoError(t, err)
	require.Len(t, found.Entries, 2)
	for _, e := range found.Entries {
		require.Less(t, e.Size(), 6<<10)
	}
}

// TestExportsAreForThePageItself: another site can't make a reader export.
func TestExportsAreForThePageItself(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(3)...), &viewer.Options{AllowedOrigins: []string{"https://admin.example.com"}})
	for header, want := range map[string]int{"cross-site": http.StatusForbidden, "same-origin": http.StatusOK} {
		r := httptest.NewRequest(http.MethodGet, "/?export=csv", nil)
		r.Header.Set("Sec-Fetch-Site", header)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, want, w.Code)
	}
}

type refusing struct{ audit.Store }

func (refusing) Append(context.Context, ...audit.Entry) error { return errors.New("disk full") }

// TestLiveFeedOfThePage: what the page is sent is what the page has.
func TestLiveFeedOfThePage(t *testing.T) {
	trail := newTrail(t, demo(3)...)
	h := newViewer(t, trail, nil)
	server := httptest.NewServer(h)
	defer server.Close()
	conn, _, err := websocket.Dial(t.Context(), server.URL+"/x?live=ws&action=update&range=24h&tz=Europe/Berlin", nil)
	require.NoError(t, err)
	_, _, err = conn.Read(t.Context())
	require.NoError(t, err)
	e := demo(1)[0]
	e.ID, e.Time = "01980000-0000-7000-8000-0000000000cc", time.Now()
	require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "login"}, e))
	_, data, err := conn.Read(t.Context())
	require.NoError(t, err)
	page := body(t, h, "?action=update&range=24h&tz=Europe/Berlin")
	require.Equal(t, 1, rowsIn(page))
	row := page[strings.Index(page, "<tr data-id="):]
	row = row[:strings.Index(row, "</tr>")]
	var frame struct{ Entries []string }
	require.NoError(t, json.Unmarshal(data, &frame))
	require.Len(t, frame.Entries, 1)
	require.Equal(t, row, frame.Entries[0][:len(row)])
	require.NoError(t, conn.Close(websocket.StatusNormalClosure, ""))
	require.NoError(t, h.Close(t.Context()))
}
