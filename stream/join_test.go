package stream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
	"github.com/gormtrail/audit/stream"
)

// slowStore answers after a while, and fails while it is told to.
type slowStore struct {
	*memstore.Store
	tails   atomic.Int64
	failing atomic.Bool
}

var errDown = errors.New("down")

func (s *slowStore) Tail(ctx context.Context, f audit.Filter, after string, limit int) ([]audit.Tailed, string, error) {
	s.tails.Add(1)
	time.Sleep(20 * time.Millisecond)
	if s.failing.Load() {
		return nil, "", errDown
	}
	return s.Store.Tail(ctx, f, after, limit)
}

// Readers that join at a time share a read of the hub, and none misses an entry that is
// recorded after Follow has returned.
func TestJoiningReadersShareARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{Store: memstore.New()}
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		hub, err := stream.NewHub(trail, &stream.HubOptions{Gather: time.Hour})
		require.NoError(t, err)
		first, err := hub.Follow(t.Context(), audit.Filter{}, "")
		require.NoError(t, err)
		time.Sleep(30 * time.Millisecond)
		before := store.tails.Load()
		readers := make([]*stream.Reader, 100)
		var joining sync.WaitGroup
		for i := range readers {
			joining.Go(func() {
				r, err := hub.Follow(t.Context(), audit.Filter{}, "")
				if err != nil {
					t.Error(err)
				}
				readers[i] = r
			})
		}
		joining.Wait()
		require.LessOrEqual(t, store.tails.Load()-before, int64(2))
		record(t, trail, "x")
		last, err := hub.Follow(t.Context(), audit.Filter{}, "") // this one's read finds it, for all
		require.NoError(t, err)
		for _, r := range append(readers, first) {
			events, err := r.Next(t.Context())
			require.NoError(t, err)
			require.Equal(t, "x", events[0].Object.ID)
			r.Close()
		}
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err = last.Next(short)
		require.ErrorIs(t, err, context.DeadlineExceeded, "it was recorded before this one followed")
		last.Close()
		require.NoError(t, hub.Close(t.Context()))
	})
}

// A store that fails while a reader joins is an error of Follow or Next, after which the
// reader can go on: nothing is lost or repeated.
func TestJoiningWhileTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{Store: memstore.New()}
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		start := head(t, trail)
		for i := range 5 {
			record(t, trail, fmt.Sprint(i))
		}
		hub, err := stream.NewHub(trail, nil)
		require.NoError(t, err)
		other, err := hub.Follow(t.Context(), audit.Filter{}, "") // the hub polls
		require.NoError(t, err)
		time.Sleep(time.Second)
		r, err := hub.Follow(t.Context(), audit.Filter{}, start)
		require.NoError(t, err)
		events, err := r.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, events, 5)
		store.failing.Store(true)
		_, err = r.Next(t.Context())
		require.ErrorIs(t, err, errDown)
		_, err = hub.Follow(t.Context(), audit.Filter{}, "")
		require.ErrorIs(t, err, errDown)
		record(t, trail, "5")
		store.failing.Store(false)
		events, err = r.Next(t.Context())
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, "5", events[0].Object.ID)
		r.Close()
		other.Close()
		require.NoError(t, hub.Close(t.Context()))
	})
}
