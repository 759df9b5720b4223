package httpaudit_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit/httpaudit"
)

const made = "(a new one)"

func TestRequestID(t *testing.T) {
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	const traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, c := range []struct {
		name    string
		opts    *httpaudit.Options
		headers []string
		want    string
	}{
		{"none", nil, nil, made},
		{"the header", nil, []string{"X-Request-ID", "7f9c:A_b/1=+@~."}, "7f9c:A_b/1=+@~."},
		{"empty", nil, []string{"X-Request-ID", ""}, made},
		{"128 characters", nil, []string{"X-Request-ID", strings.Repeat("x", 128)}, strings.Repeat("x", 128)},
		{"too long", nil, []string{"X-Request-ID", strings.Repeat("x", 129)}, made},
		{"a blank", nil, []string{"X-Request-ID", "a b"}, made},
		{"a line end", nil, []string{"X-Request-ID", "a\r\nb"}, made},
		{"markup", nil, []string{"X-Request-ID", "<b>"}, made},
		{"not ASCII", nil, []string{"X-Request-ID", "ä"}, made},
		{"another header", &httpaudit.Options{RequestIDHeader: "x-correlation-id"}, []string{"X-Correlation-ID", "c1", "X-Request-ID", "r1"}, "c1"},
		{"no header is read", &httpaudit.Options{RequestIDHeader: "-"}, []string{"X-Request-ID", "r1", "traceparent", trace}, made},
		{"the host's", &httpaudit.Options{RequestID: func(*http.Request) string { return "h1" }}, []string{"X-Request-ID", "r1"}, "h1"},
		{"the host has none", &httpaudit.Options{RequestID: func(*http.Request) string { return "" }}, []string{"X-Request-ID", "r1"}, "r1"},
		{"trace", nil, []string{"traceparent", trace}, traceID},
		{"the header before the trace", nil, []string{"traceparent", trace, "X-Request-ID", "r1"}, "r1"},
		{"a bad header, then the trace", nil, []string{"traceparent", trace, "X-Request-ID", "?"}, traceID},
		{"a later version", nil, []string{"traceparent", "cc" + trace[2:] + "-what-comes"}, traceID},
		{"more in version 00", nil, []string{"traceparent", trace + "-what-comes"}, made},
		{"more without a dash", nil, []string{"traceparent", "cc" + trace[2:] + "ff"}, made},
		{"version ff", nil, []string{"traceparent", "ff" + trace[2:]}, made},
		{"upper case", nil, []string{"traceparent", strings.ToUpper(trace)}, made},
		{"trace of zeros", nil, []string{"traceparent", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"}, made},
		{"parent of zeros", nil, []string{"traceparent", "00-" + traceID + "-" + strings.Repeat("0", 16) + "-01"}, made},
		{"no dashes", nil, []string{"traceparent", strings.ReplaceAll(trace, "-", "0")}, made},
		{"short", nil, []string{"traceparent", trace[:54]}, made},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			for i := 0; i < len(c.headers); i += 2 {
				r.Header.Set(c.headers[i], c.headers[i+1])
			}
			got := requestOf(r, c.opts).ID
			if c.want != made {
				assert.Equal(t, c.want, got)
				return
			}
			assert.GreaterOrEqual(t, len(got), 26)
			for i := 1; i < len(c.headers); i += 2 {
				assert.NotContains(t, c.headers[i], got)
			}
			assert.NotEqual(t, got, requestOf(r, c.opts).ID, "each request has its own")
		})
	}
}

func FuzzRequestID(f *testing.F) {
	f.Add("a", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	f.Fuzz(func(t *testing.T, id, trace string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Request-ID", id)
		r.Header.Set("traceparent", trace)
		got := requestOf(r, nil).ID
		assert.NotEmpty(t, got)
		assert.LessOrEqual(t, len(got), 128)
		assert.NotContains(t, got, "\n")
	})
}
