package httpaudit

import (
	"crypto/rand"
	"net/http"
	"strings"
)

const maxRequestID = 128

func (o *Options) requestID(r *http.Request) string {
	if o.RequestID != nil {
		if id := o.RequestID(r); saneID(id) {
			return id
		}
	}
	name := o.RequestIDHeader
	if name == "-" {
		return rand.Text()
	}
	if name == "" {
		name = "X-Request-ID"
	}
	if id := r.Header.Get(name); saneID(id) {
		return id
	}
	if id := traceID(r.Header.Get("Traceparent")); id != "" {
		return id
	}
	return rand.Text()
}

// saneID keeps out what would break a log line, a link or a search.
func saneID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !isLetter(c) && !isDigit(c) && strings.IndexByte("-._~:/+=@", c) < 0 {
			return false
		}
	}
	return true
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// traceID returns the trace ID of a traceparent header, "" of an invalid one
// (W3C Trace Context, section 3.2.2): version, trace ID, parent ID and flags in
// lower-case hexadecimal, more of it only in versions after 00.
func traceID(header string) string {
	const length = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	h := strings.TrimSpace(header)
	if len(h) < length || (len(h) > length && (h[:2] == "00" || h[length] != '-')) {
		return ""
	}
	version, trace, parent, flags := h[:2], h[3:35], h[36:52], h[53:55]
	if h[2] != '-' || h[35] != '-' || h[52] != '-' || version == "ff" {
		return ""
	}
	for _, part := range []string{version, trace, parent, flags} {
		if !lowerHex(part) {
			return ""
		}
	}
	if strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "" {
		return ""
	}
	return trace
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}
