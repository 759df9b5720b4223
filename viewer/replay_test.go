package viewer

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

// TestReplayAgainstAModel changes a record at random, wholes and paths, and
// compares what its entries tell with what it really was at each moment.
func TestReplayAgainstAModel(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		record := map[string]any{}
		var entries []audit.Entry
		var states []map[string]any
		for n := range 12 {
			e := audit.Entry{ID: fmt.Sprint(n), Outcome: audit.Success}
			e.Changes = append(e.Changes, randomChange(rnd, record))
			entries = append(entries, e)
			states = append(states, leavesOf(record))
		}
		for at := range entries {
			r := replay{at: entries[at].ID}
			for i := len(entries) - 1; i >= 0; i-- {
				r.back(&entries[i])
			}
			require.Equal(t, states[at], r.then.plain(), "seed %d, entry %d of %+v", seed, at, entries)
			require.Equal(t, states[len(states)-1], r.now.plain(), "seed %d, now", seed)
		}
	}
}

// randomChange sets a whole field, or a member of one that is an object.
func randomChange(rnd *rand.Rand, record map[string]any) audit.Change {
	field := []string{"a", "b"}[rnd.IntN(2)]
	inner, isObject := record[field].(map[string]any)
	if isObject && len(inner) > 0 && rnd.IntN(2) == 0 {
		name := []string{"x", "y"}[rnd.IntN(2)]
		_, had := inner[name]
		if had && len(inner) > 1 && rnd.IntN(3) == 0 {
			delete(inner, name)
			return audit.Change{Field: field + "." + name, Op: audit.OpRemove}
		}
		inner[name] = int64(rnd.IntN(100))
		return audit.Change{Field: field + "." + name, Op: audit.OpReplace, New: inner[name]}
	}
	var value any
	switch rnd.IntN(3) {
	case 0:
		value = int64(rnd.IntN(100))
	case 1:
		value = nil
	default:
		value = map[string]any{"x": int64(rnd.IntN(100)), "y": int64(rnd.IntN(100))}
	}
	change := audit.Change{Field: field, Op: audit.OpReplace, New: value}
	if m, ok := value.(map[string]any); ok { // what is recorded doesn't change later
		change.New = map[string]any{"x": m["x"], "y": m["y"]}
	}
	record[field] = value
	return change
}

func leavesOf(record map[string]any) map[string]any {
	m := map[string]any{}
	for field, v := range record {
		flatten(m, field, v, 0)
	}
	return m
}
