package browser

import (
	"net/http"
	"testing"

	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

// TestShots takes a picture of each state, for people to look at.
func TestShots(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(300)...)
	b := newTab(t, browser, s.Server)
	states := []struct {
		name, query string
		width       int64
		height      int64
		dark        bool
	}{
		{"list-light", "", 1440, 960, false},
		{"list-dark", "", 1440, 960, true},
		{"list-360", "", 360, 800, false},
		{"list-768", "", 768, 1024, false},
		{"list-1024", "", 1024, 768, false},
		{"filtered", "?action=update&action=login&user=mara.lindqvist%40lumen.example&range=custom&from=2026-10-15T06:00&tz=Europe/Berlin", 1440, 960, false},
		{"entry-light", "?entry=" + entryID(900_000), 1440, 1400, false},
		{"entry-dark", "?entry=" + entryID(900_000), 1440, 1400, true},
		{"entry-360", "?entry=" + entryID(900_000), 360, 1400, false},
		{"entry-unified", "?mode=unified&entry=" + entryID(900_000), 1440, 1400, false},
		{"entry-failed", "?entry=" + entryID(3), 1440, 800, false},
		{"history", "?view=history&entry=" + entryID(900_000), 1440, 900, false},
		{"state", "?view=state&entry=" + entryID(900_000), 1440, 900, false},
		{"empty", "?record=nothing", 1440, 700, false},
		{"facet", "?facet=user", 1440, 700, false},
		{"bad-filter", "?ip=10.0.0.0/99", 1440, 500, false},
		{"missing", "?entry=none", 1440, 500, true},
		{"history-360", "?view=history&entry=" + entryID(900_000), 360, 900, true},
	}
	for _, state := range states {
		b.size(state.width, state.height)
		b.dark(state.dark)
		b.open(state.query)
		b.shot(state.name)
	}
	b.size(1440, 960)
	b.dark(false)
	b.open("")
	b.eval("document.querySelector('[data-facet=user] summary').click()")
	b.shot("menu")
	b.eval("document.querySelector('[data-facet=action] summary').click()")
	b.shot("menu-action")
	b.open("?range=custom&from=2026-10-01&to=2026-10-31T17:00")
	b.eval("document.querySelector('.tz summary').click()")
	b.shot("menu-zone")
	b.size(360, 800)
	b.shot("menu-zone-360")
	b.size(1440, 960)
	b.forgive() // a page of a bad request is an error on the console
	denied := newSite(t, &viewer.Options{
		Authorize: func(*http.Request) (access.Grant, error) { return access.Grant{}, access.ErrDenied },
		Back:      viewer.Link{Label: "Lumen Billing", URL: "/"},
	})
	c := newTab(t, browser, denied.Server)
	c.size(1440, 500)
	c.open("")
	c.shot("denied")
	c.forgive()
	b.size(360, 800)
	b.open("?action=login")
	b.eval("document.querySelector('[data-facet=action] summary').click()")
	b.shot("menu-360")
}
