package viewer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/viewer"
)

const someID = "01980000-0000-7000-8000-0000000000aa"

func entryWith(changes ...audit.Change) audit.Entry {
	return audit.Entry{ID: someID, Time: day, Action: "update", Object: audit.Object{Type: "t", ID: "1"}, Changes: changes}
}

func TestEachKindOfValueIsToldApart(t *testing.T) {
	h := newViewer(t, newTrail(t, entryWith(
		audit.Change{Field: "a", Old: nil, New: ""},
		audit.Change{Field: "b", Op: audit.OpAdd, New: "there"},
		audit.Change{Field: "c", Op: audit.OpRemove, Old: "gone"},
		audit.Change{Field: "password", Old: "x", New: "y"},
		audit.Change{Field: "d", Old: "x", New: "y", Redacted: audit.RedactedErased},
		audit.Change{Field: "e", Old: int64(5000), New: int64(7500)},
		audit.Change{Field: "f", Old: true, New: false},
		audit.Change{Field: "logo", Old: map[string]any{"size": int64(12400), "sha256": strings.Repeat("a", 64)}, New: nil},
		audit.Change{Field: "g", Old: []any{}, New: map[string]any{}},
		audit.Change{Field: "h", Old: "one two three", New: "one 2 three"},
		audit.Change{Field: "i", Old: "null", New: "not set"},
	)), nil)
	page := body(t, h, "?entry="+someID)
	for _, want := range []string{
		`<span class="tok">null</span>`, `<span class="tok">empty text</span>`, `<span class="tok">not set</span>`,
		`<span class="how">added</span>`, `<span class="how">removed</span>`, `</svg>masked</span>`, `<span class="tok">erased</span>`,
		`<mark>5000</mark>`, `<mark>true</mark>`, `12.4 KB · sha-256 aaaa…aaaa`, `>[]<`, `>{}<`,
		`one <mark>two</mark> three`, `one <mark>2</mark> three`, `<bdi class="v"><mark>null</mark></bdi>`,
	} {
		contains(t, strings.ReplaceAll(page, "<mark>[]</mark>", "[]"), strings.ReplaceAll(want, "", ""))
	}
	require.Equal(t, 11, strings.Count(page, `<tr><th scope="row">`))
	unified := body(t, h, "?mode=unified&entry="+someID)
	contains(t, unified, `<del class="old">`)
	require.Equal(t, 10, strings.Count(unified, `<del class="old">`), "one was added")
}

func TestStructuredValuesAreComparedInside(t *testing.T) {
	h := newViewer(t, newTrail(t, entryWith(audit.Change{Field: "settings",
		Old: map[string]any{"theme": "light", "same": "s", "tags": []any{"a", "b"}, "deep": map[string]any{"x": int64(1)}},
		New: map[string]any{"theme": "dark", "same": "s", "tags": []any{"a", "c", "d"}, "deep": map[string]any{}},
	})), nil)
	page := body(t, h, "?entry="+someID)
	for _, want := range []string{`<span>settings.<wbr>`, `<b>theme</b>`, `<b>tags[1]</b>`, `<b>tags[2]</b>`, `<b>x</b>`} {
		contains(t, page, want)
	}
	diff, _, _ := strings.Cut(page, "Raw entry")
	lacks(t, diff, "same")
}

func TestLongValuesFold(t *testing.T) {
	long := strings.Repeat("lorem ipsum ", 40)
	h := newViewer(t, newTrail(t, entryWith(audit.Change{Field: "notes", Old: long, New: long + "dolor"})), nil)
	page := body(t, h, "?entry="+someID)
	contains(t, page, "Show all 480 characters")
	contains(t, page, "Show all 485 characters")
	contains(t, page, "<mark>dolor</mark>")
}

// TestHugeValuesStayOffThePage: a megabyte of text, five hundred nested fields.
func TestHugeValuesStayOffThePage(t *testing.T) {
	nested := map[string]any{}
	for i := range 500 {
		nested[fmt.Sprintf("field_%03d", i)] = fmt.Sprintf("value %d", i)
	}
	h := newViewer(t, newTrail(t, entryWith(
		audit.Change{Field: "text", Old: strings.Repeat("ä", 1<<19), New: strings.Repeat("ö", 1<<19)},
		audit.Change{Field: "nested", Op: audit.OpAdd, New: nested},
	)), nil)
	page := body(t, h, "?entry="+someID)
	require.Less(t, len(page), 150_000)
	contains(t, page, "Whole value, 1.0 MB")
	contains(t, page, "<b>field_499</b>")
	contains(t, page, "Open the raw entry")
	var whole audit.Entry
	require.NoError(t, json.Unmarshal(get(h, link(t, page, "format=json")).Body.Bytes(), &whole))
	require.Len(t, whole.Changes[0].Old, 1<<20)
	require.Less(t, len(body(t, h, "?")), 60_000, "the list clips too")
}

func TestNeighboursFollowTheView(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(120)...), nil)
	for _, view := range []string{"?action=login&per=25", "?action=login&per=25&sort=user", "?per=25&sort=-record"} {
		page := body(t, h, view)
		list := ids(page)
		var at string
		for i, id := range list {
			opened := body(t, h, link(t, page, "entry="+id))
			if i > 0 {
				contains(t, pager(t, opened, "prev"), "entry="+list[i-1])
			}
			if i < len(list)-1 {
				contains(t, pager(t, opened, "next"), "entry="+list[i+1])
			}
			at = opened
		}
		contains(t, pager(t, at, "next"), "entry=") // over the end of the page
	}
}

func TestHistoryAndState(t *testing.T) {
	step := func(n int, action string, changes ...audit.Change) audit.Entry {
		return audit.Entry{ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", n), Time: day.AddDate(0, 0, n), Action: action,
			Object: audit.Object{Type: "users", ID: "7"}, Changes: changes}
	}
	failed := step(5, "update", audit.Change{Field: "name", Old: "Ann B", New: "never"})
	failed.Outcome = audit.Failure
	h := newViewer(t, newTrail(t,
		step(1, "create", audit.Change{Field: "name", Op: audit.OpAdd, New: "Ann"}, audit.Change{Field: "settings", Op: audit.OpAdd, New: map[string]any{"theme": "light", "size": "12"}}, audit.Change{Field: "tags", Op: audit.OpAdd, New: []any{}}),
		step(2, "update", audit.Change{Field: "name", Old: "Ann", New: "Ann B"}),
		step(3, "update", audit.Change{Field: "settings.theme", Old: "light", New: "dark"}, audit.Change{Field: "phone", Op: audit.OpAdd, New: "1"}, audit.Change{Field: "tags[0]", Op: audit.OpAdd, New: "x"}),
		step(4, "update", audit.Change{Field: "phone", Op: audit.OpRemove, Old: "1"}),
		failed,
	), nil)
	var state struct {
		Then, Now map[string]any
		Complete  bool
	}
	id := "?entry=01980000-0000-7000-8000-000000000002"
	require.NoError(t, json.Unmarshal([]byte(body(t, h, id+"&view=state&format=json")), &state))
	require.True(t, state.Complete)
	require.Equal(t, "Ann B", state.Then["name"])
	require.Equal(t, "Ann B", state.Now["name"])
	require.Equal(t, "light", state.Then["settings.theme"])
	require.Equal(t, "dark", state.Now["settings.theme"])
	require.Equal(t, "12", state.Now["settings.size"])
	require.NotContains(t, state.Now, "settings", "what changed inside isn't shown twice")
	require.Equal(t, []any{}, state.Then["tags"])
	require.NotContains(t, state.Now, "tags")
	require.Equal(t, "x", state.Now["tags[0]"])
	require.NotContains(t, state.Now, "phone")

	require.Equal(t, 5, strings.Count(body(t, h, id+"&view=history"), `<li class="act-`))
	require.Equal(t, 1, strings.Count(body(t, h, id+"&view=history"), `aria-current="true"`))
	require.Equal(t, http.StatusBadRequest, get(h, id+"&view=nonsense").Code)
	page := body(t, h, id)
	contains(t, page, "History of this record")
	require.Equal(t, 5, rowsIn(body(t, h, link(t, page, "record=7"))))
}

func TestHostPagesAreLinkedOnlyOverHTTP(t *testing.T) {
	for href, shown := range map[string]bool{"https://app.example/users/1": true, "/users/1": true, "javascript:alert(1)": false, "data:text/html,x": false, "": false} {
		h := newViewer(t, newTrail(t, entryWith()), &viewer.Options{RecordURL: func(string, string) string { return href }})
		for _, q := range []string{"", "?entry=" + someID} {
			require.Equal(t, shown, strings.Contains(body(t, h, q), `href="`+href+`"`) && href != "", "%s %s", href, q)
			lacks(t, body(t, h, q), "javascript:")
		}
	}
}

func TestLanguages(t *testing.T) {
	german := viewer.Language{Tag: "de", Group: ".", Date: "2. January 2006", Texts: map[string]string{
		"%s entries": "%s Einträge", "%s entries|one": "ein Eintrag (%s)", "Action": "Aktion", "October": "Oktober",
	}}
	arabic := viewer.Language{Tag: "ar", RightToLeft: true}
	h := newViewer(t, newTrail(t, demo(2000)...), &viewer.Options{Languages: []viewer.Language{german, arabic}})
	page := get(h, "", "Accept-Language", "fr;q=0.9, de-AT;q=0.8, en;q=0.1").Body.String()
	for _, want := range []string{`<html lang="de" dir="ltr">`, "2.000 Einträge", "Aktion", "17. Oktober 2026", "Object type"} {
		contains(t, page, want)
	}
	contains(t, get(h, "", "Accept-Language", "ar").Body.String(), `<html lang="ar" dir="rtl">`)
	contains(t, body(t, h, "?lang=de&record=INV-20000&limit=1"), "Einträge")
	contains(t, get(h, "", "Accept-Language", "xx").Body.String(), `<html lang="en"`)
}
