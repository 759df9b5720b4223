package browser

import (
	"bytes"
	"image/png"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

// TestChangesAreTold: a screen reader hears of each sort and filter, and of new
// entries at most every ten seconds.
func TestChangesAreTold(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(300)...)
	b := newTab(t, browser, s.Server)
	b.open("")
	// What a status region says is what is put into it while it is on the page.
	b.eval(`(window.told = [], new MutationObserver(list => { for (const m of list) { const s = m.target.closest?.('[role=status]'); if (s && s.textContent) told.push([s.id, s.textContent, performance.now()]) } }).observe(document.documentElement, {subtree: true, childList: true}), 0)`)
	said := `told.filter(t => t[0] === 'count').at(-1)?.[1]`
	b.click("thead .c-user a")
	b.until(search + ` === '?sort=user' && ` + said + ` === '301 entries'`)
	b.click("[data-facet=action] summary")
	b.click("[data-facet=action] input[value=login]")
	b.until(said + ` === '66 entries'`)
	b.open("")
	b.eval(`(window.told = [], new MutationObserver(list => { for (const m of list) { const s = m.target.closest?.('[role=status]'); if (s && s.textContent) told.push([s.id, s.textContent, performance.now()]) } }).observe(document.documentElement, {subtree: true, childList: true}), 0)`)
	b.goLive()
	for i := range 24 { // twelve seconds
		s.write(t, 3000+i, 1)
		time.Sleep(500 * time.Millisecond)
	}
	b.until(`told.filter(t => t[0] === 'said').length >= 2`)
	require.Equal(t, "true", b.eval(`told.filter(t => t[0] === 'said').every((t, i, all) => !i || t[2] - all[i - 1][2] > 9900)`), "told too often: %s", b.eval(`JSON.stringify(told)`))
	b.click(".live")
}

// TestRevokedSessionIsToldWithinAMinute: nothing is cut; the server asks again.
func TestRevokedSessionIsToldWithinAMinute(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	browser := startBrowser(t)
	var out atomic.Bool
	s := newSite(t, &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
		if out.Load() {
			return access.Grant{}, access.ErrDenied
		}
		return access.Grant{Everything: true, Follow: true, Personal: true}, nil
	}}, demo(20)...)
	b := newTab(t, browser, s.Server)
	b.open("")
	b.goLive()
	out.Store(true)
	began := time.Now()
	require.Eventually(t, func() bool { return b.eval(chip) == "Signed out" }, time.Minute, 500*time.Millisecond)
	t.Logf("told after %v", time.Since(began).Round(time.Second))
	rows := b.eval(rowCount)
	s.write(t, 1000, 3)
	time.Sleep(time.Second)
	require.Equal(t, rows, b.eval(rowCount), "nothing comes in any more")
	require.Equal(t, "false", b.eval(`document.querySelector('.live').getAttribute('aria-checked')`))
}

// TestGermanReader: texts, numbers, dates and plural forms, also those that the
// script writes.
func TestGermanReader(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, &viewer.Options{Languages: []viewer.Language{viewer.German(), viewer.French()}, Language: func(*http.Request) string { return "de" }}, demo(300)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 960)
	b.open("")
	require.Equal(t, "de", b.eval(`document.documentElement.lang`))
	require.Equal(t, "301 Einträge", b.eval(`document.querySelector('#count').textContent`))
	b.shot("german-list")
	b.click(".live")
	b.until(chip + ` === 'Live'`)
	b.eval(`window.scrollTo(0, 900)`)
	s.write(t, 1000, 1)
	b.until(`document.querySelector('.fresh').textContent === '1 neuer Eintrag'`)
	s.write(t, 2000, 1300)
	b.until(chip + ` === '1.301 warten'`)
	require.Equal(t, "1.301 neue Einträge", b.eval(`document.querySelector('.fresh').textContent`))
	b.shot("german-held")
	b.click(".live")
	b.open("?entry=" + entryID(900_000))
	b.shot("german-entry")
	require.Contains(t, b.eval(`document.querySelector('main').innerText`), "12,4\u00a0kB")
	b.size(360, 800)
	b.open("")
	b.shot("german-360")
	require.Equal(t, "0", b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
	b.open("?lang=fr")
	b.shot("french-360")
	require.Equal(t, "0", b.eval(`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
	b.size(1440, 960)
	b.open("?lang=fr&record=rien")
	b.shot("french-empty")
}

// TestForcedColours: what is told by a background alone would be gone.
func TestForcedColours(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, nil, demo(60)...)
	b := newTab(t, browser, s.Server)
	b.size(1440, 960)
	b.media("forced-colors", "active")
	b.open("?range=7d&sort=user")
	b.open("?range=all&sort=user&action=update")
	for what, js := range map[string]string{
		"the switch":          `parseFloat(getComputedStyle(document.querySelector('.knob')).borderTopWidth) >= 1`,
		"the sorted column":   `getComputedStyle(document.querySelector('[aria-sort=ascending] .dir')).opacity === '1' && getComputedStyle(document.querySelector('[aria-sort=ascending] .dir')).backgroundColor !== 'rgba(0, 0, 0, 0)'`,
		"the edge of a field": `parseFloat(getComputedStyle(document.querySelector('.find input')).borderTopWidth) >= 1`,
		"the edge of a pill":  `parseFloat(getComputedStyle(document.querySelector('.act')).borderTopWidth) >= 1`,
	} {
		require.Equal(t, "true", b.eval(js), what)
	}
	b.open("?entry=" + entryID(900_000))
	require.Equal(t, "true", b.eval(`getComputedStyle(document.querySelector('.old mark')).textDecorationLine === 'line-through'`))
	b.shot("forced-colors-entry")
}

// TestThemeOfFiveVariables passes axe in light and dark, and its colours are on
// the screen.
func TestThemeOfFiveVariables(t *testing.T) {
	browser := startBrowser(t)
	s := newSite(t, &viewer.Options{ThemeCSS: []byte(`:root { --av-accent: light-dark(#7a2e8e, #e0a8f0); --av-accent-soft: light-dark(#f7ecfa, #331c3a);
		--av-canvas: light-dark(#faf7f2, #14110d); --av-surface: light-dark(#fffefb, #1b1712); --av-radius: 2px }`)}, demo(60)...)
	b := newTab(t, browser, s.Server)
	source := axeSource(t)
	b.size(1440, 900)
	for _, dark := range []bool{false, true} {
		b.dark(dark)
		canvas, surface := [3]uint8{0xfa, 0xf7, 0xf2}, [3]uint8{0xff, 0xfe, 0xfb}
		if dark {
			canvas, surface = [3]uint8{0x14, 0x11, 0x0d}, [3]uint8{0x1b, 0x17, 0x12}
		}
		for _, query := range []string{"?range=30d&action=update", "", "?entry=" + entryID(900_000)} {
			b.open(query)
			require.Empty(t, strings.Join(b.violations(source), "\n"), "%s, dark %v", query, dark)
		}
		b.open("")
		require.Equal(t, canvas, b.pixel(4, 400))
		require.Equal(t, surface, b.pixel(1000, 208), "the bar above the table")
	}
}

// pixel is the colour that is really on the screen.
func (b *tab) pixel(x, y int) [3]uint8 {
	b.t.Helper()
	shot, err := chromedp.Run(b.Context, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	picture, err := png.Decode(bytes.NewReader(shot))
	require.NoError(b.t, err)
	red, green, blue, _ := picture.At(x, y).RGBA()
	return [3]uint8{uint8(red >> 8), uint8(green >> 8), uint8(blue >> 8)}
}
