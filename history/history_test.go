package history_test

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/storage/memstore"
)

// life is a record whose true states are known, and the entries that capture
// would write of it.
type life struct {
	entries []audit.Entry
	states  []truth // behind each entry; states[0] is before the first
}

type truth struct {
	there, deleted bool
	row            map[string]any
}

var theRecord = audit.Object{Type: "users", ID: "7"}

func moment(i int) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
}

// anyLife draws a record's history: created, changed in columns and inside of
// structures, marked as deleted, restored, removed, created again.
func anyLife() *rapid.Generator[life] {
	return rapid.Custom(func(t *rapid.T) life {
		l := life{states: []truth{{row: map[string]any{}}}}
		for i := range rapid.IntRange(1, 12).Draw(t, "entries") {
			now := l.states[i]
			next := truth{now.there, now.deleted, maps.Clone(now.row)}
			e := audit.Entry{ID: uuid.Must(uuid.NewV7()).String(), Time: moment(i + 1), Object: theRecord, Outcome: audit.Success}
			e.Object.Name = fmt.Sprint("name ", i+1)
			step := rapid.SampledFrom([]string{"update", "update", "update", "update", "delete", "remove", "view", "failed"}).Draw(t, "step")
			switch {
			case step == "failed":
				e.Action, e.Outcome, e.Changes = "update", audit.Denied, []audit.Change{{Field: "name", Op: audit.OpReplace, Old: "x", New: "never"}}
			case step == "view":
				e.Action = "view"
			case !now.there:
				e.Action, next.there, next.row = "create", true, anyRow().Draw(t, "row")
				e.Changes = rowChanges(now.row, next.row, audit.OpAdd)
			case step == "remove":
				e.Action, next = "destroy", truth{row: map[string]any{}}
				e.Changes = rowChanges(now.row, next.row, audit.OpRemove)
			case step == "delete":
				e.Action, next.deleted = map[bool]string{false: "destroy", true: "restore"}[now.deleted], !now.deleted
				next.row["deleted_at"] = map[bool]any{false: "2026-01-01T00:00:00Z", true: nil}[now.deleted]
				e.Changes = rowChanges(now.row, next.row, audit.OpReplace)
			default:
				e.Action = "update"
				for name, v := range anyRow().Draw(t, "changed") {
					if rapid.Bool().Draw(t, "this column") {
						next.row[name] = v
					}
				}
				e.Changes = rowChanges(now.row, next.row, audit.OpReplace)
			}
			maps.DeleteFunc(next.row, func(_ string, v any) bool { return v == nil })
			l.entries, l.states = append(l.entries, e), append(l.states, next)
		}
		return l
	})
}

func anyRow() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		return map[string]any{
			"name": rapid.SampledFrom([]any{nil, "a", "b", ""}).Draw(t, "name"), "age": rapid.SampledFrom([]any{nil, int64(1), int64(2)}).Draw(t, "age"),
			"settings": structure(2).Draw(t, "settings"), "tags": structure(1).Draw(t, "tags"), "title": "always",
		}
	})
}

func structure(depth int) *rapid.Generator[any] {
	leaf := rapid.SampledFrom([]any{nil, "x", "y", int64(1), true})
	if depth == 0 {
		return leaf
	}
	inner := structure(depth - 1)
	return rapid.OneOf(leaf,
		rapid.SliceOfN(inner, 0, 4).AsAny(), rapid.MapOfN(rapid.SampledFrom([]string{"theme", "list", "a"}), inner, 0, 3).AsAny(),
		rapid.Map(rapid.SliceOfN(inner, 0, 4), func(l []any) any { return map[string]any{"list": l, "theme": "x"} }))
}

// rowChanges are what capture writes of a step: each column that differs, by
// paths where both values are structures of a kind.
func rowChanges(a, b map[string]any, op string) (changes []audit.Change) {
	names := map[string]bool{}
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		x, y := a[name], b[name]
		switch {
		case reflect.DeepEqual(x, y):
		case op == audit.OpAdd:
			changes = append(changes, audit.Change{Field: name, Op: op, New: y})
		case op == audit.OpRemove:
			changes = append(changes, audit.Change{Field: name, Op: op, Old: x})
		default:
			changes = append(changes, valueChanges(name, x, y)...)
		}
	}
	return changes
}

func valueChanges(path string, x, y any) (changes []audit.Change) {
	switch a := x.(type) {
	case map[string]any:
		b, ok := y.(map[string]any)
		if !ok {
			break
		}
		for k := range a {
			if _, ok := b[k]; !ok {
				changes = append(changes, audit.Change{Field: path + "." + k, Op: audit.OpRemove, Old: a[k]})
			}
		}
		for k := range b {
			if old, ok := a[k]; !ok {
				changes = append(changes, audit.Change{Field: path + "." + k, Op: audit.OpAdd, New: b[k]})
			} else {
				changes = append(changes, valueChanges(path+"."+k, old, b[k])...)
			}
		}
		return changes
	case []any:
		b, ok := y.([]any)
		if !ok {
			break
		}
		for i := range max(len(a), len(b)) {
			at := fmt.Sprintf("%s[%d]", path, i)
			switch {
			case i >= len(a):
				changes = append(changes, audit.Change{Field: at, Op: audit.OpAdd, New: b[i]})
			case i >= len(b):
				changes = append(changes, audit.Change{Field: at, Op: audit.OpRemove, Old: a[i]})
			default:
				changes = append(changes, valueChanges(at, a[i], b[i])...)
			}
		}
		return changes
	}
	if reflect.DeepEqual(x, y) {
		return nil
	}
	return []audit.Change{{Field: path, Op: audit.OpReplace, Old: x, New: y}}
}

func trailOf(t require.TestingT, ctx context.Context, entries []audit.Entry) *audit.Trail {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(ctx, entries...))
	other := audit.Entry{Time: moment(0), Action: "update", Object: audit.Object{Type: "users", ID: "70"}, Changes: []audit.Change{{Field: "name", New: "another's"}}}
	require.NoError(t, trail.Record(ctx, other))
	return trail
}

// At every moment of a random life the state is the true one.
func TestStateIsTheTruth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLife().Draw(t, "life")
		trail := trailOf(t, t.Context(), l.entries)
		reachesBack := slices.IndexFunc(l.entries, func(e audit.Entry) bool { return e.Action == "create" }) >= 0
		for i, want := range l.states {
			for _, at := range []time.Time{moment(i), moment(i).Add(time.Second - 1)} {
				got, err := history.At(t.Context(), trail, theRecord, at)
				require.NoError(t, err)
				if !reachesBack {
					continue // nothing but views and failures
				}
				require.Equal(t, want.there && !want.deleted, got.Exists, "at %d", i)
				require.True(t, got.Complete, "at %d", i)
				require.Equal(t, want.row, got.Fields, "at %d", i)
				require.Empty(t, got.Gaps)
				require.Empty(t, got.Redacted)
			}
		}
	})
}

// A trail that doesn't reach back to the creation claims nothing wrong, knows
// what its entries tell, and says that it isn't complete.
func TestStateOfACutTrailIsHonest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLife().Draw(t, "life")
		cut := rapid.IntRange(0, len(l.entries)-1).Draw(t, "cut")
		trail := trailOf(t, t.Context(), l.entries[cut:])
		for i := cut; i < len(l.states); i++ {
			want := l.states[i]
			got, err := history.At(t.Context(), trail, theRecord, moment(i))
			require.NoError(t, err)
			require.Empty(t, got.Gaps)
			for path, v := range got.Fields {
				truth, _ := lookUp(want.row, path)
				require.Equal(t, truth, v, "%s at %d", path, i)
			}
			if got.Complete {
				require.Equal(t, want.row, got.Fields, "at %d", i)
				if got.Exists != (want.there && !want.deleted) { // its mark is on an entry that is cut off
					require.True(t, got.Exists && want.deleted, "at %d", i)
				}
			}
			for _, e := range l.entries[cut:i] {
				for _, c := range e.Changes {
					_, there := lookUp(want.row, c.Field)
					if e.Outcome == audit.Success && there {
						require.True(t, knows(got.Fields, c.Field), "%s was on an entry before %d: %v", c.Field, i, got.Fields)
					}
				}
			}
		}
	})
}

// lookUp follows a path through a row.
func lookUp(row map[string]any, path string) (any, bool) {
	name, rest, _ := strings.Cut(strings.NewReplacer("[", ".", "]", "").Replace(path), ".")
	v, ok := row[name]
	for _, step := range strings.FieldsFunc(rest, func(r rune) bool { return r == '.' }) {
		switch x := v.(type) {
		case map[string]any:
			v, ok = x[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(x) {
				return nil, false
			}
			v, ok = x[i], true
		default:
			return nil, false
		}
		if !ok {
			return nil, false
		}
	}
	return v, ok
}

// knows: the field itself, what is around it, or parts of it.
func knows(fields map[string]any, path string) bool {
	for known := range fields {
		if strings.HasPrefix(known, path) || strings.HasPrefix(path, known) {
			return true
		}
	}
	return false
}

// Between any two moments of a random life: what capture would have written of
// that one step.
func TestBetweenIsTheDifference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLife().Draw(t, "life")
		if !slices.ContainsFunc(l.entries, func(e audit.Entry) bool { return e.Action == "create" }) {
			return
		}
		trail := trailOf(t, t.Context(), l.entries)
		i, j := rapid.IntRange(0, len(l.entries)).Draw(t, "from"), rapid.IntRange(0, len(l.entries)).Draw(t, "to")
		a, b := l.states[i], l.states[j]
		op := audit.OpReplace
		switch {
		case !a.there && b.there:
			op = audit.OpAdd
		case a.there && !b.there:
			op = audit.OpRemove
		}
		want := rowChanges(a.row, b.row, op)
		got, err := history.Between(t.Context(), trail, theRecord, moment(i), moment(j))
		require.NoError(t, err)
		byField := func(x, y audit.Change) int { return strings.Compare(x.Field, y.Field) }
		slices.SortFunc(want, byField)
		slices.SortFunc(got, byField)
		require.Equal(t, len(want), len(got), "%v", got)
		if len(want) > 0 {
			require.Equal(t, want, got)
		}
	})
}

func TestStateBeforeTheTrailBegins(t *testing.T) {
	trail := trailOf(t, t.Context(), []audit.Entry{
		{Time: moment(10), Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "name", Old: "a", New: "b"}, {Field: "settings.theme", Old: "light", New: "dark"}}},
		{Time: moment(20), Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "role", Old: "reader", New: nil}, {Field: "tags[1]", Op: audit.OpRemove, Old: "x"}}},
	})
	got, err := history.At(t.Context(), trail, theRecord, moment(15))
	require.NoError(t, err)
	assert.Equal(t, history.State{
		Object: theRecord, Time: moment(15), Exists: true, Complete: false,
		Fields: map[string]any{"name": "b", "settings.theme": "dark", "role": "reader", "tags[1]": "x"},
	}, got)
	got, err = history.At(t.Context(), trail, theRecord, moment(5))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"name": "a", "settings.theme": "light", "role": "reader", "tags[1]": "x"}, got.Fields)
	got, err = history.At(t.Context(), trail, theRecord, moment(20))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"name": "b", "settings.theme": "dark", "role": nil}, got.Fields, "NULL is known; what was taken out is no field")
}

// What raw SQL did between two entries is on neither; the state says so.
func TestStateNamesTheGaps(t *testing.T) {
	trail := trailOf(t, t.Context(), []audit.Entry{
		{Time: moment(1), Action: "create", Object: theRecord, Changes: []audit.Change{{Field: "name", Op: audit.OpAdd, New: "a"}, {Field: "settings", Op: audit.OpAdd, New: "none"}}},
		{Time: moment(2), Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "name", Old: "unseen", New: "c"}}},
		{Time: moment(3), Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "settings.theme", Old: "x", New: "y"}}},
	})
	got, err := history.At(t.Context(), trail, theRecord, moment(1))
	require.NoError(t, err)
	assert.Empty(t, got.Gaps)
	got, err = history.At(t.Context(), trail, theRecord, moment(2))
	require.NoError(t, err)
	assert.Equal(t, []string{"name"}, got.Gaps)
	assert.Equal(t, "c", got.Fields["name"])
	got, err = history.At(t.Context(), trail, theRecord, moment(3))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"name": "c", "settings.theme": "y"}, got.Fields)
	assert.False(t, got.Complete, "of settings only a part is known")
	assert.Contains(t, got.Gaps, "settings")
}

// A row that was removed and is changed again came back without an entry: what
// it holds besides is not known.
func TestStateOfARowThatCameBackUnseen(t *testing.T) {
	trail := trailOf(t, t.Context(), []audit.Entry{
		{Time: moment(1), Action: "create", Object: theRecord, Changes: []audit.Change{{Field: "name", Op: audit.OpAdd, New: "a"}, {Field: "role", Op: audit.OpAdd, New: "r"}}},
		{Time: moment(2), Action: "destroy", Object: theRecord, Changes: []audit.Change{{Field: "name", Op: audit.OpRemove, Old: "a"}, {Field: "role", Op: audit.OpRemove, Old: "r"}}},
		{Time: moment(3), Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "name", Old: "b", New: "c"}}},
	})
	got, err := history.At(t.Context(), trail, theRecord, moment(3))
	require.NoError(t, err)
	assert.True(t, got.Exists)
	assert.False(t, got.Complete)
	assert.Equal(t, map[string]any{"name": "c"}, got.Fields)
	got, err = history.At(t.Context(), trail, theRecord, moment(2))
	require.NoError(t, err)
	assert.False(t, got.Exists)
	assert.Empty(t, got.Fields)
}

// An element taken out of a list's middle, as RFC 6902 tells it, and back.
func TestStateAppliesPlacesInLists(t *testing.T) {
	list := func(s string) []any {
		var l []any
		for _, r := range s {
			l = append(l, string(r))
		}
		return l
	}
	trail := trailOf(t, t.Context(), []audit.Entry{
		{Time: moment(2), Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "tags[1]", Op: audit.OpRemove, Old: "b"}, {Field: "tags[3]", Op: audit.OpRemove, Old: "d"}}},
		{Time: moment(3), Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "tags[10]", Op: audit.OpAdd, New: "x"}, {Field: "tags[9]", Op: audit.OpAdd, New: "w"}}},
		{Time: moment(4), Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "tags", Old: list("acefghijkwx"), New: "done"}}},
	})
	for i, want := range map[int]string{1: "abcdefghijk", 2: "acefghijk", 3: "acefghijkwx"} {
		got, err := history.At(t.Context(), trail, theRecord, moment(i))
		require.NoError(t, err)
		assert.Equal(t, list(want), got.Fields["tags"], "at %d", i)
	}
}

func TestStateOfRedactedFields(t *testing.T) {
	masked := audit.Change{Field: "token", Old: "one", New: "two"}
	trail := trailOf(t, t.Context(), []audit.Entry{
		{Time: moment(1), Action: "create", Object: theRecord, Changes: []audit.Change{{Field: "token", Op: audit.OpAdd, New: "zero"}, {Field: "name", Op: audit.OpAdd, New: "a"}}},
		{Time: moment(2), Action: "update", Object: theRecord, Changes: []audit.Change{masked}},
		{Time: moment(3), Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "name", Old: "a", New: "b"}}},
	})
	got, err := history.At(t.Context(), trail, theRecord, moment(3))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"token": audit.RedactedMasked}, got.Redacted)
	assert.Equal(t, map[string]any{"token": audit.Mask, "name": "b"}, got.Fields)
	assert.Empty(t, got.Gaps)

	changes, err := history.Between(t.Context(), trail, theRecord, moment(1), moment(2))
	require.NoError(t, err)
	assert.Equal(t, []audit.Change{{Field: "token", Op: audit.OpReplace, Old: audit.Mask, New: audit.Mask, Redacted: audit.RedactedMasked}}, changes, "that it was set is known, to what is not")
	changes, err = history.Between(t.Context(), trail, theRecord, moment(3), moment(2))
	require.NoError(t, err)
	assert.Equal(t, []audit.Change{{Field: "name", Op: audit.OpReplace, Old: "b", New: "a"}}, changes, "backwards, it is what would undo")
}

// Whatever entries say, in whatever order: an answer, never a panic; no field is
// given twice, and between a moment and itself there is nothing.
func TestStateOfNonsense(t *testing.T) {
	field := rapid.SampledFrom([]string{"a", "a.b", "a[0]", "a[1]", "a[9]", "a.b[0].c", "[0]", ".", "a.", "a[", "a[x]", "a]", "a[-1]", "a[99999999999999999999]", "b"})
	rapid.Check(t, func(t *rapid.T) {
		var entries []audit.Entry
		for i := range rapid.IntRange(1, 10).Draw(t, "entries") {
			e := audit.Entry{Time: moment(i + 1), Object: theRecord, Action: rapid.SampledFrom([]string{"create", "update", "destroy", "restore", "view"}).Draw(t, "action")}
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				op := rapid.SampledFrom([]string{audit.OpAdd, audit.OpReplace, audit.OpRemove}).Draw(t, "op")
				e.Changes = append(e.Changes, audit.Change{Field: field.Draw(t, "field"), Op: op, Old: structure(2).Draw(t, "old"), New: structure(2).Draw(t, "new")})
			}
			entries = append(entries, e)
		}
		trail := trailOf(t, t.Context(), entries)
		for i := range len(entries) + 1 {
			state, err := history.At(t.Context(), trail, theRecord, moment(i))
			require.NoError(t, err)
			for path := range state.Fields {
				for other := range state.Fields {
					require.False(t, other != path && strings.HasPrefix(other, path+"."), "%s is inside of %s", other, path)
				}
			}
			same, err := history.Between(t.Context(), trail, theRecord, moment(i), moment(i))
			require.NoError(t, err)
			require.Empty(t, same)
			_, err = history.Between(t.Context(), trail, theRecord, moment(0), moment(i))
			require.NoError(t, err)
		}
	})
}

func TestHistoryOfNothing(t *testing.T) {
	trail := trailOf(t, t.Context(), []audit.Entry{{Action: "create", Object: theRecord, Tenant: "acme"}})
	for _, o := range []audit.Object{{Type: "users", ID: "8"}, {Type: "Users", ID: "7"}, {}, {Type: "users"}} {
		_, err := history.At(t.Context(), trail, o, moment(1))
		assert.ErrorIs(t, err, audit.ErrNotFound)
		_, err = history.Between(t.Context(), trail, o, moment(1), moment(2))
		assert.ErrorIs(t, err, audit.ErrNotFound)
		for range history.Of(t.Context(), trail, o) {
			assert.Fail(t, "an entry of nothing")
		}
	}
	_, err := history.At(t.Context(), trail.Scope(audit.Filter{Tenants: []string{"globex"}}), theRecord, moment(1))
	assert.ErrorIs(t, err, audit.ErrNotFound, "nor of what the scope doesn't show")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = history.At(cancelled, trail, theRecord, moment(1))
	assert.ErrorIs(t, err, context.Canceled)
}

func ExampleAt() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, vpn := context.Background(), audit.Object{Type: "vpns", ID: "42"}
	at := func(day int) time.Time { return time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC) }
	err = trail.Record(ctx,
		audit.Entry{Time: at(1), Action: "create", Object: vpn, Changes: []audit.Change{{Field: "port", Op: audit.OpAdd, New: 1194}, {Field: "dns", Op: audit.OpAdd, New: []any{"10.0.0.1"}}}},
		audit.Entry{Time: at(2), Action: "update", Object: vpn, Changes: []audit.Change{{Field: "port", Old: 1194, New: 443}, {Field: "dns[1]", Op: audit.OpAdd, New: "10.0.0.2"}}},
		audit.Entry{Time: at(3), Action: "destroy", Object: vpn, Changes: []audit.Change{{Field: "port", Op: audit.OpRemove, Old: 443}, {Field: "dns", Op: audit.OpRemove, Old: []any{"10.0.0.1", "10.0.0.2"}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for day := 1; day <= 3; day++ {
		state, err := history.At(ctx, trail, vpn, at(day))
		fmt.Println(state.Exists, state.Complete, state.Fields, err)
	}
	steps, err := history.Between(ctx, trail, vpn, at(1), at(2))
	for _, c := range steps {
		fmt.Println(c.Op, c.Field, c.Old, c.New)
	}
	fmt.Println(err)
	// Output:
	// true true map[dns:[10.0.0.1] port:1194] <nil>
	// true true map[dns:[10.0.0.1 10.0.0.2] port:443] <nil>
	// false true map[] <nil>
	// add dns[1] <nil> 10.0.0.2
	// replace port 1194 443
	// <nil>
}

// Capture makes no entry where only updated_at changed, so the next one's old value
// differs from the last one's new value.
func TestAutomaticFieldsAreNoGaps(t *testing.T) {
	change := func(old, now string) []audit.Change {
		return []audit.Change{{Field: "updated_at", Old: old, New: now}, {Field: "profile.updated_at", Old: old, New: now}}
	}
	trail := trailOf(t, t.Context(), []audit.Entry{
		{Time: moment(1), Action: "update", Object: theRecord, Changes: change("1", "2")},
		{Time: moment(2), Action: "update", Object: theRecord, Changes: change("3", "4")},
	})
	got, err := history.At(t.Context(), trail, theRecord, moment(2))
	require.NoError(t, err)
	assert.Equal(t, []string{"profile.updated_at"}, got.Gaps)
}

// A field that was masked and then wasn't, as after a change of the tags: only the
// first state says so.
func TestAPlainValueIsNotRedacted(t *testing.T) {
	trail := trailOf(t, t.Context(), []audit.Entry{
		{Time: moment(1), Action: "create", Object: theRecord, Changes: []audit.Change{
			{Field: "name", Op: audit.OpAdd, New: audit.Mask, Redacted: audit.RedactedMasked},
		}},
		{Time: moment(2), Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "name", Old: audit.Mask, New: "Ada"}}},
	})
	before, err := history.At(t.Context(), trail, theRecord, moment(1))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"name": audit.RedactedMasked}, before.Redacted)
	after, err := history.At(t.Context(), trail, theRecord, moment(2))
	require.NoError(t, err)
	assert.Equal(t, "Ada", after.Fields["name"])
	assert.Empty(t, after.Redacted)
}
