package browser

import (
	"strings"
	"testing"

	"github.com/gormtrail/audit/viewer"
)

// longer makes a text about 40 % longer. A short one becomes a single word, as German
// makes one of two nouns; of a long one, the first word becomes very long.
func longer(s string) string {
	if strings.TrimSpace(s) == "" {
		return s
	}
	n := len([]rune(s))
	if n <= 24 {
		return strings.ReplaceAll(s, " ", "") + strings.Repeat("e", 1+n*2/5)
	}
	return strings.Repeat("Ww", 8) + strings.Repeat("e", max(0, n*2/5-16)) + s
}

// cutTexts are the texts that don't fit where they stand, and say so neither by an
// ellipsis nor by a tooltip, and the controls that lie over each other.
const cutTexts = `(() => {
	const shown = e => e.checkVisibility({opacityProperty: true, visibilityProperty: true}) && !e.closest('.vh, svg, template') && e.getBoundingClientRect().width > 1
	const name = e => e.nodeName + '.' + (e.getAttribute('class') ?? '') + ' “' + e.textContent.trim().slice(0, 40) + '”'
	const top = [...document.querySelectorAll('dialog[open], :popover-open')].at(-1) ?? document.querySelector('details.menu[open] .panel') ?? document.body
	const faults = []
	for (const e of top.querySelectorAll('*')) {
		const own = [...e.childNodes].filter(n => n.nodeType === 3 && n.data.trim())
		if (!own.length || !shown(e) || e.closest('option, pre, textarea')) continue
		for (const n of own) {
			const r = document.createRange()
			r.selectNodeContents(n)
			const text = r.getBoundingClientRect()
			if (text.width < 2) continue
			for (let a = e, nearest = true; a && a !== document.body; a = a.parentElement) {
				const s = getComputedStyle(a), b = a.getBoundingClientRect()
				if (s.display === 'inline' || s.display === 'contents') continue
				if (s.clipPath !== 'none' || s.webkitLineClamp !== 'none' || s.overflowX === 'auto' || s.overflowX === 'scroll') break
				if ((nearest || s.overflowX !== 'visible' || a.nodeName === 'TH' || a.nodeName === 'TD') && (text.right > b.right + 1.5 || text.left < b.left - 1.5)) {
					if (s.overflowX === 'visible' || s.textOverflow !== 'ellipsis' && !a.closest('[title]')) faults.push('cut: ' + name(e) + ' in ' + a.nodeName + '.' + (a.getAttribute('class') ?? ''))
					break
				}
				nearest = false
				if (s.position === 'absolute' || s.position === 'fixed') break
			}
		}
	}
	const rects = e => { // what is scrolled out of sight lies over nothing
		const box = e.closest('.opts, .saved, .body')?.getBoundingClientRect()
		return [...e.getClientRects()].filter(r => !box || r.top >= box.top && r.bottom <= box.bottom)
	}
	const controls = [...top.querySelectorAll('a, button, summary, input, select')].filter(e => shown(e) && !e.closest('table, svg') && !e.matches('.seg input'))
	for (let i = 0; i < controls.length; i++) for (let j = i + 1; j < controls.length; j++) {
		const a = controls[i], b = controls[j]
		if (a.contains(b) || b.contains(a) || a.closest('label')?.contains(b)) continue
		for (const x of rects(a)) for (const y of rects(b))
			if (Math.min(x.right, y.right) - Math.max(x.left, y.left) > 1.5 && Math.min(x.bottom, y.bottom) - Math.max(x.top, y.top) > 1.5) faults.push('overlap: ' + name(a) + ' and ' + name(b))
	}
	const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth
	if (wide > 0) faults.push('the page is ' + wide + ' px too wide: ' + [...document.body.querySelectorAll('*')].filter(e => shown(e) && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(name).at(-1))
	return [...new Set(faults)].slice(0, 12).join('\n') })()`

// TestLongWords: a language of long words fits the page on every screen.
func TestLongWords(t *testing.T) {
	browser := startBrowser(t)
	trail, jobs := preparing(t, nil, append(demo(120), rich())...)
	s := siteOf(t, trail, &viewer.Options{Views: &viewsInMemory{list: []viewer.SavedView{{Name: "Updates", Query: "action=update"}}}, Jobs: jobs,
		Back: viewer.Link{Label: "Lumen", URL: "/"}, Languages: []viewer.Language{pseudo("en-XL", false, longer)}})
	b := newTab(t, browser, s.Server)
	click := func(selector string) string { return `document.querySelector('` + selector + `').click()` }
	for _, width := range []int64{360, 1024, 1440} {
		b.size(width, 900)
		for _, state := range []struct{ name, query, prepare, until string }{
			{"list", "", "", ""},
			{"filtered", "&action=update&outcome=success&range=custom&from=2026-10-15&to=2026-10-20", "", ""},
			{"user menu", "", click(".extra-of") + ";" + click("[data-facet=user] summary"), `document.querySelector('[data-facet=user] .panel').checkVisibility()`},
			{"action menu", "", click(".extra-of") + ";" + click("[data-facet=action] summary"), `document.querySelector('[data-facet=action] .panel').checkVisibility()`},
			{"display", "", click(".display summary"), `document.querySelector('.display .panel').checkVisibility()`},
			{"views", "", click(".views summary"), `document.querySelector('.saved.own').textContent`},
			{"zones", "", click(".tz summary"), `document.querySelector('.tz .panel').checkVisibility()`},
			{"export", "", click(".exp summary"), `document.querySelector('.exp .panel').checkVisibility()`},
			{"grouped", "&group=transaction", "", ""},
			{"empty", "&record=none", "", ""},
			{"entry", "&entry=" + entryID(900_000), "", ""},
			{"unified", "&mode=unified&entry=" + entryID(900_000), "", ""},
			{"failed", "&entry=" + entryID(3), "", ""},
			{"history", "&view=history&entry=" + entryID(900_000), "", ""},
			{"snapshot", "&view=state&entry=" + entryID(900_000), "", ""},
			{"facet", "&facet=user", "", ""},
			{"chart", "&chart=1", "", ""},
			{"legend", "&legend=1", "", ""},
			{"help", "&help=1", "", ""},
			{"completion", "", typing, `document.querySelector('#av-complete:not([hidden]) li')`},
			{"unknown parameter", "&actoin=update", "", ""},
			{"jobs", "&jobs=list", "", ""},
			{"missing", "&entry=none", "", ""},
		} {
			b.open("?lang=en-XL" + state.query)
			b.prepare(state.prepare, state.until)
			if faults := b.eval(cutTexts); faults != "" {
				t.Errorf("%s, %d wide:\n%s", state.name, width, faults)
			}
			b.shot("long-" + strings.ReplaceAll(state.name, " ", "-") + "-" + map[int64]string{360: "360", 1024: "1024", 1440: "1440"}[width])
		}
	}
	b.forgive() // a missing entry is an error on the console
}
