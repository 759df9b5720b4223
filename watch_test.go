package audit_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

func token(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// refusing is a store that takes nothing.
type refusing struct{ audit.Store }

func (refusing) Append(context.Context, ...audit.Entry) error { return errors.New("disk full") }

func TestWatchTellsOfWhatWasCommitted(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	trail.Committed() // nobody watches
	one, stopOne := trail.Watch()
	two, stopTwo := trail.Watch()
	require.False(t, token(one))
	for range 3 {
		require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "login"}))
	}
	require.True(t, token(one), "a token for those who watch")
	require.False(t, token(one), "and one for all that was committed meanwhile")
	require.True(t, token(two))
	stopOne()
	stopOne()
	trail.Committed()
	require.False(t, token(one))
	require.True(t, token(two))
	require.Error(t, trail.Record(t.Context(), audit.Entry{}))
	require.False(t, token(two), "nothing was committed")
	require.NoError(t, trail.Close(t.Context()))
	require.True(t, token(two), "the trail was closed")
	stopTwo()
}

func TestWatchIsSilentAboutWhatFailed(t *testing.T) {
	trail, err := audit.New(refusing{memstore.New()}, nil)
	require.NoError(t, err)
	woken, stop := trail.Watch()
	defer stop()
	require.Error(t, trail.Record(t.Context(), audit.Entry{Action: "login"}))
	require.False(t, token(woken))
}

func TestWatchersComeAndGoWhileEntriesAreCommitted(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				woken, stop := trail.Watch()
				trail.Committed()
				if !token(woken) {
					t.Error("its own commit is told")
				}
				stop()
			}
		})
	}
	all.Wait()
}
