package viewer_test

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

var actLinks = regexp.MustCompile(`<span class="acts"><a href="([^"]*)">Only this</a><a href="([^"]*)">Without this</a>`)

// TestOnlyThisAndWithoutThis: each value of an entry leads to a list that has the entry,
// and to one that doesn't, inside the filter that is in force.
func TestOnlyThisAndWithoutThis(t *testing.T) {
	list := demo(60)
	e := list[14]
	e.Outcome, e.OnBehalfOf, e.Project, e.Object.Product = audit.Success, &audit.Actor{Name: `"Ben"`, Email: "ben@lumen.example"}, "p&q", "=x"
	list[14] = e
	trail := newTrail(t, list...)
	for _, personal := range []bool{true, false} {
		h := newViewer(t, trail, hiding(personal))
		page := body(t, h, "?tenant=lumen&per=200&entry="+e.ID)
		links := actLinks.FindAllStringSubmatch(page, -1)
		require.GreaterOrEqual(t, len(links), map[bool]int{true: 11, false: 8}[personal])
		row := `<tr data-id="` + e.ID
		for _, l := range links {
			only, without := html.UnescapeString(l[1]), html.UnescapeString(l[2])
			contains(t, only, "tenant=lumen")
			contains(t, without, "tenant=lumen")
			contains(t, body(t, h, only), row, only)
			lacks(t, body(t, h, without), row, without)
		}
		require.Contains(t, page, `hidden data-copy="`+e.ID+`"`)
		require.Contains(t, page, `hidden data-copy="" data-done="Copied"><span>Copy link`)
	}
}

// TestMaskedValuesHaveNoActs: a masked value can't be asked for.
func TestMaskedValuesHaveNoActs(t *testing.T) {
	e := demo(1)[0]
	page := body(t, newViewer(t, newTrail(t, e), hiding(false)), "?entry="+e.ID)
	for _, l := range actLinks.FindAllStringSubmatch(page, -1) {
		require.False(t, strings.Contains(l[1]+l[2], "ip=") || strings.Contains(l[1]+l[2], "user="), l[0])
	}
}

func TestSeverityIsShown(t *testing.T) {
	for action, want := range map[string]string{"login": "Info", "destroy": "Notice", "permission_change": "Warning", "unknown": "Info"} {
		e := audit.Entry{ID: entryID(1), Action: action}
		contains(t, body(t, newViewer(t, newTrail(t, e), nil), "?entry="+e.ID), ">"+want+"</dd>")
	}
}

// TestEntryShowsAutomaticFieldsLast, and whom the actor stood in for.
func TestEntryShowsAutomaticFieldsLast(t *testing.T) {
	e := audit.Entry{ID: entryID(1), Action: "update", Actor: audit.Actor{Name: "Ada"}, OnBehalfOf: &audit.Actor{Name: "Ben"}, Changes: []audit.Change{
		{Field: "updated_at", Old: "1", New: "2"}, {Field: "name", Old: "a", New: "b"},
	}}
	page := body(t, newViewer(t, newTrail(t, e), nil), "?entry="+e.ID)
	require.Less(t, strings.Index(page, "<b>name</b>"), strings.Index(page, "<b>updated_at</b>"))
	contains(t, page, "</span> <bdi>for Ben</bdi>")
}
