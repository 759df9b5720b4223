package viewer_test

import (
	"html"
	"net/http"
	"regexp"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

// passes are those that a page gives its scripts: for its menus, and for its chart at an
// address.
func passes(t *testing.T, page string) (menus, chart, at string) {
	t.Helper()
	m := regexp.MustCompile(`<main [^>]*data-pass="([^"]+)"`).FindStringSubmatch(page)
	require.NotNil(t, m)
	c := regexp.MustCompile(`<a class="chart" href="([^"]+)" data-pass="([^"]+)"`).FindStringSubmatch(page)
	require.NotNil(t, c)
	return m[1], c[2], html.UnescapeString(c[1])
}

// TestAViewIsOneEntry: what a page loads for itself belongs to its view, and a call of the
// API, or with a pass that isn't for it, is an entry of its own.
func TestAViewIsOneEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := newTrail(t, demo(9)...)
		grant := access.Grant{Export: true, Personal: true, Actor: audit.Actor{ID: "1", Name: "Auditor"}, Scope: audit.Filter{Tenants: []string{"lumen"}}}
		h := newViewer(t, trail, &viewer.Options{Record: true, Authorize: func(*http.Request) (access.Grant, error) { return grant, nil }})
		adds := func(want int, query string, header ...string) string {
			t.Helper()
			count := func() int {
				found, err := trail.Query(t.Context(), audit.Query{Limit: 1000, Filter: audit.Filter{Actions: []string{"view"}}})
				require.NoError(t, err)
				return len(found.Entries)
			}
			before := count()
			w := get(h, query, header...)
			require.Equal(t, http.StatusOK, w.Code, query)
			require.Equal(t, want, count()-before, "%s %q", query, header)
			return w.Body.String()
		}
		page := adds(1, "?action=update&sort=record&per=25&tz=Europe/Berlin")
		menus, chart, at := passes(t, page)
		adds(0, at, "Av-Pass", chart)
		adds(0, "?facet=user&find=ma&format=json", "Av-Pass", menus)
		adds(0, "?facet=action&action=update&format=json", "Av-Pass", menus)

		// Without a pass, and with one for something else.
		for _, query := range []string{at, "?facet=user&format=json", "?facet=user", "?chart=1"} {
			adds(1, query)
			adds(1, query, "Av-Pass", "x.y")
		}
		adds(1, "?chart=1&action=login", "Av-Pass", chart)
		adds(1, at, "Av-Pass", menus)
		adds(1, "?facet=user&format=json", "Av-Pass", chart)
		for _, query := range []string{"?", "?format=json", "?entry=01980000-0000-7000-8000-000000000003", "?facet=user&entry=01980000-0000-7000-8000-000000000003"} {
			adds(1, query, "Av-Pass", menus)
			adds(1, query, "Av-Pass", chart)
		}

		// It is another reader's, of other tenants, or old.
		was := grant
		grant.Actor.ID = "2"
		adds(1, at, "Av-Pass", chart)
		grant = was
		grant.Scope = audit.Filter{Tenants: []string{"lumen", "other"}}
		adds(1, "?facet=user&format=json", "Av-Pass", menus)
		grant = was
		time.Sleep(time.Hour)
		adds(0, "?facet=user&format=json", "Av-Pass", menus)
		time.Sleep(2 * time.Second)
		adds(1, "?facet=user&format=json", "Av-Pass", menus)
		adds(1, at, "Av-Pass", chart)
	})
	// A page whose view isn't recorded gives none.
	lacks(t, body(t, newViewer(t, newTrail(t, demo(3)...), nil), ""), "data-pass")
}
