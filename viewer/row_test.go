package viewer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/viewer"
)

// rowOf is the row of the one entry on the page.
func rowOf(t *testing.T, opts *viewer.Options, e audit.Entry) string {
	t.Helper()
	page := body(t, newViewer(t, newTrail(t, e), opts), "")
	require.Equal(t, 1, rowsIn(page))
	row := page[strings.Index(page, "<tr data-id="):]
	return row[:strings.Index(row, "</tr>")]
}

func set(field string, value any) audit.Change {
	return audit.Change{Field: field, Op: audit.OpAdd, New: value}
}

// TestRowsLeadWithWhatHappened, whatever the order in which fields were recorded, for
// readers who see everything and for others.
func TestRowsLeadWithWhatHappened(t *testing.T) {
	changed := func(fields ...string) (list []audit.Change) {
		for _, f := range fields {
			list = append(list, audit.Change{Field: f, Old: "o", New: "n"})
		}
		return list
	}
	for _, opts := range []*viewer.Options{nil, hiding(true), hiding(false)} {
		row := rowOf(t, opts, audit.Entry{Action: "update", Changes: changed("updated_at", "status")})
		contains(t, row, `<code>status</code>: <del dir="auto">o</del> → <ins dir="auto">n</ins>`)
		lacks(t, row, "updated_at")
		lacks(t, row, "more")

		row = rowOf(t, opts, audit.Entry{Action: "update", Changes: changed("updatedAt")})
		contains(t, row, "Only automatic fields")
		contains(t, row, "<code>updatedAt</code>")

		row = rowOf(t, opts, audit.Entry{Action: "create", Changes: []audit.Change{set("id", 7), set("created_at", "x"), set("size", 9), set("title", "Plan")}})
		contains(t, row, `<td class="c-changes"><code>title</code>: <ins dir="auto">Plan</ins><code>size</code>`)
		lacks(t, row, "created_at")

		row = rowOf(t, opts, audit.Entry{Action: "update", Changes: changed("updated_at", "a", "b", "c", "d", "e")})
		require.Equal(t, 3, strings.Count(row, "<code>"))
		contains(t, row, "<details class=\"rest\"><summary class=\"more\">2 more fields</summary>\u2068d\u2069: \u2068o\u2069 → \u2068n\u2069"+"\n"+"\u2068e\u2069: \u2068o\u2069 → \u2068n\u2069")
	}
}

// TestRowsFoldAtMostSoMuch: beyond the page's budget the entry has the rest.
func TestRowsFoldAtMostSoMuch(t *testing.T) {
	var list []audit.Entry
	for i := range 200 {
		e := audit.Entry{ID: entryID(i), Time: day, Action: "update"}
		for j := range 30 {
			e.Changes = append(e.Changes, audit.Change{Field: fmt.Sprintf("field%02d", j), Old: strings.Repeat("a", 300), New: strings.Repeat("b\n", 150)})
		}
		list = append(list, e)
	}
	page := body(t, newViewer(t, newTrail(t, list...), nil), "?per=200")
	require.Equal(t, 600, strings.Count(page, "<code>"))
	contains(t, page, "27 more fields")
	contains(t, page, "15 more fields</details>")
	require.Regexp(t, `<a class="more" href="\?per=200&amp;entry=[0-9a-f-]{36}">27 more fields</a>`, page)
	require.Less(t, len(page), 600<<10)
	require.LessOrEqual(t, packed(t, page), 40_000)
}

// TestRowsNameThePeopleAndTheRecord: the names first, and beside them what finds them.
func TestRowsNameThePeopleAndTheRecord(t *testing.T) {
	e := audit.Entry{
		ID: entryID(1), Time: day, Action: "update", Object: audit.Object{Type: "projects", ID: "1", Name: "Public website"}, Tenant: "acme",
		Actor: audit.Actor{Type: "support", ID: "3", Name: "Ada", Email: "ada@example.com"}, OnBehalfOf: &audit.Actor{Name: "Ben"},
	}
	row := rowOf(t, nil, e)
	contains(t, row, `<bdi>Public website</bdi></a><small dir="auto">Project 1</small>`)
	contains(t, row, `<bdi>Ada</bdi> <small dir="auto">ada@example.com</small></a><bdi class="for">for Ben</bdi>`)
	contains(t, row, `title="Ada ada@example.com"`)
	h := newViewer(t, newTrail(t, e), nil)
	page := body(t, h, "?entry="+e.ID)
	contains(t, page, `<h1><bdi>Public website</bdi> <span class="kindof">Project 1</span></h1>`)
	contains(t, page, "<title>Updated Public website (Project 1)")
	contains(t, body(t, h, "?view=history&entry="+e.ID), `<bdi>Ada</bdi> <bdi>for Ben</bdi>`)

	hidden := rowOf(t, hiding(false), e)
	lacks(t, hidden, "ada@example.com")
	e.Object.Name = ""
	contains(t, rowOf(t, nil, e), `<bdi>1</bdi></a></td>`)
	contains(t, body(t, newViewer(t, newTrail(t, e), nil), "?entry="+e.ID), `<h1><span class="kindof">Project</span> <bdi>1</bdi></h1>`)
}

// TestRedactedValuesAreChips: a hash of 76 characters tells nobody anything.
func TestRedactedValuesAreChips(t *testing.T) {
	hash := "hmac-sha256:" + strings.Repeat("0123456789abcdef", 4)
	long := map[string]any{"size": 48211, "sha256": strings.Repeat("ab", 32), "beginning": "Dear customer, we have sent you the"}
	e := audit.Entry{ID: entryID(1), Time: day, Action: "update", Changes: []audit.Change{
		{Field: "phone", Old: nil, New: hash, Redacted: audit.RedactedHashed},
		{Field: "letter", Old: "Short", New: long, Redacted: audit.RedactedTruncated},
		{Field: "fax", Old: "1", New: "2", Redacted: audit.RedactedErased},
		{Field: "note", Old: "Begins", New: "Starts", Redacted: audit.RedactedTruncated},
	}}
	h := newViewer(t, newTrail(t, e), nil)
	row := body(t, h, "")
	contains(t, row, `<del dir="auto" class="nil">null</del> → <ins dir="auto" class="chip">hashed 01234567</ins>`)
	contains(t, row, `<del dir="auto">Short</del> → <ins dir="auto" class="chip">Dear customer, we have s… truncated, 48.2 KB</ins>`)
	contains(t, row, `<del dir="auto" class="chip">erased</del> → <ins dir="auto" class="chip">erased</ins>`)
	contains(t, row, "\u2068note\u2069: \u2068Begins… truncated\u2069 → \u2068Starts… truncated\u2069")
	page := body(t, h, "?entry="+e.ID)
	contains(t, page, `title="`+hash+`"`)
	contains(t, page, "</svg>hashed 01234567</span>")
	contains(t, page, "Dear customer, we have sent you the")
	lacks(t, row, hash)
}

// TestDaysHaveHeadings in the shown zone, where rows are in the order of time.
func TestDaysHaveHeadings(t *testing.T) {
	var list []audit.Entry
	for i, at := range []string{"2026-03-01T22:30:00Z", "2026-03-01T23:30:00Z", "2026-03-02T10:00:00Z"} {
		when, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		list = append(list, audit.Entry{ID: entryID(i), Time: when, Action: "view"})
	}
	h := newViewer(t, newTrail(t, list...), nil)
	for query, want := range map[string]int{"": 2, "?tz=Europe/Berlin": 2, "?sort=time": 2, "?sort=action": 0} {
		page := body(t, h, query)
		require.Equal(t, want, strings.Count(page, `<span class="day">`), query)
		require.Equal(t, 3, rowsIn(page))
	}
	contains(t, body(t, h, "?tz=Europe/Berlin&from=2026-03-01T23:00:00Z&to=2026-03-02T00:00:00Z"), `<span class="day">Monday, 2 March 2026</span>`)
}

// TestRelativeTimes are of the moment at which the page was made.
func TestRelativeTimes(t *testing.T) {
	for passed, want := range map[time.Duration]string{
		30 * time.Second: "just now", 90 * time.Second: "1 minute ago", 59*time.Minute + 30*time.Second: "59 minutes ago", 25 * time.Hour: "1 day ago",
		40 * 24 * time.Hour: "1 month ago", 800 * 24 * time.Hour: "2 years ago", -time.Hour: "",
	} {
		contains(t, rowOf(t, nil, audit.Entry{Action: "view", Time: time.Now().Add(-passed)}), `<small class="ago">`+want+`</small>`)
	}
}

// TestElementsOfAFullRow: three changes, more of them, somebody else's name.
func TestElementsOfAFullRow(t *testing.T) {
	e := demo(1)[0]
	e.Object.Name, e.OnBehalfOf = "Public website", &audit.Actor{Name: "Ben"}
	for i := range 20 {
		e.Changes = append(e.Changes, audit.Change{Field: fmt.Sprint("f", i), Old: "a", New: nil, Redacted: audit.RedactedErased})
	}
	for _, personal := range []bool{true, false} {
		row := rowOf(t, hiding(personal), e)
		require.LessOrEqual(t, strings.Count(row, "<")-strings.Count(row, "</")+1, 41) // 40, and the heading of the day
	}
}
