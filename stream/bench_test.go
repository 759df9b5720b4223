//go:build unix

package stream_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/stream"
)

// BenchmarkThousandReaders sends 200 entries a second to 1,000 readers in
// another process, over WebSocket and server-sent events: through the hub, and,
// beside it, by a bare broadcast of the same bytes, that is a loop that writes
// them to every connection. Once it writes each entry when it comes, and once,
// as the hub does, what came in 100 ms together.
//
// An iteration is a second's entries. Memory and processor time are the server's
// alone; "delay" is from before Record (or the broadcast) to the client's having
// read the frame.
func BenchmarkThousandReaders(b *testing.B) {
	for _, kind := range []string{"ws", "sse"} {
		b.Run("hub/"+kind, func(b *testing.B) {
			trail := newTrail(b)
			hub, err := stream.NewHub(trail, nil)
			require.NoError(b, err)
			h, err := hub.Handler(&stream.HandlerOptions{Authorize: access.InsecureForDevelopment})
			require.NoError(b, err)
			measure(b, kind, h, func(text string) {
				_ = trail.Record(context.Background(), audit.Entry{Action: "update", Object: audit.Object{Type: "invoices", ID: "1"}, Comment: text})
			})
			require.NoError(b, hub.Close(context.Background()))
		})
		b.Run("bare-gathered/"+kind, func(b *testing.B) {
			all := &bare{gather: 100 * time.Millisecond}
			measure(b, kind, all, all.send)
		})
		b.Run("bare-each/"+kind, func(b *testing.B) {
			all := &bare{}
			measure(b, kind, all, all.send)
		})
	}
}

// bare is a broadcast without anything else.
type bare struct {
	gather time.Duration

	mu      sync.Mutex
	writers []func([]byte)
	held    []string
	since   time.Time
}

func (h *bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
		if err != nil {
			return
		}
		ctx := conn.CloseRead(r.Context())
		h.add(func(data []byte) { _ = conn.Write(context.Background(), websocket.MessageText, data) })
		<-ctx.Done()
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	_ = control.Flush()
	h.add(func(data []byte) {
		_, _ = fmt.Fprintf(w, "data: %s\n\n", data)
		_ = control.Flush()
	})
	<-r.Context().Done()
}

func (h *bare) add(write func([]byte)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writers = append(h.writers, write)
}

func (h *bare) send(text string) {
	if len(h.held) == 0 {
		h.since = time.Now()
	}
	h.held = append(h.held, `{"v":1,"id":"01980000-0000-7000-8000-000000000000","time":"2026-01-01T00:00:00.000000Z","action":"update","outcome":"success","comment":"`+text+`","object":{"type":"invoices","id":"1"}}`)
	if time.Since(h.since) < h.gather-5*time.Millisecond {
		return
	}
	data := []byte(`{"cursor":"01980000000070008000:123456","entries":[` + strings.Join(h.held, ",") + `]}`)
	h.held = nil
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, write := range h.writers {
		write(data)
	}
}

func measure(b *testing.B, kind string, h http.Handler, send func(text string)) {
	server := httptest.NewServer(h)
	defer server.Close()
	before := memory()
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), clientsVariable+"="+kind+" "+server.URL)
	program.Stderr = os.Stderr
	in, err := program.StdinPipe()
	require.NoError(b, err)
	out, err := program.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, program.Start())
	answers := bufio.NewReader(out)
	_, err = answers.ReadString('\n')
	require.NoError(b, err, "the clients are connected")
	time.Sleep(time.Second) // every reader has joined
	perReader := (memory() - before) / benchReaders
	sent, start := 0, processor()
	for b.Loop() {
		tick := time.NewTicker(5 * time.Millisecond)
		for range 200 {
			<-tick.C
			send(fmt.Sprintf("T=%d;", time.Now().UnixNano()))
			sent++
		}
		tick.Stop()
	}
	if bare, ok := h.(*bare); ok && len(bare.held) > 0 { // the last ones
		bare.gather = 0
		bare.send(fmt.Sprintf("T=%d;", time.Now().UnixNano()))
		sent++
	}
	used := processor() - start
	_, err = fmt.Fprintln(in, sent)
	require.NoError(b, err)
	var got delays
	require.NoError(b, json.NewDecoder(answers).Decode(&got))
	require.NoError(b, program.Wait())
	require.Equal(b, sent*benchReaders, got.Received)
	b.ReportMetric(got.Median, "median-ms")
	b.ReportMetric(got.P99, "p99-ms")
	b.ReportMetric(float64(perReader)/1024, "KB/reader")
	b.ReportMetric(used.Seconds()*1000/float64(b.N), "cpu-ms/op")
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// processor is the time that this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
