package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/storage/memstore"
)

var ada = audit.Actor{Type: "user", ID: "1", Name: "Ada"}

// of is what Ada may see and do in some tenants.
func of(tenants ...string) access.Grant {
	return access.Grant{Scope: audit.Filter{Tenants: tenants}, Export: true, Operate: true, Personal: true, Actor: ada}
}

// bench is a trail with jobs. In a synctest bubble, synctest.Wait waits until they are
// done or blocked, and the test fails if a goroutine is left.
type bench struct {
	t     *testing.T
	trail *audit.Trail
	jobs  *export.Jobs
}

// inTenants gives each entry one of the tenants in turn.
func inTenants(list []audit.Entry, tenants ...string) []audit.Entry {
	for i := range list {
		list[i].Tenant = tenants[i%len(tenants)]
	}
	return list
}

// many are n entries of tenant a with IDs of their own.
func many(n int) []audit.Entry {
	list := inTenants(entries(n), "a")
	for i := range list {
		list[i].ID = ""
	}
	return list
}

func newBench(t *testing.T, storage export.Storage, opts *export.JobsOptions) *bench {
	t.Helper()
	b := &bench{t: t, trail: newTrail(t, inTenants(entries(20), "a", "b")...)}
	b.open(storage, opts)
	return b
}

func (b *bench) open(storage export.Storage, opts *export.JobsOptions) {
	b.t.Helper()
	o := export.JobsOptions{Logger: quiet}
	if opts != nil {
		o = *opts
		o.Logger = quiet
	}
	jobs, err := export.NewJobs(b.t.Context(), b.trail, storage, &o)
	require.NoError(b.t, err)
	b.jobs = jobs
}

func (b *bench) close() { require.NoError(b.t, b.jobs.Close(b.t.Context())) }

// handler exports what a grant shows.
func (b *bench) handler(grant access.Grant, reader audit.Reader) *export.Server {
	b.t.Helper()
	h, err := export.Handler(b.trail, &export.Options{Reader: reader, Logger: quiet, Authorize: func(*http.Request) (access.Grant, error) { return grant, nil },
		Formats: []export.Format{export.CSV, export.Excel, export.PDF, export.JSONLines, panicking{}}})
	require.NoError(b.t, err)
	return h
}

func post(query string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/"+query, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func (b *bench) start(grant access.Grant, query string) (export.Job, error) {
	return b.handler(grant, nil).Start(post(query), b.jobs)
}

func (b *bench) started(grant access.Grant, query string) export.Job {
	b.t.Helper()
	j, err := b.start(grant, query)
	require.NoError(b.t, err)
	return j
}

// only is the one job that the grant's reader sees.
func (b *bench) only(grant access.Grant) export.Job {
	b.t.Helper()
	list := b.jobs.List(grant)
	require.Len(b.t, list, 1)
	return list[0]
}

func (b *bench) download(grant access.Grant, id string) (*httptest.ResponseRecorder, error) {
	w := httptest.NewRecorder()
	err := b.jobs.ServeFile(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody), grant, id)
	return w, err
}

// steps are the entries about a job, the oldest first.
func (b *bench) steps(id string) (steps []string, list []audit.Entry) {
	b.t.Helper()
	for e, err := range b.trail.All(b.t.Context(), audit.Query{Filter: audit.Filter{Actions: []string{"export"}}, Sort: audit.SortTime}) {
		require.NoError(b.t, err)
		if id == "" || e.Metadata["job"] == id {
			steps, list = append(steps, e.Metadata["step"].(string)), append(list, e)
		}
	}
	return steps, list
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func TestAJobMakesTheFileOfTheExport(t *testing.T) {
	for _, format := range []string{"csv", "jsonl", "xlsx", "pdf"} {
		synctest.Test(t, func(t *testing.T) {
			folder, dir := newFolder(t)
			b := newBench(t, folder, nil)
			defer b.close()
			query := "?export=" + format + "&type=users&sort=time&limit=3&tz=Europe/Berlin&from=2026-01-01&to=2026-01-31"
			direct := get(t, b.handler(of("a"), nil), "GET", "/"+query)
			r := post(query)
			r = r.WithContext(audit.WithRequest(r.Context(), audit.Request{IP: "192.0.2.1", ID: "req-1"}))
			j, err := b.handler(of("a"), nil).Start(r, b.jobs)
			require.NoError(t, err)
			require.Len(t, j.ID, 32)
			synctest.Wait()

			j = b.only(of("a"))
			require.Equal(t, export.JobFinished, j.State, j.Problem)
			require.Equal(t, []int{10, 10}, []int{j.Rows, j.Total})
			require.Contains(t, direct.Header().Get("Content-Disposition"), `"`+j.File+`"`)
			require.Equal(t, j.Ended.Add(7*24*time.Hour), j.Expires)
			w, err := b.download(of("a"), j.ID)
			require.NoError(t, err)
			require.Equal(t, int64(w.Body.Len()), j.Bytes)
			require.Equal(t, sum(w.Body.Bytes()), j.SHA256)
			for _, name := range []string{"Content-Type", "Content-Disposition", "Cache-Control", "X-Content-Type-Options", "Accept-Ranges"} {
				require.Equal(t, direct.Header().Get(name), w.Header().Get(name), name)
			}
			if format == "csv" || format == "jsonl" {
				require.Equal(t, direct.Body.String(), w.Body.String())
			}
			require.ElementsMatch(t, []string{"jobs.json", j.ID}, namesIn(t, dir))

			steps, about := b.steps(j.ID)
			require.Equal(t, []string{"started", "finished", "downloaded"}, steps)
			for _, e := range about {
				require.Equal(t, []any{"a", ada, audit.Success, format}, []any{e.Tenant, e.Actor, e.Outcome, e.Metadata["format"]})
				require.Contains(t, e.Metadata["filter"], "type=users")
			}
			require.Equal(t, "req-1", about[1].Request.ID, "the entry about the end names the request that started it")
			require.EqualValues(t, 10, about[1].Metadata["rows"])
			require.Equal(t, j.SHA256, about[1].Metadata["sha256"])
			require.Equal(t, j.SHA256, about[2].Metadata["sha256"])
		})
	}
}

// TestJobsOfOthersAreNotThere: neither in a list, nor by their ID, nor in how an
// answer differs from that about a job that never was.
func TestJobsOfOthersAreNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, _ := newFolder(t)
		b := newBench(t, folder, nil)
		defer b.close()
		j := b.started(of("a"), "?export=csv")
		synctest.Wait()
		ben := of("a")
		ben.Actor = audit.Actor{Type: "user", ID: "2", Name: "Ada"}
		service := of("a")
		service.Actor.Type = "service"
		nobody := of("a")
		nobody.Actor = audit.Actor{}
		for name, grant := range map[string]access.Grant{
			"another user": ben, "another type": service, "nobody": nobody, "the same ID elsewhere": of("b"), "no tenant": {Export: true, Operate: true, Actor: ada},
			"all of another": {Scope: audit.Filter{Tenants: []string{"b", "c"}}, Export: true, Operate: true, Personal: true, Actor: ada},
		} {
			require.Empty(t, b.jobs.List(grant), name)
			for _, id := range []string{j.ID, "0123456789abcdef0123456789abcdef", "", "../jobs.json", "jobs.json", j.ID + ".part", "*"} {
				_, err := b.download(grant, id)
				require.Equal(t, export.ErrNoJob, err, "%s %s", name, id)
				require.Equal(t, export.ErrNoJob, b.jobs.Remove(t.Context(), grant, id), "%s %s", name, id)
			}
		}
		for _, id := range []string{"", "jobs.json", j.ID[:31], j.ID + "0"} {
			_, err := b.download(of("a"), id)
			require.Equal(t, export.ErrNoJob, err, id)
		}
		steps, _ := b.steps("")
		require.Equal(t, []string{"started", "finished"}, steps)
	})
}

// TestAGrantThatShrankWithholdsTheFile: rights are asked for again when it is
// downloaded.
func TestAGrantThatShrankWithholdsTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, _ := newFolder(t)
		b := newBench(t, folder, nil)
		defer b.close()
		j := b.started(of("a"), "?export=csv")
		synctest.Wait()
		impersonal, hiding, narrow, silent := of("a"), of("a"), of("a"), of("a")
		impersonal.Personal = false
		hiding.Hidden = []string{"role"}
		narrow.Scope.Projects = []string{"p"}
		silent.Export = false
		for want, grants := range map[error][]access.Grant{export.ErrWithheld: {impersonal, hiding, narrow}, access.ErrDenied: {silent}} {
			for _, grant := range grants {
				seen := b.only(grant)
				require.True(t, seen.Withheld)
				require.Empty(t, seen.Query)
				w, err := b.download(grant, j.ID)
				require.ErrorIs(t, err, want)
				require.Zero(t, w.Body.Len())
			}
		}
		wider := access.Grant{Everything: true, Export: true, Personal: true, Actor: ada}
		for _, grant := range []access.Grant{of("a"), of("a", "b"), wider} {
			require.False(t, b.only(grant).Withheld)
			_, err := b.download(grant, j.ID)
			require.NoError(t, err)
		}
		require.ErrorIs(t, b.jobs.Remove(t.Context(), wider, j.ID), access.ErrDenied, "deleting needs Operate")
	})
}

// TestAJobKeepsScopeAndMasksOfItsStart though the grants of its reader change.
func TestAJobKeepsScopeAndMasksOfItsStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, _ := newFolder(t)
		b := newBench(t, folder, nil)
		defer b.close()
		grant := of("a")
		grant.Personal, grant.Hidden = false, []string{"role"}
		j := b.started(grant, "?export=jsonl")
		grant.Scope.Tenants[0] = "b" // a host's own list, used again
		synctest.Wait()
		w, err := b.download(of("a"), j.ID)
		require.NoError(t, err)
		require.Equal(t, 11, b.only(of("a")).Rows, "the entry about the start too")
		for _, secret := range []string{"john.doe@", "192.0.2.7", "viewer", `"tenant":"b"`} {
			require.NotContains(t, w.Body.String(), secret)
		}
	})
}

// TestOnlyAPostOfTheSameOriginStartsAJob, and only with Export and Operate.
func TestOnlyAPostOfTheSameOriginStartsAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, dir := newFolder(t)
		b := newBench(t, folder, nil)
		defer b.close()
		idle, mute := of("a"), of("a")
		idle.Operate, mute.Export = false, false
		from := func(method string, header ...string) *http.Request {
			r := post("?export=csv", header...)
			r.Method = method
			return r
		}
		for _, c := range []struct {
			grant access.Grant
			r     *http.Request
		}{
			{of("a"), from("GET")}, {of("a"), from("HEAD")}, {of("a"), from("PUT")}, {idle, from("POST")}, {mute, from("POST")}, {access.Grant{}, from("POST")},
			{of("a"), from("POST", "Sec-Fetch-Site", "cross-site")}, {of("a"), from("POST", "Sec-Fetch-Site", "same-site")}, {of("a"), from("POST", "Origin", "https://evil.example")}, {of("a"), from("POST", "Origin", "null")},
		} {
			_, err := b.handler(c.grant, nil).Start(c.r, b.jobs)
			require.Error(t, err)
			require.NotErrorIs(t, err, audit.ErrClosed)
		}
		_, err := b.handler(of("a"), nil).Start(from("POST", "Sec-Fetch-Site", "same-origin"), b.jobs)
		require.NoError(t, err)
		_, err = b.start(of("a"), "?export=csv&colour=red")
		require.ErrorIs(t, err, audit.ErrInvalidQuery)
		_, err = b.start(of("a"), "?export=docx")
		require.ErrorIs(t, err, audit.ErrInvalidQuery)
		synctest.Wait()
		require.Len(t, b.jobs.List(of("a")), 1)
		require.Len(t, namesIn(t, dir), 2)

		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		require.ErrorIs(t, b.jobs.ServeFile(w, r, of("a"), b.only(of("a")).ID), access.ErrDenied)
	})
}

func TestAFileThatWasChangedIsNotHandedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, _ := newFolder(t)
		b := newBench(t, folder, nil)
		defer b.close()
		j := b.started(of("a"), "?export=csv")
		synctest.Wait()
		whole := contentOf(t, folder, j.ID)
		for _, changed := range []string{"", whole[:len(whole)-1], whole + "x", "x" + whole[1:]} {
			put(t, folder, j.ID, changed)
			w, err := b.download(of("a"), j.ID)
			require.Error(t, err)
			require.Zero(t, w.Body.Len())
			require.Empty(t, w.Header())
		}
		put(t, folder, j.ID, whole)
		r := httptest.NewRequest(http.MethodHead, "/", http.NoBody)
		w := httptest.NewRecorder()
		require.NoError(t, b.jobs.ServeFile(w, r, of("a"), j.ID))
		require.Zero(t, w.Body.Len())
		require.NotEmpty(t, w.Header().Get("Content-Length"))
		require.NoError(t, folder.Remove(t.Context(), j.ID))
		_, err := b.download(of("a"), j.ID)
		require.ErrorIs(t, err, export.ErrNoFile)
		require.Equal(t, export.JobFailed, b.only(of("a")).State)
		require.Contains(t, export.Texts(), b.only(of("a")).Problem)
	})
}

// A file of more than what is held back breaks off instead of ending.
func TestALongFileThatWasChangedBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, _ := newFolder(t)
		b := newBench(t, folder, nil)
		defer b.close()
		require.NoError(t, b.trail.Record(t.Context(), many(2000)...))
		j := b.started(of("a"), "?export=jsonl")
		synctest.Wait()
		whole := []byte(contentOf(t, folder, j.ID))
		require.Greater(t, len(whole), 200<<10)
		whole[len(whole)/2] ^= 1
		put(t, folder, j.ID, string(whole))
		w := httptest.NewRecorder()
		require.PanicsWithValue(t, http.ErrAbortHandler, func() {
			_ = b.jobs.ServeFile(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody), of("a"), j.ID)
		})
		require.Less(t, w.Body.Len(), len(whole))
		require.False(t, bytes.HasSuffix(w.Body.Bytes(), whole[len(whole)-100:]))
	})
}

func TestFilesExpire(t *testing.T) {
	for _, removes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			folder, dir := newFolder(t)
			var storage export.Storage = folder
			if !removes {
				storage = twoMethods{folder}
			}
			b := newBench(t, storage, &export.JobsOptions{Keep: 48 * time.Hour})
			defer b.close()
			j := b.started(of("a"), "?export=csv")
			synctest.Wait()
			time.Sleep(47 * time.Hour)
			b.only(of("a"))
			time.Sleep(time.Hour)
			require.Empty(t, b.jobs.List(of("a")))
			_, err := b.download(of("a"), j.ID)
			require.ErrorIs(t, err, export.ErrNoJob)
			time.Sleep(time.Hour)
			synctest.Wait()
			if removes {
				require.Equal(t, []string{"jobs.json"}, namesIn(t, dir))
			} else {
				require.Empty(t, contentOf(t, folder, j.ID))
			}
			require.NotContains(t, contentOf(t, folder, "jobs.json"), j.ID)
		})
	}
}

// twoMethods is a storage with no more than it needs.
type twoMethods struct{ export.Storage }

func TestDeletingRemovesTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, dir := newFolder(t)
		b := newBench(t, folder, nil)
		defer b.close()
		j := b.started(of("a"), "?export=csv")
		synctest.Wait()
		require.NoError(t, b.jobs.Remove(t.Context(), of("a"), j.ID))
		require.Empty(t, b.jobs.List(of("a")))
		require.Equal(t, []string{"jobs.json"}, namesIn(t, dir))
		require.ErrorIs(t, b.jobs.Remove(t.Context(), of("a"), j.ID), export.ErrNoJob)
		steps, _ := b.steps(j.ID)
		require.Equal(t, []string{"started", "finished", "deleted"}, steps)
	})
}

func TestJobsRefuseWhatCannotBeMeant(t *testing.T) {
	folder, _ := newFolder(t)
	for _, o := range []export.JobsOptions{{Running: -1}, {Waiting: -1}, {PerReader: -1}, {PerTenant: -1}, {Kept: -1}, {MaxBytes: -1}, {Keep: -1}, {WriteTimeout: -1}} {
		_, err := export.NewJobs(t.Context(), newTrail(t), folder, &o)
		require.Error(t, err)
	}
	_, err := export.NewJobs(t.Context(), nil, folder, nil)
	require.Error(t, err)
	_, err = export.NewJobs(t.Context(), newTrail(t), nil, nil)
	require.Error(t, err)
	for _, text := range []string{"", "{", `{"v":2}`, "[]"} {
		put(t, folder, "jobs.json", text)
		_, err = export.NewJobs(t.Context(), newTrail(t), folder, nil)
		require.ErrorContains(t, err, "jobs.json")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	put(t, folder, "jobs.json", `{"v":1,"jobs":[null]}`)
	_, err = export.NewJobs(cancelled, newTrail(t), folder, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func memory() audit.Store { return memstore.New() }
