package stream_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/stream"
)

// TestOwnCommitsAreSeenAtOnce, while other processes' wait for the clock. The
// clock is a fake one.
func TestOwnCommitsAreSeenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New()
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		wake := make(chan struct{}, 1)
		for name, opts := range map[string]*stream.HubOptions{"alone": nil, "with a wake": {Wake: wake}} {
			hub, err := stream.NewHub(trail, opts)
			require.NoError(t, err)
			r, err := hub.Follow(t.Context(), audit.Filter{}, "")
			require.NoError(t, err)
			// follow is the longest it takes, wherever the clock stands.
			follow := func(commit func()) (longest time.Duration) {
				for at := 10 * time.Second; at < 11*time.Second; at += 50 * time.Millisecond {
					before := time.Now().Add(at)
					time.AfterFunc(at, commit)
					_, err := r.Next(t.Context())
					require.NoError(t, err)
					longest = max(longest, time.Since(before))
				}
				return longest
			}
			elsewhere := func() { // as another process does: the trail isn't told
				ready, err := trail.Enrich(t.Context(), audit.Entry{Action: "login"})
				require.NoError(t, err)
				require.NoError(t, store.Append(t.Context(), ready...))
			}
			const gather = 100 * time.Millisecond
			require.LessOrEqual(t, follow(func() { record(t, trail, "x") }), gather, name)
			require.Less(t, follow(elsewhere), time.Second, name)
			require.Greater(t, follow(elsewhere), gather, "or the test is blind")
			if opts != nil {
				require.LessOrEqual(t, follow(func() { elsewhere(); wake <- struct{}{} }), gather)
			}
			r.Close()
			require.NoError(t, hub.Close(t.Context()))
		}
		ctx, cancel := context.WithCancel(t.Context())
		start, err := stream.Head(ctx, trail)
		require.NoError(t, err)
		before := time.Now()
		time.AfterFunc(10150*time.Millisecond, func() { record(t, trail, "x") })
		for _, err := range stream.Tail(ctx, trail, audit.Filter{}, start) {
			require.NoError(t, err)
			break
		}
		require.Equal(t, 10150*time.Millisecond, time.Since(before))
		cancel()
	})
}

// TestQuietFeedsAskRarely: five times a second, less with a wake, and a wake that
// is closed is as none and no busy loop.
func TestQuietFeedsAskRarely(t *testing.T) {
	closed := func() chan struct{} {
		c := make(chan struct{})
		close(c)
		return c
	}
	for _, c := range []struct {
		wake    func() chan struct{}
		aMinute int
	}{
		{func() chan struct{} { return nil }, 300},
		{func() chan struct{} { return make(chan struct{}) }, 75},
		{closed, 300},
	} {
		synctest.Test(t, func(t *testing.T) {
			asked := &counting{Store: memstore.New()}
			trail, err := audit.New(asked, nil)
			require.NoError(t, err)
			hub, err := stream.NewHub(trail, &stream.HubOptions{Wake: c.wake()})
			require.NoError(t, err)
			r, err := hub.Follow(t.Context(), audit.Filter{}, "")
			require.NoError(t, err)
			_, err = r.Next(timeout(t, time.Minute))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.InDelta(t, c.aMinute, asked.tails.Load(), 5) // and the few of joining
			r.Close()
			require.NoError(t, hub.Close(t.Context()))
		})
	}
}

// counting counts how often it is asked.
type counting struct {
	*memstore.Store
	tails atomic.Int64
}

func (s *counting) Tail(ctx context.Context, f audit.Filter, after string, limit int) ([]audit.Tailed, string, error) {
	s.tails.Add(1)
	return s.Store.Tail(ctx, f, after, limit)
}
