package browser

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const columnNames = `[...document.querySelectorAll('#results thead th')].map(e => e.textContent.trim()).join()`

// TestDisplay chooses columns and density, which the URL and the browser keep.
func TestDisplay(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 960)
	b.open("")
	b.click("[data-facet=display] summary")
	b.shot("display")
	b.click(".display [value=ip]")
	b.until(`!document.querySelector('thead .c-ip')`)
	require.Equal(t, "true", b.eval(`document.querySelector('[data-facet=display]').open`), "the menu stays open")
	b.click(".display [value=comment]")
	b.until(`document.querySelector('thead .c-comment')`)
	b.click(".display [for=d-compact]")
	b.until(`document.querySelector('table.compact')`)
	b.shot("display-compact")
	require.Contains(t, b.eval(`location.search`), "columns=action%2Ctype%2Crecord%2Cchanges%2Cuser%2Ccomment")
	require.Contains(t, b.eval(`document.querySelector('.exp a').href`), "columns=")

	b.open("?action=update") // the next time, without them in the URL
	require.Equal(t, "true", b.eval(`!!document.querySelector('table.compact') && !!document.querySelector('thead .c-comment') && !document.querySelector('thead .c-ip')`))
	b.click("[data-facet=display] summary")
	b.click(".display .reset")
	b.until(`document.querySelector('thead .c-ip')`)
	b.open("")
	require.Equal(t, "true", b.eval(`!document.querySelector('table.compact') && !document.querySelector('thead .c-comment')`), "reset is remembered too")
	b.size(360, 800)
	b.open("?columns=time,action,name,changes,user,comment,outcome,request")
	b.shot("display-360")
	require.Equal(t, "true", b.eval(`document.documentElement.scrollWidth <= 360`))
}
