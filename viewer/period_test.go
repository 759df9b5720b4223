package viewer_test

import (
	"fmt"
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
	"github.com/gormtrail/audit/viewer"
)

// at is an entry for each time, named by its place.
func at(t testing.TB, times ...string) (list []audit.Entry) {
	for i, s := range times {
		when, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		list = append(list, audit.Entry{Time: when, Action: "login", Object: audit.Object{Type: "sessions", ID: fmt.Sprint("session-", i)}})
	}
	return list
}

// The page, the API, a download and a live feed that it links to mean the same days.
func TestPeriodIsTheSameEverywhere(t *testing.T) {
	times := []string{"2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"}
	trail := newTrail(t, at(t, times...)...)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, c := range []struct {
		location *time.Location
		query    string
	}{
		{nil, "?from=2026-10-25&to=2026-10-25&tz=Europe/Berlin"},
		{berlin, "?from=2026-10-25&to=2026-10-25"},
		{berlin, "?from=2026-10-24&from_time=22:00&to=2026-10-25&to_time=23:00&tz=UTC"},
		{berlin, "?range=custom&from=2026-10-25&from_time=&to=2026-10-25&to_time="},
	} {
		h := newViewer(t, trail, &viewer.Options{Location: c.location})
		page := body(t, h, c.query)
		csv := get(h, link(t, page, "export=csv"))
		for _, answer := range []string{page, body(t, h, c.query+"&format=json"), csv.Body.String()} {
			for i, want := range []bool{false, true, true, false} {
				require.Equal(t, want, strings.Contains(answer, fmt.Sprint("session-", i)), "%s: %s in %.80s", c.query, times[i], answer)
			}
		}
	}
}

// A range of whole days is said in days, not as midnights, and the end is the last
// day of it.
func TestWholeDaysAreSaidAsDays(t *testing.T) {
	h := newViewer(t, newTrail(t), nil)
	for query, want := range map[string][]string{
		"?from=2026-10-25&to=2026-10-25&tz=Europe/Berlin": {`</span>25 Oct 2026 Europe/Berlin<`, `name="from" value="2026-10-25"`, `name="to" value="2026-10-25"`, `name="to_time" step="any" value=""`},
		"?from=2026-10-01&to=2026-10-31":                  {`</span>1 Oct 2026 – 31 Oct 2026 UTC<`},
		"?from=2026-10-01T08:30&to=2026-10-31T17:00:05Z":  {`</span>1 Oct 2026, 08:30 – 31 Oct 2026, 17:00:05 UTC<`, `name="from_time" step="any" value="08:30"`, `name="to_time" step="any" value="17:00:05"`},
		"?to=2026-10-31": {`</span>Until 31 Oct 2026 UTC<`},
		"?from=2026-03-29T00:00:00Z&tz=Asia/Kolkata":          {`</span>From 29 Mar 2026, 05:30`, `name="from_time" step="any" value="05:30"`},
		"?from=2018-11-04&to=2018-11-04&tz=America/Sao_Paulo": {`</span>4 Nov 2018 America/Sao_Paulo<`, `name="from" value="2018-11-04"`, `name="from_time" step="any" value=""`},
		"?range=yesterday": {`<option value="yesterday" selected>Yesterday</option>`, `<b><bdi>Yesterday</bdi></b>`},
	} {
		page := body(t, h, query)
		for _, part := range want {
			contains(t, page, part, query)
		}
	}
	require.Equal(t, http.StatusBadRequest, get(h, "?from_time=08:00&range=custom").Code, "a time without a day")
}

// A day view that is open stays one of that day; what moves with the clock goes on.
func TestEveryPeriodIsServed(t *testing.T) {
	h := newViewer(t, newTrail(t, audit.Entry{Action: "login", Object: audit.Object{Type: "sessions", ID: "now"}}), nil)
	for _, p := range audit.Periods() {
		page := body(t, h, "?range="+string(p)+"&tz=Asia/Tokyo")
		want := 1
		if p == audit.Yesterday || p == audit.LastMonth {
			want = 0
		}
		require.Equal(t, want, rowsIn(page), p)
		require.Contains(t, link(t, page, "export=csv"), "range="+string(p))
		contains(t, page, `<option value="`+string(p)+`" selected>`)
	}
}

func TestZoneMenu(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	require.NoError(t, err)
	h := newViewer(t, newTrail(t, demo(1)...), &viewer.Options{Location: tokyo, Zones: []string{"Europe/Berlin", "Asia/Tokyo"}})
	page := body(t, h, "?action=update")
	require.Equal(t, []string{"Asia/Tokyo", "Europe/Berlin", "UTC"}, zonesIn(t, page))
	contains(t, page, `aria-current="true">Asia/Tokyo <small>UTC&#43;09:00</small>`)
	require.Equal(t, []string{"America/Lima", "Asia/Tokyo", "Europe/Berlin", "UTC"}, zonesIn(t, body(t, h, "?tz=America/Lima")), "the one in use is there")

	_, err = viewer.New(newTrail(t), &viewer.Options{Authorize: access.InsecureForDevelopment, Zones: []string{"Europe/Atlantis"}})
	require.ErrorContains(t, err, "Europe/Atlantis")
}

func zonesIn(t *testing.T, page string) (list []string) {
	for _, l := range links(page, "tz=") {
		q, err := url.ParseQuery(l[1:])
		require.NoError(t, err)
		if regexp.MustCompile(`href="[^"]*tz=` + regexp.QuoteMeta(url.QueryEscape(q.Get("tz"))) + `"( aria-current="true")?>` + q.Get("tz")).MatchString(page) {
			list = append(list, q.Get("tz"))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// The zone that a browser chose is used for pages that name none. Data and links with
// dates mean what their URL says.
func TestZoneIsRemembered(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(1)...), nil)
	for _, c := range []struct{ query, cookie, want string }{
		{"?", "Europe%2FBerlin", "Europe/Berlin"}, {"?", "Europe/Berlin", "Europe/Berlin"}, {"?range=today", "Asia/Tokyo", "Asia/Tokyo"},
		{"?tz=UTC", "Europe/Berlin", "UTC"}, {"?from=2026-10-01", "Europe/Berlin", "UTC"},
		{"?", "Europe/Atlantis", "UTC"}, {"?", "Local", "UTC"}, {"?", "%zz", "UTC"}, {"?", "../../etc/passwd", "UTC"},
	} {
		page := get(h, c.query, "Cookie", "av-tz="+c.cookie)
		require.Equal(t, http.StatusOK, page.Code)
		contains(t, page.Body.String(), "<strong>"+c.want+"</strong>", c)
		require.Equal(t, c.want != "UTC" || c.query == "?tz=UTC", strings.Contains(link(t, page.Body.String(), "export=csv"), "tz="), c)
	}
	var csv [2]*httptest.ResponseRecorder
	for i, cookie := range []string{"", "av-tz=Asia/Tokyo"} {
		csv[i] = get(h, "?export=csv&range=today", "Cookie", cookie)
	}
	require.Equal(t, csv[0].Body.String(), csv[1].Body.String())
}
