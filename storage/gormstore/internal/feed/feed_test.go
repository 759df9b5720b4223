package feed

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func parses(kind, s string) bool {
	var ok bool
	switch kind {
	case "rows":
		_, ok = ParseRows(s)
	case "snapshots":
		_, ok = ParseSnapshots(s)
	case "gaps":
		_, ok = ParseGaps(s)
	}
	return ok
}

var goodCursors = map[string][]string{
	"rows":      {"", "sqlite:0", "sqlite:7", "sqlite:9223372036854775807", "sqlite:1:0", "sqlite:3:7"},
	"snapshots": {"", "pg/10:10:", "pg/10:20:10,15", "pg//10:20:/12/3", "pg/1:2:/10:20:15/12/3"},
	"gaps":      {"", "my:0", "my:7,1-2@100,4-4@50"},
}

var badCursors = map[string][]string{
	"rows":      {"sqlite:", "sqlite:-1", "sqlite:01", "sqlite:+1", "sqlite:9223372036854775808", "1", "pg/1:1:", "sqlite:0:7", "sqlite:01:7", "sqlite:1:07", "sqlite:1:", "sqlite::7", "sqlite:1:2:3", "sqlite:-1:2"},
	"snapshots": {"pg/", "pg/0:1:", "pg/20:10:", "pg/10:20:9", "pg/10:20:20", "pg/10:20:15,12", "pg/10:20", "pg/1:2:/3:4:/x/1", "pg/1:2:/3:4:/-1/1", "my:1", "pg/1:2:'"},
	"gaps": {"my:", "my:-1", "my:1,", "my:1,2", "my:1,3-2@1", "my:01", "pg/1:1:", "my:99999999999999999999", "my:9,1-2@-1", "my:9,0-2@1",
		"my:9,4-5@1,1-2@1", "my:9,1-4@1,4-5@1", "my:9,1-10@1", "my:9,1-2@1@1", "my:9,1-2-3@1"},
}

func TestCursorsAreChecked(t *testing.T) {
	for kind := range goodCursors {
		for _, good := range goodCursors[kind] {
			assert.True(t, parses(kind, good), good)
		}
		for _, bad := range badCursors[kind] {
			assert.False(t, parses(kind, bad), bad)
		}
	}
}

// FuzzParse: a text that is taken is the one that String returns, so two texts never
// mean the same position.
func FuzzParse(f *testing.F) {
	for _, list := range []map[string][]string{goodCursors, badCursors} {
		for _, texts := range list {
			for _, s := range texts {
				f.Add(s)
			}
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			return
		}
		if c, ok := ParseRows(s); ok {
			require.Equal(t, s, c.String())
		}
		if c, ok := ParseSnapshots(s); ok {
			require.Equal(t, s, c.String())
			require.NotEmpty(t, c.Ranges())
		}
		if c, ok := ParseGaps(s); ok {
			require.Equal(t, s, c.String())
			require.LessOrEqual(t, len(c.Missing), maxMissing)
			moved := c.Advance(c.Head, Seen{Now: c.someTime()})
			_, ok = ParseGaps(moved.String())
			require.True(t, ok, moved.String())
		}
	})
}

// someTime is a time at which some spans are given up and others aren't.
func (c Gaps) someTime() int64 {
	if len(c.Missing) == 0 {
		return 0
	}
	return c.Missing[len(c.Missing)/2].Noticed
}

// What is missing below the head of MySQL's feed is read once it exists, waited for
// while its row can be seen uncommitted, and given up two minutes after a number without
// a row was noticed.
func TestMissingNumbers(t *testing.T) {
	c := Gaps{}.Advance(10, Seen{[]uint64{1, 2, 3, 8, 10}, []uint64{1, 2, 3, 5, 8, 10}, 100})
	assert.Equal(t, "my:10,4-7@100,9-9@100", c.String())
	c = c.Advance(10, Seen{[]uint64{9}, []uint64{5, 9}, 200})
	assert.Equal(t, "my:10,4-4@100,5-5@200,6-7@100", c.String())
	c = c.Advance(12, Seen{[]uint64{11, 12}, []uint64{5, 11, 12}, 221})
	assert.Equal(t, "my:12,5-5@221", c.String())
	c = c.Advance(12, Seen{[]uint64{5}, []uint64{5}, 230})
	assert.Equal(t, "my:12", c.String())
	c = Gaps{Head: 5, Missing: []Span{{2, 4, 10}}}.Advance(3, Seen{[]uint64{3, 4}, []uint64{3, 4}, 20})
	assert.Equal(t, "my:5,2-2@10,4-4@10", c.String(), "the limit was reached at 3: 4 is read next")
	assert.Equal(t, "my:5,4-4@200", Gaps{5, []Span{{2, 2, 10}, {4, 4, 200}}}.Settle(200).String())
}

// unread are the numbers up to most that a cursor hasn't read.
func (c Gaps) unread(most uint64) map[uint64]bool {
	set := map[uint64]bool{}
	for n := uint64(1); n <= most; n++ {
		if n > c.Head || slices.ContainsFunc(c.Missing, func(m Span) bool { return m.From <= n && n <= m.To }) {
			set[n] = true
		}
	}
	return set
}

const most = 40

func drawNumbers(t *rapid.T, label string) []uint64 {
	list := rapid.SliceOfDistinct(rapid.Uint64Range(1, most), rapid.ID[uint64]).Draw(t, label)
	slices.Sort(list)
	return list
}

func drawGaps(t *rapid.T, label string) Gaps {
	c := Gaps{}
	for range rapid.IntRange(0, 3).Draw(t, label) {
		list := drawNumbers(t, label)
		c = c.Advance(rapid.Uint64Range(0, most).Draw(t, label), Seen{list, list, 100})
	}
	return c
}

// Behind an entry's own cursor, exactly what stands behind that entry is unread.
func TestCursorsBehindEachRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawGaps(t, "cursor")
		before := c.unread(most)
		committed := slices.DeleteFunc(drawNumbers(t, "committed"), func(n uint64) bool { return !before[n] })
		existing := slices.DeleteFunc(drawNumbers(t, "existing"), func(n uint64) bool { return !before[n] })
		existing = slices.Compact(slices.Sorted(slices.Values(append(existing, committed...))))
		seqs := slices.DeleteFunc(slices.Clone(committed), func(n uint64) bool { return n%3 == 0 }) // those that a filter selects
		for i, at := range c.Behind(seqs, Seen{committed, existing, 110}) {
			want := map[uint64]bool{}
			for n := range before {
				if _, done := slices.BinarySearch(committed, n); !done || n > seqs[i] {
					want[n] = true
				}
			}
			require.Equal(t, want, at.unread(most), "behind %d", seqs[i])
			again, ok := ParseGaps(at.String())
			require.True(t, ok)
			require.Equal(t, at.String(), again.String())
		}
	})
}

func TestCursorsTowardALaterOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, later := drawGaps(t, "cursor"), drawGaps(t, "later")
		seq := rapid.Uint64Range(0, later.Head).Draw(t, "seq")
		at := c.Toward(later, seq)
		for n := uint64(1); n <= most; n++ {
			side := later
			if n > seq {
				side = c
			}
			require.Equal(t, side.unread(most)[n], at.unread(most)[n], "%d", n)
		}
		_, ok := ParseGaps(at.String())
		require.True(t, ok, at.String())
	})
}

func TestACursorIsBounded(t *testing.T) {
	var committed []uint64
	for n := uint64(2); n < 2000; n += 2 {
		committed = append(committed, n)
	}
	c := Gaps{}.Advance(2000, Seen{committed, committed, 100})
	require.Len(t, c.Missing, maxMissing)
	require.Equal(t, Span{1999, 2000, 100}, c.Missing[maxMissing-1], "the oldest are given up first")
	require.LessOrEqual(t, len(c.Toward(c, 1000).Missing), maxMissing)
}

// visible is pg_visible_in_snapshot.
func visible(s Snapshot, xid uint64) bool {
	return xid < s.Xmax() && !slices.Contains(s.Open(), strconv.FormatUint(xid, 10))
}

func drawSnapshot(t *rapid.T, label string) Snapshot {
	xmin := rapid.Uint64Range(1, most-1).Draw(t, label)
	xmax := rapid.Uint64Range(xmin, most).Draw(t, label)
	s := fmt.Sprintf("%d:%d:", xmin, xmax)
	separator := ""
	for _, x := range drawNumbers(t, label) {
		if x >= xmin && x < xmax {
			s += separator + strconv.FormatUint(x, 10)
			separator = ","
		}
	}
	return Snapshot(s)
}

func TestOneSnapshotSeesAnother(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, earlier := drawSnapshot(t, "later"), drawSnapshot(t, "earlier")
		sees := s.Xmax() >= earlier.Xmax()
		for x := uint64(1); x < most; x++ {
			sees = sees && (visible(s, x) || !visible(earlier, x))
		}
		require.True(t, s.valid())
		require.Equal(t, sees, s.Sees(earlier), "%s sees %s", s, earlier)
		require.True(t, s.Sees(s) && s.Sees(""))
		whole := Snapshots{Base: s}
		require.Equal(t, sees, whole.Covers(Snapshots{Base: earlier}))
		require.Equal(t, sees, whole.Covers(Snapshots{Upto: earlier, Xid: 1}))
		require.False(t, Snapshots{Upto: s}.Covers(Snapshots{}), "it lies within a part")
	})
}

// The ranges of a part hold each transaction of the part once, and their order is the
// feed's.
func TestRangesOfAPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Snapshots{Base: drawSnapshot(t, "base"), Upto: drawSnapshot(t, "upto")}
		if rapid.Bool().Draw(t, "begun") {
			c = c.After(rapid.Uint64Range(1, most).Draw(t, "xid"), 0)
		}
		var got, want []uint64
		for _, r := range c.Ranges() {
			for x := uint64(1); x < most; x++ {
				in := visible(r.Upto, x) && x >= r.Xid
				if r.Open != nil {
					in = in && slices.Contains(r.Open, strconv.FormatUint(x, 10))
				} else if r.Xid == 0 {
					in = in && x >= r.Base.Xmax()
				}
				if in {
					got = append(got, x)
				}
			}
		}
		for x := uint64(1); x < most; x++ {
			if visible(c.Upto, x) && !visible(c.Base, x) && x >= c.Xid {
				want = append(want, x)
			}
		}
		if c.Xid == 0 || !visible(c.Base, c.Xid) { // an entry that was read lies in the part
			require.Equal(t, want, got)
		}
		require.Equal(t, Snapshots{Base: c.Upto}, c.End())
	})
}
