package httpaudit_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/httpaudit"
)

func requestOf(r *http.Request, opts *httpaudit.Options) audit.Request {
	return audit.RequestFrom(httpaudit.Annotate(r, opts).Context())
}

func TestRequestIsInTheContext(t *testing.T) {
	r := httptest.NewRequest("PATCH", "/users/7?token=hunter2#x", nil)
	r.RemoteAddr = "203.0.113.7:4711"
	r.Header.Set("User-Agent", "curl/8.1")
	r.Header.Set("X-Request-ID", "req-1")
	var got audit.Request
	h := httpaudit.Middleware(nil)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = audit.RequestFrom(r.Context())
	}))
	h.ServeHTTP(httptest.NewRecorder(), r)
	assert.Equal(t, audit.Request{IP: "203.0.113.7", UserAgent: "curl/8.1", ID: "req-1", Method: "PATCH", Path: "/users/7"}, got)
	assert.Equal(t, audit.Request{}, audit.RequestFrom(r.Context()), "the caller's request is left as it is")
}

func TestLongTextsAreCut(t *testing.T) {
	r := httptest.NewRequest("GET", "/"+strings.Repeat("ä", 5000), nil)
	r.Header.Set("User-Agent", strings.Repeat("ü", 5000))
	got := requestOf(r, nil)
	assert.LessOrEqual(t, len(got.Path), 2048)
	assert.LessOrEqual(t, len(got.UserAgent), 1024)
	for _, s := range []string{got.Path, got.UserAgent} {
		assert.True(t, strings.HasSuffix(s, "…"))
		assert.Equal(t, strings.ToValidUTF8(s, ""), s, "a cut never halves a rune")
	}
}

func TestActor(t *testing.T) {
	ada := audit.Actor{Type: "user", ID: "7", Name: "Ada"}
	bob := audit.Actor{Type: "user", ID: "8", Name: "Bob"}
	for _, c := range []struct {
		name  string
		actor func(*http.Request) (audit.Actor, error)
		want  audit.Actor
		err   any
	}{
		{"no function leaves the context's", nil, bob, nil},
		{"the function's wins", func(*http.Request) (audit.Actor, error) { return ada, nil }, ada, nil},
		{"nobody known leaves the context's", func(*http.Request) (audit.Actor, error) { return audit.Actor{}, nil }, bob, nil},
		{"an error", func(*http.Request) (audit.Actor, error) { return audit.Actor{}, errors.New("session store is down") },
			audit.Actor{Type: "unknown"}, "session store is down"},
		{"an error keeps what is known", func(*http.Request) (audit.Actor, error) {
			return audit.Actor{Type: "user", ID: "9"}, errors.New("no such user")
		},
			audit.Actor{Type: "unknown", ID: "9"}, "no such user"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r = r.WithContext(audit.WithActor(r.Context(), bob))
			e := recorded(t, httpaudit.Annotate(r, &httpaudit.Options{Actor: c.actor}).Context())
			assert.Equal(t, c.want, e.Actor)
			assert.Equal(t, c.err, e.Metadata[httpaudit.ActorErrorKey])
		})
	}
}

func TestTenant(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r = r.WithContext(audit.WithTenant(r.Context(), "outer", "one"))
	for _, c := range []struct{ tenant, project, wantTenant, wantProject string }{
		{"acme", "web", "acme", "web"},
		{"acme", "", "acme", ""},
		{"", "", "outer", "one"},
	} {
		opts := &httpaudit.Options{Tenant: func(*http.Request) (string, string) { return c.tenant, c.project }}
		tenant, project := audit.TenantFrom(httpaudit.Annotate(r, opts).Context())
		assert.Equal(t, []string{c.wantTenant, c.wantProject}, []string{tenant, project})
	}
}

func TestWhatTheContextHeldStays(t *testing.T) {
	type key struct{}
	ctx := audit.WithComment(context.WithValue(t.Context(), key{}, "kept"), "because")
	r := httptest.NewRequestWithContext(ctx, "GET", "/", nil)
	got := httpaudit.Annotate(r, nil).Context()
	assert.Equal(t, "kept", got.Value(key{}))
	assert.Equal(t, "because", recorded(t, got).Comment)
}

// recorded is the entry that Record makes under ctx.
func recorded(t *testing.T, ctx context.Context) audit.Entry {
	t.Helper()
	trail, err := audit.New(discard{}, nil)
	require.NoError(t, err)
	entries, err := trail.Enrich(ctx, audit.Entry{Action: "login"})
	require.NoError(t, err)
	return entries[0]
}

type discard struct{}

func (discard) Append(context.Context, ...audit.Entry) error { return nil }
func (discard) Query(context.Context, audit.Query) (*audit.Page, error) {
	return &audit.Page{}, nil
}
func (discard) Get(context.Context, string) (audit.Entry, error) {
	return audit.Entry{}, audit.ErrNotFound
}

// TestWriterIsPassedOn: whatever a server's ResponseWriter can do, handlers can
// still do it.
func TestWriterIsPassedOn(t *testing.T) {
	streamed := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/flush", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-streamed
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\nours now")
		rw.Flush()
	})
	server := httptest.NewServer(httpaudit.Middleware(nil)(mux))
	defer server.Close()

	res, err := http.Get(server.URL + "/flush")
	require.NoError(t, err)
	first := make([]byte, len("first"))
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err, "the flushed part arrives before the handler ends")
	assert.Equal(t, "first", string(first))
	close(streamed)
	res.Body.Close()

	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	io.WriteString(conn, "GET /hijack HTTP/1.1\r\nHost: x\r\n\r\n")
	raw, err := io.ReadAll(bufio.NewReader(conn))
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(string(raw), "ours now"), "%q", raw)

	var got http.ResponseWriter
	w := httptest.NewRecorder()
	httpaudit.Middleware(nil)(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w })).
		ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	assert.Same(t, w, got)
}

func BenchmarkAnnotate(b *testing.B) {
	opts := &httpaudit.Options{
		TrustedProxies: proxies,
		Actor: func(*http.Request) (audit.Actor, error) {
			return audit.Actor{Type: "user", ID: "7", Email: "ada@acme.example"}, nil
		},
	}
	r := from("10.0.0.1:4711", "X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.0.0.2", "X-Request-ID", "req-1", "User-Agent", "curl/8.9.1")
	bare := func(r *http.Request) *http.Request {
		type key struct{}
		return r.WithContext(context.WithValue(r.Context(), key{}, 1))
	}
	b.Run("one value in the context", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			bare(r)
		}
	})
	b.Run("Annotate", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			httpaudit.Annotate(r, opts)
		}
	})
}

// A client may send any word as the method, of any length.
func TestMethodsAreCut(t *testing.T) {
	r := httptest.NewRequest(strings.Repeat("M", 10_000), "/", nil)
	got := audit.RequestFrom(httpaudit.Annotate(r, nil).Context())
	assert.LessOrEqual(t, len(got.Method), 32)
	assert.True(t, strings.HasSuffix(got.Method, "…"))
}
