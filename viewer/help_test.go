package viewer_test

import (
	"encoding/json"
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/search"
	"github.com/gormtrail/audit/viewer"
)

// helpOf are the names of the qualifiers that a reader is offered.
func helpOf(t *testing.T, h http.Handler) []string {
	t.Helper()
	var help struct {
		Qualifiers []struct{ Name, Explanation, Example, Facet string }
	}
	w := get(h, "?help=1&format=json&type=users")
	require.Equal(t, http.StatusOK, w.Code)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &help))
	var names []string
	for _, q := range help.Qualifiers {
		require.NotEmpty(t, q.Explanation)
		require.True(t, strings.HasPrefix(q.Example, q.Name+":"))
		names = append(names, q.Name)
	}
	return names
}

// TestTheHelpIsMadeOfTheQualifiers, all of them, and each of its examples is a search that
// works.
func TestTheHelpIsMadeOfTheQualifiers(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(60)...), nil)
	page := body(t, h, "?help=1&type=invoices")
	var want []string
	for _, q := range search.Qualifiers() {
		want = append(want, q.Name)
		contains(t, page, `<code dir="ltr">`+q.Example+"</code>")
		contains(t, page, q.Explanation)
		for _, alias := range q.Aliases {
			contains(t, page, `<code dir="ltr">`+alias+":</code>")
		}
		for _, v := range q.Values {
			contains(t, page, "<code>"+v+"</code>")
		}
	}
	require.Equal(t, want, helpOf(t, h))
	tries := links(page, "q=")
	require.Greater(t, len(tries), len(want))
	for _, l := range tries {
		contains(t, l, "type=invoices", "the list's filter stays")
		body(t, h, l)
	}
	list := html.UnescapeString(body(t, h, "?type=invoices"))
	contains(t, list, `href="?help=1&type=invoices" data-module="?asset=complete.js`)
	german := newViewer(t, newTrail(t), &viewer.Options{Languages: []viewer.Language{viewer.German()}})
	contains(t, get(german, "?help=1", "Accept-Language", "de").Body.String(), "Von dieser IP-Adresse oder aus diesem Netz")
}

// TestTheHelpOffersWhatTheReaderMayAsk: without Personal, nothing about people and
// addresses, and no value of them completes.
func TestTheHelpOffersWhatTheReaderMayAsk(t *testing.T) {
	trail := newTrail(t, secrets())
	h := newViewer(t, trail, hiding(false))
	names := helpOf(t, h)
	for _, name := range []string{"actor", "user", "behalf", "ip"} {
		require.NotContains(t, names, name)
		lacks(t, body(t, h, "?help=1"), ">"+name+":")
	}
	for _, name := range []string{"action", "type", "is", "created", "severity"} {
		require.Contains(t, names, name)
	}
	for _, facet := range []string{"user", "on_behalf_of", "action", "type", "actor_type"} {
		w := get(h, "?format=json&find=canary&facet="+facet)
		for _, canary := range personalCanaries {
			lacks(t, w.Body.String(), canary, facet)
		}
	}
	require.Contains(t, helpOf(t, newViewer(t, trail, hiding(true))), "user")
}

// TestTheHelpIsNoLookAtTheTrail.
func TestTheHelpIsNoLookAtTheTrail(t *testing.T) {
	trail := newTrail(t)
	h := newViewer(t, trail, &viewer.Options{Record: true, Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Scope: audit.Filter{Tenants: []string{"acme"}}}, nil
	}})
	body(t, h, "?help=1")
	body(t, h, "?help=1&format=json")
	for range trail.All(t.Context(), audit.Query{}) {
		t.Fatal("an entry was recorded")
	}
	require.Equal(t, http.StatusBadRequest, get(h, "?help=1&ip=x").Code)
}
