package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/stream"
)

// recorder is a client in the same program, without a network: so that a fake
// clock can run. It is gone when its request's context is.
type recorder struct {
	*httptest.ResponseRecorder
	frames chan stream.Frame
}

func (r *recorder) Write(data []byte) (int, error) {
	var f stream.Frame
	if json.Unmarshal(data, &f) == nil {
		r.frames <- f
	}
	return len(data), nil
}

func (r *recorder) Flush() {}

func (r *recorder) SetWriteDeadline(time.Time) error { return nil }

// TestSignedOutReadersAreGoneWithinAMinute by default, also while entries come
// all the time. The clock is a fake one: nothing is measured.
func TestSignedOutReadersAreGoneWithinAMinute(t *testing.T) {
	for _, busy := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			trail := newTrail(t)
			hub, err := stream.NewHub(trail, nil)
			require.NoError(t, err)
			signedOut := time.Now().Add(73 * time.Second)
			h, err := hub.Handler(&stream.HandlerOptions{Authorize: func(*http.Request) (stream.Feed, error) {
				if time.Now().After(signedOut) {
					return stream.Feed{}, errors.New("signed out")
				}
				return stream.Feed{}, nil
			}})
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			var writing sync.WaitGroup
			if busy {
				writing.Go(func() {
					for ctx.Err() == nil {
						record(t, trail, "x")
						time.Sleep(30 * time.Millisecond)
					}
				})
			}
			client := &recorder{httptest.NewRecorder(), make(chan stream.Frame)}
			go func() {
				defer close(client.frames)
				h.ServeHTTP(client, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
			}()
			var last stream.Frame
			for f := range client.frames {
				last = f
			}
			require.Equal(t, "denied", last.End)
			require.True(t, time.Now().After(signedOut))
			require.Less(t, time.Since(signedOut), time.Minute)
			cancel()
			writing.Wait()
			require.NoError(t, hub.Close(t.Context()))
		})
	}
}

// TestNarrowerScopeHoldsForOpenFeeds: who may see less than when the feed began
// is sent away, and comes back under the new filter.
func TestNarrowerScopeHoldsForOpenFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := newTrail(t)
		hub, err := stream.NewHub(trail, nil)
		require.NoError(t, err)
		var narrow, masked atomic.Bool
		h, err := hub.Handler(&stream.HandlerOptions{Authorize: func(*http.Request) (stream.Feed, error) {
			tenants := []string{"a", "b"}
			if narrow.Load() {
				tenants = tenants[:1]
			}
			feed := stream.Feed{Filter: audit.Filter{Actions: []string{"login"}}.And(audit.Filter{Tenants: tenants})}
			if masked.Load() {
				feed.Encode = func(audit.Entry) ([]byte, error) { return []byte(`"masked"`), nil }
			}
			return feed, nil
		}})
		require.NoError(t, err)
		client := &recorder{httptest.NewRecorder(), make(chan stream.Frame, 100)}
		go func() {
			defer close(client.frames)
			h.ServeHTTP(client, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		}()
		write := func(tenant string) {
			require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "login", Tenant: tenant}))
			time.Sleep(time.Second)
		}
		<-client.frames
		time.Sleep(time.Second)
		write("b")
		require.Contains(t, string((<-client.frames).Entries[0]), `"tenant":"b"`)
		masked.Store(true)
		time.Sleep(time.Minute)
		write("a")
		var f stream.Frame
		for f = range client.frames {
			if len(f.Entries) > 0 { // not one that only tells that the feed is alive
				break
			}
		}
		require.Equal(t, `"masked"`, string(f.Entries[0]), "the same entries, written otherwise")
		narrow.Store(true)
		time.Sleep(time.Minute)
		for f = range client.frames {
			require.Empty(t, f.Entries)
		}
		require.Equal(t, "lifetime", f.End)
		require.NoError(t, hub.Close(t.Context()))
	})
}
