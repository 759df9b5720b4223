package viewer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
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
		`<span class="tok">null</span>`, `<span class="tok">empty</span>`, `<span class="tok">not set</span>`,
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
	diff, _, _ := strings.Cut(page, "Raw JSON")
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
	require.Less(t, len(page), 160_000)
	contains(t, page, "Full value, 1.0 MB")
	contains(t, page, "<b>field_499</b>")
	contains(t, page, "Open raw entry")
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
	id := "?entry=01980000-0000-7000-8000-000000000002"
	state := stateOf(t, h, id)
	require.False(t, state.Cut)
	require.True(t, state.Then.Exists && state.Then.Complete && state.Now.Complete)
	require.Equal(t, map[string]any{"name": "Ann B", "settings": map[string]any{"theme": "light", "size": "12"}, "tags": []any{}}, state.Then.Fields)
	require.Equal(t, map[string]any{"name": "Ann B", "settings": map[string]any{"theme": "dark", "size": "12"}, "tags": []any{"x"}}, state.Now.Fields)
	page := body(t, h, id+"&view=state")
	contains(t, page, "from all its entries")
	for _, line := range []string{`<b>theme</b>`, `<b>tags[0]</b>`, `<mark>light</mark>`, `<mark>dark</mark>`} {
		contains(t, page, line)
	}
	lacks(t, page, `<b>settings</b>`, "what changed inside isn't shown twice")

	require.Equal(t, 5, strings.Count(body(t, h, id+"&view=history"), `<li class="act-`))
	require.Equal(t, 1, strings.Count(body(t, h, id+"&view=history"), `aria-current="true"`))
	require.Equal(t, http.StatusBadRequest, get(h, id+"&view=nonsense").Code)
	page = body(t, h, id)
	contains(t, page, "History of this record")
	require.Equal(t, 5, rowsIn(body(t, h, link(t, page, "record=7"))))
}

type recordState struct {
	Exists, Complete bool
	Fields           map[string]any
	Redacted         map[string]string
	Gaps             []string
}

func stateOf(t *testing.T, h http.Handler, query string) (state struct {
	Then, Now recordState
	Cut       bool
}) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(body(t, h, query+"&view=state&format=json")), &state))
	return state
}

// TestStateIsWhatTheTrailTells: the page has no replay of its own.
func TestStateIsWhatTheTrailTells(t *testing.T) {
	trail := newTrail(t, demo(300)...)
	h := newViewer(t, trail, nil)
	for _, e := range demo(300)[:60] {
		if e.Object.ID == "" {
			continue
		}
		state := stateOf(t, h, "?entry="+e.ID)
		for want, got := range map[time.Time]recordState{e.Time: state.Then, day.AddDate(1, 0, 0): state.Now} {
			told, err := history.At(t.Context(), trail, e.Object, want)
			require.NoError(t, err)
			require.Equal(t, told.Fields, got.Fields)
			require.Equal(t, told.Exists, got.Exists)
			require.Equal(t, told.Complete, got.Complete)
			require.Equal(t, told.Gaps, got.Gaps)
		}
	}
}

// TestStateOfARecordThatCameAndWent: deleted, not known, masked and unexplained
// are told apart.
func TestStateOfARecordThatCameAndWent(t *testing.T) {
	at := func(n int, action string, changes ...audit.Change) audit.Entry {
		return audit.Entry{ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", n), Time: day.Add(time.Duration(n) * time.Hour), Action: action,
			Object: audit.Object{Type: "users", ID: "7"}, Changes: changes}
	}
	h := newViewer(t, newTrail(t,
		at(1, "update", audit.Change{Field: "name", Old: "Ann", New: "Bea"}, audit.Change{Field: "password", Old: "a", New: "b"}),
		at(2, "update", audit.Change{Field: "name", Old: "Eve", New: "Dora"}, audit.Change{Field: "phone", Old: nil, New: "1"}),
		at(3, "destroy", audit.Change{Field: "name", Op: audit.OpRemove, Old: "Dora"}, audit.Change{Field: "phone", Op: audit.OpRemove, Old: "1"}),
	), hiding(true))
	first := body(t, h, "?view=state&entry=01980000-0000-7000-8000-000000000001")
	contains(t, first, `Now <span class="how">deleted</span>`)
	contains(t, first, "Changed without an entry: <bdi>name</bdi>")
	contains(t, first, "</svg>masked</span>")
	state := stateOf(t, h, "?entry=01980000-0000-7000-8000-000000000002")
	require.True(t, state.Then.Exists)
	require.Equal(t, "Dora", state.Then.Fields["name"])
	require.Equal(t, []string{"name"}, state.Then.Gaps)
	require.False(t, state.Now.Exists)
	require.Empty(t, state.Now.Fields)
}

// TestStateOfABusyRecordIsCut: and says so.
func TestStateOfABusyRecordIsCut(t *testing.T) {
	var list []audit.Entry
	for i := range 10_100 {
		list = append(list, audit.Entry{ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", i), Time: day.Add(time.Duration(i) * time.Second), Action: "update",
			Object: audit.Object{Type: "t", ID: "1"}, Changes: []audit.Change{{Field: "n", Old: int64(i), New: int64(i + 1)}}})
	}
	list[0].Changes = append(list[0].Changes, audit.Change{Field: "old", Old: "x", New: "y"})
	h := newViewer(t, newTrail(t, list...), nil)
	for _, at := range []int{0, 5050, 10_099} {
		id := "?entry=" + list[at].ID
		state := stateOf(t, h, id)
		require.True(t, state.Cut)
		require.EqualValues(t, at+1, state.Then.Fields["n"])
		require.EqualValues(t, 10_100, state.Now.Fields["n"])
		require.NotContains(t, state.Now.Fields, "old")
		require.Empty(t, state.Then.Gaps)
	}
	page := body(t, h, "?view=state&entry="+list[0].ID)
	contains(t, page, "from the 5,000 nearest entries")
	contains(t, page, `<span class="tok">not known</span>`)
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

// TestAutomaticFieldsRaiseNoAlarm: capture makes no entry where only such a field
// changed.
func TestAutomaticFieldsRaiseNoAlarm(t *testing.T) {
	at := func(n int, old, now string) audit.Entry {
		e := audit.Entry{ID: entryID(n), Time: day.Add(time.Duration(n) * time.Hour), Action: "update", Object: audit.Object{Type: "users", ID: "7"}}
		for _, field := range []string{"updatedAt", "touched", "name"} {
			e.Changes = append(e.Changes, audit.Change{Field: field, Old: old, New: now})
		}
		return e
	}
	trail := newTrail(t, at(1, "a", "b"), at(2, "c", "d"))
	trail.Catalogue().SetAutomatic("users", "touched")
	h := newViewer(t, trail, nil)
	contains(t, body(t, h, "?view=state&entry="+entryID(2)), "Changed without an entry: <bdi>name</bdi>")
	require.Equal(t, []string{"name"}, stateOf(t, h, "?entry="+entryID(2)).Now.Gaps)
}
