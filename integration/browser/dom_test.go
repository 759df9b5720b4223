package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/viewer"
)

// find returns the elements below n that fit, in order.
func find(n *html.Node, fits func(*html.Node) bool) (list []*html.Node) {
	for c := range n.Descendants() {
		if c.Type == html.ElementNode && fits(c) {
			list = append(list, c)
		}
	}
	return list
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func ofClass(class string) func(*html.Node) bool {
	return func(n *html.Node) bool {
		for _, c := range strings.Fields(attribute(n, "class")) {
			if c == class {
				return true
			}
		}
		return false
	}
}

// textOf is what an element says, chips as the characters that they stand for.
func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.ChildNodes() {
		switch {
		case c.Type == html.TextNode:
			b.WriteString(c.Data)
		case c.Type == html.ElementNode && ofClass("ctl")(c):
			code, _ := strconv.ParseUint(strings.TrimPrefix(c.FirstChild.Data, "U+"), 16, 32)
			b.WriteRune(rune(code))
		case c.Type == html.ElementNode:
			b.WriteString(textOf(c))
		}
	}
	return b.String()
}

var attackCorpus = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `javascript:alert(1)`, `{{.}}`, "a\u202ecod.exe", "esc\x1b[31mred",
	"zero\u200bwidth", `' onmouseover='alert(1)`, "</td></tr></table></main>", "</bdi></code>", "<!-- ", "]]>", "<svg><style>", "&lt;b&gt;", "&#x3c;", "line\r\nbreak", "\u2028sep",
	"\U000E0041tag", "=HYPERLINK(\"http://x\")", "a&b;c%2Fd?e=f#g", "\ufeffbom", "<table><tr>", "<plaintext>", "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
}

// FuzzPageInTheDOM: an HTML parser, which is what browsers have, finds in each
// cell of the list and each value of the entry the text that was recorded, and
// no element that a harmless entry hasn't.
func FuzzPageInTheDOM(f *testing.F) {
	for _, s := range attackCorpus {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) || len(s) > 60 || strings.ContainsRune(s, 0) { // an action with a NUL is stored in another form
			return
		}
		checkDOM(t, s)
	})
}

func checkDOM(t *testing.T, s string) {
	shape := func(s string) (shapes []string, e audit.Entry, pages []*html.Node) {
		trail, err := audit.New(memstore.New(), nil)
		require.NoError(t, err)
		require.NoError(t, trail.Record(t.Context(), audit.Entry{
			ID: entryID(1), Time: day, Action: "a" + s, Comment: "c" + s, Outcome: audit.Failure, Error: "r" + s,
			Actor: audit.Actor{Type: "user", ID: "i" + s, Name: "n" + s, Email: "e@" + s}, Object: audit.Object{Type: "T" + s, ID: "o" + s, Name: "m" + s},
			Changes: []audit.Change{{Field: "f" + s, Old: "x" + s, New: "y" + s}}, Metadata: map[string]any{"k" + s: "v" + s},
		}))
		e, err = trail.Get(t.Context(), entryID(1))
		require.NoError(t, err)
		h, err := viewer.New(trail, &viewer.Options{Authorize: access.InsecureForDevelopment})
		require.NoError(t, err)
		for _, query := range []string{"", "?entry=" + entryID(1), "?view=history&entry=" + entryID(1)} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/"+query, nil))
			require.Equal(t, http.StatusOK, w.Code)
			doc, err := html.Parse(strings.NewReader(w.Body.String()))
			require.NoError(t, err)
			var tags strings.Builder
			for n := range doc.Descendants() {
				if n.Type == html.ElementNode && !ofClass("ctl")(n) && n.Data != "mark" && n.Data != "wbr" && !ofClass("narrow")(n) {
					fmt.Fprint(&tags, n.Data, ".", attribute(n, "class"), " ")
					for _, a := range n.Attr {
						require.False(t, strings.HasPrefix(a.Key, "on") || a.Key == "style", "%s has %s", n.Data, a.Key)
						if a.Key == "href" || a.Key == "src" || a.Key == "action" {
							require.True(t, strings.HasPrefix(a.Val, "?") || strings.HasPrefix(a.Val, "#"), a.Val)
						}
					}
				}
			}
			shapes = append(shapes, tags.String())
			pages = append(pages, doc)
		}
		return shapes, e, pages
	}
	want, _, _ := shape("")
	got, e, pages := shape(s)
	for i := range want {
		if a, b := stable(want[i]), stable(got[i]); a != b {
			at := 0
			for at < min(len(a), len(b)) && a[at] == b[at] {
				at++
			}
			t.Fatalf("page %d has other elements with %q: %.80s instead of %.80s", i, s, b[max(0, at-30):], a[max(0, at-30):])
		}
	}
	row := find(pages[0], func(n *html.Node) bool { return n.Data == "tr" && attribute(n, "data-id") == entryID(1) })[0]
	cell := func(class, inner string) string {
		td := find(row, ofClass(class))[0]
		return textOf(find(td, func(n *html.Node) bool { return n.Data == inner })[0])
	}
	require.Equal(t, e.Object.Name, cell("c-record", "bdi"))
	require.True(t, strings.HasSuffix(cell("c-record", "small"), " "+e.Object.ID))
	require.Equal(t, e.Actor.Name, cell("c-user", "bdi"))
	require.Equal(t, e.Actor.Email, cell("c-user", "small"))
	require.Equal(t, e.Changes[0].Field, cell("c-changes", "code"))
	require.Equal(t, e.Changes[0].Old.(string), cell("c-changes", "del"))
	require.Equal(t, e.Changes[0].New.(string), cell("c-changes", "ins"))
	label, noun := audit.NewCatalogue(nil, nil).Action(e.Action).LabelOf(e.Outcome)
	require.Equal(t, strings.ReplaceAll(label, "%s", noun), cell("c-action", "bdi"))
	diff := find(pages[1], ofClass("diff"))[0]
	require.Equal(t, e.Changes[0].Old.(string), textOf(find(diff, ofClass("v"))[0]))
	require.Equal(t, e.Changes[0].New.(string), textOf(find(diff, ofClass("v"))[1]))
	title := find(pages[1], func(n *html.Node) bool { return n.Data == "title" })
	require.Len(t, title, 1)
}

var hue = regexp.MustCompile(`hue\d`)

// stable leaves out what depends on any text: the parts of a path, the recorded
// name beside a label, the colour of a person.
func stable(shape string) string {
	return hue.ReplaceAllString(strings.NewReplacer("span. ", "", "b. ", "", "code. ", "", "small. ", "", "bdi. ", "").Replace(shape), "hue")
}
