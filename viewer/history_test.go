package viewer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// ports are changes of one record by processes whose clocks differ: each goes on
// where the one before it ended.
func ports(seconds ...int) (list []audit.Entry) {
	for i, s := range seconds {
		list = append(list, audit.Entry{
			ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", i+1), Time: day.Add(time.Duration(s) * time.Second), Action: "update",
			Object: audit.Object{Type: "vpns", ID: "7"}, Actor: audit.Actor{Email: "ada@example.com"},
			Changes: []audit.Change{{Field: "port", Old: i, New: i + 1}},
		})
	}
	return list
}

func entryID(n int) string { return fmt.Sprintf("01980000-0000-7000-8000-%012d", n) }

var timelineEntry = regexp.MustCompile(`<li class="act-[^>]*><span class="pt"[^h]*hidden="true">.*?</span><a href="[^"]*entry=([0-9a-f-]{36})`)

// historyOf walks an entry's history, page by page, and returns the values that
// each change set.
func historyOf(t *testing.T, h http.Handler, query string) (set []int) {
	t.Helper()
	for after := ""; ; {
		var page struct {
			Entries []audit.Entry
			Next    string
		}
		require.NoError(t, json.Unmarshal([]byte(body(t, h, query+"&view=history&format=json&limit=2"+after)), &page))
		for _, e := range page.Entries {
			set = append(set, int(e.Changes[0].New.(int64)))
		}
		if page.Next == "" {
			return set
		}
		after = "&after=" + page.Next
	}
}

// TestTimelineIsInTheOrderOfChanges: the newest change comes first, whatever the
// clocks said, and the record's state is that right after the entry.
func TestTimelineIsInTheOrderOfChanges(t *testing.T) {
	trail := newTrail(t, ports(60, 50, 70, 10, 4000, 20)...)
	for _, personal := range []bool{true, false} {
		h := newViewer(t, trail, hiding(personal))
		require.Equal(t, []int{6, 5, 4, 3, 2, 1}, historyOf(t, h, "?entry="+entryID(3)))
		for _, view := range []string{"", "&view=history"} {
			var got []string
			for _, m := range timelineEntry.FindAllStringSubmatch(body(t, h, "?entry="+entryID(3)+view), -1) {
				got = append(got, m[1])
			}
			require.Equal(t, []string{entryID(6), entryID(5), entryID(4), entryID(3), entryID(2), entryID(1)}, got, view)
		}
		for n := 1; n <= 6; n++ {
			state := stateOf(t, h, "?entry="+entryID(n))
			require.EqualValues(t, n, state.Then.Fields["port"])
			require.EqualValues(t, 6, state.Now.Fields["port"])
			require.Empty(t, state.Now.Gaps)
		}
	}
}

// TestListInTheOrderOfRecording: it is one record's, has neighbours, and a search
// of it is sifted like any other.
func TestListInTheOrderOfRecording(t *testing.T) {
	for _, store := range []audit.Store{memstore.New(), plainStore{memstore.New()}} {
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		require.NoError(t, trail.Record(t.Context(), ports(60, 50, 70, 10, 4000, 20)...))
		want := []int{1, 2, 3, 4, 5, 6}
		if _, plain := store.(plainStore); plain {
			want = []int{4, 6, 2, 1, 3, 5}
		}
		for _, personal := range []bool{true, false} {
			h := newViewer(t, trail, hiding(personal))
			for _, search := range []string{"", "&q=update"} {
				record := "?type=vpns&record=7&sort=recorded" + search
				var set []int
				for cursor := ""; ; {
					var page struct {
						Entries []audit.Entry
						Next    string
					}
					require.NoError(t, json.Unmarshal([]byte(body(t, h, record+"&format=json&limit=4"+cursor)), &page))
					for _, e := range page.Entries {
						set = append(set, int(e.Changes[0].New.(int64)))
					}
					if page.Next == "" {
						break
					}
					cursor = "&cursor=" + page.Next
				}
				require.Equal(t, want, set)
				at := slices.Index(want, 2)
				page := body(t, h, record+"&entry="+entryID(2))
				require.Regexp(t, `rel="prev" href="[^"]*entry=`+entryID(want[at-1]), page)
				require.Regexp(t, `rel="next" href="[^"]*entry=`+entryID(want[at+1]), page)
			}
			for _, list := range []string{"?sort=recorded", "?sort=-recorded&type=vpns", "?sort=recorded&record=7", "?sort=recorded&type=vpns&record=7&record=8"} {
				refused := get(h, list)
				require.Equal(t, http.StatusBadRequest, refused.Code)
				contains(t, refused.Body.String(), "only for the entries of one record")
			}
		}
	}
}

// TestTimelineOfVeryManyEntries: beyond 5,000 it is in the order of time.
func TestTimelineOfVeryManyEntries(t *testing.T) {
	seconds := make([]int, 5001)
	for i := range seconds {
		seconds[i] = -i
	}
	list := ports(seconds...)
	first := func(trail *audit.Trail) int {
		var page struct{ Entries []audit.Entry }
		require.NoError(t, json.Unmarshal([]byte(body(t, newViewer(t, trail, nil), "?entry="+entryID(3)+"&view=history&format=json&limit=1")), &page))
		return int(page.Entries[0].Changes[0].New.(int64))
	}
	require.Equal(t, 5000, first(newTrail(t, list[:5000]...)))
	require.Equal(t, 1, first(newTrail(t, list...)))
}
