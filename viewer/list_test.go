package viewer_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

var (
	hrefs  = regexp.MustCompile(`\b(?:href|src|action)="([^"]*)"`)
	rowIDs = regexp.MustCompile(`<tr data-id="([^"]*)"`)
)

// links are the targets of a page's links that contain a text.
func links(page, containing string) []string {
	var list []string
	for _, m := range hrefs.FindAllStringSubmatch(page, -1) {
		if l := html.UnescapeString(m[1]); strings.Contains(l, containing) {
			list = append(list, l)
		}
	}
	return list
}

func link(t testing.TB, page, containing string) string {
	t.Helper()
	list := links(page, containing)
	require.NotEmpty(t, list, "no link with %s", containing)
	return list[0]
}

// pager is the link of a page's rel.
func pager(t testing.TB, page, rel string) string {
	t.Helper()
	m := regexp.MustCompile(`rel="` + rel + `" href="([^"]*)"`).FindStringSubmatch(page)
	require.NotNil(t, m, "no %s page", rel)
	return html.UnescapeString(m[1])
}

func ids(page string) []string {
	var list []string
	for _, m := range rowIDs.FindAllStringSubmatch(page, -1) {
		list = append(list, m[1])
	}
	return list
}

func TestNewRefusesWhatItCantServe(t *testing.T) {
	trail := newTrail(t)
	for _, c := range []struct {
		trail *audit.Trail
		opts  *viewer.Options
		want  string
	}{
		{nil, &viewer.Options{Authorize: access.InsecureForDevelopment}, "trail"},
		{trail, nil, "Authorize is required"},
		{trail, &viewer.Options{}, "Authorize is required"},
		{trail, &viewer.Options{Authorize: access.InsecureForDevelopment, Theme: "pink"}, "Theme"},
		{trail, &viewer.Options{Authorize: access.InsecureForDevelopment, Languages: []viewer.Language{{}}}, "Tag"},
		{trail, &viewer.Options{Authorize: access.InsecureForDevelopment, Logo: []byte("GIF89a")}, "SVG"},
	} {
		_, err := viewer.New(c.trail, c.opts)
		require.ErrorContains(t, err, c.want)
	}
}

func TestOnlyReads(t *testing.T) {
	h := newViewer(t, newTrail(t), nil)
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/", nil))
	require.Equal(t, http.StatusOK, w.Code)
}

func TestHeaders(t *testing.T) {
	h := newViewer(t, newTrail(t), nil)
	got := get(h, "").Header()
	require.Equal(t, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"form-action 'self'; base-uri 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types audit-viewer",
		got.Get("Content-Security-Policy"))
	require.Equal(t, "no-store", got.Get("Cache-Control"))
	require.Equal(t, "same-origin", got.Get("Referrer-Policy"))
	require.Equal(t, "nosniff", got.Get("X-Content-Type-Options"))
	own := newViewer(t, newTrail(t), &viewer.Options{Nonce: func(*http.Request) string { return "n0nce" }})
	require.Empty(t, get(own, "").Header().Get("Content-Security-Policy"))
	require.Equal(t, 3, strings.Count(body(t, own, ""), `nonce="n0nce"`))
}

// TestLinksNeverNameAPath: that is what makes every mount work.
func TestLinksNeverNameAPath(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(120)...), &viewer.Options{Back: viewer.Link{Label: "Lumen", URL: "/home"}})
	for _, q := range []string{"", "?per=25", "?record=none", "?entry=01980000-0000-7000-8000-000000000007", "?facet=user", "?entry=01980000-0000-7000-8000-000000000007&view=history"} {
		page := body(t, h, q)
		for _, l := range links(page, "") {
			if l != "/home" {
				require.Regexp(t, `^[?#]`, l, q)
			}
		}
		require.NotRegexp(t, ` style=|<style|<script>| on[a-z]+="`, page, q)
	}
}

func TestAssets(t *testing.T) {
	h := newViewer(t, newTrail(t), &viewer.Options{ThemeCSS: []byte(":root{--av-accent:red}"), Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{}, access.ErrDenied
	}})
	page := get(h, "").Body.String()
	for _, name := range []string{"viewer.css", "theme.css", "viewer.js", "boot.js", "icon.svg"} {
		l := link(t, page, "asset="+name)
		w := get(h, l, "Accept-Encoding", "gzip")
		require.Equal(t, http.StatusOK, w.Code)
		require.Contains(t, w.Header().Get("Cache-Control"), "immutable")
		etag := w.Header().Get("ETag")
		require.Equal(t, http.StatusNotModified, get(h, l, "If-None-Match", etag).Code)
		require.NotContains(t, get(h, "?asset="+name).Header().Get("Cache-Control"), "immutable")
	}
	require.Equal(t, http.StatusNotFound, get(h, "?asset=../options.go").Code)
	require.Equal(t, http.StatusNotFound, get(h, "?asset=list.html").Code)
}

func TestSortAndPage(t *testing.T) {
	trail := newTrail(t, demo(120)...)
	h := newViewer(t, trail, nil)
	page := body(t, h, "?per=25")
	contains(t, page, `class="c-time" aria-sort="descending"`)
	require.Equal(t, 1, strings.Count(page, `aria-sort="descending"`))
	contains(t, page, "<b>120 entries</b>")

	var all []string
	for next := "?per=25"; next != ""; {
		page = body(t, h, next)
		all = append(all, ids(page)...)
		next = ""
		if strings.Contains(page, `rel="next"`) {
			next = pager(t, page, "next")
		}
	}
	require.Len(t, all, 120)
	require.Equal(t, slices.Compact(slices.Sorted(slices.Values(all))), slices.Sorted(slices.Values(all)))
	first := body(t, h, pager(t, body(t, h, pager(t, body(t, h, "?per=25"), "next")), "prev"))
	require.Equal(t, all[:25], ids(first))

	// A click on a header sorts, a second one reverses.
	for _, key := range []string{"type", "record", "action", "user", "ip"} {
		page = body(t, h, "?")
		once := body(t, h, link(t, page, "sort="+key))
		contains(t, once, `class="c-`+key+`" aria-sort="ascending"`)
		twice := body(t, h, link(t, once, "sort=-"+key))
		contains(t, twice, `class="c-`+key+`" aria-sort="descending"`)
	}
	contains(t, body(t, h, link(t, body(t, h, ""), "sort=time")), `class="c-time" aria-sort="ascending"`)
}

// TestEveryColumnSorts: each column that the chooser offers has a header that sorts, and a
// second time reverses, save those that hold JSON or parts of it.
func TestEveryColumnSorts(t *testing.T) {
	entries := demo(30)
	for i := range entries {
		entries[i].Tenant, entries[i].Project = fmt.Sprint("tenant ", i%3), fmt.Sprint("project ", i%4)
		entries[i].Comment = fmt.Sprint("comment ", i%5)
	}
	h := newViewer(t, newTrail(t, entries...), nil)
	header := func(page, key string) string {
		at := strings.Index(page, "<thead>")
		require.Positive(t, at)
		for _, th := range strings.Split(page[at:strings.Index(page, "</thead>")], "<th ")[1:] {
			if strings.Contains(th, "sort="+key+`"`) || strings.Contains(th, "sort="+key+"&") || strings.Contains(th, "sort=-"+key+`"`) || strings.Contains(th, "sort=-"+key+"&") {
				return th
			}
		}
		return ""
	}
	for _, c := range chosen(t, body(t, h, "")) {
		key := map[string]string{"action_code": "action", "type_code": "type"}[c]
		if key == "" {
			key = c
		}
		switch c {
		case "request_json", "metadata", "damaged", "time":
			continue
		}
		page := body(t, h, "?columns="+c)
		contains(t, header(page, key), `aria-sort="none"`, c)
		once := body(t, h, "?columns="+c+"&sort="+key)
		contains(t, header(once, key), `aria-sort="ascending"`, c)
		twice := body(t, h, "?columns="+c+"&sort=-"+key)
		contains(t, header(twice, key), `aria-sort="descending"`, c)
		forth, back := ids(once), ids(twice)
		slices.Reverse(back)
		require.Equal(t, forth, back, c)
	}
}

// chosen are the keys of the columns that the page's chooser offers.
func chosen(t *testing.T, page string) (keys []string) {
	for _, m := range regexp.MustCompile(`name="columns" value="([a-z_]+)"`).FindAllStringSubmatch(page, -1) {
		keys = append(keys, m[1])
	}
	require.Greater(t, len(keys), 25)
	return keys
}

// crowdedStore takes two entries for too many to sort without an index.
type crowdedStore struct{ *memstore.Store }

func (s crowdedStore) Query(ctx context.Context, q audit.Query) (*audit.Page, error) {
	if _, more, err := s.Count(ctx, q.Filter, 2); q.Sort.Bounded() && (more || err != nil) {
		return nil, q.Sort.TooMany()
	}
	return s.Store.Query(ctx, q)
}

func (s crowdedStore) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	if _, more, err := s.Count(ctx, q.Filter, 2); q.Sort.Bounded() && (more || err != nil) {
		return func(yield func(audit.Entry, error) bool) { yield(audit.Entry{}, q.Sort.TooMany()) }
	}
	return s.Store.All(ctx, q)
}

// TestTooManyToSort: the page says so, shows the newest, and keeps form and filter; with a
// narrower filter it sorts. The API and files answer 400 with the reason.
func TestTooManyToSort(t *testing.T) {
	trail, err := audit.New(crowdedStore{memstore.New()}, nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), demo(60)...))
	h := newViewer(t, trail, nil)
	plain := body(t, h, "?per=25&columns=time,outcome")
	for _, query := range []string{"?per=25&columns=time,outcome&sort=outcome", "?per=25&columns=time,outcome&sort=-outcome"} {
		page := body(t, h, query)
		contains(t, page, `role="status">Too many entries to sort by Outcome. Showing the newest first. To sort, narrow the filter to 100,000 entries or fewer.</p>`)
		contains(t, page, `class="c-time" aria-sort="descending"`)
		contains(t, page, `class="c-outcome" aria-sort="none"`)
		contains(t, page, `<input type="hidden" name="sort" value="`+query[strings.LastIndex(query, "=")+1:]+`">`)
		require.Equal(t, ids(plain), ids(page))
		require.Equal(t, pager(t, plain, "next"), pager(t, page, "next"), "the next page is the newest list's")
		lacks(t, link(t, page, "export=csv"), "sort=")
		next := body(t, h, pager(t, page, "next"))
		lacks(t, next, "Too many entries")
		lacks(t, next, "no longer valid")
	}
	lacks(t, plain, "Too many entries")
	contains(t, body(t, newViewer(t, trail, &viewer.Options{Languages: []viewer.Language{viewer.German()}}), "?sort=outcome&lang=de"), "Zu viele Einträge, um nach „Ergebnis“ zu sortieren. Die neuesten stehen zuerst. Zum Sortieren grenzen Sie den Filter auf höchstens 100.000 Einträge ein.")
	for _, query := range []string{"?sort=name&format=json", "?sort=name&export=csv", "?sort=name&export=jsonl", "?sort=name&export=xlsx", "?sort=name&export=pdf"} {
		w := get(h, query)
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		contains(t, w.Body.String(), "sorting by name is possible for at most 100,000 entries, and more match: narrow the filter")
	}
	id := ids(plain)[3]
	require.Equal(t, http.StatusOK, get(h, "?entry="+id+"&sort=outcome").Code, "an entry is shown without neighbours")
	few := body(t, h, "?record=NONE&sort=outcome&columns=outcome")
	lacks(t, few, "Too many entries")
}

// TestNewEntriesDontMoveThePages: the second page is the same after a hundred
// new entries.
func TestNewEntriesDontMoveThePages(t *testing.T) {
	trail := newTrail(t, demo(120)...)
	h := newViewer(t, trail, nil)
	second := pager(t, body(t, h, "?per=25"), "next")
	before := ids(body(t, h, second))
	for i := range 100 {
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "login", Comment: fmt.Sprint(i)}))
	}
	require.Equal(t, before, ids(body(t, h, second)))
}

// TestMovingRangeIsFixedByPaging: a cursor made under the last 24 hours has to
// hold a second later.
func TestMovingRangeIsFixedByPaging(t *testing.T) {
	trail := newTrail(t)
	for range 60 {
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "login"}))
	}
	h := newViewer(t, trail, nil)
	page := body(t, h, "?range=24h&per=25")
	require.Equal(t, 25, rowsIn(page))
	time.Sleep(5 * time.Millisecond)
	second := body(t, h, pager(t, page, "next"))
	require.Equal(t, 25, rowsIn(second))
	require.Equal(t, 25, rowsIn(body(t, h, pager(t, second, "prev"))))
	require.Contains(t, link(t, page, "sort=user"), "range=24h", "other links keep the moving range")
	var api struct{ Next string }
	w := get(h, "?range=24h&per=25&format=json")
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &api))
	to := regexp.MustCompile(`<([^>]*)>; rel="next"`).FindStringSubmatch(w.Header().Get("Link"))[1]
	require.Equal(t, http.StatusOK, get(h, to).Code)
}

// TestStateSurvivesEverything: each parameter stays through sorting, paging,
// page size, zone, and an entry and back.
func TestStateSurvivesEverything(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(60)...), nil)
	params := [][2]string{
		{"tenant", "lumen"}, {"project", "p"}, {"action", "update"}, {"outcome", "success"}, {"type", "invoices"}, {"record", "INV-20000"},
		{"product", "x"}, {"actor_type", "user"}, {"actor", "u_1042"}, {"user", "mara.lindqvist@lumen.example"}, {"ip", "203.0.113.0/24"},
		{"field", "status"}, {"transaction", "tx_1"}, {"request", "req_1"}, {"q", "mara"}, {"from", "2026-10-15T08:00:00Z"}, {"to", "2026-10-16T00:00:00Z"},
		{"range", "30d"}, {"not", "action=login"}, {"per", "25"}, {"tz", "Europe/Berlin"}, {"sort", "user"}, {"mode", "unified"},
	}
	has := func(where, l string, p [2]string) {
		v, err := url.ParseQuery(strings.TrimPrefix(l, "?"))
		require.NoError(t, err)
		require.Contains(t, v[p[0]], p[1], "%s of %v: %s", where, p, l)
	}
	for i, a := range params {
		for j, b := range params[i+1:] {
			if testing.Short() && j%4 != 0 {
				continue
			}
			if a[0] == "from" && b[0] == "range" || a[0] == "to" && b[0] == "range" {
				continue // a preset replaces the dates
			}
			page := body(t, h, "?"+url.Values{a[0]: {a[1]}, b[0]: {b[1]}}.Encode())
			for _, p := range [][2]string{a, b} {
				if p[0] != "sort" && rowsIn(page) > 0 {
					has("sorting", link(t, page, "sort=record"), p)
				}
				if p[0] != "per" && rowsIn(page) > 0 {
					size := page[strings.Index(page, `<form method="get" class="per">`):]
					size = size[:strings.Index(size, "</form>")]
					require.Contains(t, html.UnescapeString(size), `name="`+p[0]+`" value="`+p[1]+`"`, "the page size keeps %v", p)
				}
				if p[0] != "per" {
					has("export", link(t, page, "export=csv"), p)
				}
				if p[0] == "range" || p[0] == "per" {
					continue
				}
				if rowsIn(page) > 0 {
					entry := link(t, page, "entry=")
					has("an entry", entry, p)
					opened := body(t, h, entry)
					has("back", html.UnescapeString(regexp.MustCompile(`class="home" href="([^"]*)"`).FindStringSubmatch(opened)[1]), p)
				}
				if strings.Contains(page, `rel="next"`) {
					has("the next page", pager(t, page, "next"), p)
				}
			}
		}
	}
}

func TestDaysOfAZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at := func(day, hour, minute int) audit.Entry { // around the end of summer time: 25 October 2026 has 25 hours
		return audit.Entry{Action: "x", Time: time.Date(2026, 10, day, hour, minute, 0, 0, berlin), Comment: fmt.Sprintf("%d %d:%d", day, hour, minute)}
	}
	early, late := at(25, 2, 30), at(25, 2, 30) // that night has two of them
	early.Time = time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	late.Time = early.Time.Add(time.Hour)
	h := newViewer(t, newTrail(t, at(24, 23, 59), at(25, 0, 0), early, late, at(25, 23, 59), at(26, 0, 0)), nil)
	require.Equal(t, 4, rowsIn(body(t, h, "?tz=Europe/Berlin&from=2026-10-25&to=2026-10-25")))
	require.Equal(t, 3, rowsIn(body(t, h, "?tz=Europe/Berlin&from=2026-10-25T00:30&to=2026-10-26T00:00")))
	page := body(t, h, "?tz=Europe/Berlin&from=2026-10-25T00:30")
	contains(t, page, `name="from_time" step="any" value="00:30"`, "the control shows what was typed")
	contains(t, page, "Time <small>Europe/Berlin</small>")
	contains(t, page, `<span class="t">02:30:00`)
	contains(t, page, `datetime="2026-10-25T00:30:00.000Z"`)
	rows, err := csv.NewReader(get(h, "?tz=Europe/Berlin&from=2026-10-25&to=2026-10-25&export=csv").Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 5)
	// Summer time begins: 29 March 2026 has 23 hours, and no half past two.
	spring := newViewer(t, newTrail(t,
		audit.Entry{Action: "x", Time: time.Date(2026, 3, 28, 22, 59, 0, 0, time.UTC)}, // 23:59 the day before
		audit.Entry{Action: "x", Time: time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC)},
		audit.Entry{Action: "x", Time: time.Date(2026, 3, 29, 0, 59, 0, 0, time.UTC)},  // 1:59
		audit.Entry{Action: "x", Time: time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC)},   // 3:00
		audit.Entry{Action: "x", Time: time.Date(2026, 3, 29, 21, 59, 0, 0, time.UTC)}, // 23:59
		audit.Entry{Action: "x", Time: time.Date(2026, 3, 29, 22, 0, 0, 0, time.UTC)},
	), nil)
	require.Equal(t, 4, rowsIn(body(t, spring, "?tz=Europe/Berlin&from=2026-03-29&to=2026-03-29")))
	require.Equal(t, 2, rowsIn(body(t, spring, "?tz=Europe/Berlin&from=2026-03-29T03:00&to=2026-03-30T00:00")))
	require.Equal(t, http.StatusBadRequest, get(h, "?tz=Mars/Olympus").Code)
	require.Equal(t, http.StatusBadRequest, get(h, "?tz=Local").Code)
}

func TestExportIsTheView(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(300)...), nil)
	page := body(t, h, "?action=login&per=25&outcome=failure")
	contains(t, page, "<b>43 entries</b>")
	w := get(h, link(t, page, "export=csv"))
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Header().Get("Content-Disposition"), "attachment")
	rows, err := csv.NewReader(w.Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 44)
	for _, format := range []string{"xlsx", "pdf", "jsonl"} {
		require.Equal(t, http.StatusOK, get(h, link(t, page, "export="+format)).Code, format)
	}
	require.Equal(t, http.StatusBadRequest, get(h, "?export=doc").Code)
}

// The file has rows in the page's order, and calls actions and types what the page
// calls them, in its language.
func TestExportSaysWhatThePageSays(t *testing.T) {
	german := viewer.German()
	catalogue := audit.NewCatalogue([]audit.Action{{Name: "ISSUE_TOKEN"}}, []audit.ObjectType{{Name: "invoices", Label: "Rechnung"}})
	trail, err := audit.New(memstore.New(), &audit.Options{Catalogue: catalogue})
	require.NoError(t, err)
	list := demo(40)
	list[7].Action, list[8].Object.Type = "ISSUE_TOKEN", "api_keys"
	require.NoError(t, trail.Record(t.Context(), list...))
	h := newViewer(t, trail, &viewer.Options{Languages: []viewer.Language{german}})
	page := body(t, h, "?sort=action&lang=de")
	cell := func(class string) (texts []string) {
		for _, m := range regexp.MustCompile(`(?s)<td class="`+class+`[^>]*>(.*?)</td>`).FindAllStringSubmatch(page, -1) {
			text := regexp.MustCompile(`<bdi>([^<]*)</bdi>`).FindStringSubmatch(m[1])
			require.NotNil(t, text, m[1])
			texts = append(texts, text[1])
		}
		return texts
	}
	rows, err := csv.NewReader(get(h, link(t, page, "export=csv")).Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 41)
	var headers, classes []string
	for _, m := range regexp.MustCompile(`<th[^>]*class="(c-[a-z]+)`).FindAllStringSubmatch(page, -1) {
		if !slices.Contains(classes, m[1]) {
			classes = append(classes, m[1])
		}
	}
	require.Equal(t, []string{"c-time", "c-action", "c-type", "c-record", "c-changes", "c-user", "c-ip"}, classes)
	for _, name := range []string{"Timestamp", "Outcome", "Action", "Object type", "Object name", "ID", "Changes", "User", "On behalf of", "IP address", "Comment"} {
		header := german.Texts[name]
		if header == "" {
			header = name
		}
		headers = append(headers, header)
	}
	headers[0] = "\ufeff" + headers[0] // by which Excel sees that it is UTF-8
	require.Equal(t, headers, rows[0])
	for column, class := range map[int]string{2: "c-action", 3: "c-type"} {
		var got []string
		for _, row := range rows[1:] {
			got = append(got, row[column])
		}
		require.Equal(t, cell(class), got)
	}
	contains(t, page, german.Texts["Updated"])
}

func TestChips(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(30)...), nil)
	page := body(t, h, "?action=login&action=update&ip=10.0.0.0/8&q=x&sort=user&not=action%3Dcreate")
	for _, want := range []string{"action=update&amp;ip=", "action=login&amp;ip="} {
		contains(t, page, want)
	}
	clear := regexp.MustCompile(`class="clear" href="([^"]*)"`).FindStringSubmatch(page)[1]
	require.Equal(t, "?sort=user", clear)
	contains(t, page, "No results")
	contains(t, body(t, newViewer(t, newTrail(t), nil), ""), "No entries yet")
}

func TestErrorsSayWhatToDo(t *testing.T) {
	trail := newTrail(t, demo(3)...)
	h := newViewer(t, trail, nil)
	for query, want := range map[string]struct{ page, data string }{
		"?ip=x":           {"isn't an IP address", "neither an address nor a CIDR prefix"},
		"?from=yesterday": {"isn't a date", "neither a date"},
		"?nonsense=1":     {"", "not a parameter of a filter"},
		"?sort=recorded":  {"only for the entries of one record", "needs its type and its ID"},
		"?per=0":          {"isn't a number from 1", "not a number from 1"},
		"?sort=price":     {"isn't one of the choices", "not one of time"},
		"?%zz":            {"isn't encoded correctly", ""},
	} {
		w := get(h, query)
		if query == "?nonsense=1" {
			require.Equal(t, http.StatusOK, w.Code, "a page says what it ignores")
			w = get(h, query+"&export=csv")
			contains(t, w.Body.String(), want.data)
		}
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		contains(t, html.UnescapeString(w.Body.String()), want.page, query)
		if query != "?nonsense=1" {
			contains(t, w.Body.String(), `href="?"`)
		}
		var p struct {
			Status int
			Detail string
		}
		if query == "?%zz" {
			continue
		}
		w = get(h, query, "Accept", "application/json")
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
		require.Equal(t, http.StatusBadRequest, p.Status)
		require.Contains(t, p.Detail, want.data)
	}
	require.Equal(t, http.StatusNotFound, get(h, "?entry=nothing").Code)
	require.NoError(t, trail.Close(t.Context()))
	require.Equal(t, http.StatusServiceUnavailable, get(h, "").Code)
}

// TestStaleLinksLeadToTheFirstPage: a bookmark whose cursor was sealed with another key,
// belongs to another filter or is damaged shows the first page and says so; data is
// refused.
func TestStaleLinksLeadToTheFirstPage(t *testing.T) {
	trail := newTrail(t, demo(60)...)
	h := newViewer(t, trail, &viewer.Options{Languages: []viewer.Language{viewer.German(), viewer.French()}})
	other := newViewer(t, newTrail(t, demo(60)...), nil)
	notes := map[string]string{
		"en": "This page link is no longer valid. Showing the first page.",
		"de": "Dieser Link ist nicht mehr gültig. Die erste Seite wird angezeigt.",
		"fr": "Ce lien n’est plus valable. Voici la première page.",
	}
	first := body(t, h, "?per=25")
	lacks(t, first, notes["en"])
	good := pager(t, first, "next")
	lacks(t, body(t, h, good), notes["en"])
	foreign := pager(t, body(t, other, "?per=25"), "next")
	for _, link := range []string{foreign, good + "&action=update", good + "&sort=time", strings.Replace(good, "cursor=", "cursor=A", 1), "?per=25&cursor=abc"} {
		for lang, note := range notes {
			page := html.UnescapeString(body(t, h, link+"&lang="+lang))
			contains(t, page, `role="status">`+note, link)
			lacks(t, page, `rel="prev"`)
		}
		page := body(t, h, link)
		if !strings.Contains(link, "action") && !strings.Contains(link, "sort") {
			require.Equal(t, ids(first), ids(page))
		}
		lacks(t, body(t, h, pager(t, page, "next")), notes["en"], "its links are good")
		for _, data := range []string{link + "&format=json"} {
			w := get(h, data)
			require.Equal(t, http.StatusBadRequest, w.Code, data)
			contains(t, w.Body.String(), `"param":"cursor"`)
		}
	}
	history := "?entry=01980000-0000-7000-8000-000000000001&view=history&after=abc"
	contains(t, body(t, h, history), notes["en"])
	require.Equal(t, http.StatusBadRequest, get(h, history+"&format=json").Code)
}

// TestSearchQualifiers: page, API, count, export and the entries' neighbours
// read the search text alike.
func TestSearchQualifiers(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(300)...), nil)
	q := "?" + url.Values{"q": {"action:login outcome:failure -ip:198.51.100.0/24"}, "per": {"200"}}.Encode()
	page := body(t, h, q)
	n := rowsIn(page)
	require.Positive(t, n)
	require.Less(t, n, 43)
	contains(t, page, fmt.Sprintf("<b>%d entries</b>", n))
	rows, err := csv.NewReader(get(h, link(t, page, "export=csv")).Body).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, n+1)
	second := body(t, h, pager(t, body(t, h, strings.Replace(q, "per=200", "per=5", 1)), "next"))
	require.Equal(t, ids(page)[5:10], ids(second))
	opened := body(t, h, link(t, page, "entry="+ids(page)[3]))
	contains(t, pager(t, opened, "next"), "entry="+ids(page)[4])
	contains(t, html.UnescapeString(page), `value="action:login outcome:failure -ip:198.51.100.0/24"`)
	w := get(h, "?q=colour:red")
	require.Equal(t, http.StatusBadRequest, w.Code)
	contains(t, w.Body.String(), "colour")
}

func TestFacets(t *testing.T) {
	var many []audit.Entry
	for i := range 10_000 {
		many = append(many, audit.Entry{Action: "login", Actor: audit.Actor{Email: fmt.Sprintf("user%05d@lumen.example", i)}})
	}
	trail := newTrail(t, many...)
	require.NoError(t, trail.Record(t.Context(), demo(10)...))
	h := newViewer(t, trail, nil)
	page := body(t, h, "?from=2030-01-01")
	contains(t, page, `name="action" value="destroy"`, "values outside of the range are choices too")
	contains(t, page, "Search all 10,004")
	require.Less(t, len(page), 60_000)
	find := link(t, page, "facet=user")
	var api struct {
		Values []string
		Total  int
	}
	require.NoError(t, json.Unmarshal(get(h, find+"&find=USER09999&format=json").Body.Bytes(), &api))
	require.Equal(t, []string{"user09999@lumen.example"}, api.Values)
	found := body(t, h, find+"&find=user09999")
	chosen := body(t, h, link(t, found, "user=user09999"))
	contains(t, chosen, `value="user09999@lumen.example" checked`, "a choice is shown even where only some are")
	contains(t, chosen, "No results", "the range was kept")
	require.Equal(t, http.StatusBadRequest, get(h, "?facet=price").Code)
}

// TestOnlyVariablesAreColours: a theme that sets the variables leaves nothing
// of the page's own colours.
func TestOnlyVariablesAreColours(t *testing.T) {
	css := body(t, newViewer(t, newTrail(t), nil), "?asset=viewer.css")
	_, rules, found := strings.Cut(css, "--av-paper")
	require.True(t, found)
	_, rules, _ = strings.Cut(rules, "}")
	require.Empty(t, regexp.MustCompile(`[^;{]*(#[0-9a-f]{3,8}\b|rgba?\(|hsla?\()[^;}]*`).FindAllString(rules, -1))
	require.NotContains(t, css, "url(")
}
