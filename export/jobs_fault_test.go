package export_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
)

// faulty is a folder whose files of jobs fail, block, or are watched.
type faulty struct {
	*export.Dir
	at       int // fail the write of this byte; -1: never
	err      error
	panics   bool
	onCreate error
	onClose  error
	state    error         // of storing the list of jobs
	gate     chan struct{} // writes wait for it
	deaf     bool          // and for nothing else
	each     func()        // is called before each operation

	mu sync.Mutex
}

func (f *faulty) failState(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state = err
}

func (f *faulty) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	if f.each != nil {
		f.each()
	}
	f.mu.Lock()
	state := f.state
	f.mu.Unlock()
	if name == "jobs.json" {
		if state != nil {
			return nil, state
		}
		return f.Dir.Create(ctx, name)
	}
	if f.onCreate != nil {
		return nil, f.onCreate
	}
	w, err := f.Dir.Create(ctx, name)
	return &faultyFile{w, f, ctx, 0}, err
}

type faultyFile struct {
	io.WriteCloser
	f   *faulty
	ctx context.Context
	n   int
}

func (w *faultyFile) Write(p []byte) (int, error) {
	if w.f.each != nil {
		w.f.each()
	}
	if w.f.deaf {
		<-w.f.gate
	} else if w.f.gate != nil {
		select {
		case <-w.f.gate:
		case <-w.ctx.Done():
			return 0, w.ctx.Err()
		}
	}
	if left := w.f.at - w.n; w.f.at >= 0 && left < len(p) {
		if w.f.panics {
			panic("a host's bug")
		}
		n, _ := w.WriteCloser.Write(p[:left])
		return n, w.f.err
	}
	n, err := w.WriteCloser.Write(p)
	w.n += n
	return n, err
}

func (w *faultyFile) Close() error {
	if w.f.each != nil {
		w.f.each()
	}
	if w.f.onClose != nil && w.ctx.Err() == nil {
		return w.f.onClose
	}
	return w.WriteCloser.Close()
}

// panicking is a format with a bug.
type panicking struct{}

func (panicking) Name() string      { return "panics" }
func (panicking) MediaType() string { return "text/plain" }
func (panicking) Write(_ io.Writer, t *export.Table) error {
	for range t.Rows() {
		panic("a host's bug")
	}
	return nil
}

// unsortable has more entries than can be sorted.
type unsortable struct{ audit.Reader }

func (unsortable) All(_ context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) { yield(audit.Entry{}, q.Sort.TooMany()) }
}

// TestJobsThatFailSaySoAndLeaveNoFile, whatever fails.
func TestJobsThatFailSaySoAndLeaveNoFile(t *testing.T) {
	disk := errors.New("input/output error")
	full := fmt.Errorf("write: %w", syscall.ENOSPC)
	for name, c := range map[string]*struct {
		faulty
		query, want string
		reader      func(*audit.Trail) audit.Reader
		opts        export.JobsOptions
	}{
		"at the first byte":     {faulty: faulty{at: 0, err: disk}, want: "couldn't be stored"},
		"in the middle":         {faulty: faulty{at: 700, err: disk}, want: "couldn't be stored"},
		"disk full":             {faulty: faulty{at: 700, err: full}, want: "enough space"},
		"full, Excel":           {faulty: faulty{at: 700, err: full}, query: "?export=xlsx", want: "enough space"},
		"full, PDF":             {faulty: faulty{at: 700, err: full}, query: "?export=pdf", want: "enough space"},
		"a panicking storage":   {faulty: faulty{at: 100, panics: true}, want: "The export failed"},
		"not created":           {faulty: faulty{at: -1, onCreate: disk}, want: "couldn't be stored"},
		"not closed":            {faulty: faulty{at: -1, onClose: disk}, want: "couldn't be stored"},
		"more than all may":     {faulty: faulty{at: -1}, opts: export.JobsOptions{MaxBytes: 1000}, want: "enough space"},
		"a panicking format":    {faulty: faulty{at: -1}, query: "?export=panics", want: "The export failed"},
		"a reader that fails":   {faulty: faulty{at: -1}, reader: func(t *audit.Trail) audit.Reader { return brokenReader{t, 5} }, want: "The export failed"},
		"too many for a format": {faulty: faulty{at: -1}, query: "?export=pdf", reader: func(t *audit.Trail) audit.Reader { return tooMany{t} }, want: "can't hold"},
		"too many to sort":      {faulty: faulty{at: -1}, query: "?export=csv&sort=outcome", reader: func(t *audit.Trail) audit.Reader { return unsortable{t} }, want: "Too many entries to sort"},
	} {
		synctest.Test(t, func(t *testing.T) {
			folder, dir := newFolder(t)
			c.Dir = folder
			b := newBench(t, &c.faulty, &c.opts)
			defer b.close()
			var reader audit.Reader
			if c.reader != nil {
				reader = c.reader(b.trail)
			}
			if c.query == "" {
				c.query = "?export=csv"
			}
			_, err := b.handler(of("a"), reader).Start(post(c.query), b.jobs)
			require.NoError(t, err, name)
			synctest.Wait()
			j := b.only(of("a"))
			require.Equal(t, export.JobFailed, j.State, name)
			require.Contains(t, j.Problem, c.want, name)
			require.Contains(t, export.Texts(), j.Problem, name)
			require.Zero(t, j.Bytes)
			_, err = b.download(of("a"), j.ID)
			require.ErrorIs(t, err, export.ErrNoFile, name)
			if name != "not closed" { // this storage leaves it; the next start removes it
				require.Equal(t, []string{"jobs.json"}, namesIn(t, dir), name)
			}
			steps, about := b.steps(j.ID)
			require.Equal(t, []string{"started", "failed"}, steps, name)
			require.Equal(t, audit.Failure, about[1].Outcome)
			require.NotEmpty(t, about[1].Error)
		})
	}
}

// tooMany has more rows than any document.
type tooMany struct{ audit.Reader }

func (tooMany) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		for ctx.Err() == nil && yield(audit.Entry{Tenant: "a", Action: "x"}, nil) {
		}
	}
}

// unrecorded is a store that refuses entries about one step of jobs.
type unrecorded struct {
	audit.Store
	mu   sync.Mutex
	step string
}

func (u *unrecorded) refuse(step string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.step = step
}

func (u *unrecorded) Append(ctx context.Context, list ...audit.Entry) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, e := range list {
		if e.Metadata["step"] == u.step && u.step != "" {
			return errBroken
		}
	}
	return u.Store.Append(ctx, list...)
}

// TestWhatCannotBeRecordedDoesNotHappen: no job, no file, no download.
func TestWhatCannotBeRecordedDoesNotHappen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, dir := newFolder(t)
		b, store := newBenchOver(t, folder)
		defer b.close()
		store.refuse("started")
		_, err := b.start(of("a"), "?export=csv")
		require.ErrorIs(t, err, errBroken)
		synctest.Wait()
		require.Empty(t, b.jobs.List(of("a")))
		require.Equal(t, []string{"jobs.json"}, namesIn(t, dir))

		store.refuse("finished")
		j := b.started(of("a"), "?export=csv")
		synctest.Wait()
		require.Contains(t, b.only(of("a")).Problem, "couldn't be recorded")
		require.Equal(t, []string{"jobs.json"}, namesIn(t, dir))
		require.NoError(t, b.jobs.Remove(t.Context(), of("a"), j.ID))

		store.refuse("")
		j = b.started(of("a"), "?export=csv")
		synctest.Wait()
		store.refuse("downloaded")
		w, err := b.download(of("a"), j.ID)
		require.ErrorIs(t, err, errBroken)
		require.Zero(t, w.Body.Len())
		store.refuse("deleted")
		require.ErrorIs(t, b.jobs.Remove(t.Context(), of("a"), j.ID), errBroken)
		require.Equal(t, export.JobFinished, b.only(of("a")).State)
	})
}

func newBenchOver(t *testing.T, storage export.Storage) (*bench, *unrecorded) {
	t.Helper()
	store := &unrecorded{Store: memory()}
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	require.NoError(t, trail.Record(t.Context(), inTenants(entries(20), "a", "b")...))
	b := &bench{t: t, trail: trail}
	b.open(storage, nil)
	return b, store
}

func TestAStateThatCannotBeStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, dir := newFolder(t)
		storage := &faulty{Dir: folder, at: -1, gate: make(chan struct{})}
		b := newBench(t, storage, nil)
		defer b.close()
		storage.failState(errBroken)
		_, err := b.start(of("a"), "?export=csv")
		require.ErrorIs(t, err, errBroken)
		require.Empty(t, b.jobs.List(of("a")))
		storage.failState(nil)
		j := b.started(of("a"), "?export=csv")
		synctest.Wait()
		storage.failState(errBroken)
		close(storage.gate)
		synctest.Wait()
		require.Equal(t, export.JobFailed, b.only(of("a")).State, "what a restart would forget isn't promised")
		require.Equal(t, []string{"jobs.json"}, namesIn(t, dir))
		steps, _ := b.steps(j.ID)
		require.Equal(t, []string{"started", "finished", "failed"}, steps)
		storage.failState(nil)
	})
}

func TestCancellingLeavesNoFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, dir := newFolder(t)
		storage := &faulty{Dir: folder, at: -1, gate: make(chan struct{})}
		b := newBench(t, storage, &export.JobsOptions{Running: 1})
		defer b.close()
		running, waiting := b.started(of("a"), "?export=csv"), b.started(of("a"), "?export=csv")
		synctest.Wait()
		states := func() (list []export.JobState) {
			for _, j := range b.jobs.List(of("a")) {
				list = append(list, j.State)
			}
			return list
		}
		require.Equal(t, []export.JobState{export.JobWaiting, export.JobRunning}, states())
		require.Len(t, namesIn(t, dir), 2)
		require.NoError(t, b.jobs.Remove(t.Context(), of("a"), running.ID))
		require.Equal(t, export.JobCancelled, b.jobs.List(of("a"))[1].State, "at once")
		synctest.Wait()
		require.Equal(t, []export.JobState{export.JobRunning, export.JobCancelled}, states(), "the next one has its place")
		third := b.started(of("a"), "?export=csv")
		require.NoError(t, b.jobs.Remove(t.Context(), of("a"), third.ID))
		require.NoError(t, b.jobs.Remove(t.Context(), of("a"), waiting.ID))
		synctest.Wait()
		require.Equal(t, []export.JobState{export.JobCancelled, export.JobCancelled, export.JobCancelled}, states())
		require.Equal(t, []string{"jobs.json"}, namesIn(t, dir))
		for _, j := range []export.Job{running, waiting, third} {
			steps, _ := b.steps(j.ID)
			require.Equal(t, []string{"started", "cancelled"}, steps)
			_, err := b.download(of("a"), j.ID)
			require.ErrorIs(t, err, export.ErrNoFile)
		}
	})
}

// TestAQueryUnderWayIsCancelled: a reader that waits for its database ends at once.
func TestAQueryUnderWayIsCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, dir := newFolder(t)
		b := newBench(t, folder, nil)
		defer b.close()
		j, err := b.handler(of("a"), stuck{b.trail}).Start(post("?export=xlsx"), b.jobs)
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, export.JobRunning, b.only(of("a")).State)
		require.NoError(t, b.jobs.Remove(t.Context(), of("a"), j.ID))
		synctest.Wait()
		require.Equal(t, []string{"jobs.json"}, namesIn(t, dir))
	})
}

type stuck struct{ audit.Reader }

func (stuck) All(ctx context.Context, _ audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		<-ctx.Done()
		yield(audit.Entry{}, ctx.Err())
	}
}

// TestClosingEndsJobs: those under way and those that wait are shown as interrupted,
// by this process and by the next one, also if only the host's context ends.
func TestClosingEndsJobs(t *testing.T) {
	for _, closes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			folder, dir := newFolder(t)
			storage := &faulty{Dir: folder, at: -1, gate: make(chan struct{})}
			b := newBench(t, folder, nil)
			b.close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var err error
			b.jobs, err = export.NewJobs(ctx, b.trail, storage, &export.JobsOptions{Running: 1, Logger: quiet})
			require.NoError(t, err)
			b.started(of("a"), "?export=csv")
			b.started(of("a"), "?export=csv")
			synctest.Wait()
			if closes {
				b.close()
			} else {
				cancel()
				synctest.Wait()
			}
			for range 2 {
				for _, j := range b.jobs.List(of("a")) {
					require.Equal(t, export.JobFailed, j.State)
					require.Contains(t, j.Problem, "restarted")
					steps, _ := b.steps(j.ID)
					require.Equal(t, []string{"started", "failed"}, steps)
				}
				require.Equal(t, []string{"jobs.json"}, namesIn(t, dir))
				_, err = b.start(of("a"), "?export=csv")
				require.ErrorIs(t, err, audit.ErrClosed)
				b.close()
				b.open(folder, nil)
				b.close()
			}
		})
	}
}

// TestCloseDoesNotWaitForEver for a storage that hangs.
func TestCloseDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, _ := newFolder(t)
		storage := &faulty{Dir: folder, at: -1, gate: make(chan struct{}), deaf: true}
		b := newBench(t, storage, nil)
		b.started(of("a"), "?export=csv")
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, b.jobs.Close(ctx), context.Canceled)
		close(storage.gate)
		b.close()
	})
}

// TestAKilledProcess: whatever the storage holds when a process dies, the next one
// shows each job as finished, with its whole file, or as interrupted, without one.
func TestAKilledProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, dir := newFolder(t)
		b := newBench(t, folder, nil)
		require.NoError(t, b.trail.Record(t.Context(), many(600)...))
		b.close()
		var copies []string
		storage := &faulty{Dir: folder, at: -1, each: func() { copies = append(copies, copied(t, dir)) }}
		b.open(storage, &export.JobsOptions{Running: 1})
		b.started(of("a"), "?export=jsonl")
		synctest.Wait()
		b.started(of("a"), "?export=jsonl")
		synctest.Wait()
		copies = append(copies, copied(t, dir))
		b.close()
		ended := map[string]int{}
		for _, at := range copies {
			next, err := export.Folder(at)
			require.NoError(t, err)
			b.open(next, nil)
			names := []string{"jobs.json"}
			for _, j := range b.jobs.List(of("a")) {
				switch j.State {
				case export.JobFinished:
					names = append(names, j.ID)
					w, err := b.download(of("a"), j.ID)
					require.NoError(t, err)
					require.Equal(t, j.SHA256, sum(w.Body.Bytes()))
				case export.JobFailed:
					require.Contains(t, j.Problem, "restarted")
				default:
					t.Fatal(j.State)
				}
				ended[string(j.State)]++
			}
			require.ElementsMatch(t, names, namesIn(t, at))
			b.close()
			require.NoError(t, next.Close())
		}
		require.Greater(t, len(copies), 8)
		require.NotZero(t, ended["failed"])
		require.NotZero(t, ended["finished"])
	})
}

func copied(t *testing.T, dir string) string {
	to := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
	return to
}

// TestASecondProcessTakesOver: two never write one list.
func TestASecondProcessTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, dir := newFolder(t)
		storage := &faulty{Dir: folder, at: -1, gate: make(chan struct{})}
		old := newBench(t, storage, nil)
		old.started(of("a"), "?export=csv")
		synctest.Wait()
		next := &bench{t: t, trail: old.trail}
		next.open(folder, nil)
		defer next.close()
		require.Contains(t, next.only(of("a")).Problem, "restarted")
		next.started(of("a"), "?export=jsonl")
		synctest.Wait()
		close(storage.gate)
		synctest.Wait()
		_, err := old.start(of("a"), "?export=csv")
		require.ErrorIs(t, err, audit.ErrClosed)
		old.close()
		list := next.jobs.List(of("a"))
		require.Equal(t, []export.JobState{export.JobFinished, export.JobFailed}, []export.JobState{list[0].State, list[1].State})
		require.ElementsMatch(t, []string{"jobs.json", list[0].ID}, namesIn(t, dir))
		require.Contains(t, contentOf(t, folder, "jobs.json"), list[0].ID)
	})
}

// TestReadersTakeTurns: who has no job running comes first.
func TestReadersTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, _ := newFolder(t)
		storage := &faulty{Dir: folder, at: -1, gate: make(chan struct{})}
		b := newBench(t, storage, nil)
		defer b.close()
		ben := of("a")
		ben.Actor.ID = "2"
		first := b.started(of("a"), "?export=csv")
		for range 2 {
			b.started(of("a"), "?export=csv")
		}
		b.started(ben, "?export=csv")
		require.NoError(t, b.jobs.Remove(t.Context(), of("a"), first.ID))
		synctest.Wait()
		require.Equal(t, export.JobRunning, b.only(ben).State)
		require.Equal(t, export.JobWaiting, b.jobs.List(of("a"))[0].State)
	})
}

// TestBoundsOfJobs: of a reader, of a tenant, of all.
func TestBoundsOfJobs(t *testing.T) {
	as := func(id, tenant string) access.Grant {
		g := of(tenant)
		g.Actor.ID = id
		return g
	}
	synctest.Test(t, func(t *testing.T) {
		folder, _ := newFolder(t)
		storage := &faulty{Dir: folder, at: -1, gate: make(chan struct{})}
		b := newBench(t, storage, &export.JobsOptions{Running: 2, Waiting: 4, PerReader: 2, PerTenant: 3, Kept: 3})
		defer b.close()
		full := func(grant access.Grant, want string) {
			t.Helper()
			_, err := b.start(grant, "?export=csv")
			var busy *export.BusyError
			require.ErrorAs(t, err, &busy)
			require.Contains(t, busy.Reason, want)
			require.Contains(t, export.Texts(), busy.Reason)
		}
		b.started(as("1", "a"), "?export=csv")
		b.started(as("1", "a"), "?export=csv")
		full(as("1", "a"), "already have files")
		b.started(as("2", "a"), "?export=csv")
		full(as("3", "a"), "Too many files")
		b.started(as("1", "b"), "?export=csv") // another person: an ID is a tenant's own
		b.started(as("2", "b"), "?export=csv")
		b.started(as("3", "c"), "?export=csv")
		full(as("4", "d"), "Too many files")
		close(storage.gate)
		synctest.Wait()
		b.started(as("1", "a"), "?export=csv")
		synctest.Wait()
		full(as("1", "a"), "as many prepared files")
		require.NoError(t, b.jobs.Remove(t.Context(), as("1", "a"), b.jobs.List(as("1", "a"))[0].ID))
		b.started(as("1", "a"), "?export=csv")
	})
}

// TestProgressIsShown while rows are written.
func TestProgressIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, _ := newFolder(t)
		storage := &faulty{Dir: folder, at: -1, gate: make(chan struct{}, 1)}
		b := newBench(t, storage, nil)
		defer b.close()
		require.NoError(t, b.trail.Record(t.Context(), many(2980)...))
		b.started(of("a"), "?export=jsonl")
		var rows []int
		for range 100 {
			synctest.Wait()
			j := b.only(of("a"))
			if rows = append(rows, j.Rows); j.State == export.JobFinished {
				break
			}
			require.Equal(t, 2991, j.Total, "%+v", j)
			storage.gate <- struct{}{}
		}
		require.True(t, slices.IsSorted(rows))
		require.Equal(t, 2991, rows[len(rows)-1])
		require.Greater(t, len(slices.Compact(rows)), 2)
	})
}

func TestNoNameOfAFileComesFromARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder, dir := newFolder(t)
		b := newBench(t, folder, nil)
		defer b.close()
		b.started(of("a"), "?export=csv&q="+strings.Repeat("..%2F", 20)+"&record=..%2F..%2Fetc")
		synctest.Wait()
		require.Len(t, namesIn(t, dir), 2)
		require.Len(t, namesIn(t, filepath.Dir(dir)), 1)
	})
}
