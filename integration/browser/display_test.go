package browser

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

func number(t *testing.T, s string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return n
}

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

// TestChart loads the chart after the list, and narrows by clicks, keys and dragging.
func TestChart(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(700)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 960)
	b.open("?range=custom&from=2026-10-15&to=2026-10-15")
	b.until(`document.querySelectorAll('figure.chart a .hit').length > 4`)
	b.shot("chart")
	bars := `[...document.querySelectorAll('figure.chart svg a')]`
	b.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 300, 250))
	box := strings.Split(b.eval(`(r => [r.left, r.top + r.height / 2, r.width].map(Math.round).join())(document.querySelector('.chart svg').getBoundingClientRect())`), ",")
	left, middle, width := number(t, box[0]), number(t, box[1]), number(t, box[2])
	mouse := func(kind input.DispatchMouseEventType, x float64) {
		b.do(chromedp.MouseEvent(kind, x, middle, chromedp.ButtonLeft))
	}
	mouse(input.DispatchMouseEventTypeMouseMoved, left+width*0.1)
	b.until(`performance.getEntriesByType('resource').some(r => r.name.includes('chart.js'))`)
	time.Sleep(200 * time.Millisecond) // the module runs
	mouse(input.DispatchMouseEventTypeMousePressed, left+width*0.1)
	mouse(input.DispatchMouseEventTypeMouseMoved, left+width*0.4)
	b.until(`document.querySelector('.chart .band')`)
	b.shot("chart-drag")
	mouse(input.DispatchMouseEventTypeMouseReleased, left+width*0.4)
	b.until(`document.querySelector('#count').textContent !== '700 entries' && !location.search.includes('2026-10-15&')`)
	b.until(`document.querySelector('figure.chart')`)
	require.Contains(t, b.eval(`location.search`), "to=")

	b.eval(bars + `[0].focus()`)
	b.do(chromedp.KeyEvent(kb.ArrowRight))
	b.until(bars + `.indexOf(document.activeElement) === 1`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector('#count').textContent.length > 0 && !document.querySelector('[data-busy]')`)
	b.dark(true)
	b.open("")
	b.until(`document.querySelector('figure.chart')`)
	b.shot("chart-dark")
	b.dark(false)
	b.open("?chart=1")
	b.shot("chart-table")
}

// TestKeys walks through the list by keys, and leaves typing and modifiers alone.
func TestKeys(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 960)
	b.open("")
	at := `[...document.querySelectorAll('#results tbody tr')].indexOf(document.activeElement.closest('tr'))`
	for i, key := range []string{"j", "j", "k"} {
		b.do(chromedp.KeyEvent(key))
		b.until(at + " === " + []string{"0", "1", "0"}[i])
	}
	b.shot("keys-row")
	b.do(chromedp.KeyEvent("?"))
	b.until(`document.querySelector('#keys').open`)
	b.shot("keys")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.querySelector('#keys').open`)
	b.eval(`document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true, cancelable: true}))`)
	b.until(`document.activeElement.name === 'q'`)
	b.do(chromedp.KeyEvent("jk?"))
	require.Equal(t, "jk?", b.eval(`document.activeElement.value`))
	require.Equal(t, "false", b.eval(`document.querySelector('#keys').open`))
	b.open("")
	b.do(chromedp.KeyEvent("j", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	require.Equal(t, "-1", b.eval(at))
	b.open("?entry=" + entryID(3))
	b.do(chromedp.KeyEvent("j"))
	b.until(`location.search.includes('` + entryID(2) + `')`)
}

// TestDrawer opens entries beside the list on wide screens, with the URL of their own
// page, and leaves by Esc, the back button and a filter.
func TestDrawer(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 960)
	b.open("?action=update&action=create")
	b.until(`document.querySelector('figure.chart')`)
	open, shut := `document.querySelector('.drawer')?.open && document.activeElement.id === 'h-drawer'`, `!document.querySelector('.drawer').open`
	b.click("#results tbody tr:nth-child(2) .c-changes")
	b.until(open)
	b.shot("drawer")
	require.Contains(t, b.eval(`location.search`), "entry=")
	second := b.eval(`location.search`)
	b.do(chromedp.KeyEvent("j"))
	b.until(`location.search !== '` + second + `' && ` + open)
	b.click(`.drawer .tabs a:nth-child(2)`)
	b.until(`location.search.includes('view=history') && ` + open)
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(shut + ` && !location.search.includes('entry')`)
	require.Equal(t, "1", b.eval(`[...document.querySelectorAll('#results tbody tr')].indexOf(document.activeElement.closest('tr'))`), "the focus is where it was")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(open)
	b.dark(true)
	b.shot("drawer-dark")
	b.dark(false)
	b.eval(`history.back()`)
	b.until(shut)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(open)
	b.click(`.drawer .rail dd a`)
	b.until(shut + ` && location.search.startsWith('?user=') && document.querySelector('#results tbody tr')`)
	b.open(second) // the same URL, without a list behind it
	require.Equal(t, "1", b.eval(`document.querySelectorAll('main .entry-title').length`))
	b.size(1024, 768)
	b.open("")
	b.click("#results tbody tr:nth-child(2) .c-changes")
	b.until(`document.querySelector('main .entry-title')`)
}

// TestNarrow: on a phone the filters are in a sheet, and the first entry is in the upper
// half of the screen.
func TestNarrow(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(360, 800)
	b.open("")
	b.shot("narrow")
	require.Equal(t, "true", b.eval(`document.querySelector('#results tbody tr').getBoundingClientRect().top < 400`))
	b.click(".extra-of")
	b.until(`document.querySelector('.extra').matches(':popover-open')`)
	b.click("[data-facet=action] summary")
	b.shot("narrow-sheet")
	b.click("[data-facet=action] .opt:last-child input")
	b.until(`location.search.includes('action=') && document.querySelector('.extra').matches(':popover-open')`)
	require.Equal(t, "1", b.eval(`document.querySelector('.extra-of b').textContent`))
	require.Equal(t, "0", b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
	b.do(chromedp.KeyEvent(kb.Escape))
	b.do(chromedp.KeyEvent(kb.Escape))
	b.until(`!document.querySelector('.extra').matches(':popover-open')`)
	b.open("?group=transaction")
	b.shot("narrow-grouped")
	b.size(1440, 960)
	b.open("?group=transaction")
	b.until(`document.querySelector('figure.chart')`)
	b.shot("grouped")
	require.Equal(t, "true", b.eval(`document.querySelector('.extra').checkVisibility() && !document.querySelector('.extra-of').checkVisibility()`))
}

// TestSavedViews keeps views under names, in this browser and for everyone.
func TestSavedViews(t *testing.T) {
	browser := startBrowser(t)
	shared := &viewsInMemory{}
	s := newSite(t, &viewer.Options{Views: shared, Authorize: func(*http.Request) (access.Grant, error) {
		g, err := access.InsecureForDevelopment(nil)
		g.Actor = people[0]
		return g, err
	}}, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 960)
	b.open("?action=update&group=transaction")
	b.click(".views summary")
	b.until(`document.querySelector('.own').textContent !== ''`)
	b.do(chromedp.SendKeys(chromedp.CSS(".save [name=name]"), "Updates & <groups>"))
	b.click(".save .keep")
	b.until(`document.querySelectorAll('.own li a').length === 1`)
	b.do(chromedp.SendKeys(chromedp.CSS(".save [name=name]"), "For all"))
	b.click(".save .btn:not(.keep)")
	b.until(`document.readyState === 'complete' && document.querySelector('.saved:not(.own) a')`)
	require.Equal(t, "?action=update&group=transaction", b.eval(`location.search`))
	b.open("")
	b.click(".views summary")
	b.until(`document.querySelectorAll('.own li').length === 1`)
	b.shot("views")
	b.click(".own a")
	b.until(`location.search === '?action=update&group=transaction' && document.querySelector('.grp')`)
	require.Equal(t, "1", b.eval(`document.querySelectorAll('.saved:not(.own) a').length`))
}

type viewsInMemory struct {
	mu   sync.Mutex
	list []viewer.SavedView
}

func (v *viewsInMemory) List(context.Context, access.Grant) ([]viewer.SavedView, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.list), nil
}

func (v *viewsInMemory) Save(_ context.Context, _ access.Grant, view viewer.SavedView) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list = append(v.list, view)
	return nil
}

func (v *viewsInMemory) Remove(context.Context, access.Grant, string) error { return nil }
