package stream_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
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
	server := serve(t, trail, nil)
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
