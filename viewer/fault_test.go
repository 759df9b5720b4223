package viewer_test

import (
	"html"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

var faultAt = regexp.MustCompile(`<p class="fault" id="fault"><bdi( lang="en")?>([^<]*)</bdi></p>`)

// TestAWrongFilterKeepsTheForm: the form has what was entered, the field is marked, its
// error stands beside it, and nothing is listed. Data is still refused by the library's words.
func TestAWrongFilterKeepsTheForm(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(60)...), &viewer.Options{Languages: []viewer.Language{viewer.German(), viewer.Spanish(), viewer.French(), viewer.Japanese()}})
	for query, c := range map[string]struct{ control, says string }{
		"ip=x":                        {`name="ip" dir="auto" value="x"`, "“x” isn't an IP address or a network."},
		"q=action%3A":                 {`name="q" dir="auto" value="action:"`, "“action:” needs a value, such as action:update"},
		"q=actoin%3Ax":                {`name="q" dir="auto" value="actoin:x"`, "“actoin:” is not a filter. Did you mean action:?"},
		"q=%22x":                      {`name="q" dir="auto" value="&#34;x"`, "The closing quote is missing"},
		"range=custom&from=yesterday": {`name="from" value="yesterday"`, "“yesterday” isn't a date."},
		"range=custom&to=2026-13-01":  {`name="to" value="2026-13-01"`, "“2026-13-01” isn't a date."},
		"range=custom&from=2026-03-02&to=2026-03-0": {`name="from" value="2026-03-02"`, ""},
		"from=2026-03-02&to=2026-02-01":             {`name="to" value="2026-02-01"`, "The start is after the end."},
		"from_time=08%3A00&range=custom":            {`name="from_time" step="any" value="08:00"`, "Choose the day"},
		"range=lastyear":                            {`name="range"`, "“lastyear” isn't one of the choices."},
		"tz=Mars%2FOlympus":                         {`name="tz" form="filters" value="Mars/Olympus"`, "“Mars/Olympus” isn't a time zone."},
		"record=%22x":                               {`name="record" dir="auto" value="&#34;x"`, "The closing quote is missing"},
		"outcome=maybe":                             {`name="outcome" value="maybe" checked`, "“maybe” isn't an outcome."},
		"severity=high":                             {`name="severity"`, "“high” isn't one of the choices."},
		"reads=no":                                  {`name="reads"`, "“no” isn't one of the choices."},
		"action=%22x":                               {`name="action"`, "The closing quote is missing"},
	} {
		const rest = "&type=invoices&per=25&columns=time,user"
		w := get(h, "?"+query+rest)
		page := w.Body.String()
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		contains(t, page, c.control, query)
		contains(t, page, `name="type" value="invoices" checked`, query)
		contains(t, page, `<input type="hidden" name="per" value="25">`, query)
		contains(t, page, `Nothing was searched`, query)
		require.Zero(t, rowsIn(page), query)
		for _, no := range []string{"export=", "data-list", `class="chart"`, `class="menu views`, "<tbody"} {
			lacks(t, page, no, query)
		}
		m := faultAt.FindAllStringSubmatch(page, -1)
		require.Len(t, m, 1, query)
		contains(t, html.UnescapeString(m[0][2]), c.says, query)
		require.Equal(t, 1, strings.Count(page, `id="fault"`))
		contains(t, page, `aria-describedby="fault"`, query)
		if !strings.Contains(query, "action=") && !strings.Contains(query, "outcome") && !strings.Contains(query, "severity") {
			contains(t, page, `aria-invalid="true"`, query)
		}
		for _, lang := range []string{"de", "es", "fr", "ja"} {
			m := faultAt.FindStringSubmatch(get(h, "?"+query+rest+"&lang="+lang).Body.String())
			require.NotNil(t, m, "%s %s", query, lang)
			require.Empty(t, m[1], "%s in %s: %s", query, lang, m[2])
		}
		w = get(h, "?"+query, "Accept", "application/json")
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	}
	page := get(h, "?ip=x&type=invoices&per=25").Body.String()
	contains(t, page, `href="?per=25&amp;type=invoices"`, "the chip takes it away")
	contains(t, page, `href="?legend=1&amp;per=25&amp;type=invoices"`, "the other pages don't have it")
	contains(t, get(h, "?q=action:&per=25").Body.String(), `href="?help=1&amp;per=25"`, "above all the help")
	contains(t, body(t, h, "?type=invoices&per=25"), `class="chart"`)
}

// TestAWrongOrderIsNotPassedOn: what has no control can't be mended, so the form leaves it
// out.
func TestAWrongOrderIsNotPassedOn(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(60)...), nil)
	for query, says := range map[string]string{"sort=price": "Order", "per=0": "“0” isn't a number from 1 to 1000.", "limit=x": "“x” isn't a number", "sort=recorded": "only for the entries of one record", "%zz": "isn't encoded correctly"} {
		w := get(h, "?action=update&"+query)
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		page := html.UnescapeString(w.Body.String())
		contains(t, page, says, query)
		contains(t, page, `name="action" value="update" checked`, query)
		contains(t, page, `href="?"`, query)
		lacks(t, page, `name="`+strings.Split(query, "=")[0]+`"`, query)
		lacks(t, page, "id=\"fault\"", query)
	}
}

// TestAWrongFilterShowsWhatTheGrantShows, no more, and leaves its trace where reading does.
func TestAWrongFilterShowsWhatTheGrantShows(t *testing.T) {
	trail := newTrail(t, demo(60)...)
	opts := &viewer.Options{Record: true, Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Everything: true, Actor: audit.Actor{ID: "reader"}}, nil
	}}
	h := newViewer(t, trail, opts)
	for _, query := range []string{"?ip=x", "?user=a", "?sort=user", "?q=ip:10.0.0.1", "?q=action%3A", "?from=x"} {
		w := get(h, query)
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		lacks(t, w.Body.String(), "lumen.example", query)
		lacks(t, w.Body.String(), `name="ip"`, query)
		page, err := trail.Query(t.Context(), audit.Query{Filter: audit.Filter{Actions: []string{"view"}}})
		require.NoError(t, err)
		require.NotEmpty(t, page.Entries)
	}
	views, err := trail.Query(t.Context(), audit.Query{Filter: audit.Filter{Actions: []string{"view"}}})
	require.NoError(t, err)
	require.Len(t, views.Entries, 6, "one for each")
	require.NoError(t, trail.Close(t.Context()))
	require.Equal(t, http.StatusServiceUnavailable, get(h, "?ip=x").Code)
}

// TestEveryErrorOfTheSearchIsTranslated: the formats of the search's errors, as its source
// has them, are texts of every language.
func TestEveryErrorOfTheSearchIsTranslated(t *testing.T) {
	files, err := filepath.Glob("../search/*.go")
	require.NoError(t, err)
	found := 0
	for _, name := range files {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile("errorAt\\([^,]*, (?:\"([^\"]*)\"|`([^`]*)`)").FindAllSubmatch(source, -1) {
			found++
			require.Contains(t, viewer.Texts(), strings.ReplaceAll(string(m[1])+string(m[2]), "%d", "%s"), name)
		}
	}
	require.Greater(t, found, 10)
}
