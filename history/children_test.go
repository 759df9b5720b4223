package history_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/storage/memstore"
)

var order, lines = audit.Object{Type: "orders", ID: "7"}, history.Child{Type: "lines", Field: "order_id"}

// ids are the IDs of a history's entries.
func ids(t require.TestingT, r audit.Reader, o audit.Object, children ...history.Child) (list []string) {
	for e, err := range history.Of(context.Background(), r, o, children...) {
		require.NoError(t, err)
		list = append(list, e.ID)
	}
	return list
}

// TestHistoryOfChildren: lines are created, changed, moved from order to order,
// and removed at random, some attempts fail, and the trail begins late. What the
// history of an order must hold is known from whose each line really was, but
// for lines that the trail never heard the order of.
func TestHistoryOfChildren(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trail, err := audit.New(memstore.New(), nil)
		require.NoError(t, err)
		owner := map[string]any{} // of each line that there is: an order
		told := map[string]bool{} // lines that the trail tells the order of
		type event struct {
			entry         audit.Entry
			before, after any
		}
		var events []event
		begins := rapid.IntRange(0, 10).Draw(t, "entries before the trail")
		for i := range rapid.IntRange(1, 40).Draw(t, "entries") {
			line := fmt.Sprint(rapid.IntRange(1, 5).Draw(t, "line"))
			if rapid.IntRange(0, 5).Draw(t, "the order itself") == 0 {
				e := audit.Entry{Action: "update", Object: order, Time: moment(i + 1)}
				events = append(events, event{entry: e})
				continue
			}
			e := audit.Entry{Object: audit.Object{Type: "lines", ID: line}, Time: moment(i + 1)}
			to := rapid.SampledFrom([]any{int64(7), int64(8), "7", nil}).Draw(t, "to")
			before, there := owner[line]
			after := to
			switch step := rapid.SampledFrom([]string{"change", "move", "remove"}).Draw(t, "step"); {
			case !there:
				e.Action = "create"
				if to != nil {
					e.Changes = []audit.Change{{Field: "order_id", Op: audit.OpAdd, New: to}}
				}
			case step == "change":
				after = before
				e.Action, e.Changes = "update", []audit.Change{{Field: "amount", Old: int64(7), New: int64(8)}}
			case step == "move":
				e.Action, e.Changes = "update", []audit.Change{{Field: "order_id", Old: before, New: to}}
			default:
				after = nil
				e.Action = "destroy"
				if before != nil {
					e.Changes = []audit.Change{{Field: "order_id", Op: audit.OpRemove, Old: before}}
				}
			}
			if rapid.IntRange(0, 9).Draw(t, "fails") == 0 {
				e.Outcome = audit.Failure
				events = append(events, event{e, before, before})
			} else {
				events = append(events, event{e, before, after})
				if delete(owner, line); e.Action != "destroy" {
					owner[line] = after
				}
			}
			if i < begins {
				continue
			}
			for _, c := range e.Changes {
				if c.Field == "order_id" && (fmt.Sprint(c.Old) == "7" || fmt.Sprint(c.New) == "7") {
					told[line] = told[line] || e.Outcome != audit.Failure
				}
			}
		}
		var want, got []string
		for i, ev := range events {
			if i < begins {
				continue
			}
			e := ev.entry
			require.NoError(t, trail.Record(t.Context(), e))
			page, err := trail.Query(t.Context(), audit.Query{Limit: 1})
			require.NoError(t, err)
			is := func(v any) bool { return v != nil && fmt.Sprint(v) == "7" }
			names := len(e.Changes) > 0 && e.Changes[0].Field == "order_id" && (is(e.Changes[0].Old) || is(e.Changes[0].New))
			if e.Object == order || names || told[e.Object.ID] && (is(ev.before) || is(ev.after)) {
				want = append(want, page.Entries[0].ID)
			}
		}
		got = ids(t, trail, order, lines)
		require.Equal(t, want, got)
	})
}

func TestHistoryOfChildrenInAScope(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	line := func(tenant, id string, to any) audit.Entry {
		return audit.Entry{Action: "create", Tenant: tenant, Object: audit.Object{Type: "lines", ID: id}, Changes: []audit.Change{{Field: "order_id", Op: audit.OpAdd, New: to}}}
	}
	masked := line("a", "4", int64(7))
	masked.Changes[0].Redacted = audit.RedactedHashed
	require.NoError(t, trail.Record(t.Context(), line("a", "1", int64(7)), line("b", "2", int64(7)), line("a", "7", int64(9)), masked,
		audit.Entry{Action: "update", Tenant: "a", Object: audit.Object{Type: "orders", ID: "1"}},
		audit.Entry{Action: "update", Tenant: "a", Object: audit.Object{Type: "lines", ID: "1"}},
		audit.Entry{Action: "update", Tenant: "b", Object: audit.Object{Type: "lines", ID: "1"}}))
	scope := trail.Scope(audit.Filter{Tenants: []string{"a"}})
	assert.Len(t, ids(t, scope, order, lines), 2, "line 1's of this tenant; not line 7, order 1, nor one whose order is not shown")
	assert.Len(t, ids(t, trail, order, lines), 4, "everyone's")
	assert.Empty(t, ids(t, scope, order), "the order's own")
	assert.Empty(t, ids(t, scope, audit.Object{Type: "orders"}, lines), "an order without an ID has no lines")
	for _, err := range history.Of(cancelled(t), trail, order, lines) {
		assert.ErrorIs(t, err, context.Canceled)
	}
}

// More children than a filter can name.
func TestHistoryOfManyChildren(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	var entries []audit.Entry
	for i := range audit.MaxFilterValues + 50 {
		entries = append(entries, audit.Entry{Action: "create", Object: audit.Object{Type: "lines", ID: fmt.Sprint(i)}, Changes: []audit.Change{{Field: "order_id", Op: audit.OpAdd, New: int64(7)}}})
	}
	require.NoError(t, trail.Record(t.Context(), append(entries, audit.Entry{Action: "update", Object: audit.Object{Type: "lines", ID: "other"}})...))
	assert.Len(t, ids(t, trail, order, lines), len(entries))
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A long ID's history, and that of its children, is found by the whole ID.
func TestHistoryOfALongID(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	id := strings.Repeat("k", 600)
	require.NoError(t, trail.Record(t.Context(),
		audit.Entry{Action: "create", Time: time.Unix(1, 0), Object: audit.Object{Type: "orders", ID: id}, Changes: []audit.Change{{Field: "name", Op: audit.OpAdd, New: "a"}}},
		audit.Entry{Action: "create", Time: time.Unix(2, 0), Object: audit.Object{Type: "lines", ID: "1"}, Changes: []audit.Change{{Field: "order_id", Op: audit.OpAdd, New: id}}},
		audit.Entry{Action: "create", Time: time.Unix(3, 0), Object: audit.Object{Type: "orders", ID: id[1:]}},
	))
	assert.Len(t, ids(t, trail, audit.Object{Type: "orders", ID: id}, history.Child{Type: "lines", Field: "order_id"}), 2)
}
