package storage_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/memstore"
)

const conflictID = "01980000-0000-7000-8000-0000000000cc"

func conflicting() audit.Entry {
	return audit.Entry{
		ID: conflictID, Time: time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.FixedZone("CET", 3600)), Action: "update",
		Actor: audit.Actor{ID: "1"}, OnBehalfOf: &audit.Actor{Name: "Ada"}, Object: audit.Object{Type: "users", ID: "7"},
		Changes:  []audit.Change{{Field: "name", Old: "a", New: "b"}, {Field: "settings", Old: map[string]any{"token": "x", "n": 1}, New: map[string]any{"token": "y", "n": 2.5}}},
		Metadata: map[string]any{"k": []any{1, "two"}, "note": `{"pin":"1234"}`},
	}
}

// An entry with an ID that was there already was dropped without a word, whatever it
// said: the second of two events was not on the trail.
func TestOtherContentUnderAnIDIsAConflict(t *testing.T) {
	trail := newTrail(t, nil)
	require.NoError(t, trail.Record(t.Context(), conflicting()))
	require.NoError(t, trail.Record(t.Context(), conflicting()), "the same again is stored once")
	for what, set := range map[string]func(*audit.Entry){
		"action": func(e *audit.Entry) { e.Action = "login" }, "time": func(e *audit.Entry) { e.Time = e.Time.Add(time.Microsecond) },
		"actor": func(e *audit.Entry) { e.Actor.Email = "eve@example.com" }, "nobody stood in for": func(e *audit.Entry) { e.OnBehalfOf = nil },
		"outcome": func(e *audit.Entry) { e.Outcome = audit.Denied }, "change": func(e *audit.Entry) { e.Changes[0].New = "c" },
		"op": func(e *audit.Entry) { e.Changes[0].Op = audit.OpRemove }, "fewer changes": func(e *audit.Entry) { e.Changes = e.Changes[:1] },
		"metadata": func(e *audit.Entry) { e.Metadata["k"] = 2 }, "metadata key": func(e *audit.Entry) { e.Metadata["more"] = nil },
		"tenant": func(e *audit.Entry) { e.Tenant = "acme" }, "request": func(e *audit.Entry) { e.Request.IP = "10.0.0.1" },
	} {
		e := conflicting()
		set(&e)
		err := trail.Record(t.Context(), audit.Entry{Action: "beside"}, e)
		require.ErrorIs(t, err, audit.ErrConflict, what)
		var conflict *audit.ConflictError
		require.ErrorAs(t, err, &conflict)
		assert.Equal(t, []string{conflictID}, conflict.IDs)
		assert.ErrorContains(t, err, conflictID)
	}
	page, err := trail.Query(t.Context(), audit.Query{})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
}

// A caller that repeats itself and leaves the time to the trail must not conflict with
// its own first try.
func TestARetryWithoutATimeIsNoConflict(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	trail, err := audit.New(memstore.New(), &audit.Options{Now: func() time.Time { now = now.Add(time.Second); return now }})
	require.NoError(t, err)
	e := audit.Entry{ID: conflictID, Action: "login"}
	for range 3 {
		require.NoError(t, trail.Record(t.Context(), e))
	}
	require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "beside"}, e, e))
	e.Comment = "another"
	require.ErrorIs(t, trail.Record(t.Context(), e), audit.ErrConflict)
}

func TestWhatIsHiddenByNowIsNotCompared(t *testing.T) {
	ready := func(e audit.Entry) audit.Entry {
		list, err := newTrail(t, &audit.Redaction{Secret: func(string) bool { return false }}).Enrich(t.Context(), e)
		require.NoError(t, err)
		return list[0]
	}
	given := ready(conflicting())
	for what, set := range map[string]func(*audit.Entry){
		"as it is": func(*audit.Entry) {},
		"masked": func(e *audit.Entry) {
			e.Changes[0].Old, e.Changes[0].New, e.Changes[0].Redacted = audit.Mask, audit.Mask, audit.RedactedMasked
		},
		"erased": func(e *audit.Entry) {
			e.Changes[0].Old, e.Changes[0].New, e.Changes[0].Redacted = nil, nil, audit.RedactedErased
		},
		"inside": func(e *audit.Entry) { e.Changes[1].Old.(map[string]any)["token"] = audit.Mask },
		"a secret key": func(e *audit.Entry) {
			e.Object.ID, e.Object.Name = "tenant=1,key=hmac-0123456789abcdef0123456789abcdef", ""
		},
		"an error and a statement": func(e *audit.Entry) {
			e.Changes[0].Old, e.Changes[0].Redacted = audit.Mask, audit.RedactedMasked
			e.Error, e.Metadata = "duplicate key", map[string]any{"statement": "UPDATE users SET pin = ?"}
		},
		"metadata":      func(e *audit.Entry) { e.Metadata["k"] = audit.Mask },
		"inside a text": func(e *audit.Entry) { e.Metadata["note"] = `{"pin":"` + audit.Mask + `"}` },
	} {
		stored := ready(conflicting())
		set(&stored)
		assert.True(t, storage.SameEntry(stored, given), what)
		if what != "a secret key" && what != "an error and a statement" {
			assert.True(t, storage.SameEntry(given, stored), what)
		}
		stored.Comment = "another"
		assert.False(t, storage.SameEntry(stored, given), "%s: what is shown is compared", what)
		stored.Comment, stored.Changes[0].Field = "", "other"
		assert.False(t, storage.SameEntry(stored, given), "%s: so are the names of fields", what)
	}
	damaged := given
	damaged.Damaged = "cannot be read: changes"
	assert.False(t, storage.SameEntry(damaged, given))
}

// What a store gives back is the same entry, however its values were given.
func TestAnEntryIsTheSameAfterAWayThroughJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Float64().Draw(t, "float")
		e := audit.Entry{
			ID: conflictID, Time: time.Unix(rapid.Int64Range(-60_000_000_000, 250_000_000_000).Draw(t, "second"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanosecond")),
			Action: "update", Comment: rapid.String().Draw(t, "comment"),
			Changes: []audit.Change{
				{Field: "float", Old: n, New: rapid.Float32().Draw(t, "float32")}, {Field: "int", Old: rapid.Int64().Draw(t, "int"), New: rapid.Uint64().Draw(t, "uint")},
				{Field: "decimal", Op: audit.OpAdd, Old: "no meaning", New: json.Number(fmt.Sprintf("%d.%d", rapid.Int32().Draw(t, "whole"), rapid.Uint64().Draw(t, "fraction")))},
				{Field: "time", New: time.Unix(1, 5).In(time.FixedZone("", 3600))}, {Field: "bytes", New: rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")},
			},
			Metadata: map[string]any{rapid.String().Draw(t, "key"): map[string]any{"a": n, "b": []any{}}},
		}
		list, err := newTrail(t, nil).Enrich(t.Context(), e)
		require.NoError(t, err)
		raw, err := json.Marshal(list[0])
		require.NoError(t, err)
		var read audit.Entry
		require.NoError(t, json.Unmarshal(raw, &read))
		require.True(t, storage.SameEntry(read, list[0]))
		require.True(t, storage.SameEntry(list[0], read))
	})
}

func newTrail(t require.TestingT, r *audit.Redaction) *audit.Trail {
	trail, err := audit.New(memstore.New(), &audit.Options{Redaction: r})
	require.NoError(t, err)
	return trail
}
