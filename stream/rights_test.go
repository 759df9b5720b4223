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
	"github.com/gormtrail/audit/access"
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
			h, err := hub.Handler(&stream.HandlerOptions{Authorize: func(*http.Request) (access.Grant, error) {
				if time.Now().After(signedOut) {
					return access.Grant{}, errors.New("signed out")
				}
				return access.InsecureForDevelopment(nil)
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
		h, err := hub.Handler(&stream.HandlerOptions{Authorize: func(*http.Request) (access.Grant, error) {
			tenants := []string{"a", "b"}
			if narrow.Load() {
				tenants = tenants[:1]
			}
			return access.Grant{Scope: audit.Filter{Tenants: tenants}, Follow: true, Personal: !masked.Load()}, nil
		}})
		require.NoError(t, err)
		client := &recorder{httptest.NewRecorder(), make(chan stream.Frame, 100)}
		go func() {
			defer close(client.frames)
			h.ServeHTTP(client, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?q=action:login", nil))
		}()
		write := func(tenant string) {
			require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "logout", Tenant: tenant}, audit.Entry{Action: "login", Tenant: tenant, Actor: audit.Actor{Email: "a@x.example"}}))
			time.Sleep(time.Second)
		}
		<-client.frames
		time.Sleep(time.Second)
		write("b")
		first := <-client.frames
		require.Len(t, first.Entries, 1)
		require.Contains(t, string(first.Entries[0]), `"tenant":"b"`)
		require.Contains(t, string(first.Entries[0]), "a@x.example")
		masked.Store(true)
		time.Sleep(time.Minute)
		write("a")
		var f stream.Frame
		for f = range client.frames {
			if len(f.Entries) > 0 { // not one that only tells that the feed is alive
				break
			}
		}
		require.Len(t, f.Entries, 1)
		require.Contains(t, string(f.Entries[0]), audit.Mask, "the same entries, masked")
		require.NotContains(t, string(f.Entries[0]), "a@x.example")
		narrow.Store(true)
		time.Sleep(time.Minute)
		for f = range client.frames {
			require.Empty(t, f.Entries)
		}
		require.Equal(t, "lifetime", f.End)
		require.NoError(t, hub.Close(t.Context()))
	})
}

// TestFeedsAreScopedAndMasked, whatever the request asks for; and a feed needs a
// grant that allows to follow.
func TestFeedsAreScopedAndMasked(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	server := serve(t, trail, &stream.HandlerOptions{Authorize: func(r *http.Request) (access.Grant, error) {
		return access.Grant{Scope: audit.Filter{Tenants: r.URL.Query()["tenant"]}, Follow: r.Header.Get("Last-Event-ID") == "", Hidden: []string{"salary"}}, nil
	}})
	conn := dial(t, server.URL+"?tenant=a&q=mara")
	frame(t, conn)
	e := audit.Entry{Tenant: "a", Action: "login", Actor: audit.Actor{Name: "Else", Email: "mara@x.example"}, Object: audit.Object{ID: "unseen"}}
	seen, other := e, e
	seen.Actor.Name, seen.Object.ID, seen.Changes = "Mara", "seen", []audit.Change{{Field: "salary", Old: "9000", New: "9500"}}
	other.Tenant, other.Actor.Name = "b", "Mara"
	require.NoError(t, trail.Record(t.Context(), e, other, seen))
	f := frame(t, conn)
	require.Len(t, f.Entries, 1)
	require.Contains(t, string(f.Entries[0]), `"seen"`)
	for _, secret := range []string{"mara@", "9000", "9500"} {
		require.NotContains(t, string(f.Entries[0]), secret)
	}
	for query, want := range map[string]int{"?tenant=a&user=x": 400, "?tenant=a&q=-x": 400, "?tenant=a&colour=red": 400, "?tenant=a&q=%22": 400, "": 403} {
		answer, err := http.Get(server.URL + query)
		require.NoError(t, err)
		_ = answer.Body.Close()
		require.Equal(t, want, answer.StatusCode, query)
	}
	r, err := http.NewRequest(http.MethodGet, server.URL+"?tenant=a", nil)
	require.NoError(t, err)
	r.Header.Set("Last-Event-ID", f.Cursor)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	_ = answer.Body.Close()
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
}
