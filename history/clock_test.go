package history_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/storage/memstore"
)

// anyClocks gives a life's entries the times of processes whose clocks differ, are
// set back and stand still.
func anyClocks(t *rapid.T, l life) {
	for i := range l.entries {
		l.entries[i].Time = moment(rapid.IntRange(1, 12).Draw(t, "clock"))
	}
}

// isStep: the entry changed the row.
func isStep(e audit.Entry) bool {
	return e.Outcome == audit.Success && (len(e.Changes) > 0 || e.Action != "update" && e.Action != "view")
}

// Whatever the clocks said: the history is in the order of the changes, right
// after each entry the state is the true one, and at a moment it is the one behind
// the last change that says it has happened.
func TestHistoryIsInTheOrderOfChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := anyLife().Draw(t, "life")
		anyClocks(t, l)
		trail := trailOf(t, t.Context(), l.entries)
		var want []string
		for _, e := range l.entries {
			want = append(want, e.ID)
		}
		require.Equal(t, want, ids(t, trail, theRecord))
		if !slices.ContainsFunc(l.entries, func(e audit.Entry) bool { return e.Action == "create" }) {
			return
		}
		for i, e := range l.entries {
			got, err := history.After(t.Context(), trail, e)
			require.NoError(t, err)
			requireTruth(t, l.states[i+1], got)
			require.Equal(t, e.Time, got.Time)
		}
		for s := range 14 {
			last := 0
			for i, e := range l.entries {
				if isStep(e) && !e.Time.After(moment(s)) {
					last = i + 1
				}
			}
			got, err := history.At(t.Context(), trail, theRecord, moment(s))
			require.NoError(t, err)
			requireTruth(t, l.states[last], got)
		}
	})
}

func requireTruth(t *rapid.T, want truth, got history.State) {
	require.Equal(t, want.there && !want.deleted, got.Exists)
	require.True(t, got.Complete)
	require.Equal(t, want.row, got.Fields)
	require.Empty(t, got.Gaps)
}

func port(at time.Time, from, to int) audit.Entry {
	return audit.Entry{Time: at, Action: "update", Object: theRecord, Changes: []audit.Change{{Field: "port", Old: from, New: to}}}
}

// A clock that was ahead and one that was set back: at the time of any entry its
// change has happened, with all before it, and the present is the last one's.
func TestStateWhereClocksDiffer(t *testing.T) {
	created := audit.Entry{Time: moment(1), Action: "create", Object: theRecord, Changes: []audit.Change{{Field: "port", Op: audit.OpAdd, New: 0}}}
	trail := trailOf(t, t.Context(), []audit.Entry{created, port(moment(60), 0, 1), port(moment(50), 1, 2), port(moment(70), 2, 3), port(moment(4000), 3, 4), port(moment(80), 4, 5)})
	for second, want := range map[int]int64{1: 0, 49: 0, 50: 2, 60: 2, 69: 2, 70: 3, 79: 3, 80: 5, 3999: 5, 5000: 5} {
		got, err := history.At(t.Context(), trail, theRecord, moment(second))
		require.NoError(t, err)
		assert.Equal(t, map[string]any{"port": want}, got.Fields, "at %d", second)
		assert.Empty(t, got.Gaps)
	}
	steps, err := history.Between(t.Context(), trail, theRecord, moment(49), moment(80))
	require.NoError(t, err)
	assert.Equal(t, []audit.Change{{Field: "port", Op: audit.OpReplace, Old: int64(0), New: int64(5)}}, steps)
}

// What only tells of a record, recorded late with the time at which it happened,
// takes no change along; it still names the record.
func TestStateIsNotMovedByWhatIsNoChange(t *testing.T) {
	mail := audit.Entry{Time: moment(2), Action: "mail_sent", Object: audit.Object{Type: "users", ID: "7", Name: "Ada"}}
	denied := port(moment(2), 2, 9)
	denied.Outcome = audit.Denied
	trail := trailOf(t, t.Context(), []audit.Entry{port(moment(1), 0, 1), port(moment(10), 1, 2), mail, denied})
	got, err := history.At(t.Context(), trail, theRecord, moment(5))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"port": int64(1)}, got.Fields)
	assert.Empty(t, got.Object.Name, "it was named behind the next change")
	got, err = history.At(t.Context(), trail, theRecord, moment(10))
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"port": int64(2)}, got.Fields)
	assert.Equal(t, "Ada", got.Object.Name)
}

// An entry that was recorded with a time of its own stands where it was recorded.
func TestHistoryOfImportedEntries(t *testing.T) {
	trail := trailOf(t, t.Context(), []audit.Entry{port(moment(100), 0, 1), port(moment(1), 1, 2), port(moment(101), 2, 3)})
	var ports []any
	for e, err := range history.Of(t.Context(), trail, theRecord) {
		require.NoError(t, err)
		ports = append(ports, e.Changes[0].New)
	}
	assert.Equal(t, []any{int64(1), int64(2), int64(3)}, ports)
}

func TestStateAfterAnEntryThatIsNotThere(t *testing.T) {
	entries := []audit.Entry{port(moment(1), 0, 1)}
	trail := trailOf(t, t.Context(), entries)
	for _, id := range []string{"01890000-0000-7000-8000-000000000000", "", "7"} {
		_, err := history.After(t.Context(), trail, audit.Entry{ID: id, Object: theRecord})
		assert.ErrorIs(t, err, audit.ErrNotFound)
	}
	_, err := history.After(cancelled(t), trail, audit.Entry{ID: "01890000-0000-7000-8000-000000000000", Object: theRecord})
	assert.ErrorIs(t, err, context.Canceled)
	for e, err := range history.Of(t.Context(), trail, theRecord) {
		require.NoError(t, err)
		_, err = history.After(t.Context(), trail.Scope(audit.Filter{Tenants: []string{"another"}}), e)
		assert.ErrorIs(t, err, audit.ErrNotFound)
	}
}

// Two processes change a record; the clock of the second is a minute behind.
func ExampleAfter() {
	trail, err := audit.New(memstore.New(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, vpn := context.Background(), audit.Object{Type: "vpns", ID: "42"}
	at := func(minute int) time.Time { return time.Date(2026, 3, 1, 10, minute, 0, 0, time.UTC) }
	err = trail.Record(ctx,
		audit.Entry{Time: at(1), Action: "create", Object: vpn, Changes: []audit.Change{{Field: "port", Op: audit.OpAdd, New: 1194}}},
		audit.Entry{Time: at(0), Action: "update", Object: vpn, Changes: []audit.Change{{Field: "port", Old: 1194, New: 443}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for e, err := range history.Of(ctx, trail, vpn) {
		if err != nil {
			fmt.Println(err)
			return
		}
		state, err := history.After(ctx, trail, e)
		fmt.Println(e.Action, e.Time.Format(time.TimeOnly), state.Fields, err)
	}
	// Output:
	// create 10:01:00 map[port:1194] <nil>
	// update 10:00:00 map[port:443] <nil>
}

// unsequenced is a store that doesn't know the order of recording.
type unsequenced struct{ audit.Store }

// A store that can't sort by SortRecorded never has to: it is asked by time, in
// pages too.
func TestHistoryOfAStoreWithoutAnOrder(t *testing.T) {
	store := memstore.New()
	trail, err := audit.New(unsequenced{store}, nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), port(moment(3), 0, 1), port(moment(1), 1, 2), port(moment(2), 2, 3)))
	var times []time.Time
	for e, err := range history.Of(t.Context(), trail, theRecord) {
		require.NoError(t, err)
		times = append(times, e.Time)
	}
	assert.Equal(t, []time.Time{moment(1), moment(2), moment(3)}, times)
	q := audit.Query{Sort: audit.SortRecorded.Reverse(), Limit: 2}
	page, err := trail.Query(t.Context(), q)
	require.NoError(t, err)
	assert.Equal(t, moment(3), page.Entries[0].Time)
	q.Cursor = page.Next
	page, err = trail.Query(t.Context(), q)
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	assert.Equal(t, moment(1), page.Entries[0].Time)
}

// A child's entries are in the order of its changes too, or its moves from parent
// to parent would be read the wrong way around.
func TestHistoryOfChildrenWhereClocksDiffer(t *testing.T) {
	line := func(at int, from, to any) audit.Entry {
		e := audit.Entry{Time: moment(at), Action: "update", Object: audit.Object{Type: "lines", ID: "1"}, Changes: []audit.Change{{Field: "order_id", Old: from, New: to}}}
		if from == nil {
			e.Action, e.Changes[0].Op = "create", audit.OpAdd
		}
		return e
	}
	amount := func(at int) audit.Entry {
		return audit.Entry{Time: moment(at), Action: "update", Object: audit.Object{Type: "lines", ID: "1"}, Changes: []audit.Change{{Field: "amount", Old: 1, New: at}}}
	}
	trail := trailOf(t, t.Context(), []audit.Entry{line(5, nil, 7), amount(6), line(3, 7, 8), amount(4), line(2, 8, 7), amount(1)})
	var got []time.Time
	for e, err := range history.Of(t.Context(), trail, order, lines) {
		require.NoError(t, err)
		got = append(got, e.Time)
	}
	assert.Equal(t, []time.Time{moment(5), moment(6), moment(3), moment(2), moment(1)}, got, "amount 4 was another order's")
}
