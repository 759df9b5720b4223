package viewer_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// newRanked is a viewer whose catalogue names an alarm and a read of its own.
func newRanked(t *testing.T) http.Handler {
	t.Helper()
	return newViewer(t, rankedTrail(t), nil)
}

func rankedTrail(t *testing.T) *audit.Trail {
	t.Helper()
	trail, err := audit.New(memstore.New(), &audit.Options{Catalogue: audit.NewCatalogue([]audit.Action{
		{Name: "wipe", Label: "Wiped", Severity: audit.Alarm}, {Name: "peek", Label: "Peeked", Read: true},
	}, nil)})
	require.NoError(t, err)
	var entries []audit.Entry
	for i, action := range []string{"wipe", "peek", "view", "update", "destroy", "unheard"} {
		entries = append(entries, audit.Entry{ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", i), Time: day, Action: action, Tenant: "lumen"})
	}
	require.NoError(t, trail.Record(t.Context(), entries...))
	return trail
}

// TestSeverityAndReadsFilterEverythingAlike: page, API and file select the same, by
// the menu, the box and the search.
func TestSeverityAndReadsFilterEverythingAlike(t *testing.T) {
	h := newRanked(t)
	for query, want := range map[string]int{
		"severity=alarm": 1, "severity=alarm&severity=notice": 2, "severity=info": 4, "reads=hide": 4, "reads=hide&severity=info": 2, "reads=show": 6,
		"q=severity:alarm": 1, "q=-is:read": 4, "q=is:read": 2, "not=severity%3Dinfo": 2,
	} {
		require.Equal(t, want, rowsIn(body(t, h, "?"+query)), query)
		var list struct {
			Entries []json.RawMessage `json:"entries"`
			Total   int               `json:"total"`
		}
		require.NoError(t, json.Unmarshal([]byte(body(t, h, "?format=json&"+query)), &list))
		require.Len(t, list.Entries, want, query)
		require.Equal(t, want, list.Total, query)
		require.Equal(t, 1+want, strings.Count(body(t, h, "?export=csv&"+query), "\n"), query)
	}
	require.Equal(t, http.StatusBadRequest, get(h, "?severity=high").Code)
	require.Equal(t, http.StatusBadRequest, get(h, "?reads=maybe").Code)
}

func TestSeverityAndReadsAreOnThePage(t *testing.T) {
	h := newRanked(t)
	page := body(t, h, "?severity=alarm&reads=hide&per=25")
	contains(t, page, `<input type="checkbox" name="severity" value="alarm" checked>`)
	contains(t, page, `<input type="checkbox" name="reads" value="hide" checked>`)
	contains(t, html.UnescapeString(page), `<a href="?per=25&severity=alarm"><span>Reads</span> <b><bdi>hidden</bdi></b>`)
	contains(t, html.UnescapeString(page), `<a href="?per=25&reads=hide"><span>Severity</span> <b><bdi>Alarm</bdi></b>`)
	form, _, _ := strings.Cut(page, "</form>")
	lacks(t, form, `<input type="hidden" name="reads"`)
	lacks(t, form, `<input type="hidden" name="severity"`)
	require.NotEmpty(t, links(page, "export=csv"))
	contains(t, link(t, page, "export=csv"), "reads=hide")
	lacks(t, body(t, h, ""), `name="reads" value="hide" checked`)
	contains(t, body(t, h, "?not=reads%3Dhide%26severity%3Dalarm"), "Severity Alarm, Reads hidden")
}

// TestTheLiveFeedGoesByTheCatalogue, as the page does.
func TestTheLiveFeedGoesByTheCatalogue(t *testing.T) {
	trail := rankedTrail(t)
	server := httptest.NewServer(newViewer(t, trail, nil))
	defer server.Close()
	for query, want := range map[string]string{"severity=alarm": "Wiped", "reads=hide&severity=info": "Updated", "q=is:read": "Peeked"} {
		conn, _, err := websocket.Dial(t.Context(), server.URL+"/x?live=ws&"+query, nil)
		require.NoError(t, err)
		_, _, err = conn.Read(t.Context())
		require.NoError(t, err)
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "peek"}, audit.Entry{Action: "wipe"}, audit.Entry{Action: "update"}))
		_, data, err := conn.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, strings.Count(string(data), "tr data-id"), query)
		contains(t, string(data), want, query)
		require.NoError(t, conn.CloseNow())
	}
}
