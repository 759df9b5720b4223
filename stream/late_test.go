package stream_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/stream"
)

// lateStore returns the entries that are committed when it is called in the order of
// their transactions' numbers, as PostgreSQL does: called again from the same position,
// it returns late commits before what it has returned already.
type lateStore struct {
	audit.Store

	mu        sync.Mutex
	committed map[int]audit.Entry // by transaction number
	positions []map[int]bool      // what lies before each position
}

func newLateStore() *lateStore {
	return &lateStore{Store: memstore.New(), committed: map[int]audit.Entry{}, positions: []map[int]bool{{}}}
}

func (s *lateStore) commit(number int, e audit.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed[number] = e
}

func (s *lateStore) Tail(ctx context.Context, f audit.Filter, after string, limit int) ([]audit.Tailed, string, error) {
	return s.TailUntil(ctx, f, after, "", limit)
}

func (s *lateStore) TailUntil(_ context.Context, f audit.Filter, after, until string, limit int) (entries []audit.Tailed, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, end := map[int]bool{}, s.committedNow()
	if after != "" {
		if before, err = s.at(after); err != nil {
			return nil, "", err
		}
	}
	if until != "" {
		if end, err = s.at(until); err != nil {
			return nil, "", err
		}
	}
	for _, n := range slices.Sorted(maps.Keys(end)) {
		if len(entries) == limit {
			return entries, s.position(before), nil
		}
		if !before[n] {
			before = maps.Clone(before)
			if before[n] = true; f.Match(s.committed[n]) {
				entries = append(entries, audit.Tailed{Entry: s.committed[n], Position: s.position(before)})
			}
		}
	}
	for n := range before {
		if !end[n] {
			return nil, "", fmt.Errorf("%q is before %q: %w", until, after, audit.ErrBadCursor)
		}
	}
	if until != "" {
		return entries, until, nil
	}
	return entries, s.position(end), nil
}

func (s *lateStore) committedNow() map[int]bool {
	all := map[int]bool{}
	for n := range s.committed {
		all[n] = true
	}
	return all
}

func (s *lateStore) at(position string) (map[int]bool, error) {
	n, err := strconv.Atoi(position)
	if err != nil || n >= len(s.positions) {
		return nil, audit.ErrBadCursor
	}
	return s.positions[n], nil
}

func (s *lateStore) position(before map[int]bool) string {
	s.positions = append(s.positions, before)
	return strconv.Itoa(len(s.positions) - 1)
}

func (s *lateStore) Head(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.position(s.committedNow()), nil
}

// TestLateCommitsAreNeitherLostNorRepeated, wherever a reader stops and
// resumes: behind any event of an answer, by the hub or by Tail.
func TestLateCommitsAreNeitherLostNorRepeated(t *testing.T) {
	noLeaks(t)
	const total = 600
	store := newLateStore()
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	start, err := stream.Head(t.Context(), trail)
	require.NoError(t, err)

	var all sync.WaitGroup
	all.Go(func() {
		numbers := rand.Perm(total)
		for i := 0; i < total; i += 40 { // numbers that are near commit out of order
			slices.Sort(numbers[i:])
			near := numbers[i:min(i+60, total)]
			rand.Shuffle(len(near), func(a, b int) { near[a], near[b] = near[b], near[a] })
		}
		for i, n := range numbers {
			e := audit.Entry{ID: fmt.Sprintf("01980000-0000-7000-8000-%012d", n), Action: []string{"a", "b"}[n%2], Time: time.Now()}
			store.commit(n, e)
			if i%15 == 0 {
				time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
			}
		}
	})
	got := make([]map[string]int, 6)
	for n := range got {
		got[n] = map[string]int{}
		f := []audit.Filter{{}, {Actions: []string{"a"}}}[n%2]
		want := total / (1 + n%2)
		all.Go(func() {
			after := start
			for len(got[n]) < want {
				if n < 4 {
					after = followAWhile(t, hub, f, after, got[n])
				} else {
					after = tailAWhile(t, trail, f, after, got[n])
				}
			}
		})
	}
	all.Wait()
	for n := range got {
		for id, times := range got[n] {
			require.Equal(t, 1, times, "reader %d got %s", n, id)
		}
		require.Len(t, got[n], total/(1+n%2))
	}
	require.NoError(t, hub.Close(t.Context()))
}

// followAWhile takes some answers, and of the last one only some events.
func followAWhile(t *testing.T, hub *stream.Hub, f audit.Filter, after string, got map[string]int) string {
	r, err := hub.Follow(context.Background(), f, after)
	if err != nil {
		t.Error(err)
		return after
	}
	defer r.Close()
	for range 1 + rand.IntN(5) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(50+rand.IntN(300))*time.Millisecond)
		events, err := r.Next(ctx)
		cancel()
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if len(events) == 0 {
			continue
		}
		cut := len(events)
		if rand.IntN(2) == 0 {
			cut = 1 + rand.IntN(len(events))
		}
		for _, e := range events[:cut] {
			got[e.ID]++
			after = e.Position
		}
		if cut < len(events) {
			return after
		}
	}
	return r.Position()
}

func tailAWhile(t *testing.T, trail *audit.Trail, f audit.Filter, after string, got map[string]int) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(50+rand.IntN(400))*time.Millisecond)
	defer cancel()
	left := 1 + rand.IntN(30)
	for e, err := range stream.Tail(ctx, trail, f, after) {
		if err != nil {
			return after
		}
		got[e.ID]++
		after = e.Position
		if left--; left == 0 {
			return after
		}
	}
	return after
}
