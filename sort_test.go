package audit_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/sortkey"
)

func TestSortKey(t *testing.T) {
	e := audit.Entry{Action: "login", Actor: audit.Actor{Name: "Ada", Email: "ada@x"}, Object: audit.Object{Type: "users", ID: "7"}, Request: audit.Request{IP: "::1"}}
	for sort, want := range map[audit.Sort]string{
		"": "", audit.SortTime: "", audit.Newest: "", audit.SortObjectType: "users", "-type": "users", audit.SortObjectID: sortkey.ObjectID("7"),
		audit.SortAction: "login", "-action": "login", audit.SortUser: "ada@x", audit.SortIP: sortkey.IP("::1"),
	} {
		assert.Equal(t, want, sort.KeyOf(e), "sort %q", sort)
	}
}

func TestSortKeysOfEveryColumn(t *testing.T) {
	e := audit.Entry{
		ID: "01980000-0000-7000-8000-0000000000af", Tenant: "acme", Project: "web", TransactionID: "tx", Error: "refused", Comment: strings.Repeat("é", 201),
		Actor: audit.Actor{Type: "user", ID: "7", Name: "Ada", Email: "ada@x"}, OnBehalfOf: &audit.Actor{Type: "user", ID: "8", Name: "Ben"}, Object: audit.Object{Name: "Site", Product: "cms"},
		Request: audit.Request{ID: "req", Method: "GET", Path: "/a", UserAgent: "curl"}, Changes: []audit.Change{{Field: "settings.theme"}, {Field: "a"}},
	}
	want := map[audit.Sort]string{
		audit.SortTenant: "acme", audit.SortOutcome: "success", audit.SortObjectName: "Site", audit.SortChanges: "settings", audit.SortOnBehalfOf: "Ben", audit.SortBehalfType: "user", audit.SortBehalfID: "8", audit.SortBehalfName: "Ben", audit.SortBehalfEmail: "",
		audit.SortComment: strings.Repeat("é", 200), audit.SortError: "refused", audit.SortProduct: "cms", audit.SortProject: "web", audit.SortActorType: "user",
		audit.SortActorID: "7", audit.SortActorName: "Ada", audit.SortActorEmail: "ada@x", audit.SortRequestID: "req", audit.SortTransaction: "tx",
		audit.SortMethod: "GET", audit.SortPath: "/a", audit.SortUserAgent: "curl", audit.SortEntryID: e.ID,
	}
	bounded := 0
	for _, sort := range audit.SortKeys() {
		_, err := audit.Query{Sort: "-" + sort}.Validate()
		require.NoError(t, err)
		if key, ok := want[sort]; ok {
			require.Equal(t, key, ("-" + sort).KeyOf(e), sort)
			require.Equal(t, sort != audit.SortTenant, sort.Bounded(), sort)
		}
		if sort.Bounded() {
			bounded++
			require.Contains(t, want, sort)
		}
	}
	require.Equal(t, len(want)-1, bounded)
	for field, want := range map[string]string{"tags[2].x": "tags", ".x": "", "a\x1fb": "a", strings.Repeat("x", 300): strings.Repeat("x", 200)} {
		require.Equal(t, want, audit.SortChanges.KeyOf(audit.Entry{Changes: []audit.Change{{Field: field}}}))
	}
	require.Empty(t, audit.SortChanges.KeyOf(audit.Entry{}))
}

func TestTooManyToSort(t *testing.T) {
	err := audit.Sort("-outcome").TooMany()
	require.ErrorIs(t, err, audit.ErrTooManyToSort)
	require.ErrorIs(t, err, audit.ErrInvalidQuery)
	require.EqualError(t, err, "audit: invalid query: sort: sorting by outcome is possible for at most 100,000 entries, and more match: narrow the filter, or sort by time")
	require.False(t, audit.SortRecorded.Bounded())
}

func TestSort(t *testing.T) {
	assert.True(t, audit.Sort("").Descending() && audit.Newest.Descending() && !audit.SortTime.Descending())
	assert.Equal(t, audit.SortTime, audit.Newest.Key())
	for _, s := range []audit.Sort{audit.Newest, audit.SortUser, "-ip"} {
		assert.Equal(t, s, s.Reverse().Reverse())
		assert.NotEqual(t, s.Descending(), s.Reverse().Descending())
	}
	assert.Equal(t, audit.SortTime, audit.Sort("").Reverse())
}
