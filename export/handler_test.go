package export_test

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
)

var quiet = slog.New(slog.DiscardHandler)

// handlerOf serves everything, unless the options say otherwise. from is the trail,
// or is read instead of one.
func handlerOf(t testing.TB, from audit.Reader, opts *export.Options) http.Handler {
	t.Helper()
	var o export.Options
	if opts != nil {
		o = *opts
	}
	if o.Authorize == nil {
		o.Authorize = access.InsecureForDevelopment
	}
	trail, ok := from.(*audit.Trail)
	if !ok {
		trail, o.Reader = newTrail(t), from
	}
	h, err := export.Handler(trail, &o)
	require.NoError(t, err)
	return h
}

func get(t testing.TB, h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandlerServesWhatThePageShows(t *testing.T) {
	trail := newTrail(t, entries(5)...)
	h := handlerOf(t, trail, nil)
	w := get(t, h, "GET", "/export?format=csv&sort=time&record=1001&record=1003&limit=1&from=2026-01-01&to=2026-01-31&cursor=whatever")
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	assert.Equal(t, "text/csv; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, `attachment; filename="audit-logs_2026-01-01_2026-01-31.csv"`, w.Header().Get("Content-Disposition"))
	assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, "2", w.Header().Get(export.HeaderRows))
	records := readCSV(t, w.Body.String())
	require.Len(t, records, 3)
	assert.Equal(t, []string{"1003", "1001"}, []string{records[1][5], records[2][5]})

	assert.Equal(t, w.Body.String(), get(t, h, "GET", "/export?export=CSV&sort=time&record=1001&record=1003").Body.String())
	assert.Contains(t, get(t, h, "GET", "/export?tz=Asia/Tokyo").Body.String(), "2026-01-15T21:00:00.123456+09:00")
}

// A day was one in UTC, whatever zone the file was asked for in.
func TestDaysOfAnExportAreThoseOfItsZone(t *testing.T) {
	at := func(s string) audit.Entry {
		when, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return audit.Entry{Action: "login", Time: when, Object: audit.Object{ID: s}}
	}
	trail := newTrail(t, at("2026-10-24T21:59:59Z"), at("2026-10-24T22:00:00Z"), at("2026-10-25T22:59:59Z"), at("2026-10-25T23:00:00Z"))
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, c := range []struct {
		opts  *export.Options
		query string
	}{
		{nil, "&tz=Europe/Berlin"}, {&export.Options{Location: berlin}, ""}, {&export.Options{Location: time.UTC}, "&tz=Europe/Berlin"},
	} {
		w := get(t, handlerOf(t, trail, c.opts), "GET", "/export?sort=time&from=2026-10-25&to=2026-10-25"+c.query)
		records := readCSV(t, w.Body.String())
		require.Len(t, records, 3, c.query)
		assert.Equal(t, []string{"2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z"}, []string{records[1][5], records[2][5]})
		assert.Contains(t, w.Header().Get("Content-Disposition"), "_2026-10-25_2026-10-25.csv")
	}
}

func TestHandlerNamesTheParameterThatIsWrong(t *testing.T) {
	h := handlerOf(t, newTrail(t, entries(1)...), nil)
	for query, param := range map[string]string{
		"format=docx":                       "format",
		"export=docx":                       "export",
		"from=yesterday":                    "from",
		"from=2026-02-01&to=2026-01-01":     "from",
		"colour=red":                        "colour",
		"sort=colour":                       "sort",
		"limit=0":                           "limit",
		"tz=Mars/Olympus":                   "tz",
		"tz=Local":                          "tz",
		"tz=../../../etc/passwd":            "tz",
		"ip=somewhere":                      "ip",
		"a=%zz":                             "query string",
		"transaction=1&transaction=2":       "transaction",
		"outcome=perhaps":                   "outcome",
		"q=" + strings.Repeat("x", 2000):    "q",
		strings.Repeat("action=x&", 10_000): "query string",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			w := get(t, h, method, "/export?"+query)
			assert.Equal(t, http.StatusBadRequest, w.Code, query)
			assert.Empty(t, w.Header().Get("Content-Disposition"), query)
			var answer struct{ Error, Param string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer), query)
			assert.Equal(t, param, answer.Param, query)
			assert.Contains(t, answer.Error, param, query)
		}
	}
}

func TestHandlerReadsOnly(t *testing.T) {
	h := handlerOf(t, newTrail(t), nil)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		w := get(t, h, method, "/export")
		assert.Equal(t, http.StatusMethodNotAllowed, w.Code)
		assert.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
}

func TestHandlerAuthorizesAndLimits(t *testing.T) {
	trail := newTrail(t, audit.Entry{Tenant: "acme", Action: "a"}, audit.Entry{Tenant: "rival", Action: "secret"})
	h := handlerOf(t, trail, &export.Options{Logger: quiet, Authorize: func(r *http.Request) (access.Grant, error) {
		if r.Header.Get("Session") == "none" {
			return access.Grant{}, errors.New("session 4711 has expired")
		}
		return access.Grant{Scope: audit.Filter{Tenants: r.Header["Tenant"]}, Export: r.Header.Get("Session") == "exports"}, nil
	}})
	for _, query := range []string{"", "tenant=rival", "tenant=rival&tenant=acme", "q=secret", "not=%26", "range=all"} {
		w := get(t, h, "GET", "/export?"+query, "Tenant", "acme", "Session", "exports")
		assert.Equal(t, http.StatusOK, w.Code)
		assert.NotContains(t, strings.ReplaceAll(w.Body.String(), "q=secret", ""), "ecret", query)
	}
	for _, header := range [][]string{{"Session", "none"}, {"Tenant", "acme"}, {"Session", "exports"}, {"Tenant", "", "Session", "exports"}} {
		w := get(t, h, "GET", "/export?format=nonsense", header...)
		assert.Equal(t, http.StatusForbidden, w.Code, "nobody unknown learns what parameters there are")
		assert.NotContains(t, w.Body.String(), "4711")
	}
}

// What a reader may not see is in no file, and can't be asked for.
func TestHandlerMasks(t *testing.T) {
	trail := newTrail(t, entries(3)...)
	h := handlerOf(t, trail, &export.Options{Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Everything: true, Export: true, Hidden: []string{"role"}}, nil
	}})
	for _, format := range []string{"csv", "jsonl"} {
		file := get(t, h, "GET", "/?format="+format).Body.String()
		for _, secret := range []string{"john.doe@", "192.0.2.7", "viewer", "admin"} {
			assert.NotContains(t, file, secret, format)
		}
		assert.Contains(t, file, audit.Mask)
	}
	for _, query := range []string{"user=john.doe@example.com", "sort=ip", "q=-john"} {
		assert.Equal(t, http.StatusBadRequest, get(t, h, "GET", "/?"+query).Code, query)
	}
	assert.Equal(t, "0", get(t, h, "GET", "/?q=example.com").Header().Get(export.HeaderRows))
	assert.Equal(t, "3", get(t, h, "GET", "/?q=john").Header().Get(export.HeaderRows))
}

// The search is read as on the page, and the file says what was typed.
func TestHandlerReadsTheSearch(t *testing.T) {
	h := handlerOf(t, newTrail(t, entries(5)...), nil)
	w := get(t, h, "GET", "/?format=csv&q="+url.QueryEscape(`record:1001,1003 vpn`))
	assert.Len(t, readCSV(t, w.Body.String()), 3, w.Body)
	w = get(t, h, "GET", "/?q=nonsense:1")
	assert.Equal(t, http.StatusBadRequest, w.Code)
	assert.Contains(t, w.Body.String(), `"param":"q"`)
}

func TestHandlerAnswersHEADWithoutReading(t *testing.T) {
	h := handlerOf(t, brokenReader{newTrail(t), 0}, nil)
	w := get(t, h, "HEAD", "/export?format=csv&from=2026-01-01", "Accept-Encoding", "gzip")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, `attachment; filename="audit-logs_from_2026-01-01.csv"`, w.Header().Get("Content-Disposition"))
	assert.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
	assert.Equal(t, "none", w.Header().Get("Accept-Ranges"))
	assert.Zero(t, w.Body.Len())
}

func TestHandlerIgnoresRanges(t *testing.T) {
	h := handlerOf(t, newTrail(t, entries(3)...), nil)
	w := get(t, h, "GET", "/export", "Range", "bytes=0-10")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Len(t, readCSV(t, w.Body.String()), 4)
}

func TestHandlerZipsWhereTheClientTakesIt(t *testing.T) {
	h := handlerOf(t, newTrail(t, entries(2000)...), nil)
	plain := get(t, h, "GET", "/export").Body.String()
	for accept, zipped := range map[string]bool{
		"gzip": true, "GZIP, br": true, "br;q=1.0, gzip;q=0.5": true, "*": true, "x-gzip": true,
		"": false, "br": false, "gzip;q=0": false, "identity, gzip; q=0.000, *": false, "*;q=0": false, "gzip;q=nonsense": false,
	} {
		w := get(t, h, "GET", "/export", "Accept-Encoding", accept)
		assert.Equal(t, "Accept-Encoding", w.Header().Get("Vary"))
		if !zipped {
			assert.Empty(t, w.Header().Get("Content-Encoding"), accept)
			assert.Equal(t, plain, w.Body.String(), accept)
			continue
		}
		assert.Equal(t, "gzip", w.Header().Get("Content-Encoding"), accept)
		gz, err := gzip.NewReader(w.Body)
		require.NoError(t, err)
		raw, err := io.ReadAll(gz)
		require.NoError(t, err)
		assert.Equal(t, plain, string(raw), accept)
	}
}

func TestHandlerSaysThatItCut(t *testing.T) {
	trail := newTrail(t, entries(3000)...)
	server := httptest.NewServer(handlerOf(t, trail, &export.Options{MaxRows: 2500, Logger: quiet}))
	defer server.Close()
	resp, err := http.Get(server.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Greater(t, len(body), 64<<10, "more than is held back")
	assert.Equal(t, "true", resp.Header.Get(export.HeaderTruncated))
	assert.Equal(t, "2500", resp.Trailer.Get(export.HeaderRows))
	assert.Equal(t, "true", resp.Trailer.Get(export.HeaderTruncated))
	assert.Contains(t, string(body), "# Cut off after 2500 rows: more entries match.")

	small := get(t, handlerOf(t, trail, &export.Options{MaxRows: 2}), "GET", "/export")
	assert.Equal(t, "true", small.Header().Get(export.HeaderTruncated))
	assert.Equal(t, "2", small.Header().Get(export.HeaderRows))
	small = get(t, handlerOf(t, trail, &export.Options{MaxRows: 2}), "GET", "/export?record=1000")
	assert.Equal(t, "false", small.Header().Get(export.HeaderTruncated))
}

// While nothing was sent a failure is a plain answer; after that the client
// sees a transfer that broke off, and the file says so too.
func TestHandlerWhoseReaderFails(t *testing.T) {
	trail := newTrail(t, entries(3000)...)
	w := get(t, handlerOf(t, brokenReader{trail, 3}, &export.Options{Logger: quiet}), "GET", "/export", "Accept-Encoding", "gzip")
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Empty(t, w.Header().Get("Content-Disposition"))
	assert.Empty(t, w.Header().Get("Content-Encoding"))
	assert.JSONEq(t, `{"error":"the export failed"}`, w.Body.String())

	for _, encoding := range []string{"identity", "gzip"} {
		server := httptest.NewServer(handlerOf(t, brokenReader{trail, 2900}, &export.Options{Logger: quiet}))
		r, err := http.NewRequest("GET", server.URL, nil)
		require.NoError(t, err)
		r.Header.Set("Accept-Encoding", encoding)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		var from io.Reader = resp.Body
		if encoding == "gzip" {
			from, err = gzip.NewReader(resp.Body)
			require.NoError(t, err)
		}
		body, err := io.ReadAll(from)
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF, encoding)
		assert.Contains(t, string(body), "# Incomplete: the export failed after 2900 rows.", encoding)
		resp.Body.Close()
		server.Close()
	}
}

func TestHandlerOfAClosedTrail(t *testing.T) {
	trail := newTrail(t)
	require.NoError(t, trail.Close(context.Background()))
	w := get(t, handlerOf(t, trail, &export.Options{Logger: quiet}), "GET", "/export")
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
}

func TestHandlerRefusesMistakenOptions(t *testing.T) {
	trail := newTrail(t)
	for _, c := range []struct {
		trail *audit.Trail
		opts  *export.Options
		says  string
	}{
		{trail, nil, "Authorize"}, {trail, &export.Options{}, "Authorize"}, {nil, &export.Options{Authorize: access.InsecureForDevelopment}, "trail"},
		{trail, &export.Options{Authorize: access.InsecureForDevelopment, MaxRows: -1}, "MaxRows"},
	} {
		h, err := export.Handler(c.trail, c.opts)
		assert.ErrorContains(t, err, c.says)
		assert.Nil(t, h)
	}
}

// The trail's catalogue names actions, unless the options have another.
func TestHandlerTakesTheTrailsCatalogue(t *testing.T) {
	trail, err := audit.New(memstore.New(), &audit.Options{Catalogue: audit.NewCatalogue([]audit.Action{{Name: "go", Label: "Went"}}, nil)})
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), audit.Entry{Action: "go"}))
	assert.Contains(t, get(t, handlerOf(t, trail, nil), "GET", "/").Body.String(), "Went")
	other := &export.Options{Catalogue: audit.NewCatalogue([]audit.Action{{Name: "go", Label: "Left"}}, nil)}
	assert.Contains(t, get(t, handlerOf(t, trail, other), "GET", "/").Body.String(), "Left")
}

// The grant's actor exports.
func TestHandlerRecordsTheGrantsActor(t *testing.T) {
	trail := newTrail(t, entries(1)...)
	h := handlerOf(t, trail, &export.Options{Record: trail, Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Everything: true, Export: true, Actor: audit.Actor{ID: "auditor"}}, nil
	}})
	require.Equal(t, http.StatusOK, get(t, h, "GET", "/?q=vpn").Code)
	found, err := trail.Query(t.Context(), audit.Query{Filter: audit.Filter{Actions: []string{"export"}}})
	require.NoError(t, err)
	assert.Equal(t, "auditor", found.Entries[0].Actor.ID)
	assert.Equal(t, "q=vpn", found.Entries[0].Metadata["filter"])
}

// An export is an entry of the tenant whose entries left.
func TestAnExportIsRecordedForItsTenant(t *testing.T) {
	trail := newTrail(t, audit.Entry{Tenant: "acme", Action: "a"}, audit.Entry{Tenant: "rival", Action: "b"})
	scope := []string{"acme"}
	h := handlerOf(t, trail, &export.Options{Record: trail, Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Scope: audit.Filter{Tenants: scope}, Export: true}, nil
	}})
	recorded := func(query string) audit.Entry {
		require.Equal(t, http.StatusOK, get(t, h, "GET", "/"+query).Code)
		found, err := trail.Query(t.Context(), audit.Query{Filter: audit.Filter{Actions: []string{"export"}}, Limit: 1})
		require.NoError(t, err)
		return found.Entries[0]
	}
	assert.Equal(t, "acme", recorded("").Tenant)
	scope = []string{"acme", "rival"}
	assert.Equal(t, "rival", recorded("?q=tenant:rival").Tenant)
	both := recorded("")
	assert.Empty(t, both.Tenant)
	assert.Equal(t, []any{"acme", "rival"}, both.Metadata["tenants"])
}

// A link on another site makes nobody export.
func TestAnExportIsForItsOwnPages(t *testing.T) {
	trail := newTrail(t, entries(1)...)
	h := handlerOf(t, trail, &export.Options{Record: trail, AllowedOrigins: []string{"https://admin.example.com"}})
	for _, method := range []string{"GET", "HEAD"} {
		assert.Equal(t, http.StatusForbidden, get(t, h, method, "/", "Sec-Fetch-Site", "cross-site").Code)
		assert.Equal(t, http.StatusForbidden, get(t, h, method, "/", "Origin", "https://evil.example").Code)
		assert.Equal(t, http.StatusOK, get(t, h, method, "/", "Sec-Fetch-Site", "none").Code)
	}
	assert.Equal(t, http.StatusOK, get(t, h, "GET", "/", "Sec-Fetch-Site", "cross-site", "Origin", "https://admin.example.com").Code)
	n, _, err := trail.Count(t.Context(), audit.Filter{Actions: []string{"export"}}, 10)
	require.NoError(t, err)
	assert.Equal(t, 2, n, "those that were refused are no exports")
}

// An export that can't be recorded never looks whole to its client either.
func TestHandlerThatCannotRecord(t *testing.T) {
	trail := newTrail(t, entries(3000)...)
	w := get(t, handlerOf(t, newTrail(t, entries(2)...), &export.Options{Record: brokenRecorder{}, Logger: quiet}), "GET", "/")
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	server := httptest.NewServer(handlerOf(t, trail, &export.Options{Record: brokenRecorder{}, Logger: quiet}))
	defer server.Close()
	resp, err := http.Get(server.URL)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.ReadAll(resp.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// counting is a reader that counts only while it isn't read: a second
// connection may not be had.
type counting struct {
	*audit.Trail
	reading bool
}

func (c *counting) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		c.reading = true
		defer func() { c.reading = false }()
		c.Trail.All(ctx, q)(yield)
	}
}

func (c *counting) Count(ctx context.Context, f audit.Filter, bound int) (int, bool, error) {
	if c.reading {
		panic("a pool of one connection would wait for ever")
	}
	return c.Trail.Count(ctx, f, bound)
}

func TestNothingElseIsAskedWhileRowsAreRead(t *testing.T) {
	from := &counting{Trail: newTrail(t, entries(3000)...)}
	for _, format := range []string{"csv", "xlsx", "pdf", "jsonl"} {
		w := get(t, handlerOf(t, from, &export.Options{MaxRows: 2900, Record: from, Progress: func(int, int) {}}), "GET", "/?format="+format)
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, "true", w.Header().Get(export.HeaderTruncated), format)
	}
}
