package export

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
)

// body is a response's body, gzipped or not, that begins with its first byte.
type body struct {
	w     http.ResponseWriter
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
	if b.gz != nil {
		return b.gz.Close()
	}
	return nil
}

// flush sends what a broken file has, without the end that would make it look
// whole. Its errors don't matter any more.
func (b *body) flush() {
	if b.gz != nil {
		_ = b.gz.Flush()
	}
	_ = http.NewResponseController(b.w).Flush()
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
