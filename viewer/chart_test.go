package viewer_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"iter"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

var chartRow = regexp.MustCompile(`<tr><th scope="row"><a class="inlink" href="([^"]*)">([^<]*)</a></th><td>([\d,]+) entr`)

// A chart's bars are all entries of the list, each once, and the link of a bar leads to
// exactly those that it counts: in each zone, over changes of its clocks, with filters.
func TestChartCountsWhatTheListShows(t *testing.T) {
	day := time.Date(2026, 10, 24, 21, 30, 0, 0, time.UTC) // clocks change on the 25th in Berlin
	for _, every := range []time.Duration{7 * time.Second, 11 * time.Minute, 5 * time.Hour, 9 * 24 * time.Hour, 400 * 24 * time.Hour} {
		var entries []audit.Entry
		for i, e := range demo(60) {
			e.Time = day.Add(time.Duration(i) * every)
			entries = append(entries, e)
		}
		h := newViewer(t, newTrail(t, entries...), nil)
		for _, query := range []string{"", "&tz=Europe/Berlin&sort=user", "&tz=Australia/Lord_Howe&action=login", "&range=custom&from=2026-10-25T00:00:00Z&to=2026-11-20T10:00:01Z"} {
			query = "?" + strings.TrimPrefix(query, "&")
			list := body(t, h, query)
			if rowsIn(list) == 0 {
				continue // an empty list has no chart
			}
			page := body(t, h, link(t, list, "chart=1"))
			sum := 0
			for _, m := range chartRow.FindAllStringSubmatch(page, -1) {
				n, err := strconv.Atoi(strings.ReplaceAll(m[3], ",", ""))
				require.NoError(t, err)
				sum += n
				if sum == n || n > 3 { // following each would be slow
					contains(t, body(t, h, html.UnescapeString(m[1])), fmt.Sprintf("<b>%d entr", n), every, query, m[2])
				}
			}
			contains(t, list, fmt.Sprintf("<b>%d entr", sum), every, query)
			require.LessOrEqual(t, strings.Count(page, `class="hit"`), 110, "%s %s", every, query)
		}
	}
}

// endlessReader has as many entries as anyone asks for.
type endlessReader struct {
	audit.Reader
	entry audit.Entry
	wait  bool
}

func (r endlessReader) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		if r.wait {
			<-ctx.Done()
			yield(audit.Entry{}, ctx.Err())
			return
		}
		for i := 0; ; i++ {
			e := r.entry
			e.Time = e.Time.Add(-time.Duration(i) * time.Minute)
			if !yield(e, nil) {
				return
			}
		}
	}
}

// A chart counts up to a bound and says so; a store that takes too long gives an
// answer in words.
func TestChartIsBounded(t *testing.T) {
	trail := newTrail(t, demo(3)...)
	page := body(t, newViewer(t, trail, &viewer.Options{Reader: endlessReader{trail, demo(1)[0], false}}), "?chart=1")
	require.Regexp(t, `newest [\d,]+`, page)
	contains(t, body(t, newViewer(t, trail, &viewer.Options{Reader: endlessReader{trail, demo(1)[0], true}}), "?chart=1"), "Counting takes too long")
	contains(t, body(t, newViewer(t, trail, nil), "?chart=1&action=none"), "No results")
	lacks(t, body(t, newViewer(t, newTrail(t), nil), ""), "chart=1", "an empty list has none")
	w := get(newViewer(t, trail, &viewer.Options{Reader: failing{trail}}), "?chart=1")
	require.Equal(t, http.StatusInternalServerError, w.Code)
}

type failing struct{ audit.Reader }

func (failing) All(context.Context, audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) { yield(audit.Entry{}, errors.New("disk full")) }
}

// A chart shows no more than the grant does, and asks for nothing that is masked.
func TestChartKeepsToTheGrant(t *testing.T) {
	entries := demo(40)
	for i := range entries {
		if i%2 == 0 {
			entries[i].Tenant = "other"
		}
	}
	h := newViewer(t, newTrail(t, entries...), &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Scope: audit.Filter{Tenants: []string{"lumen"}}}, nil
	}})
	contains(t, body(t, h, "?chart=1"), "20 entries")
	require.Equal(t, http.StatusBadRequest, get(h, "?chart=1&ip=203.0.113.24").Code)
}
