package browser

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

const search = `location.search`

// TestFilterSortOpenAndBack: every step is in the URL, and the browser's own
// back and forward undo and redo it.
func TestFilterSortOpenAndBack(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(300)...)
	b := newTab(t, browser, s.Server)
	b.open("")
	b.eval(`window.stayed = true`)
	b.click("[data-facet=action] summary")
	b.click("[data-facet=action] input[value=login]")
	b.until(search + ` === '?action=login'`)
	require.Equal(t, "true", b.eval(`document.querySelector('[data-facet=action]').open`), "the menu stays open")
	require.Equal(t, "login", b.eval(`document.activeElement.value`), "and the focus in it")
	b.until(`document.querySelector('#count').textContent === '66 entries'`)
	b.do(chromedp.KeyEvent(kb.Escape))
	require.Equal(t, "SUMMARY", b.eval(`document.activeElement.nodeName`))
	b.click("thead .c-user a")
	b.until(`document.querySelector('.c-user').getAttribute('aria-sort') === 'ascending'`)
	b.click("thead .c-user a")
	b.until(`document.querySelector('.c-user').getAttribute('aria-sort') === 'descending'`)
	require.Equal(t, "?action=login&sort=-user", b.eval(search))
	b.click("a[rel=next]")
	b.until(search + `.includes('cursor=')`)
	require.Equal(t, "16", b.eval(rowCount))
	require.Equal(t, "true", b.eval(`window.stayed`), "no page was loaded anew")

	b.click("#results tbody tr:nth-child(2) .c-changes") // anywhere on the row
	b.until(`document.querySelector('.entry-title')`)
	require.Equal(t, "true", b.eval(search+`.includes('action=login')`))
	b.do(chromedp.NavigateBack())
	b.until(rowCount + ` === 16`)
	b.do(chromedp.NavigateBack())
	b.until(`document.querySelector('.c-user')?.getAttribute('aria-sort') === 'descending' && ` + rowCount + ` === 50`)
	b.do(chromedp.NavigateBack())
	b.until(`document.querySelector('.c-user').getAttribute('aria-sort') === 'ascending'`)
	b.do(chromedp.NavigateForward())
	b.until(`document.querySelector('.c-user').getAttribute('aria-sort') === 'descending'`)
	b.until(`document.querySelector('#count').textContent === '66 entries'`)

	c := newTab(t, browser, s.Server) // a shared link
	c.open(b.eval(search))
	require.Equal(t, "66 entries", c.eval(`document.querySelector('#count').textContent`))
	require.Equal(t, "descending", c.eval(`document.querySelector('.c-user').getAttribute('aria-sort')`))
	c.click(".chips a")
	c.until(`document.querySelector('#count').textContent === '301 entries'`)
}

func TestSearchWhileTyping(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.open("")
	b.eval(`document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '/', bubbles: true, cancelable: true}))`)
	b.do(chromedp.KeyEvent("webhook"))
	b.until(search + ` === '?q=webhook'`)
	require.Equal(t, "q", b.eval(`document.activeElement.name`))
	b.do(chromedp.KeyEvent("x"))
	b.until(search + ` === '?q=webhookx'`)
	require.Equal(t, "webhookx", b.eval(`document.activeElement.value`))
	b.until(`document.querySelector('.empty h2').textContent === 'No results'`)
	b.click(".empty .btn")
	b.until(rowCount + ` === 50`)

	// Half a qualifier is no mistake as long as somebody types.
	b.click(".find input")
	asked := `performance.getEntriesByType('resource').filter(r => r.name.endsWith('?q=action%3A')).length`
	b.do(chromedp.KeyEvent("action:"))
	b.until(asked + ` === 1 && !document.documentElement.dataset.busy`)
	require.Equal(t, "null", b.eval(`document.querySelector('.fault')`))
	require.Equal(t, "50", b.eval(rowCount))
	b.do(chromedp.KeyEvent("login"))
	b.until(search + ` === '?q=action%3Alogin'`)
	require.Equal(t, "action:login", b.eval(`document.activeElement.value`))

	// On Enter, and on leaving the field, it is told beside the field, which keeps what was
	// typed.
	b.open("?type=invoices")
	b.click(".find input")
	b.do(chromedp.KeyEvent("action:\r"))
	b.until(`document.querySelector('.fault')?.textContent.includes('“action:” needs a value, such as action:update')`)
	require.Equal(t, "q action: true fault", b.eval(`(e => [e.name, e.value, e.ariaInvalid, e.getAttribute('aria-describedby')].join(' '))(document.activeElement)`))
	require.Equal(t, "0", b.eval(rowCount))
	require.Equal(t, "true", b.eval(`document.querySelector('[name=type][value=invoices]').checked`))
	b.shot("search-problem")
	b.do(chromedp.KeyEvent("update"))
	b.until(`document.querySelector('.fault') === null && ` + search + ` === '?q=action%3Aupdate&type=invoices'`)
	b.open("")
	b.click(".ip input")
	b.do(chromedp.KeyEvent("203.0."))
	b.until(`performance.getEntriesByType('resource').some(r => r.name.endsWith('?ip=203.0.')) && !document.documentElement.dataset.busy`)
	require.Equal(t, "null", b.eval(`document.querySelector('.fault')`))
	b.do(chromedp.KeyEvent("\t"))
	b.until(`document.querySelector('.fault')?.textContent.includes("isn't an IP address")`)
	require.NotEqual(t, "ip", b.eval(`document.activeElement.name`), "the focus moves on")
	b.shot("ip-problem")
	b.forgive() // the browser itself tells of the status 400
}

// TestOnlyAndWithoutInAMenu, by mouse and by keyboard, and without JavaScript.
func TestOnlyAndWithoutInAMenu(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 900)
	const login = "[data-facet=action] .opt:has([value=login])"
	b.open("?action=update&action=create")
	b.click("[data-facet=action] summary")
	require.Equal(t, "hidden", b.eval(`getComputedStyle(document.querySelector('`+login+` .pick1')).visibility`))
	b.do(chromedp.Focus(login + " input"))
	b.until(`getComputedStyle(document.querySelector('` + login + ` .pick1')).visibility === 'visible'`)
	b.shot("menu-only-without")
	b.do(chromedp.KeyEvent("\t"))
	require.Equal(t, "Only this", b.eval(`document.activeElement.textContent`))
	b.do(chromedp.KeyEvent("\r"))
	b.until(search + ` === '?action=login'`)
	b.open("?per=25")
	_, err := chromedp.Call(b.Context, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	for range 2 { // with and without
		b.open("?per=25")
		b.click("[data-facet=action] summary")
		b.do(chromedp.Focus(login + " input"))
		b.click(login + " [name=not]")
		b.until(search + `.includes('not=action%3Dlogin') && ` + search + `.includes('per=25') && document.querySelector('.chips')?.textContent.includes('Logged in')`)
		_, err := chromedp.Call(b.Context, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
		require.NoError(t, err)
	}
	b.open("") // Enter in a field presses none of these
	b.click(".rec input")
	b.do(chromedp.KeyEvent("40\r"))
	b.until(search + ` === '?record=40'`)
}

// TestWrongFilterWithoutJavaScript: the form comes back with what was entered, and is
// mended there, on a phone too.
func TestWrongFilterWithoutJavaScript(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	_, err := chromedp.Call(b.Context, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	b.size(1440, 900)
	b.open("?ip=x&type=invoices&range=custom&from=2026-10-01")
	require.Equal(t, "x", b.eval(`document.querySelector('[aria-invalid=true]').value`))
	require.Equal(t, "2026-10-01", b.eval(`document.querySelector('[name=from]').value`))
	require.Equal(t, "true", b.eval(`document.querySelector('.fault').checkVisibility()`))
	b.do(chromedp.SetValue("[name=ip]", "203.0.113.24"))
	b.click(".apply")
	b.until(rowCount + ` > 0`)
	require.Equal(t, "true", b.eval(search+`.includes('type=invoices') && `+search+`.includes('from=2026-10-01')`))
	b.size(360, 640)
	b.open("?ip=x")
	require.Contains(t, b.eval(`document.querySelector('.empty').textContent`), "IP address: “x” isn't an IP address")
	require.Equal(t, "true", b.eval(`document.documentElement.scrollWidth <= 360`))
	b.shot("ip-problem-360")
	b.forgive()
}

// TestUnknownParameter: the note stands above the list, and what the page leads to, its
// live feed included, doesn't have the parameter.
func TestUnknownParameter(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 900)
	b.open("?usr=ada%40lumen.example&per=25")
	const note = `document.querySelector('.unknown')`
	require.Contains(t, b.eval(note+`.textContent`), "The address has a parameter that this page doesn't know: usr. Did you mean user?")
	require.Equal(t, "true", b.eval(note+`.getBoundingClientRect().bottom < document.querySelector('#results').getBoundingClientRect().top`))
	require.Equal(t, "0", b.eval(`document.querySelectorAll('a[href*="usr"]').length`))
	b.shot("unknown-parameter")
	b.goLive()
	b.until(`document.querySelector('.live').dataset.state === 'on'`)
	s.write(t, 500, 1)
	b.until(`document.querySelector('#count').textContent === '61 entries'`)
	b.click("a[rel=next]")
	b.until(search + `.includes('cursor=')`)
	require.Equal(t, "false", b.eval(search+`.includes('usr')`))
	require.Equal(t, "null", b.eval(note))
	b.open("?usr=ada%40lumen.example")
	b.click(".unknown a")
	b.until(search + ` === '?user=ada%40lumen.example'`)
}

// TestWithoutJavaScript reads, filters, sorts, pages and opens by navigation.
func TestWithoutJavaScript(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(300)...)
	b := newTab(t, browser, s.Server)
	_, err := chromedp.Call(b.Context, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	b.size(1440, 900)
	b.open("")
	require.Equal(t, "none", b.eval(`getComputedStyle(document.querySelector('.live')).display`))
	b.shot("no-js")
	b.click("[data-facet=action] summary")
	b.click("[data-facet=action] input[value=login]")
	b.do(chromedp.SetValue("[name=range]", "custom"))
	b.click(".apply")
	b.until(`document.querySelector('#count')?.textContent === '66 entries'`)
	b.click("thead .c-user a")
	b.until(`document.querySelector('.c-user')?.getAttribute('aria-sort') === 'ascending'`)
	b.click("a[rel=next]")
	b.until(search + `.includes('cursor=')`)
	b.click("#results tbody th a")
	b.until(`document.querySelector('.entry-title')`)
	b.click(".tabs a:nth-child(2)")
	b.until(`document.querySelector('.cols > div .tl')`)
	b.click(".home")
	b.until(rowCount + ` === 16`)
}

// TestDownload reads back what a click on CSV saves.
func TestDownload(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(300)...)
	b := newTab(t, browser, s.Server)
	dir := t.TempDir()
	_, err := chromedp.CallBrowser(b.Context, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
		Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir,
	})
	require.NoError(t, err)
	b.open("?action=login&outcome=failure")
	count := b.eval(`document.querySelector('#count').textContent`)
	b.click(".exp summary")
	b.click(".exp a")
	rows := downloaded(t, dir)
	require.Equal(t, count, fmt.Sprintf("%d entries", len(rows)-1))
}

// downloaded returns the rows of the one CSV file that is downloaded into dir.
func downloaded(t *testing.T, dir string) [][]string {
	t.Helper()
	var file string
	require.Eventually(t, func() bool {
		found, err := filepath.Glob(filepath.Join(dir, "*.csv"))
		if err == nil && len(found) == 1 {
			file = found[0]
		}
		return file != ""
	}, 20*time.Second, 50*time.Millisecond)
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	return rows
}

// TestNothingIsWiderThanTheScreen at any width.
func TestNothingIsWiderThanTheScreen(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, append(demo(100), hostile())...)
	b := newTab(t, browser, s.Server)
	for _, width := range []int64{320, 360, 400, 768, 1024, 1440, 2200} {
		b.size(width, 800)
		for _, query := range []string{"", "?action=update&q=a&range=custom", "?entry=" + entryID(900_000), "?mode=unified&entry=" + entryID(900_000), "?entry=" + entryID(666_666), "?record=none", "?facet=user"} {
			b.open(query)
			over := b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`)
			require.Equal(t, "0", over, "%d wide: %s", width, query)
		}
	}
	// WCAG 1.4.12: wider spacing of text loses nothing.
	b.size(1440, 900)
	b.open("")
	b.eval(`(() => { const s = new CSSStyleSheet(); s.replaceSync('* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important }'); document.adoptedStyleSheets = [s] })()`)
	require.Equal(t, "0", b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
}

// TestKeyboard goes through the page with Tab alone: each stop can be seen.
func TestKeyboard(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(30)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 900)
	b.open("")
	var order []string
	for range 26 {
		b.do(chromedp.KeyEvent(kb.Tab))
		order = append(order, b.eval(`(() => { const e = document.activeElement; return (e.getAttribute('class') || e.name || e.closest('[class]').className).split(' ')[0] })()`))
		outline := b.eval(`(() => { const e = document.activeElement, r = e.matches('.seg input') ? e.nextElementSibling : e, f = e.closest('.field, .dates')
			return [r, e, f].some(x => x && getComputedStyle(x).outlineStyle !== 'none' && parseFloat(getComputedStyle(x).outlineWidth) >= 2) })()`)
		require.Equal(t, "true", outline, "nothing shows the focus on %s", order[len(order)-1])
	}
	at := func(name string) int {
		for i, o := range order {
			if o == name {
				return i
			}
		}
		t.Fatalf("Tab never reaches %s: %v", name, order)
		return -1
	}
	require.Equal(t, 0, at("skip"))
	b.eval(`window.stayed = document.querySelector('#results')`)
	b.eval(`document.querySelector('.skip').focus()`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.activeElement.id === 'main'`)
	require.Equal(t, "true", b.eval(`window.stayed.isConnected`), "the page wasn't read anew")
	require.Less(t, at("live"), at("q"))
	require.Less(t, at("q"), at("range"))
	require.Less(t, at("range"), at("record"))
	require.Less(t, at("record"), at("scroll"))
	// Targets are at least 24 pixels (WCAG 2.5.8), save links in the cells of
	// the table, whose rows are 41 high and clickable as a whole.
	small := b.eval(`[...document.querySelectorAll('button:not([aria-hidden]), summary, .seg > *, .chips a, .pager a, select, thead a, .opt')].filter(e => e.checkVisibility() && !e.matches('input, .lead'))
		.filter(e => { const r = e.getBoundingClientRect(); return r.width && (r.height < 24 || r.width < 24) }).map(e => e.outerHTML.slice(0, 80)).join('\n')`)
	require.Empty(t, small)
}

// TestNoLinkIsWithoutAName: the link to the reader's own zone has no words where
// that zone is UTC, and was a stop of the Tab key all the same.
func TestNoLinkIsWithoutAName(t *testing.T) {
	browser := startBrowser(t)
	b := newTab(t, browser, newSite(t, nil, hostile()).Server)
	for _, zone := range []string{"UTC", "Europe/Berlin"} {
		_, err := chromedp.Call(b.Context, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: zone})
		require.NoError(t, err)
		b.open("")
		require.Equal(t, "0", b.eval(`String([...document.querySelectorAll('a, button')].filter(e => e.checkVisibility() && !(e.textContent.trim() || e.ariaLabel || e.title)).length)`), zone)
	}
}

// hostile is an entry that tries to break out of the page from every field.
func hostile() audit.Entry {
	evil := `<script>alert("x")</script>"><img src=x onerror=alert(1)>' onmouseover='alert(2)` + "\u202e\u200b\x1b[31m{{.}}"
	return audit.Entry{
		ID: entryID(666_666), Time: day.Add(8 * 24 * time.Hour), Tenant: evil, Project: evil, Action: evil, Outcome: audit.Failure, Error: evil, Comment: evil,
		Actor: audit.Actor{Type: evil, ID: evil, Name: evil, Email: "javascript:alert(1)"}, OnBehalfOf: &audit.Actor{Name: evil},
		Object:        audit.Object{Type: evil, ID: evil, Name: evil, Product: evil},
		Request:       audit.Request{IP: evil, UserAgent: evil, ID: evil, Method: evil, Path: evil},
		TransactionID: evil, Metadata: map[string]any{evil: evil},
		Changes: []audit.Change{
			{Field: evil, Old: evil, New: evil + "x"}, {Field: "url", Old: "javascript:alert(1)", New: "data:text/html,<script>alert(1)</script>"},
			{Field: "huge", Op: audit.OpAdd, New: strings.Repeat("<b>huge</b> ", 90_000)},
			{Field: "tree", Old: map[string]any{evil: []any{evil}}, New: map[string]any{evil: []any{"x"}}},
		},
	}
}

// TestHostileEntries are shown, and do nothing.
func TestHostileEntries(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, append(demo(5), hostile())...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 1100)
	harmless := func() {
		b.t.Helper()
		require.Equal(t, "0", b.eval(`[...document.querySelectorAll('script, img, iframe, object, embed, [onerror], [onmouseover], [style]')].filter(e => !e.src?.includes('?asset=')).length`))
		require.Equal(t, "0", b.eval(`[...document.querySelectorAll('a[href]')].map(a => new URL(a.getAttribute('href'), location)).filter(u => !/^https?:$/.test(u.protocol) || u.origin !== location.origin).length`))
		require.Equal(t, "false", b.eval(`/[\u202e\u200b\u001b]/.test(document.body.innerText + document.title)`))
	}
	b.open("")
	harmless()
	require.Equal(t, "true", b.eval(`[...document.querySelectorAll('.ctl')].some(e => e.textContent === 'U+202E')`))
	b.shot("hostile-list")
	b.click("#results tbody th a")
	b.until(`document.querySelector('.entry-title')`)
	harmless()
	b.shot("hostile-entry")
	for _, query := range []string{"?view=history&entry=", "?view=state&entry=", "?mode=unified&entry="} {
		b.open(query + entryID(666_666))
		harmless()
	}
	// The same over the live feed, and as a filter in the URL.
	b.open("")
	b.goLive()
	e := hostile()
	e.ID, e.Time = entryID(666_667), time.Now()
	require.NoError(t, s.trail.Record(t.Context(), e))
	b.until(firstRow + ` === '` + entryID(666_667) + `'`)
	harmless()
	b.open(values("q", `"><script>alert(1)</script>"`, "user", hostile().Actor.Name, "type", "</script><script>alert(1)</script>"))
	harmless()
	b.forgive() // the search can't be read, and says so with status 400
}

// TestPrint looks at the PDF that the browser prints.
func TestPrint(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(120)...)
	b := newTab(t, browser, s.Server)
	b.size(400, 800) // paper is wide, whatever the screen is
	text := func(query, name string, options ...string) string {
		b.open(query)
		pdf, err := chromedp.Run(b.Context, chromedp.PrintToPDF(chromedp.PDFPrintBackground()))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("shots", 0o755))
		file := filepath.Join("shots", name+".pdf")
		require.NoError(t, os.WriteFile(file, pdf, 0o644))
		out, err := exec.CommandContext(t.Context(), "pdftotext", append(options, file, "-")...).Output()
		if err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("pdftotext is needed: %v", err)
			}
			t.Skipf("pdftotext is needed: %v", err)
		}
		return string(out)
	}
	list := text("?per=100&action=update&range=custom&from=2026-10-15", "print-list", "-layout")
	require.Greater(t, strings.Count(list, "Object type"), 2, "the head is repeated on each page")
	for _, want := range []string{"From 15 Oct 2026", "Action Updated", "entries"} {
		require.Contains(t, list, want)
	}
	for _, control := range []string{"Rows per page", "Export", "Live updates", "Next", "Clear all", "Last 7 days", "Display", "Keyboard", "As a table"} {
		require.NotContains(t, list, control)
	}
	require.Regexp(t, `\b1 ?/ ?[2-9]`, list, "pages are numbered")
	grouped := text("?per=100&group=transaction", "print-grouped", "-layout")
	require.Contains(t, grouped, "Transaction tx_")
	// Where the lines break depends on the fonts of the machine.
	entry := strings.Join(strings.Fields(text("?entry="+entryID(900_000), "print-entry")), " ")
	require.Contains(t, entry, "Call before any credit check", "long values are open")
	require.Contains(t, entry, "sentrum")
	for _, control := range []string{"Show all", "Older", "Unified"} {
		require.NotContains(t, entry, control)
	}
}

// TestBudgets are on what can be counted exactly; times are only told.
func TestBudgets(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, gzipOptions(), demo(300)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 900)
	b.open("?per=100")
	b.until(`document.readyState === 'complete'`)
	time.Sleep(300 * time.Millisecond) // the favicon
	b.mu.Lock()
	requests, bytes := b.count, b.bytes
	b.mu.Unlock()
	t.Logf("100 rows: %d requests, %d bytes over the wire", requests, bytes)
	require.LessOrEqual(t, requests, 6)
	require.LessOrEqual(t, bytes, int64(40_000))
	require.Equal(t, "100", b.eval(rowCount))
	perRow := b.eval(`Math.max(...[...document.querySelectorAll('#results tbody tr')].map(r => r.querySelectorAll('*').length + 1))`)
	t.Logf("%s elements in the largest row", perRow)
	require.Equal(t, "true", b.eval(perRow+` <= 40`))
	shift := b.eval(`(() => { let sum = 0; const o = new PerformanceObserver(() => {}); o.observe({type: 'layout-shift', buffered: true}); for (const e of o.takeRecords()) sum += e.value; return sum })()`)
	t.Logf("layout shift %s", shift)
	require.Equal(t, "true", b.eval(shift+` <= 0.01`))
}
