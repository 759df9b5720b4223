package row

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

func sized(n int) audit.Entry {
	return audit.Entry{
		ID: uuid.NewString(), Time: time.Now(), Action: "update", Object: audit.Object{Type: "articles", ID: "7"},
		Changes: []audit.Change{{Field: "title", Old: "a", New: "b"}, {Field: "body", New: strings.Repeat(`"`, n)}},
	}
}

func newRows(t *testing.T, entries ...audit.Entry) []Row {
	t.Helper()
	rows, err := New(entries)
	require.NoError(t, err)
	return rows
}

// A statement of several rows is at most half as long as what the server accepts, and
// no longer than maxStatement.
func TestFitCutsByBytes(t *testing.T) {
	var entries []audit.Entry
	for range 10 {
		entries = append(entries, sized(250_000)) // half a megabyte each, escaped
	}
	rows := newRows(t, entries...)
	for packet, want := range map[int][]int{0: {8, 2}, 1 << 30: {8, 2}, 4 << 20: {4, 4, 2}, 2 << 20: {2, 2, 2, 2, 2}, 1 << 20: {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}} {
		var got []int
		for rest := rows; len(rest) > 0; {
			n := Fit(rest, 16, packet)
			got, rest = append(got, n), rest[n:]
		}
		assert.Equal(t, want, got, packet)
	}
	assert.Equal(t, 3, Fit(rows, 3, 0))
	assert.Equal(t, 1, Fit(rows, 16, 1), "a row that is too large has a statement of its own")
}

func TestFitAtTheLimit(t *testing.T) {
	rows := newRows(t, sized(10), sized(10), sized(10))
	two := rows[0].size() + rows[1].size()
	assert.Equal(t, 2, Fit(rows, 16, 2*two))
	assert.Equal(t, 1, Fit(rows, 16, 2*(two-1)))
}

func TestSplitCutsByBytes(t *testing.T) {
	small, large := sized(10), sized(20<<20)
	count := func(entries ...audit.Entry) (list []int) {
		for _, part := range Split(entries) {
			list = append(list, len(part))
		}
		return list
	}
	assert.Equal(t, []int{3}, count(small, small, small))
	assert.Equal(t, []int{1, 1, 2}, count(small, large, small, small))
	assert.Equal(t, []int{1, 1}, count(large, small))
	half := sized(3 << 20)
	assert.Equal(t, []int{2, 1}, count(half, half, half))
}

// A row is refused if it may not fit into what the server accepts: with the bytes that
// a driver may add, and room for the statement.
func TestCheckSizeNamesTheLongestField(t *testing.T) {
	const packet = 1 << 20
	fits, not := newRows(t, sized(100_000))[0], newRows(t, sized(400_000))[0]
	require.NoError(t, fits.CheckSize(0, packet))
	require.NoError(t, not.CheckSize(0, 0), "the server accepts any")
	err := not.CheckSize(7, packet)
	var bad *audit.EntryError
	require.ErrorAs(t, err, &bad)
	assert.Equal(t, 7, bad.Index)
	assert.Equal(t, "changes.body", bad.Field)
	assert.Contains(t, bad.Reason, "articles 7")
	assert.Contains(t, bad.Reason, "1048576")
	assert.Less(t, len(err.Error()), 500)

	e := sized(10)
	e.Metadata = map[string]any{"note": strings.Repeat("x", 2<<20)}
	require.ErrorAs(t, newRows(t, e)[0].CheckSize(0, packet), &bad)
	assert.Equal(t, "metadata", bad.Field)
}

// Characters that a driver escapes count twice.
func TestCheckSizeCountsEscapedCharacters(t *testing.T) {
	const packet = 1 << 20
	for text, want := range map[string]bool{"a": true, "'": false, "\\": false, "\x00": false, "\n": false} {
		e := audit.Entry{ID: uuid.NewString(), Time: time.Now(), Action: "update", Comment: strings.Repeat(text, packet*3/4)}
		err := newRows(t, e)[0].CheckSize(0, packet)
		assert.Equal(t, want, err == nil, "%q", text)
	}
}

func TestNearLimit(t *testing.T) {
	r := newRows(t, sized(10))[0]
	assert.False(t, r.NearLimit(0), "the server accepts any")
	assert.False(t, r.NearLimit(4*r.size()))
	assert.True(t, r.NearLimit(4*(r.size()-1)))
}
