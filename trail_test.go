package audit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

// newTrail returns a trail over store, or over a new memory store.
func newTrail(t testing.TB, store audit.Store, redaction *audit.Redaction) *audit.Trail {
	t.Helper()
	if store == nil {
		store = memstore.New()
	}
	trail, err := audit.New(store, &audit.Options{Redaction: redaction})
	require.NoError(t, err)
	return trail
}

// only reads the one entry that is on the trail.
func only(t testing.TB, from audit.Reader) audit.Entry {
	t.Helper()
	page, err := from.Query(t.Context(), audit.Query{})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	return page.Entries[0]
}

func TestNewNeedsAStore(t *testing.T) {
	var typed *memstore.Store
	for _, store := range []audit.Store{nil, typed} {
		trail, err := audit.New(store, nil)
		assert.ErrorContains(t, err, "store")
		assert.Nil(t, trail)
	}
	trail := newTrail(t, nil, nil)
	assert.NotNil(t, trail.Catalogue())
	assert.NotNil(t, trail.Redaction())
	assert.NotNil(t, trail.Logger())
	assert.NotNil(t, trail.Store())
}

func TestRecordCompletesFromTheContext(t *testing.T) {
	store := memstore.New()
	now := time.Date(2026, 3, 1, 13, 0, 0, 123_456_789, time.FixedZone("CET", 3600))
	trail, err := audit.New(store, &audit.Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	ada, eve := audit.Actor{Type: "user", ID: "1", Name: "Ada"}, audit.Actor{Name: "Eve"}
	ctx := audit.WithActor(t.Context(), ada)
	ctx = audit.WithOnBehalfOf(ctx, eve)
	ctx = audit.WithRequest(ctx, audit.Request{IP: "::ffff:10.0.0.1", ID: "r"})
	ctx = audit.WithTenant(ctx, "acme", "web")
	ctx = audit.WithComment(ctx, "why")
	ctx = audit.WithMetadata(audit.WithMetadata(ctx, "a", 1), "b", 2)
	require.NoError(t, trail.Record(ctx, audit.Entry{Action: "login", Metadata: map[string]any{"b": "own"}}))

	e := only(t, trail)
	id, err := uuid.Parse(e.ID)
	require.NoError(t, err)
	assert.Equal(t, uuid.Version(7), id.Version())
	assert.Equal(t, audit.Entry{
		ID: e.ID, Time: time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC), Tenant: "acme", Project: "web", Actor: ada, OnBehalfOf: &eve, Action: "login",
		Outcome: audit.Success, Comment: "why", Request: audit.Request{IP: "10.0.0.1", ID: "r"}, Metadata: map[string]any{"a": int64(1), "b": "own"},
	}, e)
	assert.Equal(t, ada, audit.ActorFrom(ctx))
	assert.Equal(t, "r", audit.RequestFrom(ctx).ID)
	tenant, project := audit.TenantFrom(ctx)
	assert.Equal(t, "acme/web", tenant+"/"+project)

	// What the entry says itself wins, each part whole.
	own := audit.Entry{
		Action: "login", Actor: eve, OnBehalfOf: &ada, Tenant: "globex", Comment: "own", Request: audit.Request{ID: "own"}, Outcome: audit.Denied, Time: now.Add(time.Hour),
		ID: strings.ToUpper(uuid.NewString()),
	}
	require.NoError(t, trail.Record(ctx, own))
	got, err := trail.Get(ctx, own.ID)
	require.NoError(t, err)
	assert.Equal(t, strings.ToLower(own.ID), got.ID)
	assert.Equal(t, []any{eve, &ada, "globex", "", "own", own.Request, audit.Denied}, []any{got.Actor, got.OnBehalfOf, got.Tenant, got.Project, got.Comment, got.Request, got.Outcome})
}

// A context is copied when something is added: branches don't see each other.
func TestContextBranchesApart(t *testing.T) {
	base := audit.WithMetadata(t.Context(), "k", "base")
	left, right := audit.WithMetadata(base, "side", "left"), audit.WithMetadata(base, "side", "right")
	trail := newTrail(t, nil, nil)
	require.NoError(t, trail.Record(left, audit.Entry{Action: "left"}))
	require.NoError(t, trail.Record(right, audit.Entry{Action: "right"}))
	require.NoError(t, trail.Record(base, audit.Entry{Action: "base"}))
	for e, err := range trail.All(t.Context(), audit.Query{}) {
		require.NoError(t, err)
		want := map[string]any{"k": "base"}
		if e.Action != "base" {
			want["side"] = e.Action
		}
		assert.Equal(t, want, e.Metadata)
	}
	use := audit.SkipFrom(audit.Skip(base, "import"))
	assert.Equal(t, "import", use.Reason())
	assert.False(t, use.Recorded())
	use.MarkRecorded()
	assert.True(t, use.Recorded())
	assert.Nil(t, audit.SkipFrom(base))
}

type panicking struct{}

func (panicking) MarshalJSON() ([]byte, error) { panic("host's bug") }

func TestRecordRefusesAndStoresNothing(t *testing.T) {
	cycle := map[string]any{}
	cycle["self"] = cycle
	valid := audit.Entry{Action: "login"}
	with := func(set func(*audit.Entry)) audit.Entry {
		e := valid
		set(&e)
		return e
	}
	for field, e := range map[string]audit.Entry{
		"action":           with(func(e *audit.Entry) { e.Action = "" }),
		"id":               with(func(e *audit.Entry) { e.ID = "7" }),
		"outcome":          with(func(e *audit.Entry) { e.Outcome = "ok" }),
		"time":             with(func(e *audit.Entry) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"changes[0].field": with(func(e *audit.Entry) { e.Changes = []audit.Change{{New: 1}} }),
		"changes[1].op":    with(func(e *audit.Entry) { e.Changes = []audit.Change{{Field: "a"}, {Field: "b", Op: "change"}} }),
		"changes[0].new":   with(func(e *audit.Entry) { e.Changes = []audit.Change{{Field: "a", New: make(chan int)}} }),
		"changes[0].old":   with(func(e *audit.Entry) { e.Changes = []audit.Change{{Field: "a", Old: panicking{}}} }),
		"metadata.size":    with(func(e *audit.Entry) { e.Metadata = map[string]any{"size": math.NaN()} }),
		"metadata.chan":    with(func(e *audit.Entry) { e.Metadata = map[string]any{"chan": make(chan int)} }),
		"metadata.cycle":   with(func(e *audit.Entry) { e.Metadata = map[string]any{"cycle": cycle} }),
		"metadata.panic":   with(func(e *audit.Entry) { e.Metadata = map[string]any{"panic": []any{panicking{}}} }),
	} {
		store := memstore.New()
		err := newTrail(t, store, nil).Record(t.Context(), valid, e, valid)
		var ee *audit.EntryError
		if assert.ErrorAs(t, err, &ee, field) {
			assert.Equal(t, field, ee.Field)
			assert.Equal(t, 1, ee.Index)
			assert.NotEmpty(t, ee.Reason)
			assert.ErrorIs(t, err, audit.ErrInvalidEntry)
			assert.Less(t, len(err.Error()), 400)
		}
		assert.Zero(t, store.Len(), "%s: none of the call's entries is stored", field)
	}
}

// A host's marshaler that panics inside a change took the host's write down,
// where in the metadata it was an error.
func TestPanickingMarshalerInAChangeIsAnError(t *testing.T) {
	err := newTrail(t, nil, nil).Record(t.Context(), audit.Entry{Action: "update", Changes: []audit.Change{{Field: "a", New: panicking{}}}})
	assert.ErrorContains(t, err, "panicked: host's bug")
}

// What a person or a client typed is never a reason to lose an event.
func TestStrangeTextIsKeptAndMadeStorable(t *testing.T) {
	trail := newTrail(t, nil, nil)
	bad := "a\x00\xffb"
	require.NoError(t, trail.Record(t.Context(), audit.Entry{
		Action: "login", Outcome: audit.Failure, Error: bad, Comment: bad, Actor: audit.Actor{Name: bad, Email: strings.Repeat("é", 400)},
		Object: audit.Object{Name: bad}, Request: audit.Request{IP: bad, UserAgent: bad, ID: bad, Method: bad, Path: bad}, Metadata: map[string]any{bad: bad},
		Changes: []audit.Change{{Field: bad, New: bad}}, OnBehalfOf: &audit.Actor{Type: bad, ID: bad, Name: bad, Email: bad},
	}))
	e := only(t, trail)
	clean := `a\x00\xffb`
	assert.Equal(t, []string{clean, clean, clean, clean, clean, clean, clean},
		[]string{e.Error, e.Comment, e.Actor.Name, e.Object.Name, e.Request.IP, e.Changes[0].Field, e.OnBehalfOf.ID})
	assert.Equal(t, map[string]any{"a\x00\\xffb": "a\x00\\xffb"}, e.Metadata, "JSON can hold NUL")
	assert.LessOrEqual(t, len(e.Actor.Email), 512)
	assert.True(t, strings.HasSuffix(e.Actor.Email, "é…sha256:"+sha(strings.Repeat("é", 400))), "cut between two letters, and marked")
}

func TestLargeFieldIsKeptWhole(t *testing.T) {
	trail, long := newTrail(t, nil, nil), strings.Repeat("0123456789abcdef", 1<<16)
	require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "update", Changes: []audit.Change{{Field: "notes", New: long}}}))
	assert.Equal(t, long, only(t, trail).Changes[0].New)
}

// The library keeps no reference to a caller's slices, maps and pointers, and
// changes none.
func TestRecordLeavesTheCallersEntriesUntouched(t *testing.T) {
	fresh := func() []audit.Entry {
		return []audit.Entry{{
			Action: "update", OnBehalfOf: &audit.Actor{Name: "a\xff"}, Request: audit.Request{IP: "::ffff:1.2.3.4"},
			Changes:  []audit.Change{{Field: "password", Old: map[string]any{"a": 1.0}}, {Field: "settings", New: map[string]any{"token": "t", "n": 1, "list": []any{1, map[string]any{"secret": "s"}}}}},
			Metadata: map[string]any{"secret": "s", "nested": map[string]any{"password": "p", "n": []any{1}}},
		}}
	}
	given, trail := fresh(), newTrail(t, nil, nil)
	ctx := audit.WithMetadata(t.Context(), "shared", map[string]any{"n": 1})
	require.NoError(t, trail.Record(ctx, given...))
	assert.Equal(t, fresh(), given)

	before := only(t, trail)
	given[0].OnBehalfOf.Name, given[0].Changes[1].Field = "spoiled", "spoiled"
	given[0].Changes[1].New.(map[string]any)["n"] = "spoiled"
	given[0].Metadata["nested"].(map[string]any)["n"].([]any)[0] = "spoiled"
	assert.Equal(t, before, only(t, trail))
}

func TestEnrichKeepsNoReference(t *testing.T) {
	inner := map[string]any{"n": []any{int64(1)}}
	ready, err := newTrail(t, nil, nil).Enrich(t.Context(), audit.Entry{Action: "x", Metadata: map[string]any{"m": inner}, Changes: []audit.Change{{Field: "f", New: inner}}})
	require.NoError(t, err)
	inner["n"].([]any)[0] = "spoiled"
	assert.Equal(t, map[string]any{"n": []any{int64(1)}}, ready[0].Metadata["m"])
	assert.Equal(t, map[string]any{"n": []any{int64(1)}}, ready[0].Changes[0].New)
}

func TestQueryRefuses(t *testing.T) {
	trail := newTrail(t, nil, nil)
	for param, q := range map[string]audit.Query{
		"sort": {Sort: "nothing"}, "limit": {Limit: -1}, "from": {Filter: audit.Filter{From: time.Unix(2, 0), To: time.Unix(1, 0)}},
		"cursor": {Cursor: "made up"}, "ip": {Filter: audit.Filter{IPs: []string{"x"}}}, "q": {Filter: audit.Filter{Keyword: strings.Repeat("x", 1<<20)}},
	} {
		var qe *audit.QueryError
		for name, reader := range map[string]audit.Reader{"trail": trail, "scope": trail.Scope(audit.Filter{Tenants: []string{"a"}})} {
			_, err := reader.Query(t.Context(), q)
			require.ErrorAs(t, err, &qe, "%s %s", name, param)
			assert.Equal(t, param, qe.Param)
			if param == "limit" {
				continue // All doesn't look at it
			}
			for e, err := range reader.All(t.Context(), q) {
				require.ErrorAs(t, err, &qe)
				assert.Equal(t, param, qe.Param)
				assert.Equal(t, audit.Entry{}, e)
			}
		}
	}
	for _, limit := range []int{audit.MaxLimit + 1, 1_000_000} {
		_, err := trail.Query(t.Context(), audit.Query{Limit: limit})
		assert.ErrorIs(t, err, audit.ErrInvalidQuery)
	}
	for _, id := range []string{"", "7", "not-a-uuid", strings.Repeat("x", 36), uuid.NewString()} {
		_, err := trail.Get(t.Context(), id)
		assert.ErrorIs(t, err, audit.ErrNotFound, "%q", id)
	}
	_, _, err := trail.Count(t.Context(), audit.Filter{}, 0)
	assert.ErrorIs(t, err, audit.ErrInvalidQuery)
	_, err = trail.Facets(t.Context(), audit.Filter{IPs: []string{"x"}})
	assert.ErrorIs(t, err, audit.ErrInvalidQuery)
}

func TestWhatAStoreCannotIsUnsupported(t *testing.T) {
	trail := newTrail(t, storagetest.NewFaulty(memstore.New()).Plain(), nil)
	_, err := trail.Facets(t.Context(), audit.Filter{})
	assert.ErrorIs(t, err, errors.ErrUnsupported)
	_, _, err = trail.Count(t.Context(), audit.Filter{}, 10)
	assert.ErrorIs(t, err, errors.ErrUnsupported)
}

// calls are all ways into a trail.
func calls(trail *audit.Trail) map[string]func(context.Context) error {
	one := func(seq iter.Seq2[audit.Entry, error]) error {
		for _, err := range seq {
			if err != nil {
				return err
			}
		}
		return nil
	}
	scope := trail.Scope(audit.Filter{Tenants: []string{"a"}})
	return map[string]func(context.Context) error{
		"Record":       func(ctx context.Context) error { return trail.Record(ctx, audit.Entry{Action: "login"}) },
		"Query":        func(ctx context.Context) error { _, err := trail.Query(ctx, audit.Query{}); return err },
		"All":          func(ctx context.Context) error { return one(trail.All(ctx, audit.Query{})) },
		"Get":          func(ctx context.Context) error { _, err := trail.Get(ctx, uuid.NewString()); return err },
		"Facets":       func(ctx context.Context) error { _, err := trail.Facets(ctx, audit.Filter{}); return err },
		"Count":        func(ctx context.Context) error { _, _, err := trail.Count(ctx, audit.Filter{}, 1); return err },
		"scope Query":  func(ctx context.Context) error { _, err := scope.Query(ctx, audit.Query{}); return err },
		"scope All":    func(ctx context.Context) error { return one(scope.All(ctx, audit.Query{})) },
		"scope Get":    func(ctx context.Context) error { _, err := scope.Get(ctx, uuid.NewString()); return err },
		"scope Facets": func(ctx context.Context) error { _, err := scope.Facets(ctx, audit.Filter{}); return err },
	}
}

func TestCancelledContext(t *testing.T) {
	store := memstore.New()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range calls(newTrail(t, store, nil)) {
		assert.ErrorIs(t, call(ctx), context.Canceled, name)
	}
	assert.Zero(t, store.Len())
}

func TestClosedTrail(t *testing.T) {
	store := memstore.New()
	trail := newTrail(t, store, nil)
	assert.False(t, trail.Closed())
	for range 2 {
		require.NoError(t, trail.Close(t.Context()))
	}
	assert.True(t, trail.Closed())
	for name, call := range calls(trail) {
		assert.ErrorIs(t, call(t.Context()), audit.ErrClosed, name)
	}
	assert.Zero(t, store.Len())
	require.NoError(t, trail.Record(t.Context()), "nothing can be recorded on a closed trail, too")
}

// Close waits for a call under way, lets no other in meanwhile, and gives up
// when its context ends.
func TestCloseWaits(t *testing.T) {
	store := memstore.New()
	faulty := storagetest.NewFaulty(store)
	arrived, release := faulty.Hold(storagetest.OpAppend, 1)
	trail := newTrail(t, faulty.Plain(), nil)
	recorded := make(chan error, 1)
	go func() { recorded <- trail.Record(context.Background(), audit.Entry{Action: "login"}) }()
	<-arrived

	short, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, trail.Close(short), context.Canceled)
	assert.True(t, trail.Closed(), "closed, although it could not wait to the end")
	// A call that comes now is refused at once; it doesn't wait for the first.
	require.ErrorIs(t, trail.Record(t.Context(), audit.Entry{Action: "login"}), audit.ErrClosed)

	var closers sync.WaitGroup
	for range 3 {
		closers.Go(func() { assert.NoError(t, trail.Close(context.Background())) })
	}
	release()
	require.NoError(t, <-recorded)
	closers.Wait()
	assert.Equal(t, 1, store.Len())
}

// A loop over All is under way until it is left; Close used to pass it by.
func TestCloseWaitsForALoop(t *testing.T) {
	for _, plain := range []bool{false, true} {
		store := memstore.New()
		faulty := storagetest.NewFaulty(store)
		from := faulty.With(t, storagetest.Reading)
		if plain {
			from = faulty.Plain()
		}
		trail := newTrail(t, from, nil)
		for range audit.MaxLimit + 5 {
			require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "login"}))
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		n := 0
		for _, err := range trail.All(t.Context(), audit.Query{}) {
			require.NoError(t, err)
			if n == 0 {
				require.ErrorIs(t, trail.Close(cancelled), context.Canceled)
				require.ErrorIs(t, trail.Record(t.Context(), audit.Entry{Action: "x"}), audit.ErrClosed)
			}
			n++
		}
		assert.Equal(t, store.Len(), n, "the loop goes on to its end")
		require.NoError(t, trail.Close(t.Context()))
	}
}

// Without a way of the store's own, All walks pages, and breaks off safely.
func TestAllWalksPages(t *testing.T) {
	store := memstore.New()
	trail := newTrail(t, storagetest.NewFaulty(store).Plain(), nil)
	var entries []audit.Entry
	for i := range 2*audit.MaxLimit + 7 {
		entries = append(entries, audit.Entry{Action: fmt.Sprint(i % 3)})
	}
	require.NoError(t, trail.Record(t.Context(), entries...))
	for _, q := range []audit.Query{{}, {Sort: audit.SortAction}, {Filter: audit.Filter{Actions: []string{"1"}}, Limit: 3}} {
		var want, got []audit.Entry
		for e, err := range newTrail(t, store, nil).All(t.Context(), q) {
			require.NoError(t, err)
			want = append(want, e)
		}
		for e, err := range trail.All(t.Context(), q) {
			require.NoError(t, err)
			got = append(got, e)
		}
		assert.Equal(t, want, got)
		for range trail.All(t.Context(), q) {
			break
		}
	}
	faulty := storagetest.NewFaulty(store)
	faulty.Fail(storagetest.OpQuery, 2, nil)
	n := 0
	var last error
	for e, err := range newTrail(t, faulty.Plain(), nil).All(t.Context(), audit.Query{}) {
		if last = err; err == nil {
			n++
			continue
		}
		assert.Equal(t, audit.Entry{}, e)
	}
	assert.Equal(t, audit.MaxLimit, n)
	assert.ErrorIs(t, last, storagetest.ErrInjected)
}

// A caller that repeats itself after a lost answer gives the entries IDs; then
// they are stored once.
func TestRepeatedRecordIsStoredOnce(t *testing.T) {
	store := memstore.New()
	faulty := storagetest.NewFaulty(store)
	faulty.LoseAnswer(storagetest.OpAppend, 1, nil)
	trail := newTrail(t, faulty.Plain(), nil)
	e := audit.Entry{ID: uuid.NewString(), Action: "login"}
	require.ErrorIs(t, trail.Record(t.Context(), e), storagetest.ErrInjected)
	require.NoError(t, trail.Record(t.Context(), e))
	assert.Equal(t, 1, store.Len())
}

func TestADamagedEntryIsNotRecorded(t *testing.T) {
	err := newTrail(t, nil, nil).Record(t.Context(), audit.Entry{Action: "login", Damaged: "time"})
	var bad *audit.EntryError
	require.True(t, errors.As(err, &bad))
	assert.Equal(t, "damaged", bad.Field)
}
