package viewer

import (
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
)

var recorded = regexp.MustCompile(`(?s)<bdi>.*?</bdi>|<code>.*?</code>|<time.*?</time>`)

// TestJobsSpeakEachLanguage: every state of a job, and what they say of progress.
func TestJobsSpeakEachLanguage(t *testing.T) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	h, err := New(trail, &Options{Authorize: access.InsecureForDevelopment, Languages: []Language{pseudo()}, Title: "TITLE"})
	require.NoError(t, err)
	r := httptest.NewRequest(http.MethodGet, "/?jobs=list", http.NoBody)
	r.Header.Set("Accept-Language", "en-XA")
	s, err := h.newVisit(r, access.Grant{Everything: true, Export: true, Operate: true})
	require.NoError(t, err)
	p := &jobsPage{page: page{visit: s, Title: "TITLE", Refresh: 5}, Open: 3}
	at := time.Date(2026, 10, 15, 8, 0, 0, 0, time.UTC)
	for _, j := range []export.Job{
		{State: export.JobWaiting}, {State: export.JobRunning, Rows: 7}, {State: export.JobRunning, Rows: 12, Total: 10}, {State: export.JobCancelled, Rows: 1},
		{State: export.JobFinished, Rows: 5, Bytes: 5, SHA256: "ab"}, {State: export.JobFinished, Truncated: true}, {State: export.JobFinished, Withheld: true}, {State: export.JobFailed, Problem: "The file no longer exists. Start the export again."},
	} {
		j.File, j.Started, j.Expires = "audit-logs.csv", at, at
		p.Jobs = append(p.Jobs, jobRow{Job: j, page: p, View: "?", Download: "?", Removal: "?"})
	}
	w := httptest.NewRecorder()
	require.NoError(t, s.render(w, "jobs", http.StatusOK, p))
	text := w.Body.String()
	require.Contains(t, text, `<progress max="10" value="10"`, "more rows than were counted fit")
	require.Contains(t, text, `<noscript><meta http-equiv="refresh" content="5">`)
	require.Equal(t, 2, strings.Count(text, " download>"), "neither a withheld file nor one that isn't there")
	said := outside.ReplaceAllString(recorded.ReplaceAllString(text, ""), " \x00 ")
	for _, part := range strings.Split(html.UnescapeString(brackets.ReplaceAllString(said, "")), "\x00") {
		part = strings.ReplaceAll(part, "audit-logs.csv", "")
		require.False(t, word.MatchString(part), "%q", strings.TrimSpace(part))
	}
}
