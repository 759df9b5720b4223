package hooks

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
)

// structured draws a JSON value with few names, so that two of them meet.
func structured(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		most := 6
		if depth == 0 {
			most = 4
		}
		switch rapid.IntRange(0, most).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.SampledFrom([]any{"", "a", "1", "true", "null"}).Draw(t, "text")
		case 3:
			return rapid.SampledFrom([]any{int64(0), int64(1), 1.5}).Draw(t, "number")
		case 4:
			return int64(9007199254740993)
		case 5:
			return rapid.SliceOfN(structured(depth-1), 0, 4).Draw(t, "list")
		default:
			name := rapid.SampledFrom([]string{"a", "b", "price(USD)", "x*", "[0", "ü", "a b"})
			return rapid.MapOfN(name, structured(depth-1), 0, 4).Draw(t, "map")
		}
	})
}

// apply makes b out of a and the changes, independently of how they were made.
func apply(t *rapid.T, path string, a any, changes map[string]audit.Change) (v any, exists bool) {
	if c, ok := changes[path]; ok {
		delete(changes, path)
		if c.Op != audit.OpAdd {
			require.Equal(t, a, c.Old, "the old value at %s", path)
		}
		return c.New, c.Op != audit.OpRemove
	}
	switch x := a.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, inner := range x {
			if v, ok := apply(t, path+"."+k, inner, changes); ok {
				m[k] = v
			}
		}
		for p, c := range changes {
			if k, ok := childOf(path+".", p); ok && c.Op == audit.OpAdd {
				m[k] = c.New
				delete(changes, p)
			}
		}
		return m, true
	case []any:
		list := []any{}
		for i := 0; ; i++ {
			p := path + "[" + itoa(i) + "]"
			var inner any
			if i < len(x) {
				inner = x[i]
			} else if c, ok := changes[p]; !ok || c.Op != audit.OpAdd {
				return list, true
			}
			if v, ok := apply(t, p, inner, changes); ok {
				list = append(list, v)
			}
		}
	}
	return a, true
}

func itoa(i int) string { return string(rune('0' + i)) }

func childOf(prefix, path string) (string, bool) {
	if len(path) <= len(prefix) || path[:len(prefix)] != prefix {
		return "", false
	}
	k := path[len(prefix):]
	for _, r := range k {
		if r == '.' || r == '[' || r == ']' {
			return "", false
		}
	}
	return k, true
}

func TestInsideChangesMakeTheNewValueOfTheOld(t *testing.T) {
	seen := 0
	rapid.Check(t, func(t *rapid.T) {
		var a, b any
		if rapid.Bool().Draw(t, "objects") {
			name := rapid.SampledFrom([]string{"a", "b", "price(USD)", "x*"})
			a = rapid.MapOfN(name, structured(2), 1, 4).Draw(t, "a")
			b = rapid.MapOfN(name, structured(2), 1, 4).Draw(t, "b")
		} else {
			a = rapid.SliceOfN(structured(2), 1, 5).Draw(t, "a")
			b = rapid.SliceOfN(structured(2), 1, 5).Draw(t, "b")
		}
		changes, ok := insideChanges("f", a, b)
		if !ok {
			return // told as one change of the whole
		}
		seen++
		byPath := map[string]audit.Change{}
		for _, c := range changes {
			require.NotContains(t, byPath, c.Field)
			byPath[c.Field] = c
		}
		got, _ := apply(t, "f", a, byPath)
		require.Empty(t, byPath, "changes of places that there aren't")
		require.Equal(t, b, got)
	})
	require.NotZero(t, seen)
}

func TestInsideChangesGiveUpRatherThanBeWrong(t *testing.T) {
	deep := any("x")
	for range maxDepth + 2 {
		deep = map[string]any{"a": deep}
	}
	for name, pair := range map[string][2]any{
		"too deep":         {deep, map[string]any{"a": int64(1)}},
		"ambiguous name":   {map[string]any{"a.b": int64(1)}, map[string]any{"a.b": int64(2)}},
		"different kinds":  {map[string]any{"a": int64(1)}, []any{int64(1)}},
		"nothing changed":  {map[string]any{"a": int64(1)}, map[string]any{"a": int64(1)}},
		"scalar to object": {int64(1), map[string]any{}},
	} {
		_, ok := insideChanges("f", pair[0], pair[1])
		require.False(t, ok, name)
	}
}

func TestInsideChangesSortIndicesAsNumbers(t *testing.T) {
	a, b := make([]any, 12), make([]any, 12)
	for i := range a {
		a[i], b[i] = int64(i), int64(i+100)
	}
	changes, ok := insideChanges("f", a, b)
	require.True(t, ok)
	require.Equal(t, "f[2]", changes[2].Field)
	require.Equal(t, "f[11]", changes[11].Field)
}
