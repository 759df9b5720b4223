package browser

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

// TestAViewIsOneEntry: a list with its chart, a menu that is searched, and completions
// are one recorded view. Choices that are found by typing look as the others do.
func TestAViewIsOneEntry(t *testing.T) {
	browser := startBrowser(t)
	var staff []audit.Actor
	for i := range 400 {
		staff = append(staff, audit.Actor{ID: fmt.Sprint(i), Name: fmt.Sprintf("Person %03d", i), Email: fmt.Sprintf("person%03d@lumen.example", i)})
	}
	s := newSite(t, &viewer.Options{
		Record: true,
		Authorize: func(*http.Request) (access.Grant, error) {
			return access.Grant{Everything: true, Personal: true, Actor: audit.Actor{ID: "auditor"}}, nil
		},
		Users: func(context.Context, []string, string) ([]audit.Actor, error) { return staff, nil },
	}, demo(60)...)
	views := func() int {
		found, err := s.trail.Query(t.Context(), audit.Query{Limit: 1000, Filter: audit.Filter{Actions: []string{"view"}}})
		require.NoError(t, err)
		return len(found.Entries)
	}
	b := newTab(t, browser, s.Server)
	b.size(1440, 900)
	b.open("")
	b.until(`document.querySelector('figure.chart')`)
	require.Equal(t, 1, views())
	const option = `[...document.querySelectorAll('[data-facet=user] .opt')].find(o => o.textContent.includes('person%03d'))`
	shape := func(n int) string {
		return b.eval(fmt.Sprintf(option, n) + `.innerHTML.replaceAll('` + fmt.Sprintf("%03d", n) + `', '#')`)
	}
	b.click("[data-facet=user] summary")
	before := shape(10)
	require.Equal(t, "undefined", b.eval(fmt.Sprintf(option, 390)))
	b.click("[data-facet=user] .narrow")
	b.do(chromedp.KeyEvent("person 390"))
	b.until(fmt.Sprintf(option, 390))
	require.Equal(t, before, shape(390), "name and address, as in the options that were there")
	require.Equal(t, 1, views())
	b.click(".find input")
	b.until(searchBox + `.getAttribute('role') === 'combobox'`)
	b.do(chromedp.KeyEvent("user:person39"))
	b.until(`document.querySelector('#av-complete li')?.textContent.includes('Person 39')`)
	require.Equal(t, "Person 390person390@lumen.example", b.eval(`document.querySelector('#av-complete li').textContent`))
	listed := views()
	require.LessOrEqual(t, listed, 2, "the list that the search narrows is another view")
}
