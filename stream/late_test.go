package stream_test

import (
	"context"
	"errors"
	"fmt"
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

// lateStore tells entries in the order of their transactions' numbers, as
// PostgreSQL does, among those that are committed when it is asked: what
// commits late stands in front of what was told before, if the same is asked
// again.
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

func (s *lateStore) Tail(_ context.Context, f audit.Filter, after string, limit int) ([]audit.Entry, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := 0
	if after != "" {
		var err error
		if at, err = strconv.Atoi(after); err != nil || at >= len(s.positions) {
			return nil, "", audit.ErrBadCursor
		}
	}
	var open []int
	for n := range s.committed {
		if !s.positions[at][n] {
			open = append(open, n)
		}
	}
	slices.Sort(open)
	before := map[int]bool{}
	for n := range s.positions[at] {
		before[n] = true
	}
	var entries []audit.Entry
	for _, n := range open {
		if len(entries) == limit {
			break
		}
		before[n] = true
		if f.Match(s.committed[n]) {
			entries = append(entries, s.committed[n])
		}
	}
	s.positions = append(s.positions, before)
	return entries, strconv.Itoa(len(s.positions) - 1), nil
}

func (s *lateStore) Head(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[int]bool{}
	for n := range s.committed {
		all[n] = true
	}
	s.positions = append(s.positions, all)
	return strconv.Itoa(len(s.positions) - 1), nil
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
