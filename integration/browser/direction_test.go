package browser

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/viewer"
)

// hebrew writes every word of the page's texts in Hebrew letters, one for one.
// Words with a colon or a slash are code, and stay.
func hebrew(tag string, rightToLeft bool) viewer.Language {
	const letters = "אבגדהוזחטיכלמנסעפצקרשתךםןף"
	turn := strings.NewReplacer("%s", "%s", "{n}", "{n}", "{total}", "{total}")
	l := viewer.Language{Tag: tag, RightToLeft: rightToLeft, Texts: map[string]string{}}
	to := []rune(letters)
	for _, text := range viewer.Texts() {
		words := strings.Split(text, " ")
		for i, word := range words {
			if strings.ContainsAny(word, ":/{") && !strings.HasSuffix(word, ":") {
				continue
			}
			runes := []rune(turn.Replace(word))
			for j, r := range runes {
				switch {
				case j > 0 && runes[j-1] == '%':
				case 'a' <= r && r <= 'z':
					runes[j] = to[r-'a']
				case 'A' <= r && r <= 'Z':
					runes[j] = to[r-'A']
				}
			}
			words[i] = string(runes)
		}
		l.Texts[text] = strings.Join(words, " ")
	}
	return l
}

// views are the states of the page, and what opens them.
var views = []struct{ name, query, prepare string }{
	{"list", "?per=25", ""},
	{"sorted", "?per=25&sort=user", ""},
	{"filtered", "?action=update&outcome=success&range=custom&from=2026-10-15&ip=203.0.113.0/24&not=user%3Dnobody", ""},
	{"menu-action", "?per=25", `document.querySelector('[data-facet=action] summary').click()`},
	{"menu-user", "?per=25", `document.querySelector('[data-facet=user] summary').click()`},
	{"empty", "?record=none", ""},
	{"facet", "?facet=user", ""},
	{"entry", "?entry=" + entryID(900_000), ""},
	{"unified", "?mode=unified&entry=" + entryID(900_000), ""},
	{"failed", "?entry=" + entryID(3), ""},
	{"history", "?view=history&entry=" + entryID(900_000), ""},
	{"state", "?view=state&entry=" + entryID(900_000), ""},
	{"bad filter", "?ip=x", ""},
	{"missing", "?entry=none", ""},
}

// boxes lists where each block, cell and item of a row is, by its path: [path, from
// the inline start, from the top, width, height].
const boxes = `JSON.stringify((() => {
	const rtl = document.documentElement.dir === 'rtl', wide = document.documentElement.clientWidth, out = []
	const walk = (e, path) => {
		const style = getComputedStyle(e)
		if (style.display === 'none' || e.localName === 'pre' || e.classList.contains('vh') || e.localName === 'svg' && !e.classList.contains('ico')) return
		const parent = getComputedStyle(e.parentElement).display
		if (/^(block|flex|grid|table|list-item)/.test(style.display) || /flex|grid/.test(parent)) {
			const r = e.getBoundingClientRect()
			if (r.width > 1 && r.height > 1) out.push([path, Math.round(rtl ? wide - r.right : r.left), Math.round(r.top), Math.round(r.width), Math.round(r.height)])
		}
		if (e.localName === 'bdi' || style.direction !== (rtl ? 'rtl' : 'ltr')) return
		let i = 0
		for (const c of e.children) walk(c, path + '>' + c.localName + (c.className && c.localName !== 'svg' ? '.' + String(c.className).split(' ')[0] : '') + i++)
	}
	walk(document.body, 'body')
	return out
})())`

// torn lists the texts of Latin letters and digits whose characters don't stand from
// left to right, as an address whose parts have changed places.
const torn = `JSON.stringify((() => {
	const out = [], texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = document.createRange()
	for (let n; n = texts.nextNode();) {
		if (!/^[\x20-\x7e]*[A-Za-z0-9][\x20-\x7e]*$/.test(n.data) || n.parentElement.closest('.vh, option, [hidden]') || !n.parentElement.checkVisibility()) continue
		let before
		for (let i = 0; i < n.data.length; i++) {
			if (n.data[i] === ' ') continue
			range.setStart(n, i); range.setEnd(n, i + 1)
			const r = range.getBoundingClientRect()
			if (!r.width) continue
			if (before && Math.abs(r.top - before.top) < 4 && r.left < before.left - 1) { out.push(n.parentElement.localName + '.' + n.parentElement.className + ' ' + n.data); break }
			before = r
		}
	}
	return out
})())`

// beyond lists what stands outside of the window, save what scrolls inside of its box.
const beyond = `JSON.stringify([...document.querySelectorAll('body *')].filter(e => {
	if (e.closest('.scroll, pre, .sprite, .vh, .skip, thead, option') || !e.checkVisibility()) return false
	const r = e.getBoundingClientRect()
	return r.width > 1 && r.height > 1 && (r.left < -1 || r.right > document.documentElement.clientWidth + 1)
}).map(e => e.localName + '.' + (e.className.baseVal ?? e.className) + ' ' + e.textContent.slice(0, 40)))`

func (b *tab) list(js string) []string {
	b.t.Helper()
	var list []string
	require.NoError(b.t, json.Unmarshal([]byte(b.eval(js)), &list))
	return list
}

// TestRightToLeftIsTheMirrorImage lays the same letters out in both directions: each
// box is as far from one edge as it was from the other, and what is code, an ID or an
// address still reads from left to right.
func TestRightToLeftIsTheMirrorImage(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, &viewer.Options{Languages: []viewer.Language{hebrew("x-ltr", false), hebrew("he", true)}, Back: viewer.Link{Label: "Lumen", URL: "/"}}, demo(300)...)
	b := newTab(t, browser, s.Server)
	for _, width := range []int64{1440, 1024, 360} {
		b.size(width, 900)
		for _, view := range views {
			b.open(view.query + "&lang=x-ltr")
			if view.prepare != "" {
				b.eval(view.prepare)
			}
			var left, right [][]any
			require.NoError(t, json.Unmarshal([]byte(b.eval(boxes)), &left))
			b.open(view.query + "&lang=he")
			if view.prepare != "" {
				b.eval(view.prepare)
			}
			require.Equal(t, "rtl", b.eval(`document.documentElement.dir`))
			require.NoError(t, json.Unmarshal([]byte(b.eval(boxes)), &right))
			b.shot("rtl-" + strings.ReplaceAll(view.name, " ", "-") + "-" + map[int64]string{1440: "1440", 1024: "1024", 360: "360"}[width])
			if faults := unmirrored(left, right); len(faults) > 0 {
				t.Errorf("%s, %d wide, isn't the mirror image:\n%s", view.name, width, strings.Join(faults[:min(12, len(faults))], "\n"))
			}
			require.Equal(t, "0", b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`), "%s, %d", view.name, width)
			if found := b.list(beyond); len(found) > 0 {
				t.Errorf("%s, %d wide, stands outside of the window:\n%s", view.name, width, strings.Join(found, "\n"))
			}
			if found := b.list(torn); len(found) > 0 {
				t.Errorf("%s, %d wide, isn't read from left to right:\n%s", view.name, width, strings.Join(found[:min(12, len(found))], "\n"))
			}
		}
	}
	b.forgive() // a page of a bad request is an error on the console
}

// unmirrored compares the boxes of both directions, within two pixels.
func unmirrored(left, right [][]any) []string {
	var faults []string
	at := map[string][]any{}
	for _, box := range left {
		at[box[0].(string)] = box
	}
	for _, box := range right {
		was := at[box[0].(string)]
		if was == nil {
			faults = append(faults, "only from right to left: "+box[0].(string))
			continue
		}
		for i := 1; i < 5; i++ {
			if d := box[i].(float64) - was[i].(float64); d > 2 || d < -2 {
				text, _ := json.Marshal([][]any{was, box})
				faults = append(faults, string(text))
				break
			}
		}
	}
	return faults
}
