package stream_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/stream"
)

const benchReaders = 1000

// BenchmarkThousandReaders sends 200 entries in a second to 1,000 WebSocket
// readers in this process: through the hub, and, beside it, by a bare broadcast
// of the WebSocket library: every message at once to every connection. An
// iteration is one second. Both ends are in the process, for both.
func BenchmarkThousandReaders(b *testing.B) {
	b.Run("hub", func(b *testing.B) {
		trail := newTrail(b)
		hub, err := stream.NewHub(trail, nil)
		require.NoError(b, err)
		h, err := hub.Handler(&stream.HandlerOptions{Authorize: func(*http.Request) (stream.Feed, error) { return stream.Feed{Key: "all"}, nil }})
		require.NoError(b, err)
		measure(b, h, func(text string) {
			_ = trail.Record(context.Background(), audit.Entry{Action: "update", Object: audit.Object{Type: "invoices", ID: "1"}, Comment: text})
		})
		require.NoError(b, hub.Close(context.Background()))
	})
	b.Run("bare", func(b *testing.B) {
		var mu sync.Mutex
		var all []*websocket.Conn
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
			if err != nil {
				return
			}
			mu.Lock()
			all = append(all, conn)
			mu.Unlock()
			<-conn.CloseRead(r.Context()).Done()
		})
		measure(b, h, func(text string) {
			message := []byte(`{"v":1,"id":"01980000-0000-7000-8000-000000000000","time":"2026-01-01T00:00:00.000000Z","action":"update","outcome":"success","comment":"` + text + `","object":{"type":"invoices","id":"1"}}`)
			mu.Lock()
			defer mu.Unlock()
			for _, conn := range all {
				_ = conn.Write(context.Background(), websocket.MessageText, message)
			}
		})
	})
}

func measure(b *testing.B, h http.Handler, send func(text string)) {
	server := httptest.NewServer(h)
	defer server.Close()
	before := memory()
	var reading sync.WaitGroup
	var received atomic.Int64
	delays := make([][]time.Duration, benchReaders)
	conns := make([]*websocket.Conn, benchReaders)
	for i := range conns {
		conn, _, err := websocket.Dial(context.Background(), server.URL, nil)
		require.NoError(b, err)
		conns[i] = conn
		conn.SetReadLimit(1 << 20)
		reading.Go(func() {
			for {
				_, data, err := conn.Read(context.Background())
				if err != nil {
					return
				}
				for _, at := range stamps(data) {
					delays[i] = append(delays[i], time.Duration(time.Now().UnixNano()-at))
					received.Add(1)
				}
			}
		})
	}
	time.Sleep(time.Second) // every reader has joined
	perReader := (memory() - before) / benchReaders
	sent := 0
	for b.Loop() {
		tick := time.NewTicker(5 * time.Millisecond)
		for range 200 {
			<-tick.C
			send(fmt.Sprintf("T=%d;", time.Now().UnixNano()))
			sent++
		}
		tick.Stop()
	}
	for range 100 { // what is still on its way
		if received.Load() == int64(sent*benchReaders) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, conn := range conns {
		_ = conn.CloseNow()
	}
	reading.Wait()
	all := slices.Sorted(slices.Values(slices.Concat(delays...)))
	require.Len(b, all, sent*benchReaders)
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "median-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(perReader)/1024, "KB/reader")
}

// stamps are the times in a message.
func stamps(data []byte) (list []int64) {
	for {
		i := bytes.Index(data, []byte("T="))
		if i < 0 {
			return list
		}
		digits, rest, _ := bytes.Cut(data[i+2:], []byte(";"))
		if at, err := strconv.ParseInt(string(digits), 10, 64); err == nil {
			list = append(list, at)
		}
		data = rest
	}
}

func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
