package row

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

const someID = "01950000-0000-7000-8000-00000000000a"

func plain() audit.Entry {
	return audit.Entry{ID: someID, Time: time.UnixMicro(1_700_000_000_000_001).UTC(), Action: "update"}
}

func TestNewRefusesWhatCannotBeStored(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*audit.Entry)
		field  string
	}{
		"no ID":             {func(e *audit.Entry) { e.ID = "" }, "id"},
		"a short ID":        {func(e *audit.Entry) { e.ID = someID[:35] }, "id"},
		"an ID in braces":   {func(e *audit.Entry) { e.ID = "{" + someID + "}" }, "id"},
		"an ID as URN":      {func(e *audit.Entry) { e.ID = "urn:uuid:" + someID }, "id"},
		"an ID of 32 hex":   {func(e *audit.Entry) { e.ID = strings.ReplaceAll(someID, "-", "") }, "id"},
		"another character": {func(e *audit.Entry) { e.ID = "g" + someID[1:] }, "id"},
		"a damaged entry":   {func(e *audit.Entry) { e.Damaged = "cannot be read: time" }, "damaged"},
		"the year 0":        {func(e *audit.Entry) { e.Time = time.Date(0, 12, 31, 23, 59, 59, 0, time.UTC) }, "time"},
		"the year 10000":    {func(e *audit.Entry) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "time"},
		"metadata":          {func(e *audit.Entry) { e.Metadata = map[string]any{"f": func() {}} }, "metadata"},
	} {
		e := plain()
		c.change(&e)
		_, err := New([]audit.Entry{plain(), e})
		var bad *audit.EntryError
		require.ErrorAs(t, err, &bad, name)
		assert.Equal(t, c.field, bad.Field, name)
		assert.Equal(t, 1, bad.Index, name)
	}
}

// The year counts in UTC, and the zero time is of the year 1.
func TestNewTakesTheWholeRangeOfTimes(t *testing.T) {
	west := time.FixedZone("", -3600)
	for _, at := range []time.Time{{}, time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(0, 12, 31, 23, 30, 0, 0, west)} {
		e := plain()
		e.Time = at
		r := newRows(t, e)[0]
		assert.Equal(t, at.UnixMicro(), r.Time)
	}
	e := plain()
	e.Time = time.Date(9999, 12, 31, 23, 30, 0, 0, west)
	_, err := New([]audit.Entry{e})
	assert.Error(t, err)
}

func TestNewEncodesDerivedColumns(t *testing.T) {
	e := plain()
	e.Actor = audit.Actor{ID: "7"}
	e.OnBehalfOf = &audit.Actor{Type: "user", Email: "ada@example.com"}
	e.Object.ID = strings.Repeat("k", 512)
	e.Request.IP = "10.0.0.1"
	e.Metadata = map[string]any{"n": 1}
	e.Changes = []audit.Change{{Field: "tags[2].x", Op: audit.OpAdd, New: "v"}}
	texts := newRows(t, e)[0].Texts()
	for column, want := range map[string]string{
		"outcome": "success", "actor_user": "7", "behalf_user": "ada@example.com", "on_behalf_of": `{"type":"user","email":"ada@example.com"}`,
		"object_id": e.Object.ID, "object_key": storage.ObjectIDKey(e.Object.ID), "ip_key": storage.IPKey("10.0.0.1"), "metadata": `{"n":1}`,
		"fields": "\x1ftags\x1ftags[2]\x1ftags[2].x\x1f", "changes": string(storage.AppendChanges(nil, e.Changes)),
	} {
		assert.Equal(t, want, texts.Text(column), column)
	}
	assert.LessOrEqual(t, len(texts.Text("object_key")), 520, "the key column of MySQL")

	texts = newRows(t, plain())[0].Texts()
	for _, column := range []string{"on_behalf_of", "behalf_user", "metadata", "fields", "changes", "ip_key"} {
		assert.Empty(t, texts.Text(column), column)
	}
}

// Rows of one statement share the text of column fields, other rows don't.
func TestNewSharesFieldsOfEqualChanges(t *testing.T) {
	list := make([]audit.Entry, 4)
	for i, field := range []string{"name", "name", "plan", ""} {
		if list[i] = plain(); field != "" {
			list[i].Changes = []audit.Change{{Field: field, Op: audit.OpAdd, New: i}}
		}
	}
	var got []string
	for _, r := range newRows(t, list...) {
		got = append(got, r.fields)
	}
	assert.Equal(t, []string{"\x1fname\x1f", "\x1fname\x1f", "\x1fplan\x1f", ""}, got)
}

func TestEachRowHasItsOwnSalt(t *testing.T) {
	seen := map[[16]byte]bool{{}: true}
	for range 2 {
		for _, r := range newRows(t, plain(), plain(), plain()) {
			assert.False(t, seen[r.Salt])
			seen[r.Salt] = true
		}
	}
}

func TestParseID(t *testing.T) {
	id, err := ParseID(someID)
	require.NoError(t, err)
	assert.Equal(t, uuid.MustParse(someID), id)
	id, err = ParseID(strings.ToUpper(someID))
	require.NoError(t, err)
	assert.Equal(t, uuid.MustParse(someID), id)
	for _, bad := range []string{"", "7", "{" + someID + "}", "urn:uuid:" + someID, strings.ReplaceAll(someID, "-", ""), "x" + someID[1:]} {
		_, err := ParseID(bad)
		assert.Error(t, err, bad)
	}
}

func TestDistinctKeepsTheFirst(t *testing.T) {
	first, other, again := plain(), plain(), plain()
	first.Comment, other.ID, again.Comment = "first", uuid.NewString(), "again"
	got := Distinct(newRows(t, first, other, again))
	require.Len(t, got, 2)
	assert.Equal(t, "first", got[0].Entry.Comment)
	assert.Equal(t, other.ID, got[1].Entry.ID)
}

func TestCompare(t *testing.T) {
	entries := make([]audit.Entry, 6)
	for i, comment := range []string{"missing", "missing", "own", "same", "other", "other"} {
		entries[i] = plain()
		entries[i].ID, entries[i].Comment = uuid.NewString(), comment
	}
	entries[1].ID = entries[0].ID // twice in one call
	rows := newRows(t, entries...)
	stored := map[uuid.UUID]Stored{}
	for i, r := range rows[2:] {
		s := Stored{Entry: *r.Entry, Salt: [16]byte{byte(i)}}
		switch r.Entry.Comment {
		case "own":
			s.Salt = r.Salt
		case "other":
			s.Entry.Comment = "of other content"
		}
		stored[r.ID] = s
	}
	c := Compare(rows, stored)
	require.Len(t, c.Missing, 1)
	assert.Equal(t, rows[0], c.Missing[0])
	assert.Equal(t, []uuid.UUID{rows[2].ID}, c.Own)
	assert.Equal(t, []string{entries[4].ID, entries[5].ID}, c.Conflicts)
}

func TestCompareOfOneCall(t *testing.T) {
	one, two := plain(), plain()
	two.Comment = "of other content"
	rows := newRows(t, one, two)
	c := Compare(rows, map[uuid.UUID]Stored{rows[0].ID: {Entry: one, Salt: rows[0].Salt}})
	assert.Equal(t, Comparison{Own: []uuid.UUID{rows[0].ID}, Conflicts: []string{someID}}, c)
}
