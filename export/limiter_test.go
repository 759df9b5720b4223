package export_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
)

// watched tells when a reading begins and ends; it ends when it is let go.
type watched struct {
	audit.Reader
	begun, ended chan struct{}
	hold         chan struct{} // nil: yields for ever
}

func (w watched) All(context.Context, audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		w.begun <- struct{}{}
		defer func() { w.ended <- struct{}{} }()
		if w.hold != nil {
			<-w.hold
			return
		}
		noise := make([]byte, 3000) // which gzip can't make small
		for yield(audit.Entry{Action: "update", Comment: base64.StdEncoding.EncodeToString(noise)}, nil) {
			_, _ = rand.Read(noise)
		}
	}
}

func newWatched() watched {
	return watched{begun: make(chan struct{}, 100), ended: make(chan struct{}, 100)}
}

// await fails a test that would otherwise hang.
func await(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(20 * time.Second):
		require.Fail(t, "never happened", what)
	}
}

// A client that stops reading is cut off, and what the export held is given back.
func TestAClientThatStopsReadingIsCutOff(t *testing.T) {
	for _, query := range []string{"format=csv", "format=jsonl", "format=jsonl&gzip"} {
		t.Run(query, func(t *testing.T) {
			from := newWatched()
			from.Reader = newTrail(t)
			h := handlerOf(t, from, &export.Options{Logger: quiet, WriteTimeout: 30 * time.Millisecond})
			server := httptest.NewUnstartedServer(h)
			server.Config.ConnState = func(c net.Conn, _ http.ConnState) { _ = c.(*net.TCPConn).SetWriteBuffer(4 << 10) } // else megabytes fit
			server.Start()
			defer server.Close()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
			path, encoding, _ := strings.Cut(query, "&")
			_, err = fmt.Fprintf(conn, "GET /?%s HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n", path, encoding)
			require.NoError(t, err)
			await(t, from.begun, "the export begins")
			await(t, from.ended, "the reading ends, though its client takes nothing")
		})
	}
}

// A server's own deadline is for answers that are written at once.
func TestAnExportOutlastsTheServersDeadline(t *testing.T) {
	from := newWatched()
	from.Reader, from.hold = newTrail(t), make(chan struct{})
	server := httptest.NewUnstartedServer(handlerOf(t, from, nil))
	server.Config.WriteTimeout = 20 * time.Millisecond
	server.Start()
	defer server.Close()
	go func() {
		<-from.begun
		time.Sleep(50 * time.Millisecond) // longer than the server's deadline
		close(from.hold)
	}()
	for range 2 { // and the connection can be used again
		response, err := server.Client().Get(server.URL)
		require.NoError(t, err)
		_, err = io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
}

// So many exports run at once, and no more of one actor; each that ends makes room.
func TestExportsAreLimited(t *testing.T) {
	from := newWatched()
	from.Reader, from.hold = newTrail(t), make(chan struct{})
	limiter, err := export.NewLimiter(3, 2)
	require.NoError(t, err)
	h := handlerOf(t, from, &export.Options{Limiter: limiter, Authorize: func(r *http.Request) (access.Grant, error) {
		return access.Grant{Everything: true, Export: true, Actor: audit.Actor{ID: r.Header.Get("Actor")}}, nil
	}})
	shared := handlerOf(t, from, &export.Options{Limiter: limiter})
	done := make(chan struct{}, 100)
	begin := func(actor string) {
		go func() {
			get(t, h, "GET", "/", "Actor", actor)
			done <- struct{}{}
		}()
		await(t, from.begun, "an export begins")
	}
	refused := func(h http.Handler, actor string) {
		t.Helper()
		w := get(t, h, "GET", "/", "Actor", actor)
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		assert.NotEmpty(t, w.Header().Get("Retry-After"))
		assert.Contains(t, w.Body.String(), "too many exports")
		assert.Equal(t, http.StatusOK, get(t, h, "HEAD", "/", "Actor", actor).Code, "a HEAD reads nothing")
	}
	begin("ada")
	begin("ada")
	refused(h, "ada")
	begin("bob")
	refused(h, "eve")
	refused(shared, "")
	close(from.hold)
	for range 3 {
		await(t, done, "an export ends")
	}
	for range 5 {
		assert.Equal(t, http.StatusOK, get(t, h, "GET", "/", "Actor", "ada").Code)
	}
}

// Without an actor, clients are told apart by their addresses.
func TestExportsWithoutAnActorAreLimitedByAddress(t *testing.T) {
	from := newWatched()
	from.Reader, from.hold = newTrail(t), make(chan struct{})
	limiter, err := export.NewLimiter(0, 1)
	require.NoError(t, err)
	h := handlerOf(t, from, &export.Options{Limiter: limiter})
	ask := func(address, ip string) int {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = address
		if ip != "" {
			r = r.WithContext(audit.WithRequest(r.Context(), audit.Request{IP: ip}))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	codes := make(chan int, 3)
	for _, c := range [][2]string{{"10.0.0.1:1000", ""}, {"10.0.0.2:1000", ""}, {"10.0.0.1:1001", "10.0.0.3"}} {
		go func() { codes <- ask(c[0], c[1]) }()
		await(t, from.begun, "an export begins")
	}
	assert.Equal(t, http.StatusTooManyRequests, ask("10.0.0.1:1002", ""))
	assert.Equal(t, http.StatusTooManyRequests, ask("10.0.0.9:1002", "10.0.0.3"))
	close(from.hold)
	for range 3 {
		assert.Equal(t, http.StatusOK, <-codes)
	}
}

func TestNegativeBoundsAreRefused(t *testing.T) {
	for _, n := range [][2]int{{-1, 0}, {0, -1}} {
		_, err := export.NewLimiter(n[0], n[1])
		assert.ErrorContains(t, err, "negative")
	}
	_, err := export.Handler(newTrail(t), &export.Options{Authorize: access.InsecureForDevelopment, WriteTimeout: -1})
	assert.ErrorContains(t, err, "negative")
}
