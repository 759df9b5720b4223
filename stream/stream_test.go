package stream_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/stream"
)

func newTrail(t testing.TB) *audit.Trail {
	t.Helper()
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	return trail
}

func record(t testing.TB, trail *audit.Trail, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, trail.Record(context.Background(), audit.Entry{Action: "update", Object: audit.Object{Type: "t", ID: name}}))
	}
}

// noLeaks fails the test if goroutines are left at its end.
func noLeaks(t testing.TB) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 600 { // a client that does not answer a close is waited for five seconds
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		stacks := make([]byte, 1<<20)
		t.Fatalf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), stacks[:runtime.Stack(stacks, true)])
	})
}

func TestTailYieldsPastAndPresentOnce(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	record(t, trail, "a", "b")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	for e, err := range stream.Tail(ctx, trail, audit.Filter{}, "") {
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
			break
		}
		got = append(got, e.Object.ID)
		switch len(got) {
		case 2:
			record(t, trail, "c", "d")
		case 4:
			cancel()
		}
	}
	require.Equal(t, []string{"a", "b", "c", "d"}, got)
}

func TestTailResumesBehindEveryEvent(t *testing.T) {
	trail := newTrail(t)
	for i := range 450 { // more than two batches
		record(t, trail, fmt.Sprint(i))
	}
	f := audit.Filter{ObjectTypes: []string{"t"}}
	var events []stream.Event
	for e, err := range stream.Tail(t.Context(), trail, f, "") {
		require.NoError(t, err)
		if events = append(events, e); len(events) == 450 {
			break
		}
	}
	for _, i := range []int{0, 1, 198, 199, 200, 201, 398, 399, 448} {
		for e, err := range stream.Tail(t.Context(), trail, f, events[i].Position) {
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(i+1), e.Object.ID)
			break
		}
	}
}

func TestTailEndsWithWhatWentWrong(t *testing.T) {
	trail := newTrail(t)
	first := func(f audit.Filter, after string) error {
		for _, err := range stream.Tail(t.Context(), trail, f, after) {
			return err
		}
		return nil
	}
	require.ErrorIs(t, first(audit.Filter{}, "made up"), audit.ErrBadCursor)
	require.ErrorIs(t, first(audit.Filter{IPs: []string{"x"}}, ""), audit.ErrInvalidQuery)
	time.AfterFunc(10*time.Millisecond, func() { _ = trail.Close(context.Background()) })
	require.ErrorIs(t, first(audit.Filter{}, ""), audit.ErrClosed)

	blind, err := audit.New(onlyStore{memstore.New()}, nil)
	require.NoError(t, err)
	_, err = stream.NewHub(blind, nil)
	require.ErrorIs(t, err, errors.ErrUnsupported)
}

// onlyStore hides what a store can do beyond the minimum.
type onlyStore struct{ audit.Store }

// TestEachOnceInOrder is the promise, tried with writers that don't wait,
// readers that come, go and resume at any moment, and filters.
func TestEachOnceInOrder(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	start, err := stream.Head(t.Context(), trail)
	require.NoError(t, err)

	const writers, each, readers = 4, 300, 6
	var writing, reading sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				e := audit.Entry{Action: []string{"create", "update"}[i%2], Object: audit.Object{Type: "t", ID: fmt.Sprintf("%d/%d", w, i)}}
				if err := trail.Record(context.Background(), e); err != nil {
					t.Error(err)
				}
				if i%20 == 0 {
					time.Sleep(time.Duration(rand.IntN(30)) * time.Millisecond)
				}
			}
		})
	}
	got := make([][]string, readers)
	filters := []audit.Filter{{}, {Actions: []string{"update"}}}
	for n := range readers {
		reading.Go(func() {
			want := writers * each / (1 + n%2)
			after := start
			for len(got[n]) < want {
				r, err := hub.Follow(context.Background(), filters[n%2], after)
				if err != nil {
					t.Error(err)
					return
				}
				for range 1 + rand.IntN(8) {
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+rand.IntN(400))*time.Millisecond)
					events, err := r.Next(ctx)
					cancel()
					for _, e := range events {
						got[n] = append(got[n], e.ID)
					}
					var behind *stream.BehindError
					if errors.As(err, &behind) || len(got[n]) >= want {
						break
					}
				}
				after = r.Position()
				r.Close()
			}
		})
	}
	writing.Wait()
	reading.Wait()

	for n := range readers {
		var want []string
		for e, err := range stream.Tail(t.Context(), trail, filters[n%2], start) {
			require.NoError(t, err)
			if want = append(want, e.ID); len(want) == writers*each/(1+n%2) {
				break
			}
		}
		require.Equal(t, want, got[n], "reader %d", n)
	}
	require.NoError(t, hub.Close(t.Context()))
}

func TestSlowReaderIsToldToResume(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	hub, err := stream.NewHub(trail, &stream.HubOptions{Buffer: 10})
	require.NoError(t, err)
	r, err := hub.Follow(t.Context(), audit.Filter{}, "")
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Next(timeout(t, 50*time.Millisecond)) // joins the hub
	require.ErrorIs(t, err, context.DeadlineExceeded)
	for i := range 100 {
		record(t, trail, fmt.Sprint(i))
	}
	time.Sleep(500 * time.Millisecond)
	events, err := r.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, events, 10)
	var behind *stream.BehindError
	for range 2 { // it stays so
		_, err = r.Next(t.Context())
		require.ErrorAs(t, err, &behind)
	}
	require.Equal(t, 90, behind.Missed)
	again, err := hub.Follow(t.Context(), audit.Filter{}, behind.Position)
	require.NoError(t, err)
	defer again.Close()
	events, err = again.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, events, 90)
	require.Equal(t, "10", events[0].Object.ID)
}

func timeout(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestClosingEndsReaders(t *testing.T) {
	noLeaks(t)
	for _, end := range []string{"hub", "trail"} {
		trail := newTrail(t)
		hub, err := stream.NewHub(trail, nil)
		require.NoError(t, err)
		r, err := hub.Follow(t.Context(), audit.Filter{}, "")
		require.NoError(t, err)
		_, err = r.Next(timeout(t, 30*time.Millisecond))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		if end == "hub" {
			require.NoError(t, hub.Close(t.Context()))
		} else {
			require.NoError(t, trail.Close(t.Context()))
		}
		_, err = r.Next(t.Context())
		require.ErrorIs(t, err, audit.ErrClosed, end)
		_, err = hub.Follow(t.Context(), audit.Filter{}, "")
		if end == "trail" {
			require.ErrorIs(t, err, audit.ErrClosed)
		}
		r.Close()
	}
}

func TestWakeIsHeard(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	wake := make(chan struct{})
	hub, err := stream.NewHub(trail, &stream.HubOptions{Wake: wake})
	require.NoError(t, err)
	r, err := hub.Follow(t.Context(), audit.Filter{}, "")
	require.NoError(t, err)
	defer r.Close()
	waiting, heard := context.WithCancel(t.Context())
	go func() {
		record(t, trail, "x")
		wake <- struct{}{}
		heard()
	}()
	events, err := r.Next(t.Context())
	require.NoError(t, err)
	require.Equal(t, "x", events[0].Object.ID)
	// The entry may have come from the store, before the reader joined the hub, which takes
	// the value only while it has readers. So the reader waits on, until the value is taken.
	_, err = r.Next(waiting)
	require.ErrorIs(t, err, context.Canceled)
}

// TestLeavingUnderLoad comes and goes a thousand times: nothing is left.
func TestLeavingUnderLoad(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for range 50 {
				r, err := hub.Follow(context.Background(), audit.Filter{}, "")
				if err != nil {
					t.Error(err)
					return
				}
				ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
				_, _ = r.Next(ctx)
				cancel()
				r.Close()
			}
		})
	}
	all.Wait()
	require.NoError(t, hub.Close(t.Context()))
}

func TestClosingAReaderFromElsewhere(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	for _, wait := range []time.Duration{0, 50 * time.Millisecond} { // before it has joined, and after
		r, err := hub.Follow(t.Context(), audit.Filter{}, "")
		require.NoError(t, err)
		time.AfterFunc(wait, r.Close)
		if wait == 0 {
			time.Sleep(10 * time.Millisecond)
		}
		for range 2 {
			_, err = r.Next(t.Context())
			require.ErrorIs(t, err, audit.ErrClosed)
		}
		r.Close()
	}
}

// answers notes how large the store's answers are.
type answers struct {
	*memstore.Store
	mu          sync.Mutex
	most, calls int // the largest, and how many weren't empty
}

func (a *answers) Tail(ctx context.Context, f audit.Filter, after string, limit int) ([]audit.Tailed, string, error) {
	return a.TailUntil(ctx, f, after, "", limit)
}

func (a *answers) TailUntil(ctx context.Context, f audit.Filter, after, until string, limit int) ([]audit.Tailed, string, error) {
	entries, next, err := a.Store.TailUntil(ctx, f, after, until, limit)
	size := 0
	for i := range entries {
		size += entries[i].Size()
	}
	a.mu.Lock() // the hub asks too
	defer a.mu.Unlock()
	a.most = max(a.most, size)
	if size > 0 {
		a.calls++
	}
	return entries, next, err
}

// A client that resumes over large entries is read few of them at once; over small
// ones, many.
func TestCatchingUpIsBoundedInBytes(t *testing.T) {
	for name, c := range map[string]struct{ n, bytes, most, calls int }{
		"large": {90, 100_000, 5 << 20, 20}, // 41 of 100 KB after the first 25
		"small": {400, 10, 1 << 20, 20},
	} {
		store := &answers{Store: memstore.New()}
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		start, err := stream.Head(t.Context(), trail)
		require.NoError(t, err)
		for range c.n {
			require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "x", Changes: []audit.Change{{Field: "f", Op: audit.OpAdd, New: strings.Repeat("y", c.bytes)}}}))
		}
		server := serve(t, trail, nil)
		_, next := subscribe(t, server.URL+"?after="+url.QueryEscape(start), "")
		got, _ := ids(t, next, c.n)
		require.Len(t, got, c.n)
		store.mu.Lock()
		require.LessOrEqual(t, store.most, c.most, name)
		require.LessOrEqual(t, store.calls, c.calls, name)
		store.mu.Unlock()
	}
}
