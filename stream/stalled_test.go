package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
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

// stall opens a feed and never reads from it.
func stall(t *testing.T, url string, upgrade bool) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4096))
	head := "GET / HTTP/1.1\r\nHost: " + conn.RemoteAddr().String() + "\r\n"
	if upgrade {
		head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	}
	_, err = io.WriteString(conn, head+"\r\n")
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 12)) // it is admitted
	require.NoError(t, err)
}

func inUse() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestStalledClients neither hold up those who read nor those who write, and
// what is kept for them is bounded, however much is written.
func TestStalledClients(t *testing.T) {
	noLeaks(t)
	const stalled, rounds, each, size = 4, 16, 16, 128 << 10
	store := memstore.New()
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	key := func(*http.Request) (stream.Feed, error) { return stream.Feed{Key: "all"}, nil }
	server := serve(t, trail, &stream.HandlerOptions{Authorize: key})
	for i := range stalled {
		stall(t, server.URL, i%2 == 0)
	}
	conn := dial(t, server.URL)
	conn.SetReadLimit(-1)
	frame(t, conn)
	before, most := inUse(), 0
	text := strings.Repeat("x", size-20)
	for round := range rounds {
		for i := range each {
			e := audit.Entry{Action: "update", Object: audit.Object{Type: "t", ID: fmt.Sprint(round*each + i)}, Changes: []audit.Change{{Field: "text", New: text + fmt.Sprint(round, i)}}}
			require.NoError(t, trail.Record(t.Context(), e))
		}
		got, _ := ids(t, func() stream.Frame { return frame(t, conn) }, each)
		for i, id := range got {
			require.Equal(t, fmt.Sprint(round*each+i), id)
		}
		_, err := store.Purge(t.Context(), audit.Filter{}, 1000) // only feeds hold entries now
		require.NoError(t, err)
		most = max(most, inUse()-before)
	}
	t.Logf("%d MB were written; %d KB more in use for each of %d stalled clients", rounds*each*size>>20, most/stalled>>10, stalled)
	require.Less(t, most, rounds*each*size*2/3)
}

func TestLargeEventsFillTheBufferSooner(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	r, err := hub.Follow(t.Context(), audit.Filter{}, "")
	require.NoError(t, err)
	defer r.Close()
	_, err = r.Next(timeout(t, 50*time.Millisecond)) // joins the hub
	require.ErrorIs(t, err, context.DeadlineExceeded)
	probe, err := hub.Follow(t.Context(), audit.Filter{}, "")
	require.NoError(t, err)
	defer probe.Close()
	const total = 20
	for i := range total {
		e := audit.Entry{Action: "update", Object: audit.Object{Type: "t", ID: fmt.Sprint(i)}, Changes: []audit.Change{{Field: "text", New: strings.Repeat("x", 1<<20)}}}
		require.NoError(t, trail.Record(t.Context(), e))
		_, err := probe.Next(t.Context()) // the hub has handed it out
		require.NoError(t, err)
	}
	var list []string
	var behind *stream.BehindError
	for behind == nil {
		events, err := r.Next(t.Context())
		if err != nil {
			require.ErrorAs(t, err, &behind)
		}
		for _, e := range events {
			list = append(list, e.Object.ID)
		}
	}
	require.NotEmpty(t, list)
	require.Less(t, len(list), 6, "events of a megabyte each")
	require.Equal(t, total-len(list), behind.Missed)
	again, err := hub.Follow(t.Context(), audit.Filter{}, behind.Position)
	require.NoError(t, err)
	defer again.Close()
	for len(list) < total {
		events, err := again.Next(t.Context())
		require.NoError(t, err)
		for _, e := range events {
			list = append(list, e.Object.ID)
		}
	}
	for i, id := range list {
		require.Equal(t, fmt.Sprint(i), id)
	}
}

// TestAThousandConnectionsLeaveNothing: goroutines are back to what they were.
func TestAThousandConnectionsLeaveNothing(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	server := serve(t, trail, nil)
	for i := range 1000 {
		ctx, cancel := context.WithCancel(t.Context())
		if i%2 == 0 {
			conn := dial(t, server.URL)
			if i%4 == 0 {
				_ = conn.CloseNow()
			} else {
				go conn.Close(1000, "") // at the test's end at the latest
			}
		} else {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
			require.NoError(t, err)
			answer, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			_ = answer.Body.Close()
		}
		cancel()
		if i%50 == 0 {
			record(t, trail, "x")
		}
	}
}

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
		tenants, masked := []string{"a", "b"}, false
		h, err := hub.Handler(&stream.HandlerOptions{Authorize: func(*http.Request) (stream.Feed, error) {
			feed := stream.Feed{Filter: audit.Filter{Actions: []string{"login"}}.And(audit.Filter{Tenants: tenants})}
			if masked {
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
		masked = true
		time.Sleep(time.Minute)
		write("a")
		var f stream.Frame
		for f = range client.frames {
			if len(f.Entries) > 0 { // not one that only tells that the feed is alive
				break
			}
		}
		require.Equal(t, `"masked"`, string(f.Entries[0]), "the same entries, written otherwise")
		tenants = []string{"a"}
		time.Sleep(time.Minute)
		for f = range client.frames {
			require.Empty(t, f.Entries)
		}
		require.Equal(t, "lifetime", f.End)
		require.NoError(t, hub.Close(t.Context()))
	})
}

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

func (s *counting) Tail(ctx context.Context, f audit.Filter, after string, limit int) ([]audit.Entry, string, error) {
	s.tails.Add(1)
	return s.Store.Tail(ctx, f, after, limit)
}
