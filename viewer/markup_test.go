package viewer

import (
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
)

var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, `{{.}}`, `{{template "x"}}`, "a\u202ecod.exe",
	"nul\x00byte", "esc\x1b[31mred", "zero\u200bwidth", `' onmouseover='alert(1)`, "line\nbreak\ttab", "\u2028sep", "&lt;b&gt;", "</td></tr></table>",
	"ünï😀", "\U000E0041tag", "=HYPERLINK(\"http://x\")", "a&b;c%2Fd?e=f#g", "\u061cmark", "\ufeffbom",
}

var chips = regexp.MustCompile(`<span class="ctl">U\+([0-9A-F]{4,6})</span>`)

// readBack turns what text wrote into the text that it was given: chips into
// their characters, references into theirs.
func readBack(t testing.TB, m string) string {
	t.Helper()
	m = chips.ReplaceAllStringFunc(m, func(c string) string {
		var r rune
		for _, d := range chips.FindStringSubmatch(c)[1] {
			r = r<<4 | rune(strings.IndexRune("0123456789ABCDEF", d))
		}
		return string(r)
	})
	require.NotContains(t, m, "<")
	require.NotContains(t, m, ">")
	return html.UnescapeString(m)
}

func checkText(t *testing.T, s string) {
	t.Helper()
	var m markup
	m.text(s)
	require.Equal(t, strings.ToValidUTF8(s, "\uFFFD"), strings.ToValidUTF8(readBack(t, string(m)), "\uFFFD"))
	for _, r := range chips.ReplaceAllString(string(m), "") {
		require.False(t, hiding(r), "%U can be seen as it is", r)
	}
}

func TestTextIsShownAsRecorded(t *testing.T) {
	for _, s := range hostile {
		checkText(t, s)
	}
}

func FuzzText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if utf8.ValidString(s) { // what is recorded is
			checkText(t, s)
		}
	})
}

var (
	tags  = regexp.MustCompile(`<[^>]*>`)
	attrs = regexp.MustCompile(` ([a-z-]+)="([^"]*)"`)
)

// checkRow writes a row with the text in every field, and looks that no tag and
// no attribute is there that a harmless entry hasn't.
func checkRow(t *testing.T, s string) {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	h, err := New(trail, &Options{Authorize: access.InsecureForDevelopment})
	require.NoError(t, err)
	v := &visit{Viewer: h, lang: &english, zone: time.UTC, grant: access.Grant{Personal: true}}
	shape := func(s string) (list []string) {
		e := audit.Entry{
			ID: "id" + s, Action: "a" + s, Actor: audit.Actor{Type: "user", ID: "i" + s, Name: "n" + s, Email: "e" + s}, Request: audit.Request{IP: "p" + s},
			Object: audit.Object{Type: "t" + s, ID: "o" + s}, Changes: []audit.Change{{Field: "f" + s, Old: "x" + s, New: "y" + s}, {Field: "f"}},
		}
		row := string(v.table([]audit.Entry{e}))
		for _, tag := range tags.FindAllString(row, -1) {
			if strings.Contains(tag, "ctl") {
				continue
			}
			name, _, _ := strings.Cut(strings.Trim(tag, "<>"), " ")
			for _, a := range attrs.FindAllStringSubmatch(tag, -1) {
				name += " " + a[1]
				if a[1] == "href" && a[2][0] != '#' {
					require.True(t, strings.HasPrefix(a[2], "?"), tag)
				}
			}
			list = append(list, name)
		}
		return list
	}
	want, got := shape(""), shape(s)
	chipless := func(list []string) (kept []string) { // a chip closes with one more </span>
		for _, tag := range list {
			if tag != "/span" {
				kept = append(kept, tag)
			}
		}
		return kept
	}
	require.Equal(t, chipless(want), chipless(got))
}

func TestRowsOfHostileEntries(t *testing.T) {
	for _, s := range hostile {
		checkRow(t, s)
	}
}

func FuzzRow(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if utf8.ValidString(s) {
			checkRow(t, s)
		}
	})
}

func FuzzChangedPart(f *testing.F) {
	f.Add("Storgata 14", "Storgata 41")
	f.Add("aä", "aö")
	f.Add("", "x")
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return
		}
		from, endA, endB := changedPart(a, b)
		require.Equal(t, a[:from], b[:from])
		require.Equal(t, a[endA:], b[endB:])
		require.True(t, utf8.ValidString(a[from:endA]) && utf8.ValidString(b[from:endB]), "%q %q", a, b)
	})
}

func TestInitialsOfAnyName(t *testing.T) {
	for name, want := range map[string]string{"Mara Lindqvist": "ML", "łukasz nowak": "ŁN", "billing-worker": "BW", "x@y.z": "X", "": "", "!!": "", "田中 太郎": "田太", "a b c": "AB"} {
		require.Equal(t, want, initials(name), name)
	}
}
