package browser

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/viewer"
)

// axeVersion is checked against what npm serves; the file (MPL-2.0) is only
// used here and never kept.
const axeVersion = "4.14.1"

// axeSource fetches axe-core. Without npm a developer's test skips.
func axeSource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pack := exec.CommandContext(t.Context(), "npm", "pack", "--silent", "axe-core@"+axeVersion)
	pack.Dir = dir
	if out, err := pack.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("axe-core can't be fetched, and CI needs it: %v\n%s", err, out)
		}
		t.Skipf("axe-core can't be fetched: %v", err)
	}
	f, err := os.Open(filepath.Join(dir, "axe-core-"+axeVersion+".tgz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		require.NoError(t, err)
		if h.Name == "package/axe.min.js" {
			source, err := io.ReadAll(r)
			require.NoError(t, err)
			return string(source)
		}
	}
}

// violations runs axe on the tab's page.
func (b *tab) violations(source string) []string {
	b.t.Helper()
	_, err := chromedp.Run(b.Context, chromedp.Evaluate[int](source+"\n;1"))
	require.NoError(b.t, err)
	out, err := chromedp.Run(b.Context, chromedp.Evaluate[string](`axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})
		.then(r => JSON.stringify(r.violations.flatMap(v => v.nodes.map(n => v.id + ': ' + n.html.slice(0, 160) + ' ' + (n.any[0]?.message ?? n.failureSummary)))))`, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err)
	var list []string
	require.NoError(b.t, json.Unmarshal([]byte(out), &list))
	return list
}

// TestAxe finds no violation on any page, light and dark, wide and narrow.
func TestAxe(t *testing.T) {
	browser := startBrowser(t)
	source := axeSource(t)
	s := newSite(t, nil, append(demo(150), hostile())...)
	b := newTab(t, browser, s.Server)
	states := []struct{ name, query, prepare string }{
		{"list", "?per=100", ""},
		{"menu", "?per=25", `document.querySelector('[data-facet=user] summary').click()`},
		{"filtered", "?action=update&range=custom&from=2026-10-15&q=mara", ""},
		{"entry", "?entry=" + entryID(900_000), ""},
		{"unified", "?mode=unified&entry=" + entryID(900_000), ""},
		{"history", "?view=history&entry=" + entryID(900_000), ""},
		{"state", "?view=state&entry=" + entryID(900_000), ""},
		{"hostile", "?entry=" + entryID(666_666), ""},
		{"empty", "?record=none", ""},
		{"facet", "?facet=user", ""},
		{"legend", "?legend=1", ""},
		{"help", "?help=1", ""},
		{"bad", "?ip=x", ""},
		{"bad search", "?q=action:", ""},
		{"unknown", "?usr=x", ""},
		{"missing", "?entry=none", ""},
	}
	written := 500_000
	for _, width := range []int64{1440, 400} {
		b.size(width, 900)
		for _, dark := range []bool{false, true} {
			b.dark(dark)
			for _, state := range states {
				b.open(state.query)
				if state.prepare != "" {
					b.eval(state.prepare)
				}
				if found := b.violations(source); len(found) > 0 {
					t.Errorf("%s, %d wide, dark %v:\n%s", state.name, width, dark, strings.Join(found[:min(6, len(found))], "\n"))
				}
			}
			// The live feed, holding.
			b.open("?per=100")
			b.goLive()
			b.eval(`window.scrollTo(0, 900)`)
			s.write(t, written, 4)
			written += 4
			b.until(`!document.querySelector('.pill').hidden`)
			// The button of new entries floats over rows, wherever the page is scrolled to.
			found := slices.DeleteFunc(b.violations(source), func(s string) bool { return strings.Contains(s, "partially obscured") })
			if len(found) > 0 {
				t.Errorf("live, %d wide, dark %v:\n%s", width, dark, strings.Join(found[:min(6, len(found))], "\n"))
			}
			b.click(".live")
		}
	}
	b.forgive() // a page of a bad request is an error on the console
}

// TestAxeOfTheListsTools: no violation in what opens above and beside the list.
func TestAxeOfTheListsTools(t *testing.T) {
	browser := startBrowser(t)
	source := axeSource(t)
	s := newSite(t, &viewer.Options{Views: &viewsInMemory{list: []viewer.SavedView{{Name: "Updates", Query: "action=update"}}}}, demo(30)...)
	b := newTab(t, browser, s.Server)
	for _, state := range []struct {
		name, query string
		width       int64
		dark        bool
		prepare     string
	}{
		{"display", "?columns=time,action,comment,request&density=compact", 1440, false, `document.querySelector('[data-facet=display] summary').click()`},
		{"grouped", "?group=transaction", 1440, true, ""},
		{"views", "?record=none", 1440, true, `document.querySelector('.views summary').click()`},
		{"keys", "", 1440, false, `document.querySelector('.btn.keys').click()`},
		{"drawer", "", 1440, true, `document.querySelector('#results tbody .c-time a').click()`},
		{"chart", "?chart=1", 1440, false, ""},
		{"help", "", 1440, true, `document.querySelector('.help-of').click()`},
		{"sheet", "?columns=time,action,comment", 360, false, `document.querySelector('.extra-of').click()`},
	} {
		b.size(state.width, 900)
		b.dark(state.dark)
		b.open(state.query)
		if state.width > 560 { // an open menu covers rows in part, so the views are over an empty list
			b.until(`document.querySelector('figure.chart, .empty')`)
		}
		if state.prepare != "" {
			b.eval(state.prepare)
			b.until(`document.querySelector('details.menu[open], dialog[open], :popover-open')`)
		}
		if found := b.violations(source); len(found) > 0 {
			t.Errorf("%s:\n%s", state.name, strings.Join(found[:min(6, len(found))], "\n"))
		}
	}
	for _, dark := range []bool{false, true} { // the list of completion, over an empty one of entries
		b.size(1440, 900)
		b.dark(dark)
		b.open("?record=none")
		b.click(".find input")
		b.until(searchBox + `.getAttribute('role') === 'combobox'`)
		b.do(chromedp.KeyEvent("a"), chromedp.KeyEvent(kb.ArrowDown))
		b.until(searchBox + `.ariaExpanded === 'true'`)
		found := slices.DeleteFunc(b.violations(source), func(s string) bool { return strings.Contains(s, "obscured") })
		if len(found) > 0 {
			t.Errorf("completion, dark %v:\n%s", dark, strings.Join(found[:min(6, len(found))], "\n"))
		}
	}
}

// TestAxeRightToLeft: no violation in the mirrored page and what opens on it, light and dark.
func TestAxeRightToLeft(t *testing.T) {
	browser := startBrowser(t)
	source := axeSource(t)
	b := newTab(t, browser, mirrored(t).Server)
	for _, state := range []struct {
		name, query, prepare, until string
		width                       int64
	}{
		{"list", "", "", `document.querySelector('figure.chart')`, 1440},
		{"list on a phone", "", "", "", 360},
		{"user menu", "&record=none", `document.querySelector('[data-facet=user] summary').click()`, `document.querySelector('details.menu[open]')`, 1440},
		{"filter sheet", "&action=update", `document.querySelector('.extra-of').click()`, `document.querySelector('.extra:popover-open')`, 360},
		{"entry", "&entry=" + entryID(900_000), "", "", 1440},
		{"entry on a phone", "&entry=" + entryID(900_000), "", "", 360},
		{"drawer", "", `document.querySelector('#results tbody .c-time a').click()`, `document.querySelector('.drawer[open] h1')`, 1440},
		{"timeline", "&view=history&entry=" + entryID(800_000), "", "", 1440},
		{"legend", "&legend=1", "", "", 1440},
		{"help", "&help=1", "", "", 1440},
		{"facet", "&facet=user", "", "", 1440},
		{"unknown parameter", "&actoin=update", "", "", 1440},
	} {
		b.size(state.width, 900)
		for _, dark := range []bool{false, true} {
			b.dark(dark)
			b.open("?lang=en-XB" + state.query)
			b.prepare(state.prepare, state.until)
			if found := b.violations(source); len(found) > 0 {
				t.Errorf("%s, dark %v:\n%s", state.name, dark, strings.Join(found[:min(6, len(found))], "\n"))
			}
		}
	}
}

// TestAxeOfPreparedFiles: no violation on the page of prepared files, whatever their state.
func TestAxeOfPreparedFiles(t *testing.T) {
	browser := startBrowser(t)
	source := axeSource(t)
	s, store := jobsSite(t)
	b := newTab(t, browser, s.Server)
	check := func(name string) {
		t.Helper()
		for _, width := range []int64{1440, 360} {
			b.size(width, 900)
			for _, dark := range []bool{false, true} {
				b.dark(dark)
				if found := b.violations(source); len(found) > 0 {
					t.Errorf("%s, %d wide, dark %v:\n%s", name, width, dark, strings.Join(found[:min(6, len(found))], "\n"))
				}
			}
		}
		b.size(1440, 900)
	}
	b.open("?jobs=list")
	check("empty")
	open := store.close()
	b.start("csv")
	b.until(jobState + ` === 'st st-running'`)
	check("running")
	open()
	b.until(jobState + ` === 'st st-finished'`)
	check("finished")
	open = store.close()
	b.start("xlsx")
	b.until(jobState + ` === 'st st-running'`)
	b.click(".jobs form button")
	b.until(`document.querySelector('.st-cancelled')`)
	check("cancelled")
	open()
}
