package storagetest_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

// The answer to the second append is lost: the caller sees an error, and what
// it appended is there. Appending it again is right.
func ExampleFaulty() {
	store := memstore.New()
	faulty := storagetest.NewFaulty(store)
	faulty.LoseAnswer(storagetest.OpAppend, 2, errors.New("connection reset"))

	trail, err := audit.New(faulty.Plain(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	login := audit.Entry{ID: "0195c0de-0000-7000-8000-000000000002", Action: "login"}
	fmt.Println(trail.Record(ctx, audit.Entry{Action: "logout"}), store.Len())
	fmt.Println(trail.Record(ctx, login), store.Len())
	fmt.Println(trail.Record(ctx, login), store.Len())
	// Output:
	// <nil> 1
	// connection reset 2
	// <nil> 2
}

// inTx makes of the memory store a TxAppender, for tests of the wrapper alone.
type inTx struct{ *memstore.Store }

func (s inTx) AppendTx(ctx context.Context, _ audit.Execer, entries ...audit.Entry) error {
	return s.Append(ctx, entries...)
}
func (inTx) InDatabase(*sql.DB) bool { return true }
func (inTx) Tables() []string        { return []string{"audit_entries"} }

func entry(id byte) audit.Entry {
	return audit.Entry{ID: fmt.Sprintf("0195c0de-0000-7000-8000-0000000000%02x", id), Action: "login", Outcome: audit.Success}
}

// Without faults the wrapper does what the store does.
func TestFaultyWithoutFaultsKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) audit.Store {
		return storagetest.NewFaulty(memstore.New()).With(t, storagetest.Reading|storagetest.Purging|storagetest.Tailing)
	})
}

func TestFaultyShowsTheAbilitiesThatWereChosen(t *testing.T) {
	f := storagetest.NewFaulty(inTx{memstore.New()})
	assert.Equal(t, storagetest.Reading|storagetest.Purging|storagetest.Tailing|storagetest.Appending, f.Abilities())
	for a := range f.Abilities() + 1 {
		s := f.With(t, a)
		_, faceter := s.(audit.Faceter)
		_, counter := s.(audit.Counter)
		_, iterator := s.(audit.Iterator)
		_, purger := s.(audit.Purger)
		_, tailer := s.(audit.Tailer)
		_, appender := s.(audit.TxAppender)
		assert.Equal(t, a&storagetest.Reading != 0, faceter, "%04b", a)
		assert.Equal(t, a&storagetest.Reading != 0, counter, "%04b", a)
		assert.Equal(t, a&storagetest.Reading != 0, iterator, "%04b", a)
		assert.Equal(t, a&storagetest.Purging != 0, purger, "%04b", a)
		assert.Equal(t, a&storagetest.Tailing != 0, tailer, "%04b", a)
		assert.Equal(t, a&storagetest.Appending != 0, appender, "%04b", a)
	}
	assert.Equal(t, storagetest.Reading|storagetest.Purging|storagetest.Tailing, storagetest.NewFaulty(memstore.New()).Abilities())
}

// Each operation: refused at its second call without reaching the store, done
// at its third with the answer lost, and right again at its fourth.
func TestFaultyFailsEachOperation(t *testing.T) {
	ctx := context.Background()
	all := storagetest.Reading | storagetest.Purging | storagetest.Tailing | storagetest.Appending
	reading := func(run func(audit.Store) error) func(audit.Store, byte) error {
		return func(s audit.Store, _ byte) error { return run(s) }
	}
	for op, run := range map[storagetest.Op]func(audit.Store, byte) error{
		storagetest.OpAppend:   func(s audit.Store, n byte) error { return s.Append(ctx, entry(n)) },
		storagetest.OpAppendTx: func(s audit.Store, n byte) error { return s.(audit.TxAppender).AppendTx(ctx, nil, entry(n)) },
		storagetest.OpPurge:    reading(func(s audit.Store) error { _, err := s.(audit.Purger).Purge(ctx, audit.Filter{}, 1); return err }),
		storagetest.OpQuery:    reading(func(s audit.Store) error { _, err := s.Query(ctx, audit.Query{}); return err }),
		storagetest.OpGet:      reading(func(s audit.Store) error { _, err := s.Get(ctx, entry(200).ID); return err }),
		storagetest.OpFacets:   reading(func(s audit.Store) error { _, err := s.(audit.Faceter).Facets(ctx, audit.Filter{}); return err }),
		storagetest.OpCount:    reading(func(s audit.Store) error { _, _, err := s.(audit.Counter).Count(ctx, audit.Filter{}, 9); return err }),
		storagetest.OpTail:     reading(func(s audit.Store) error { _, _, err := s.(audit.Tailer).Tail(ctx, audit.Filter{}, "", 9); return err }),
		storagetest.OpHead:     reading(func(s audit.Store) error { _, err := s.(audit.Tailer).Head(ctx); return err }),
		storagetest.OpAll: reading(func(s audit.Store) error {
			for _, err := range s.(audit.Iterator).All(ctx, audit.Query{}) {
				if err != nil {
					return err
				}
			}
			return nil
		}),
	} {
		t.Run(string(op), func(t *testing.T) {
			store := memstore.New()
			for n := byte(197); n <= 200; n++ {
				require.NoError(t, store.Append(ctx, entry(n)))
			}
			f := storagetest.NewFaulty(inTx{store})
			s := f.With(t, all)
			lost := errors.New("lost")
			f.Fail(op, 2, nil)
			f.LoseAnswer(op, 3, lost)
			step := map[storagetest.Op]int{storagetest.OpAppend: 1, storagetest.OpAppendTx: 1, storagetest.OpPurge: -1}[op]
			for call, want := range []struct {
				err     error
				changes int
			}{{nil, 1}, {storagetest.ErrInjected, 1}, {lost, 2}, {nil, 3}} {
				assert.ErrorIs(t, run(s, byte(call)), want.err)
				assert.Equal(t, 4+step*want.changes, store.Len(), "call %d", call+1)
			}
			assert.Equal(t, 4, f.Calls(op))
		})
	}
}

func TestFaultyAlwaysUntilHealed(t *testing.T) {
	ctx := context.Background()
	f := storagetest.NewFaulty(memstore.New())
	f.Fail(storagetest.OpAppend, storagetest.Always, nil)
	for range 3 {
		assert.ErrorIs(t, f.Plain().Append(ctx, entry(1)), storagetest.ErrInjected)
	}
	f.Heal()
	assert.NoError(t, f.Plain().Append(ctx, entry(1)))
}

func TestFaultyCutsSequences(t *testing.T) {
	ctx := context.Background()
	f := storagetest.NewFaulty(memstore.New())
	s := f.With(t, storagetest.Reading)
	require.NoError(t, s.Append(ctx, entry(1), entry(2), entry(3)))
	for _, cut := range []int{0, 2, 3, 9} {
		f.CutAll(1, cut, nil)
		n := 0
		var last error
		for e, err := range s.(audit.Iterator).All(ctx, audit.Query{}) {
			if last = err; err != nil {
				assert.Equal(t, audit.Entry{}, e)
				continue
			}
			n++
		}
		assert.Equal(t, min(cut, 3), n)
		assert.ErrorIs(t, last, storagetest.ErrInjected)
	}
}

func TestFaultyHoldsACallUntilReleased(t *testing.T) {
	ctx := context.Background()
	store := memstore.New()
	f := storagetest.NewFaulty(store)
	arrived, release := f.Hold(storagetest.OpAppend, 1)
	done := make(chan error)
	go func() { done <- f.Plain().Append(ctx, entry(1)) }()
	<-arrived
	assert.Zero(t, store.Len(), "it waits before it reaches the store")
	require.NoError(t, f.Plain().Append(ctx, entry(2)), "the second call is not held")
	release()
	release()
	require.NoError(t, <-done)
	assert.Equal(t, 2, store.Len())

	arrived, release = f.Hold(storagetest.OpAppend, 1)
	defer release()
	cancelled, cancel := context.WithCancel(ctx)
	go func() { done <- f.Plain().Append(cancelled, entry(3)) }()
	<-arrived
	cancel()
	assert.ErrorIs(t, <-done, context.Canceled)
	assert.Equal(t, 2, store.Len(), "a call whose context ended while it was held stores nothing")
}
