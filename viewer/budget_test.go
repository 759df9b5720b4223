package viewer_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func packed(t testing.TB, s string) int {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(s))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Len()
}

// TestBudgets are on bytes, elements and allocations: what is the same on every
// machine.
func TestBudgets(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(300)...), nil)
	for _, c := range []struct {
		query string
		most  int // bytes, compressed
	}{
		{"?per=50", 10_000}, {"?per=100", 14_000}, {"?per=200", 22_000}, {"?entry=01980000-0000-7000-8000-000000000007", 8_000},
		{"?asset=viewer.css", 11_000}, {"?asset=complete.js", 3_500}, {"?asset=live.js", 4_000},
	} {
		n := packed(t, body(t, h, c.query))
		t.Logf("%-20s %6d bytes of %d", c.query[:min(20, len(c.query))], n, c.most)
		require.LessOrEqual(t, n, c.most, c.query)
	}
	first := packed(t, body(t, h, "?asset=viewer.js")) + packed(t, body(t, h, "?asset=boot.js"))
	t.Logf("%-20s %6d bytes of %d", "scripts at first", first, 5_500)
	require.LessOrEqual(t, first, 5_500)

	page := body(t, h, "?per=100")
	rows := page[strings.Index(page, "<tbody>"):strings.Index(page, "</tbody>")]
	elements := strings.Count(rows, "<") - strings.Count(rows, "</")
	t.Logf("%d elements in 100 rows", elements)
	require.LessOrEqual(t, elements, 40*100)
}

// TestAllocations: reading and rendering a page of a hundred rows.
func TestAllocations(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(300)...), nil)
	r := httptest.NewRequest(http.MethodGet, "/?per=100", nil)
	allocs := testing.AllocsPerRun(20, func() { h.ServeHTTP(httptest.NewRecorder(), r) })
	t.Logf("%.0f allocations for a page of 100 rows, the store's included", allocs)
	require.Less(t, allocs, 10_000.0)
}

func BenchmarkPage(b *testing.B) {
	h := newViewer(b, newTrail(b, demo(300)...), nil)
	for _, query := range []string{"?per=50", "?per=100", "?per=200", "?per=100&format=json", "?entry=01980000-0000-7000-8000-000000000007"} {
		b.Run(query[1:min(len(query), 24)], func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "/"+query, nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
