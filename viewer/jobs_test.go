package viewer_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/viewer"
)

// prepares is a viewer with jobs, whose grant a test can change.
type prepares struct {
	*viewer.Viewer
	t     *testing.T
	grant access.Grant
	jobs  *export.Jobs
}

func newPrepares(t *testing.T, trail *audit.Trail) *prepares {
	t.Helper()
	folder, err := export.Folder(t.TempDir())
	require.NoError(t, err)
	p := &prepares{t: t, grant: access.Grant{Everything: true, Export: true, Operate: true, Personal: true, Actor: audit.Actor{Type: "user", ID: "1", Name: "Ada"}}}
	p.jobs, err = export.NewJobs(t.Context(), trail, folder, nil)
	require.NoError(t, err)
	p.Viewer = newViewer(t, trail, &viewer.Options{Jobs: p.jobs, Authorize: func(*http.Request) (access.Grant, error) { return p.grant, nil }})
	return p
}

func (p *prepares) close() { require.NoError(p.t, p.jobs.Close(p.t.Context())) }

func (p *prepares) send(method, query string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/deep/audit/"+query, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w
}

var (
	startsJob = regexp.MustCompile(`formaction="([^"]*export=csv[^"]*)"`)
	downloads = regexp.MustCompile(`href="(\?[^"]*jobs=file[^"]*)"`)
	removes   = regexp.MustCompile(`action="(\?[^"]*jobs=remove[^"]*)"`)
)

func linkOf(t *testing.T, link *regexp.Regexp, page string) string {
	t.Helper()
	m := link.FindStringSubmatch(page)
	require.NotNil(t, m, "%s isn't on the page", link)
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// TestAFileIsPreparedFromThePage without scripts: by the links and buttons alone.
func TestAFileIsPreparedFromThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPrepares(t, newTrail(t, demo(60)...))
		defer p.close()
		empty := body(t, p, "?jobs=list")
		contains(t, empty, "No prepared files yet")
		lacks(t, empty, `http-equiv="refresh"`, "nothing is under way")

		w := p.send("POST", linkOf(t, startsJob, body(t, p, "?outcome=success&sort=time&per=25&tz=Europe/Berlin&cursor=")))
		require.Equal(t, http.StatusSeeOther, w.Code, w.Body)
		to := w.Header().Get("Location")
		require.True(t, strings.HasPrefix(to, "?"), "%q: the page doesn't know its own path", to)
		contains(t, to, "outcome=success")
		synctest.Wait()
		list := body(t, p, to)
		for _, text := range []string{"Ready", ".csv", "SHA-256", "Delete", "Download", "outcome=success"} {
			contains(t, list, text)
		}
		file := p.send("GET", linkOf(t, downloads, list))
		require.Equal(t, http.StatusOK, file.Code)
		direct := p.send("GET", "?export=csv&outcome=success&sort=time&tz=Europe/Berlin&not=action%3Dexport")
		require.Equal(t, direct.Header().Get("Content-Disposition"), file.Header().Get("Content-Disposition"))
		rows := strings.SplitAfter(file.Body.String(), "\r\n")
		contains(t, rows[1], "Exported") // the entry about the start is in the file too
		require.Equal(t, direct.Body.String(), rows[0]+strings.Join(rows[2:], ""))

		w = p.send("POST", linkOf(t, removes, list))
		require.Equal(t, http.StatusSeeOther, w.Code)
		contains(t, body(t, p, w.Header().Get("Location")), "No prepared files yet")
		require.Equal(t, http.StatusNotFound, p.send("GET", linkOf(t, downloads, list)).Code)
	})
}

// TestOnlyAPostOfThePageWrites: no link, no other site, no reader without the rights.
func TestOnlyAPostOfThePageWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPrepares(t, newTrail(t, demo(3)...))
		defer p.close()
		require.Equal(t, http.StatusSeeOther, p.send("POST", "?jobs=start&export=csv", "Sec-Fetch-Site", "same-origin").Code)
		synctest.Wait()
		id := p.jobs.List(p.grant)[0].ID
		for _, query := range []string{"?jobs=start&export=csv", "?jobs=remove&job=" + id} {
			for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"} {
				w := p.send(method, query)
				require.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
				require.Equal(t, "POST", w.Header().Get("Allow"))
			}
			for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"}} {
				require.Equal(t, http.StatusForbidden, p.send("POST", query, header...).Code, header)
			}
			full := p.grant
			p.grant.Operate = false
			require.Equal(t, http.StatusForbidden, p.send("POST", query).Code)
			p.grant = full
		}
		p.grant.Export = false
		require.Equal(t, http.StatusForbidden, p.send("POST", "?jobs=start&export=csv").Code)
		require.Equal(t, http.StatusForbidden, p.send("GET", "?jobs=file&job="+id).Code)
		p.grant.Export = true
		for _, query := range []string{"", "?jobs=list", "?jobs=file&job=" + id, "?export=csv", "?entry=" + someID} {
			require.Equal(t, http.StatusMethodNotAllowed, p.send("POST", query).Code, query)
		}
		require.Equal(t, http.StatusForbidden, p.send("GET", "?jobs=file&job="+id, "Sec-Fetch-Site", "cross-site").Code)
		require.Len(t, p.jobs.List(p.grant), 1)

		without := newViewer(t, newTrail(t, demo(3)...), nil)
		w := httptest.NewRecorder()
		without.ServeHTTP(w, httptest.NewRequest("POST", "/?jobs=start&export=csv", http.NoBody))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		require.Equal(t, http.StatusNotFound, get(without, "?jobs=list").Code)
	})
}

func TestJobsAreOfferedToThoseWhoMayStartThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := newTrail(t, demo(3)...)
		p := newPrepares(t, trail)
		defer p.close()
		contains(t, body(t, p, ""), "jobs=start")
		p.grant.Operate = false
		lacks(t, body(t, p, ""), "jobs=", "without Operate")
		p.grant.Operate, p.grant.Export = true, false
		lacks(t, body(t, p, ""), "jobs=", "without Export")
		lacks(t, body(t, newViewer(t, trail, nil), ""), "jobs=", "without jobs")
	})
}

// TestOthersFilesAreAnsweredAsIfTheyWereNotThere, byte by byte.
func TestOthersFilesAreAnsweredAsIfTheyWereNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPrepares(t, newTrail(t, demo(3)...))
		defer p.close()
		p.send("POST", "?jobs=start&export=csv")
		synctest.Wait()
		id := p.jobs.List(p.grant)[0].ID
		none := strings.Repeat("0", len(id))
		p.grant.Actor.ID = "2"
		for _, format := range []string{"", "&format=json"} {
			for method, query := range map[string]string{"GET": "?jobs=file" + format + "&job=", "POST": "?jobs=remove" + format + "&job="} {
				there, not := p.send(method, query+id), p.send(method, query+none)
				require.Equal(t, http.StatusNotFound, there.Code)
				require.Equal(t, not.Body.String(), there.Body.String())
				require.Equal(t, not.Header(), there.Header())
			}
		}
		lacks(t, body(t, p, "?jobs=list"), id, "another's")
		lacks(t, body(t, p, "?jobs=list&format=json"), id, "another's")
	})
}

// TestJobsAsJSON: the API is as its description says.
func TestJobsAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPrepares(t, newTrail(t, demo(30)...))
		defer p.close()
		o := described(t, p)
		as := func(w *httptest.ResponseRecorder, status int, name string) {
			t.Helper()
			require.Equal(t, status, w.Code, w.Body)
			var v any
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &v))
			require.NoError(t, o.fits(o.Components.Schemas[name], v, name))
		}
		data := []string{"Accept", "application/json"}
		as(p.send("GET", "?jobs=list", data...), http.StatusOK, "Jobs")
		as(p.send("POST", "?jobs=start&export=xlsx&action=create", data...), http.StatusAccepted, "Job")
		as(p.send("GET", "?jobs=list", data...), http.StatusOK, "Jobs")
		synctest.Wait()
		as(p.send("GET", "?jobs=list", data...), http.StatusOK, "Jobs")
		as(p.send("POST", "?jobs=start&export=docx", data...), http.StatusBadRequest, "Problem")
		as(p.send("POST", "?jobs=start&export=csv&ip=x", data...), http.StatusBadRequest, "Problem")
		as(p.send("GET", "?jobs=all", data...), http.StatusBadRequest, "Problem")
		as(p.send("POST", "?jobs=remove&job=x", data...), http.StatusNotFound, "Problem")
		as(p.send("POST", "?jobs=remove&job="+p.jobs.List(p.grant)[0].ID, data...), http.StatusOK, "Jobs")
	})
}

// TestTooManyFilesAreRefusedInWords: with the way back.
func TestTooManyFilesAreRefusedInWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPrepares(t, newTrail(t, demo(3)...))
		defer p.close()
		for range 20 {
			require.Equal(t, http.StatusSeeOther, p.send("POST", "?jobs=start&export=csv").Code)
			synctest.Wait()
		}
		w := p.send("POST", "?jobs=start&export=csv")
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		for _, text := range []string{"Not possible now", "Delete one first.", "?jobs=list"} {
			contains(t, w.Body.String(), text)
		}
	})
}
