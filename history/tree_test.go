package history

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/gormtrail/audit"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPathTreeFindsWhatIsInside(t *testing.T) {
	tree := newPathTree[int]()
	for i, path := range []string{"a", "a.b.c", "a.b[10]", "ab", "a[1].x", "b.c"} {
		tree.set(path, i)
	}
	root, ok := tree.around("a.b.c.d[2]")
	assert.Equal(t, []any{"a.b.c", true}, []any{root, ok})
	root, ok = tree.around("a.b")
	assert.Equal(t, []any{"a", true}, []any{root, ok})
	_, ok = tree.around("ab")
	assert.False(t, ok)
	tree.remove("a.b")
	assert.Equal(t, map[string]int{"a": 0, "ab": 3, "a[1].x": 4, "b.c": 5}, tree.values)
	tree.remove("a")
	assert.Equal(t, map[string]int{"ab": 3, "b.c": 5}, tree.values)
	tree.remove("b.c")
	tree.remove("ab")
	assert.Empty(t, tree.values)
	assert.Empty(t, tree.inside)
}

// To put a value at a path looked at all other paths: ten times the paths were a
// hundred times the work.
func TestPathTreeLooksAtNothingElse(t *testing.T) {
	looked := func(n int) (total int) {
		tree := newPathTree[int]()
		for i := range n {
			path := fmt.Sprintf("settings.k%d.x", i)
			total += tree.remove(path)
			tree.set(path, i)
			total += tree.remove("other")
		}
		return total
	}
	assert.LessOrEqual(t, looked(10_000), 11*looked(1000))
}

// manyChanges yields n entries of a record, looking at no context.
type manyChanges struct {
	audit.Reader
	n       int
	change  func(i int) audit.Change
	yielded int
	stop    func() // called at the third entry
}

func (m *manyChanges) All(_ context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		for k := range m.n {
			i := k
			if q.Sort.Descending() {
				i = m.n - 1 - k
			}
			if m.yielded++; m.yielded == 3 && m.stop != nil {
				m.stop()
			}
			e := audit.Entry{ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", i), Time: historyDay.AddDate(0, 0, i%1000), Action: audit.ActionUpdate, Changes: []audit.Change{m.change(i)}}
			if !yield(e, nil) {
				return
			}
		}
	}
}

var historyDay = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// The state of a record takes work in proportion to its changes, of whatever kind.
func TestStateOfManyChangesIsLinear(t *testing.T) {
	ctx := t.Context()
	for name, change := range map[string]func(i int) audit.Change{
		"columns": func(i int) audit.Change { return audit.Change{Field: fmt.Sprintf("c%d", i), Op: audit.OpAdd, New: "x"} },
		"paths": func(i int) audit.Change {
			return audit.Change{Field: fmt.Sprintf("s.k%d", i), Op: audit.OpReplace, Old: "x", New: "y"}
		},
		"one column": func(i int) audit.Change {
			return audit.Change{Field: "name", Op: audit.OpReplace, Old: 1000 + i, New: 1001 + i}
		},
		"masked paths": func(i int) audit.Change {
			return audit.Change{Field: fmt.Sprintf("s.k%d", i), Op: audit.OpReplace, Old: audit.Mask, New: audit.Mask, Redacted: audit.RedactedMasked}
		},
		"items": func(i int) audit.Change {
			return audit.Change{Field: fmt.Sprintf("list[%d]", i), Op: audit.OpAdd, New: "x"}
		},
	} {
		work := func(n int) float64 {
			r := &manyChanges{n: n, change: change}
			return testing.AllocsPerRun(1, func() {
				_, err := At(ctx, r, audit.Object{Type: "users", ID: "1"}, historyDay.AddDate(9, 0, 0))
				require.NoError(t, err)
				_, err = Between(ctx, r, audit.Object{Type: "users", ID: "1"}, historyDay, historyDay.AddDate(9, 0, 0))
				require.NoError(t, err)
			})
		}
		few, many := work(300), work(3000)
		assert.Less(t, many, 12*few, name)
	}
}

// A reader may not look at the context: whoever cancels waits for one entry.
func TestStateCanBeCancelled(t *testing.T) {
	for _, ask := range []func(context.Context, audit.Reader) error{
		func(ctx context.Context, r audit.Reader) error {
			_, err := At(ctx, r, audit.Object{}, historyDay)
			return err
		},
		func(ctx context.Context, r audit.Reader) error {
			_, err := Between(ctx, r, audit.Object{}, historyDay, historyDay)
			return err
		},
		func(ctx context.Context, r audit.Reader) error {
			_, err := After(ctx, r, audit.Entry{ID: "01980000-0000-7000-8000-000000000001"})
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		r := &manyChanges{n: 10_000, change: func(int) audit.Change { return audit.Change{Field: "x", Op: audit.OpAdd, New: 1} }, stop: cancel}
		assert.ErrorIs(t, ask(ctx, r), context.Canceled)
		assert.LessOrEqual(t, r.yielded, 4)
	}
}
