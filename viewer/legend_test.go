package viewer_test

import (
	"errors"
	"html"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

// legendTrail has an action of the host's with everything, one with a name alone, and one
// whose texts would be markup.
func legendTrail(t *testing.T) *audit.Trail {
	t.Helper()
	trail, err := audit.New(memstore.New(), &audit.Options{Catalogue: audit.NewCatalogue([]audit.Action{
		{Name: "payroll_run", Label: "Payroll run", Explanation: "Salaries were paid.", Severity: audit.Alarm, Group: "payroll"},
		{Name: "payroll_view", Group: "payroll", Read: true}, {Name: "bare"}, {Name: "<b>", Label: "<i>", Explanation: "a & b"},
	}, nil)})
	require.NoError(t, err)
	return trail
}

func TestTheLegendExplainsEveryAction(t *testing.T) {
	h := newViewer(t, legendTrail(t), nil)
	page := body(t, h, "?legend=1&type=users&per=25")
	for _, a := range audit.NewCatalogue(nil, nil).Actions() {
		contains(t, page, "<code><bdi>"+a.Name+"</bdi></code>")
		contains(t, page, html.EscapeString(a.Explanation))
	}
	contains(t, page, "Salaries were paid.")
	contains(t, page, `<td class="sev-alarm">Alarm</td>`)
	contains(t, page, "&lt;b&gt;")
	contains(t, page, "a &amp; b")
	lacks(t, page, "<i>")
	require.Equal(t, 3, strings.Count(page, "reads only"), "view, export and payroll_view")
	require.Less(t, strings.Index(page, ">Payroll<"), strings.Index(page, ">Records<"), "groups are in the catalogue's order")
	require.Less(t, strings.Index(page, ">Trail<"), strings.Index(page, ">Other actions<"))
	contains(t, html.UnescapeString(page), `href="?action=payroll_run&per=25&type=users"`)
	contains(t, page, `value="users"`, "the form keeps the list's filter")
	list := body(t, newViewer(t, newTrail(t, demo(3)...), nil), "?type=users")
	contains(t, html.UnescapeString(list), `<a class="all" href="?legend=1&type=users">What the actions mean</a>`)
}

// TestTheLegendIsFiltered by label, code, explanation and severity, in any case.
func TestTheLegendIsFiltered(t *testing.T) {
	h := newViewer(t, legendTrail(t), nil)
	for find, want := range map[string]string{
		"SALARIES": "1 action<", "payroll": "2 actions<", "alarm": "1 action<", " payroll_v ": "1 action<", "nothing of the kind": "0 actions<", "<i>": "1 action<",
	} {
		contains(t, body(t, h, "?legend=1&find="+strings.NewReplacer(" ", "+", "<", "%3C", ">", "%3E").Replace(find)), want, find)
	}
	contains(t, body(t, h, "?legend=1&find=nothing"), "No matching actions")
	german := newViewer(t, legendTrail(t), &viewer.Options{Languages: []viewer.Language{viewer.German()}})
	w := get(german, "?legend=1&find=warnung", "Accept-Language", "de")
	contains(t, w.Body.String(), "Was die Aktionen bedeuten")
	contains(t, w.Body.String(), "impersonate")
}

// TestTheLegendNamesNoActionOutsideOfTheScope, and reading it is no look at the trail.
func TestTheLegendNamesNoActionOutsideOfTheScope(t *testing.T) {
	trail := legendTrail(t)
	scope := audit.Filter{Tenants: []string{"acme"}, Not: []audit.Filter{{Actions: []string{"payroll_run", "payroll_view"}}}}
	h := newViewer(t, trail, &viewer.Options{Record: true, Authorize: func(*http.Request) (access.Grant, error) { return access.Grant{Scope: scope}, nil }})
	page := body(t, h, "?legend=1")
	lacks(t, page, "ayroll")
	contains(t, page, "login")
	lacks(t, body(t, h, "?legend=1&find=payroll"), "<code>")
	for range trail.All(t.Context(), audit.Query{}) {
		t.Fatal("an entry was recorded")
	}
	h = newViewer(t, trail, &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) { return access.Grant{}, errors.New("no") }})
	require.Equal(t, http.StatusForbidden, get(h, "?legend=1").Code)
}
