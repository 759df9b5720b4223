package jsonvalue

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// normalValue draws a value in the terms of Normalize.
func normalValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		most := 7
		if depth == 0 {
			most = 5
		}
		switch rapid.IntRange(0, most).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.String().Draw(t, "text")
		case 3:
			return rapid.Int64().Draw(t, "int")
		case 4:
			return uint64(math.MaxInt64) + uint64(rapid.Uint32().Draw(t, "uint")) + 1
		case 5:
			v, err := Normalize(rapid.Float64().Draw(t, "float"))
			if err != nil {
				return nil
			}
			return v
		case 6:
			return rapid.SliceOfN(normalValue(depth-1), 0, 4).Draw(t, "list")
		default:
			return rapid.MapOfN(rapid.String(), normalValue(depth-1), 0, 4).Draw(t, "map")
		}
	})
}

func TestAppendChangesReadsBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Change{Field: rapid.String().Draw(t, "field"), Op: rapid.SampledFrom([]string{opAdd, opReplace, opRemove}).Draw(t, "op")}
		if c.Op != opAdd {
			c.Old = normalValue(3).Draw(t, "old")
		}
		if c.Op != opRemove {
			c.New = normalValue(3).Draw(t, "new")
		}
		var back []Change
		raw := AppendChanges(nil, []Change{c})
		require.NoError(t, json.Unmarshal(raw, &back), "%s", raw)
		require.Equal(t, []Change{c}, back)
		slow, err := json.Marshal([]Change{c})
		require.NoError(t, err)
		require.JSONEq(t, string(slow), string(raw))
	})
}

func TestAppendChangesKeepsNumbersThatNoFloatHolds(t *testing.T) {
	c := Change{Field: "n", Op: opAdd, New: json.Number("0.1234567890123456789")}
	var back []Change
	require.NoError(t, json.Unmarshal(AppendChanges(nil, []Change{c}), &back))
	require.Equal(t, []Change{c}, back)
}

func BenchmarkAppendChanges(b *testing.B) {
	changes := []Change{
		{Field: "name", Op: opReplace, Old: "Alice Example", New: "Alice B. Example"},
		{Field: "seats", Op: opReplace, Old: int64(5), New: int64(9)},
		{Field: "updated_at", Op: opReplace, Old: "2026-01-02T03:04:05.123456Z", New: "2026-01-02T03:04:06.123456Z"},
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			AppendChanges(nil, changes)
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = json.Marshal(changes)
		}
	})
}
