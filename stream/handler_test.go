package stream_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/stream"
)

func serve(t *testing.T, trail *audit.Trail, opts *stream.HandlerOptions) *httptest.Server {
	t.Helper()
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	if opts == nil {
		opts = &stream.HandlerOptions{}
	}
	if opts.Authorize == nil {
		opts.Authorize = access.InsecureForDevelopment
	}
	h, err := hub.Handler(opts)
	require.NoError(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		require.NoError(t, hub.Close(context.Background()))
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return server
}

func dial(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.Dial(t.Context(), url, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func frame(t *testing.T, conn *websocket.Conn) (f stream.Frame) {
	t.Helper()
	_, data, err := conn.Read(t.Context())
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &f))
	return f
}

// ids are the objects of the next n entries, and the cursor behind them.
func ids(t *testing.T, next func() stream.Frame, n int) (list []string, cursor string) {
	t.Helper()
	for len(list) < n {
		f := next()
		require.Empty(t, f.End)
		for _, raw := range f.Entries {
			var e audit.Entry
			require.NoError(t, json.Unmarshal(raw, &e))
			list = append(list, e.Object.ID)
		}
		cursor = f.Cursor
	}
	return list, cursor
}

func TestSocketFollowsAndResumes(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	record(t, trail, "before")
	server := serve(t, trail, nil)
	conn := dial(t, server.URL)
	require.Empty(t, frame(t, conn).Entries)
	record(t, trail, "a", "b")
	got, cursor := ids(t, func() stream.Frame { return frame(t, conn) }, 2)
	require.Equal(t, []string{"a", "b"}, got)
	require.NoError(t, conn.CloseNow())
	record(t, trail, "c", "d") // while nobody listens
	conn = dial(t, server.URL+"?after="+cursor)
	record(t, trail, "e")
	got, _ = ids(t, func() stream.Frame { return frame(t, conn) }, 3)
	require.Equal(t, []string{"c", "d", "e"}, got)
}

// events reads server-sent events.
func events(t *testing.T, r *bufio.Reader) func() stream.Frame {
	return func() (f stream.Frame) {
		for {
			line, err := r.ReadString('\n')
			require.NoError(t, err)
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				require.NoError(t, json.Unmarshal([]byte(data), &f))
				return f
			}
		}
	}
}

func subscribe(t *testing.T, url, lastID string) (*http.Response, func() stream.Frame) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	r.Header.Set("Last-Event-ID", lastID)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer, events(t, bufio.NewReader(answer.Body))
}

func TestServerSentEventsFollowAndResume(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	server := serve(t, trail, nil)
	answer, next := subscribe(t, server.URL, "")
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	next()
	record(t, trail, "a")
	got, cursor := ids(t, next, 1)
	require.Equal(t, []string{"a"}, got)
	_ = answer.Body.Close()
	record(t, trail, "b")
	_, next = subscribe(t, server.URL, cursor)
	got, _ = ids(t, next, 1)
	require.Equal(t, []string{"b"}, got)
}

// TestTimeoutHandlerTurnsIntoPolling: its writer can't flush.
func TestTimeoutHandlerTurnsIntoPolling(t *testing.T) {
	trail := newTrail(t)
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	h, err := hub.Handler(&stream.HandlerOptions{Authorize: access.InsecureForDevelopment})
	require.NoError(t, err)
	poll := func(lastID string) (string, stream.Frame) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Last-Event-ID", lastID)
		w := httptest.NewRecorder()
		http.TimeoutHandler(h, 10*time.Second, "").ServeHTTP(w, r)
		body := w.Body.String()
		return body, events(t, bufio.NewReader(strings.NewReader(body)))()
	}
	body, f := poll("")
	require.Contains(t, body, "retry: 3000\n")
	require.Equal(t, "poll", f.End)
	record(t, trail, "a", "b")
	_, f = poll(f.Cursor)
	require.Len(t, f.Entries, 2)
	_, f = poll(f.Cursor)
	require.Empty(t, f.Entries)
}

func TestOnlyOwnPagesMayFollow(t *testing.T) {
	server := serve(t, newTrail(t), &stream.HandlerOptions{AllowedOrigins: []string{"https://admin.example.com"}})
	host := strings.TrimPrefix(server.URL, "http://")
	for _, c := range []struct {
		name   string
		header map[string]string
		want   int
	}{
		{"foreign origin", map[string]string{"Origin": "https://evil.example"}, 403},
		{"null origin", map[string]string{"Origin": "null"}, 403},
		{"cross-site by the browser's word", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": server.URL}, 403},
		{"same site, other origin", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"own host", map[string]string{"Origin": server.URL}, 101},
		{"own host behind a proxy that rewrites Host", map[string]string{"Origin": "https://app.example", "X-Forwarded-Host": "app.example"}, 101},
		{"another host behind it", map[string]string{"Origin": "https://evil.example", "X-Forwarded-Host": "app.example"}, 403},
		{"allowed origin", map[string]string{"Origin": "https://admin.example.com"}, 101},
		{"no browser", nil, 101},
		{"a suffix of the host", map[string]string{"Origin": "http://x" + host}, 403},
	} {
		header := http.Header{}
		for k, v := range c.header {
			header.Set(k, v)
		}
		conn, answer, err := websocket.Dial(t.Context(), server.URL, &websocket.DialOptions{HTTPHeader: header})
		require.Equal(t, c.want, answer.StatusCode, c.name)
		if err == nil {
			_ = conn.CloseNow()
		}
	}
}

func TestRevokedSessionEnds(t *testing.T) {
	noLeaks(t)
	var revoked atomic.Bool
	server := serve(t, newTrail(t), &stream.HandlerOptions{
		Recheck: 50 * time.Millisecond,
		Authorize: func(*http.Request) (access.Grant, error) {
			if revoked.Load() {
				return access.Grant{}, errors.New("signed out")
			}
			return access.InsecureForDevelopment(nil)
		},
	})
	conn := dial(t, server.URL)
	frame(t, conn)
	_, next := subscribe(t, server.URL, "")
	next()
	revoked.Store(true)
	require.Equal(t, "denied", frame(t, conn).End)
	_, _, err := conn.Read(t.Context())
	require.Equal(t, stream.StatusDenied, websocket.CloseStatus(err))
	require.Equal(t, "denied", next().End)
	answer, err := http.Get(server.URL)
	require.NoError(t, err)
	_ = answer.Body.Close()
	require.Equal(t, http.StatusForbidden, answer.StatusCode)
}

func TestLifetimeGapAndLimits(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	start, err := stream.Head(t.Context(), trail)
	require.NoError(t, err)
	for range 30 {
		record(t, trail, "x")
	}
	server := serve(t, trail, &stream.HandlerOptions{Lifetime: time.Second, MaxCatchUp: 20, MaxReaders: 1})
	conn := dial(t, server.URL+"?after="+start)
	frame(t, conn)
	f := frame(t, conn)
	require.Equal(t, 30, f.Gap)
	require.Empty(t, f.Entries)
	record(t, trail, "y") // and on it goes
	got, cursor := ids(t, func() stream.Frame { return frame(t, conn) }, 1)
	require.Equal(t, []string{"y"}, got)
	require.Equal(t, "lifetime", frame(t, conn).End)
	_, _, err = conn.Read(t.Context())
	require.Equal(t, stream.StatusResume, websocket.CloseStatus(err))

	require.Eventually(t, func() bool { // the first one's place becomes free
		c, _, err := websocket.Dial(t.Context(), server.URL+"?after="+cursor, nil)
		conn = c
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
	answer, err := http.Get(server.URL)
	require.NoError(t, err)
	_ = answer.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	frame(t, conn)
	require.Equal(t, "lifetime", frame(t, conn).End)
}

func TestHandlerRefusesToServeEverybody(t *testing.T) {
	hub, err := stream.NewHub(newTrail(t), nil)
	require.NoError(t, err)
	_, err = hub.Handler(nil)
	require.ErrorContains(t, err, "Authorize")
	_, err = hub.Handler(&stream.HandlerOptions{})
	require.ErrorContains(t, err, "Authorize")
}

func TestBadRequests(t *testing.T) {
	server := serve(t, newTrail(t), nil)
	for query, want := range map[string]int{"?after=made+up": 400} {
		answer, err := http.Get(server.URL + query)
		require.NoError(t, err)
		_ = answer.Body.Close()
		require.Equal(t, want, answer.StatusCode)
	}
	answer, err := http.Post(server.URL, "text/plain", nil)
	require.NoError(t, err)
	_ = answer.Body.Close()
	require.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)
}

// One tenant's readers can't take the places of all others; who reads several
// tenants is bounded by the total only.
func TestReadersAreLimitedPerTenant(t *testing.T) {
	noLeaks(t)
	trail := newTrail(t)
	server := serve(t, trail, &stream.HandlerOptions{MaxPerTenant: 2, Authorize: func(r *http.Request) (access.Grant, error) {
		return access.Grant{Follow: true, Scope: audit.Filter{Tenants: r.URL.Query()["of"]}}, nil
	}, Filter: func(*http.Request) (audit.Filter, error) { return audit.Filter{}, nil }})
	status := func(query string) (int, string) {
		answer, err := http.Get(server.URL + query)
		require.NoError(t, err)
		_ = answer.Body.Close()
		return answer.StatusCode, answer.Header.Get("Retry-After")
	}
	first := dial(t, server.URL+"?of=acme")
	frame(t, first)
	frame(t, dial(t, server.URL+"?of=acme&of=acme"))
	code, after := status("?of=acme")
	require.Equal(t, http.StatusTooManyRequests, code)
	require.NotEmpty(t, after)
	code, _ = status("?of=acme&after=nonsense")
	require.Equal(t, http.StatusTooManyRequests, code)
	code, _ = status("?of=rival&after=nonsense") // which takes no place
	require.Equal(t, http.StatusBadRequest, code)
	for range 2 {
		frame(t, dial(t, server.URL+"?of=rival"))
	}
	for range 3 {
		frame(t, dial(t, server.URL+"?of=acme&of=rival"))
	}
	_ = first.CloseNow()
	require.Eventually(t, func() bool { // its place becomes free
		c, _, err := websocket.Dial(t.Context(), server.URL+"?of=acme", nil)
		if err == nil {
			_ = c.CloseNow()
		}
		return err == nil
	}, 10*time.Second, 10*time.Millisecond)
}

func TestNegativeBoundsAreRefused(t *testing.T) {
	trail := newTrail(t)
	for _, o := range []stream.HubOptions{{Buffer: -1}, {Gather: -1}, {MaxEncoded: -1}} {
		_, err := stream.NewHub(trail, &o)
		require.ErrorContains(t, err, "negative")
	}
	hub, err := stream.NewHub(trail, nil)
	require.NoError(t, err)
	for _, o := range []stream.HandlerOptions{{Recheck: -1}, {Lifetime: -1}, {MaxReaders: -1}, {MaxPerTenant: -1}, {MaxCatchUp: -1}} {
		o.Authorize = access.InsecureForDevelopment
		_, err := hub.Handler(&o)
		require.ErrorContains(t, err, "negative")
	}
}

// What a request sends is bounded: the query string, and the position.
func TestLongRequestsAreRefused(t *testing.T) {
	server := serve(t, newTrail(t), nil)
	for query, position := range map[string]string{
		"?" + strings.Repeat("action=x&", 10_000): "",
		"": "~" + strings.Repeat("AAAAAAAAAAA", 30_000) + "~x",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+query, nil)
		require.NoError(t, err)
		r.Header.Set("Last-Event-ID", position)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		_ = answer.Body.Close()
		require.Equal(t, http.StatusBadRequest, answer.StatusCode)
	}
}
