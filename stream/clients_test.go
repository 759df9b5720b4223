package stream_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// clientsVariable makes the test's own program the clients of a benchmark: the
// kind and the URL.
const clientsVariable = "AUDIT_STREAM_CLIENTS"

const benchReaders = 1000

func TestMain(m *testing.M) {
	kind, url, ok := strings.Cut(os.Getenv(clientsVariable), " ")
	if !ok {
		os.Exit(m.Run())
	}
	if err := follow(kind, url); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// delays are how long entries took to the clients, in milliseconds.
type delays struct {
	Received    int
	Median, P99 float64
}

// follow connects all readers, says so, is told how many entries each must get,
// and reports.
func follow(kind, url string) error {
	var readers [benchReaders]clientReader
	transport := &http.Transport{}
	for i := range readers {
		open := openSocket
		if kind == "sse" {
			open = openEvents
		}
		next, err := open(transport, url)
		if err != nil {
			return err
		}
		go readers[i].run(next)
	}
	fmt.Println("ready")
	var want int
	if _, err := fmt.Scanln(&want); err != nil {
		return err
	}
	for range 1200 { // what is still on its way
		got := 0
		for i := range readers {
			got += readers[i].count()
		}
		if got >= want*benchReaders {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	var all []time.Duration
	for i := range readers {
		readers[i].mu.Lock()
		all = append(all, readers[i].delays...)
	}
	slices.Sort(all)
	ms := func(share int) float64 { return float64(all[len(all)*share/100].Microseconds()) / 1000 }
	return json.NewEncoder(os.Stdout).Encode(delays{Received: len(all), Median: ms(50), P99: ms(99)})
}

type clientReader struct {
	mu     sync.Mutex
	delays []time.Duration
}

func (r *clientReader) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.delays)
}

func (r *clientReader) run(next func() ([]byte, error)) {
	for {
		data, err := next()
		if err != nil {
			return
		}
		now := time.Now().UnixNano()
		r.mu.Lock()
		for _, at := range stamps(data) {
			r.delays = append(r.delays, time.Duration(now-at))
		}
		r.mu.Unlock()
	}
}

func openSocket(_ *http.Transport, url string) (func() ([]byte, error), error) {
	conn, _, err := websocket.Dial(context.Background(), url, nil)
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	return func() ([]byte, error) {
		_, data, err := conn.Read(context.Background())
		return data, err
	}, nil
}

func openEvents(transport *http.Transport, url string) (func() ([]byte, error), error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewReaderSize(answer.Body, 16<<10)
	return func() ([]byte, error) { return lines.ReadBytes('\n') }, nil
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
