package browser

import (
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

const (
	offered   = `[...document.querySelectorAll('#av-complete:not([hidden]) li bdi')].map(o => o.textContent).join(' ')`
	searchBox = `document.querySelector('.find input')`
)

// enter presses Enter as a keyboard does: a page that handles the key keeps the form from
// being sent.
func (b *tab) enter() {
	b.t.Helper()
	key := input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "Enter", Code: "Enter", Text: "\r", WindowsVirtualKeyCode: 13}
	for range 2 {
		_, err := chromedp.Call(b.Context, input.DispatchKeyEvent, key)
		require.NoError(b.t, err)
		key.Type, key.Text = input.DispatchKeyEventTypeKeyUp, ""
	}
}

// TestCompletion: qualifiers and then values, by the keyboard alone. The module is loaded
// with the first focus of the box.
func TestCompletion(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 900)
	b.open("")
	loaded := `performance.getEntriesByType('resource').some(r => r.name.includes('complete.js'))`
	require.Equal(t, "false", b.eval(loaded))
	b.eval(`document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true, cancelable: true}))`)
	b.until(loaded + ` && ` + searchBox + `.getAttribute('role') === 'combobox'`)
	require.Equal(t, "false", b.eval(searchBox+`.ariaExpanded`))

	b.do(chromedp.KeyEvent("outc"))
	b.until(offered + ` === 'outcome:'`)
	require.Equal(t, "true listbox null", b.eval(`[`+searchBox+`.ariaExpanded, document.getElementById(`+searchBox+`.getAttribute('aria-controls')).role, `+searchBox+`.getAttribute('aria-activedescendant')].map(String).join(' ')`))
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.until(`document.getElementById(` + searchBox + `.getAttribute('aria-activedescendant'))?.ariaSelected === 'true'`)
	b.enter()
	b.until(searchBox + `.value === 'outcome:' && ` + offered + ` === 'success failure denied read'`)
	require.Equal(t, "null", b.eval(`document.querySelector('.fault')`))
	b.do(chromedp.KeyEvent("fa"))
	b.until(offered + ` === 'failure'`)
	b.do(chromedp.KeyEvent(kb.ArrowDown))
	b.until(searchBox + `.getAttribute('aria-activedescendant') === 'av-c0'`)
	b.shot("completion")
	b.do(chromedp.KeyEvent(kb.Tab))
	b.until(search + ` === '?q=outcome%3Afailure+' && document.activeElement === ` + searchBox)
	require.Equal(t, "outcome:failure ", b.eval(searchBox+`.value`))
	require.Equal(t, "16", b.eval(searchBox+`.selectionStart`))

	// Labels are found too; what is taken is the recorded name. A dash stays.
	b.do(chromedp.KeyEvent("-action:logg"))
	b.until(offered + ` === 'Logged in'`)
	b.do(chromedp.KeyEvent(kb.ArrowUp))
	b.until(searchBox + `.getAttribute('aria-activedescendant') === 'av-c0'`)
	b.enter()
	b.until(searchBox + `.value === 'outcome:failure -action:login '`)

	// Escape closes the list and leaves what was typed; Enter then searches.
	b.do(chromedp.KeyEvent("act"))
	b.until(offered + `.includes('action:')`)
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(offered + ` === ''`)
	require.Equal(t, "outcome:failure -action:login act", b.eval(searchBox+`.value`))
	b.enter()
	b.until(search + `.endsWith('login+act')`)
	b.do(chromedp.KeyEvent("zz"))
	b.do(chromedp.KeyEvent(kb.Tab))
	b.until(`document.activeElement !== ` + searchBox)
	require.Empty(t, b.eval(offered))
	b.clean()
}

// TestCompletionByPointerAndAfterASwap: a click takes, the list survives the page that is
// read anew while somebody types, and values with blanks are quoted.
func TestCompletionByPointerAndAfterASwap(t *testing.T) {
	browser := startBrowser(t)
	e := one(5000)
	e.Actor.Name, e.Actor.Email = "Ada, of Lumen", ""
	s := newSite(t, nil, append(demo(60), e)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 900)
	b.open("")
	b.click(".find input")
	b.do(chromedp.KeyEvent("user:ada"))
	b.until(offered + `.includes('Ada, of Lumen')`)
	b.until(search + ` === '?q=user%3Aada'`)
	b.until(offered + `.includes('Ada, of Lumen') && ` + searchBox + `.ariaExpanded === 'true'`)
	b.eval(`[...document.querySelectorAll('#av-complete li')].find(o => o.textContent.includes('of Lumen')).id = 'take'`)
	b.click("#take")
	b.until(searchBox + `.value === 'user:"Ada, of Lumen" '`)
	b.until(`document.querySelector('#count').textContent === '1 entry'`)
	b.do(chromedp.KeyEvent(kb.ArrowDown)) // on nothing typed, all qualifiers
	b.until(offered + `.startsWith('actor: action: type:')`)
	b.size(360, 640)
	b.until(`document.documentElement.scrollWidth <= 360`)
	b.clean()
}

// TestCompletionOfWhatWasTypedBeforeTheScript: the script comes with the first use of the
// box, and fast typists were ahead of it.
func TestCompletionOfWhatWasTypedBeforeTheScript(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.open("?q=ada")
	b.eval(`(i => { i.focus(); i.value = 'act'; i.dispatchEvent(new Event('input', { bubbles: true })) })(` + searchBox + `)`)
	b.until(offered + `.includes('action:')`)
	b.clean()
}

// TestSearchHelp opens by the button, by h and from the sheet of keys, and as a page where
// there are no scripts.
func TestSearchHelp(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 900)
	b.open("?type=invoices")
	open := `document.querySelector('dialog.help')?.open === true`
	b.click(".help-of")
	b.until(open)
	require.Equal(t, "Search help", b.eval(`document.getElementById(document.querySelector('dialog.help').getAttribute('aria-labelledby')).textContent`))
	b.shot("search-help")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!(` + open + `)`)
	b.do(chromedp.KeyEvent("h"))
	b.until(open)
	b.eval(`[...document.querySelectorAll('dialog.help a')].find(a => a.textContent === 'is:denied').click()`)
	b.until(search + ` === '?q=is%3Adenied&type=invoices'`)
	require.Equal(t, "false", b.eval(open))
	b.do(chromedp.KeyEvent("?"))
	b.until(`document.querySelector('#keys').open`)
	b.click(".help-link")
	b.until(open + ` && !document.querySelector('#keys').open`)
	b.size(360, 640)
	b.until(`document.documentElement.scrollWidth <= 360`)
	b.shot("search-help-360")
	for _, page := range []string{"?help=1", "?legend=1"} {
		b.open(page)
		b.until(`document.querySelectorAll('.legend tr').length > 20 && document.documentElement.scrollWidth <= 360`)
		b.shot("page-" + page[1:5] + "-360")
	}
	b.clean()
}
