package export

import (
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// paced writes a response that its client has to take piece by piece: one that
// stops reading is cut off, and what the export holds is given back.
type paced struct {
	w       io.Writer
	control *http.ResponseController
	wait    time.Duration // for a piece
}

const pieceSize = 64 << 10

func newPaced(w http.ResponseWriter, wait time.Duration) paced {
	return paced{w, http.NewResponseController(w), wait}
}

func (p paced) Write(data []byte) (n int, err error) {
	for n < len(data) && err == nil {
		p.extend()
		var written int
		written, err = p.w.Write(data[n:min(len(data), n+pieceSize)])
		n += written
	}
	return n, err
}

// extend moves the server's deadline. A ResponseWriter that can't is left as it is.
func (p paced) extend() { _ = p.control.SetWriteDeadline(time.Now().Add(p.wait)) }

// body is a response's body, gzipped or not, that begins with its first byte.
type body struct {
	w     paced
	zip   bool
	begin func() // once, before the first byte
	begun bool
	gz    *gzip.Writer
}

func (b *body) Write(p []byte) (int, error) {
	b.start()
	if b.gz != nil {
		return b.gz.Write(p)
	}
	return b.w.Write(p)
}

func (b *body) start() {
	if b.begun {
		return
	}
	b.begun = true
	b.begin()
	if b.zip {
		// Exports are long and alike; the fastest level already takes most of it.
		b.gz, _ = gzip.NewWriterLevel(b.w, gzip.BestSpeed)
	}
}

// finish ends a whole file.
func (b *body) finish() error {
	b.start()
	b.w.extend() // for what the server still holds, too
	if b.gz != nil {
		return b.gz.Close()
	}
	return nil
}

// flush sends what a broken file has, without the end that would make it look
// whole. Its errors don't matter any more.
func (b *body) flush() {
	b.w.extend()
	if b.gz != nil {
		_ = b.gz.Flush()
	}
	_ = b.w.control.Flush()
}

// acceptsGzip reads Accept-Encoding (RFC 9110, 12.5.3): gzip, x-gzip or *,
// unless its weight is 0.
func acceptsGzip(h http.Header) bool {
	star := false
	for _, item := range strings.Split(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, params, _ := strings.Cut(item, ";")
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return weight(params) > 0
		case "*":
			star = weight(params) > 0
		}
	}
	return star
}

func weight(params string) float64 {
	name, value, _ := strings.Cut(strings.TrimSpace(params), "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 1
	}
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil {
		return 0
	}
	return q
}
