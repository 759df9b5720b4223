package browser

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/viewer"
)

// notWords are what a translation keeps: places to fill in, and what is typed.
var notWords = regexp.MustCompile(`%s|\{\w+\}|\w+:\S+|-\w+:\S+`)

// pseudo translates every text with a function of its words.
func pseudo(tag string, rightToLeft bool, translate func(string) string) viewer.Language {
	l := viewer.Language{Tag: tag, RightToLeft: rightToLeft, Texts: map[string]string{}}
	for _, text := range viewer.Texts() {
		var b strings.Builder
		at := 0
		for _, kept := range notWords.FindAllStringIndex(text, -1) {
			b.WriteString(translate(text[at:kept[0]]))
			b.WriteString(text[kept[0]:kept[1]])
			at = kept[1]
		}
		b.WriteString(translate(text[at:]))
		l.Texts[text] = b.String()
	}
	return l
}

// hebrew writes a text in Hebrew letters, so that the browser orders it as it does a
// language that is written from right to left.
func hebrew(s string) string {
	letters := []rune("אבגדהוזחטיכלמנסעפצקרשתךםןץ")
	return strings.Map(func(r rune) rune {
		if c := r | 0x20; c >= 'a' && c <= 'z' {
			return letters[c-'a']
		}
		return r
	}, s)
}

func mirrored(t *testing.T) *site {
	t.Helper()
	e := one(7)
	e.ID, e.Time = entryID(800_000), day.Add(9*24*3600e9)
	e.Request.IP = "2001:db8:4f1::1c9"
	e.Changes = []audit.Change{
		{Field: "address", Old: "2001:db8::1", New: "2001:db8::2"}, {Field: "limits[2]", Old: "10.", New: "(20)"},
		{Field: "status", Old: "פתוח", New: "סגור"}, {Field: "fourth", Old: "one", New: "two"}, {Field: "fifth", Old: "אחד", New: "שתיים"},
	}
	loopback := one(8)
	loopback.ID, loopback.Time, loopback.Request.IP = entryID(800_001), e.Time, "::1"
	return newSite(t, &viewer.Options{Views: &viewsInMemory{list: []viewer.SavedView{{Name: "Updates", Query: "action=update"}}},
		Back:      viewer.Link{Label: "Lumen", URL: "/"},
		Languages: []viewer.Language{pseudo("en-XA", false, hebrew), pseudo("en-XB", true, hebrew)}}, append(demo(120), rich(), e, loopback)...)
}

// typing asks the search box for completions, when a state is prepared with it.
const typing = "typing"

// prepare runs a script of the page, or types.
func (b *tab) prepare(script, until string) {
	b.t.Helper()
	switch script {
	case "":
	case typing:
		b.click(".find input")
		b.until(searchBox + `.getAttribute('role') === 'combobox'`)
		b.do(chromedp.KeyEvent("ac"))
	default:
		b.eval("(() => {" + script + "})()")
	}
	if until != "" {
		b.until(until)
	}
}

type box struct {
	What             string
	Left, Right, Top float64
}

// boxes are those of all visible elements that a selector finds.
func (b *tab) boxes(selectors []string) (list []box, width float64) {
	b.t.Helper()
	names, err := json.Marshal(selectors)
	require.NoError(b.t, err)
	var got struct {
		Width float64
		Boxes []box
	}
	require.NoError(b.t, json.Unmarshal([]byte(b.eval(`JSON.stringify({Width: document.documentElement.clientWidth, Boxes: `+string(names)+`.flatMap(s => {
		const found = [...document.querySelectorAll(s)].filter(e => e.checkVisibility() && e.getBoundingClientRect().width)
		return (found.length ? found : [null]).slice(0, 40).map((e, i) => { const r = e?.getBoundingClientRect() ?? {left: -1, right: -1, top: -1}
			return {What: s + ' ' + i + (e ? '' : ' is missing'), Left: r.left, Right: r.right, Top: r.top} }) })})`)), &got))
	return got.Boxes, got.Width
}

// TestRightToLeftIsTheMirror: each landmark of a page stands as far from the right edge
// as it stands from the left one in a language that is written from left to right.
func TestRightToLeftIsTheMirror(t *testing.T) {
	browser := startBrowser(t)
	s := mirrored(t)
	b := newTab(t, browser, s.Server)
	click := func(selector string) string { return `document.querySelector('` + selector + `').click()` }
	for _, state := range []struct {
		name, query, prepare, until string
		width                       int64
		landmarks                   []string
	}{
		{"list", "&action=update&action=login", "", `document.querySelector('figure.chart')`, 1440, []string{"h1", ".home", ".home .ico", ".live", ".knob", ".exp > summary", ".exp > summary .ico", ".find input", ".find .ico", ".find kbd", ".range select",
			"#extra > .menu > summary", "#extra > .menu > summary .ico", ".rec input", ".ip input", ".chips a", ".chips .ico", ".bar > p", ".tz > summary", ".views > summary", ".display summary", "thead th", "thead a", "tbody .day", "tbody tr:nth-child(2) > *",
			"tbody .act", "tbody .act .ico", "tbody .c-record a", ".per", ".keys", ".steps .btn", ".steps .ico"}},
		{"user menu", "", click("[data-facet=user] summary"), `document.querySelector('[data-facet=user] .panel').checkVisibility()`, 1440, []string{"[data-facet=user] .panel", "[data-facet=user] .opt", "[data-facet=user] .opt input", "[data-facet=user] .opt bdi"}},
		{"export", "", click(".exp summary"), `document.querySelector('.exp .panel').checkVisibility()`, 1440, []string{".exp .panel", ".exp .lead", ".exp .opt"}},
		{"display", "", click(".display summary"), `document.querySelector('.display .panel').checkVisibility()`, 1440, []string{".display .panel", ".display .seg label", ".display .opt input", ".display .ends > *"}},
		{"views", "", click(".views summary"), `document.querySelector('.saved.own').textContent`, 1440, []string{".views .panel", ".saved a", ".views .narrow"}},
		{"zones", "", click(".tz summary"), `document.querySelector('.tz .panel').checkVisibility()`, 1440, []string{".tz .panel", ".tz .opts a", ".tz .narrow"}},
		{"grouped", "&group=transaction", "", "", 1440, []string{".grp th", ".in > th"}},
		{"tablet", "", "", "", 1024, []string{"h1", ".find input", "#extra > .menu > summary", "thead th", ".steps .btn"}},
		{"drawer", "", click("#results tbody .c-time a"), `document.querySelector('.drawer[open] h1')`, 1440, []string{".drawer", ".drawer .shut", ".drawer .whole", ".drawer .steps .btn", ".drawer h1", ".drawer .tabs a", ".drawer .card", ".drawer .meta dt", ".drawer .meta dd"}},
		{"entry", "&entry=" + entryID(900_000), "", "", 1440, []string{".home", ".home .ico", ".steps .btn", ".steps .ico", ".eyebrow .act", "h1", ".byline .who", ".tabs a", ".diff th", ".diff td", ".rail", ".rail .card", ".meta dt", ".meta dd", ".tl .pt", ".tl li > a", ".raw summary"}},
		{"unified", "&mode=unified&entry=" + entryID(900_000), "", "", 1440, []string{".uni .sign", ".uni del", ".uni ins"}},
		{"history", "&view=history&entry=" + entryID(800_000), "", "", 1440, []string{".tl .pt", ".tl .did"}},
		{"keys", "", click(".btn.keys"), `document.querySelector('#keys[open]')`, 1440, []string{"#keys", "#keys kbd", "#keys dd"}},
		{"legend", "&legend=1", "", "", 1440, []string{"h1", ".find input", ".legend th", ".legend td", ".legend .act", ".legend .act .ico"}},
		{"help", "&help=1", "", "", 1440, []string{"h1", ".legend th", ".legend td"}},
		{"completion", "", typing, `document.querySelector('#av-complete:not([hidden]) li')`, 1440, []string{"#av-complete", "#av-complete li"}},
		{"unknown parameter", "&actoin=update", "", "", 1440, []string{".note.unknown", ".note.unknown p"}},
		{"phone", "", "", "", 360, []string{"h1", ".find input", ".range select", ".extra-of", ".exp > summary", "tbody .c-action .act", "tbody .c-time", "tbody tr:nth-child(2) > td", ".steps .btn"}},
		{"sheet", "", click(".extra-of"), `document.querySelector('.extra:popover-open')`, 360, []string{".extra", ".extra-head .btn", ".extra .menu > summary", ".extra .menu > summary .ico", ".rec input", ".ip input"}},
		{"entry on a phone", "&entry=" + entryID(900_000), "", "", 360, []string{".home", ".steps .btn", "h1", ".tabs a", ".diff th", ".diff td", ".meta dt", ".meta dd"}},
	} {
		b.size(state.width, 900)
		var seen [2][]box
		var width [2]float64
		for i, tag := range []string{"en-XA", "en-XB"} {
			b.open("?lang=" + tag + state.query)
			b.prepare(state.prepare, state.until)
			seen[i], width[i] = b.boxes(state.landmarks)
			b.shot("mirror-" + strings.ReplaceAll(state.name, " ", "-") + "-" + tag)
		}
		require.Equal(t, width[0], width[1], state.name)
		require.Len(t, seen[1], len(seen[0]), state.name)
		var faults []string
		for i, l := range seen[0] {
			r := seen[1][i]
			if l.Left < 0 && l.Right < 0 && strings.Contains(l.What, "missing") || math.Abs(width[0]-r.Right-l.Left) > 2 || math.Abs(width[0]-r.Left-l.Right) > 2 || math.Abs(l.Top-r.Top) > 2 {
				faults = append(faults, fmt.Sprintf("%s: %.0f–%.0f at %.0f, mirrored %.0f–%.0f at %.0f", l.What, l.Left, l.Right, l.Top, width[0]-r.Right, width[0]-r.Left, r.Top))
			}
		}
		if len(faults) > 0 {
			t.Errorf("%s, %d wide:\n%s", state.name, state.width, strings.Join(faults, "\n"))
		}
	}
}

// seenAs is an element's text as it stands on the screen: its letters from left to right.
const seenAs = `(e => { const list = [], walk = document.createTreeWalker(e, NodeFilter.SHOW_TEXT)
	for (let n; n = walk.nextNode();) for (let i = 0; i < n.data.length; i++) { const r = document.createRange(); r.setStart(n, i); r.setEnd(n, i + 1)
		const b = r.getClientRects()[0]; if (b?.width) list.push([b.left + Math.round(b.top) * 1e4, n.data[i]]) }
	return list.sort((a, b) => a[0] - b[0]).map(x => x[1]).join('') })`

// TestRightToLeftReading: addresses, IDs and paths keep their order, an old value comes
// before the new one, and what points, points the way that people read.
func TestRightToLeftReading(t *testing.T) {
	browser := startBrowser(t)
	b := newTab(t, browser, mirrored(t).Server)
	b.size(1440, 1000)
	b.open("?lang=en-XB&tz=Europe/Berlin")
	require.Equal(t, "rtl", b.eval(`document.documentElement.dir`))
	row := `document.querySelector('[data-id="` + entryID(800_000) + `"]')`
	sees := func(want, element string) {
		t.Helper()
		require.Equal(t, want, b.eval(seenAs+"("+element+")"), element)
	}
	sees("2001:db8:4f1::1c9", row+`.querySelector('.c-ip a')`)
	sees("::1", `document.querySelector('[data-id="`+entryID(800_001)+`"] .c-ip a')`)
	sees("2001:db8::1", row+`.querySelectorAll('.c-changes del')[0]`)
	sees("10.", row+`.querySelectorAll('.c-changes del')[1]`)
	sees("(20)", row+`.querySelectorAll('.c-changes ins')[1]`)
	sees("limits[2]", row+`.querySelectorAll('.c-changes code')[1]`)
	sees("Europe/Berlin", `document.querySelector('.tz strong')`)
	require.Equal(t, "true", b.eval(`[...`+row+`.querySelectorAll('.c-changes del')].every(d => d.getBoundingClientRect().left >= d.nextElementSibling.getBoundingClientRect().right)`), "the old value is read first")
	require.Equal(t, "false", b.eval(`document.querySelector('#results').textContent.includes('→')`), "an arrow points at the new value")
	for _, ltr := range []struct{ tag, arrow string }{{"en-XA", "→"}, {"en-XB", "←"}} {
		b.open("?lang=" + ltr.tag)
		b.eval(row + `.querySelector('.rest').open = true`)
		order := b.eval(`(text => { const at = s => { const walk = document.createTreeWalker(` + row + `.querySelector('.rest'), NodeFilter.SHOW_TEXT)
			for (let n; n = walk.nextNode();) { const i = n.data.indexOf(s); if (i >= 0) { const r = document.createRange(); r.setStart(n, i); r.setEnd(n, i + s.length); return r.getBoundingClientRect().left } } }
			return [at('one') < at('two'), at('אחד') < at('שתיים')] })()`)
		require.Equal(t, map[string]string{"en-XA": "true,true", "en-XB": "false,false"}[ltr.tag], order)
		require.Contains(t, b.eval(row+`.querySelector('.rest').textContent`), ltr.arrow)
	}
	b.open("?lang=en-XB") // a long name loses its end, not its beginning
	require.Equal(t, "0", b.eval(`[...document.querySelectorAll('.c-record a, .c-user bdi, .c-user small, .c-changes del, .c-changes ins')].filter(e => /^[A-Za-z]/.test(e.textContent) && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline').filter(e => {
		const r = document.createRange(), n = document.createTreeWalker(e, NodeFilter.SHOW_TEXT).nextNode()
		r.setStart(n, 0); r.setEnd(n, 1); return r.getBoundingClientRect().left < e.getBoundingClientRect().left - 1 }).length`))
	require.Equal(t, "true", b.eval(`[...document.querySelectorAll('.c-user bdi')].every(e => { const r = document.createRange(); r.selectNodeContents(e)
		return e.scrollWidth > e.clientWidth || Math.abs(r.getBoundingClientRect().right - e.getBoundingClientRect().right) < 2 })`), "names stand beside their pictures")
	b.open("?lang=en-XB&tz=Europe/Berlin&entry=" + entryID(800_000))
	sees("2001:db8:4f1::1c9", `[...document.querySelectorAll('.meta .mono')].find(e => e.textContent.includes('db8')).querySelector('bdi')`)
	sees(entryID(800_000), `[...document.querySelectorAll('.meta .mono')].at(-1).querySelector('bdi')`)
	sees("2001:db8::1", `document.querySelector('.diff .old .v')`)
	require.Contains(t, b.eval(seenAs+"(document.querySelector('.byline time'))"), "+02:00 Europe/Berlin")
	sees("limits[2]", `document.querySelectorAll('.diff .fld')[1]`)
	require.Equal(t, "-1 1", b.eval(`[...new Set([...document.querySelectorAll('use')].filter(u => /i-(left|right|first|out|auth)$/.test(u.getAttribute('href'))).map(u => getComputedStyle(u.parentNode).scale))].join()`))
	// Time runs along the chart as its labels say.
	b.open("?lang=en-XB")
	b.until(`document.querySelector('figure.chart')`)
	require.Equal(t, "true", b.eval(`(f => { const x = e => e.getBoundingClientRect().left, a = f.querySelectorAll('a[tabindex], svg a'), s = f.querySelectorAll('figcaption > span')
		return (x(a[0].querySelector('.hit')) < x([...a].at(-1).querySelector('.hit'))) === (x(s[0]) < x(s[2])) })(document.querySelector('figure.chart'))`))
}
