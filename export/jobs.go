package export

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
)

// JobsOptions bound the jobs. nil and the zero value mean every default; a negative
// number is an error of NewJobs.
type JobsOptions struct {
	// Running is how many jobs run at once. Each holds a connection to the database.
	// Default: 2.
	Running int
	// Waiting is how many more may wait. Default: 50.
	Waiting int
	// PerReader bounds the unfinished jobs of one reader. Default: 3.
	PerReader int
	// PerTenant bounds the unfinished jobs of readers who see the same one tenant.
	// Default: 10.
	PerTenant int
	// Kept bounds the jobs of one reader that are listed, finished ones included.
	// Default: 20.
	Kept int
	// MaxBytes bounds all files together; a job that needs more fails. Default: 10 GiB.
	MaxBytes int64
	// Keep is how long a file can be downloaded. Default: 7 days.
	Keep time.Duration
	// WriteTimeout is how long ServeFile waits for a client to take 64 KB.
	// Default: 30 seconds.
	WriteTimeout time.Duration
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger is told what can't be returned. Default: the trail's.
	Logger *slog.Logger
}

func (o *JobsOptions) withDefaults(trail *audit.Trail) (JobsOptions, error) {
	var c JobsOptions
	if o != nil {
		c = *o
	}
	if min(c.Running, c.Waiting, c.PerReader, c.PerTenant, c.Kept) < 0 || c.MaxBytes < 0 || c.Keep < 0 || c.WriteTimeout < 0 {
		return c, errors.New("export: a bound in JobsOptions is negative")
	}
	c.Running, c.Waiting, c.PerReader = cmp.Or(c.Running, 2), cmp.Or(c.Waiting, 50), cmp.Or(c.PerReader, 3)
	c.PerTenant, c.Kept, c.MaxBytes = cmp.Or(c.PerTenant, 10), cmp.Or(c.Kept, 20), cmp.Or(c.MaxBytes, 10<<30)
	c.Keep, c.WriteTimeout = cmp.Or(c.Keep, 7*24*time.Hour), cmp.Or(c.WriteTimeout, defaultWriteTimeout)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = trail.Logger()
	}
	return c, nil
}

// Jobs prepares exports in the background: for files that take longer to make than a
// request may last. Start one with Server.Start, or from the page
// (viewer.Options.Jobs). It is safe for concurrent use.
//
// A job reads through the grant of the request that started it, so that scope and
// masks hold for its file. It belongs to that reader: nobody else can list, cancel or
// download it, nor learn that it exists. The grant of every later request must show all
// tenants that the job's grant showed, or the job is not there for it either; and it
// must allow exports and show at least as much in all other respects, or the file is
// withheld (access.Reach.Within). Readers whose grant has no actor are one reader.
//
// Starting, finishing, failing, cancelling, deleting and downloading are entries on the
// trail, of action "export", with the job's ID and the step in the metadata. What can't
// be recorded doesn't happen.
//
// The list of jobs is an object of the storage, "jobs.json", which is rewritten when a
// job's state changes. One process can use a storage at a time. If a second one opens
// it, as in a rolling update, the first one notices with its next change, ends its jobs
// and refuses new ones.
type Jobs struct {
	trail   *audit.Trail
	storage Storage
	opts    JobsOptions
	owner   string // of the list in the storage

	ctx  context.Context // ends with the host's, and by Close
	stop context.CancelCauseFunc
	work sync.WaitGroup
	used atomic.Int64 // bytes of all files

	saving sync.Mutex // held while the list is being stored

	mu      sync.Mutex
	list    []*job // oldest first
	queue   []*job
	running []*job
	closed  bool
}

// maxJobs bounds the list in the storage to some megabytes.
const maxJobs = 5000

var (
	errStopped   = errors.New("export: the app is being stopped")
	errCancelled = errors.New("export: cancelled by the reader")
)

// NewJobs returns the jobs in a storage. Finished ones of an earlier process can still
// be downloaded; unfinished ones are shown as failed, and what is left of their files is
// removed. ctx is the host's lifetime: when it ends, all jobs end. Close them before
// the trail.
func NewJobs(ctx context.Context, trail *audit.Trail, storage Storage, opts *JobsOptions) (*Jobs, error) {
	if trail == nil || storage == nil {
		return nil, errors.New("export: NewJobs needs a trail and a storage")
	}
	o, err := opts.withDefaults(trail)
	if err != nil {
		return nil, err
	}
	s := &Jobs{trail: trail, storage: storage, opts: o, owner: newJobID()}
	s.ctx, s.stop = context.WithCancelCause(ctx)
	if err := s.load(s.ctx); err != nil {
		s.stop(err)
		return nil, err
	}
	s.work.Go(s.sweep)
	return s, nil
}

// newJobID makes an ID that can't be guessed.
func newJobID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Start starts a job for what the request's query string selects, in the format that
// it names: the same query string as for an export at once. The request must be a POST
// from the same origin, and its grant must allow Export and Operate
// (access.Grant.MayWrite).
//
// Errors: access.ErrDenied, *audit.QueryError, *BusyError, audit.ErrClosed, and others
// if the job can't be recorded or stored.
func (h *Server) Start(r *http.Request, jobs *Jobs) (Job, error) {
	grant, err := h.authorize(r)
	if err != nil {
		return Job{}, err
	}
	if !grant.MayWrite(r) {
		return Job{}, access.ErrDenied
	}
	req, err := h.parse(r)
	if err == nil {
		err = grant.Check(req.selects)
	}
	if err != nil {
		return Job{}, err
	}
	req.from, req.reads = grant.Reader(h.opts.Reader), req.selects.And(grant.Scope)
	return jobs.start(actingAs(r.Context(), grant), grant, req)
}

func (s *Jobs) start(ctx context.Context, grant access.Grant, req request) (Job, error) {
	e := exportEntry(req.format, req.opts.Title, req.query, req.reads)
	j := &job{
		Job: Job{
			ID: newJobID(), State: JobWaiting, Started: s.opts.Now().UTC(), Format: req.format.Name(),
			File:  fileName(req.opts.Title, req.format, req.query, req.opts.Location),
			Query: req.query.Values().Encode(),
		},
		Actor: grant.Actor, Media: req.format.MediaType(), Reach: grant.Reach(),
		Title: req.opts.Title, Tenant: e.Tenant, Metadata: e.Metadata, request: req,
	}
	j.ctx, j.cancel = context.WithCancelCause(audit.Carry(s.ctx, ctx))
	if err := s.admit(j, grant); err != nil {
		j.cancel(err)
		return Job{}, err
	}
	err := s.record(ctx, j, "started", nil, nil)
	if err == nil {
		s.mu.Lock()
		j.ready = true
		s.mu.Unlock()
		if err = s.save(); err != nil {
			err = errors.Join(err, s.record(ctx, j, "failed", nil, err))
		}
	}
	if err != nil {
		s.drop(j)
		j.cancel(err)
		return Job{}, fmt.Errorf("export: starting a job: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, j)
	s.dispatch()
	return j.seen(grant, s.opts.Now()), nil
}

// admit puts a job on the list if the bounds allow it.
func (s *Jobs) admit(j *job, grant access.Grant) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return audit.ErrClosed
	}
	var open, mine, kept, tenants int
	tenant, now := grant.Tenant() != "", s.opts.Now()
	for _, other := range s.list {
		own := sameActor(other.Actor, j.Actor) && other.Reach.TenantsWithin(grant) && !other.Gone && (other.Expires.IsZero() || now.Before(other.Expires))
		if own {
			kept++
		}
		if !other.Unfinished() {
			continue
		}
		open++
		if own {
			mine++
		}
		if tenant && other.Reach.TenantsWithin(grant) {
			tenants++
		}
	}
	switch {
	case mine >= s.opts.PerReader:
		return &BusyError{textJobReader}
	case kept >= s.opts.Kept:
		return &BusyError{textJobKept}
	case open >= s.opts.Running+s.opts.Waiting, tenants >= s.opts.PerTenant, len(s.list) >= maxJobs:
		return &BusyError{textJobBusy}
	}
	s.list = append(s.list, j)
	return nil
}

// dispatch runs waiting jobs while there is room: first those of readers who have none
// running.
func (s *Jobs) dispatch() {
	for len(s.running) < s.opts.Running && len(s.queue) > 0 && !s.closed {
		next := slices.IndexFunc(s.queue, func(j *job) bool {
			return !slices.ContainsFunc(s.running, func(r *job) bool { return sameActor(r.Actor, j.Actor) })
		})
		next = max(0, next)
		j := s.queue[next]
		s.queue = slices.Delete(s.queue, next, next+1)
		j.State = JobRunning
		s.running = append(s.running, j)
		s.work.Go(func() { s.run(j) })
	}
}

// drop takes a job off the list.
func (s *Jobs) drop(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(other *job) bool { return other == j })
}

// List returns the jobs that a grant's reader may know of, newest first.
func (s *Jobs) List(grant access.Grant) []Job {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, now := []Job{}, s.opts.Now()
	for _, j := range slices.Backward(s.list) {
		if j.visible(grant, now) {
			list = append(list, j.seen(grant, now))
		}
	}
	return list
}

// find returns a job that the grant's reader may know of.
func (s *Jobs) find(grant access.Grant, id string) (*job, Job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opts.Now()
	for _, j := range s.list {
		if j.ID == id && j.visible(grant, now) {
			return j, j.seen(grant, now), nil
		}
	}
	return nil, Job{}, ErrNoJob
}

// Remove cancels a job that is unfinished, and deletes one that isn't, with its file.
// The grant must allow Operate, or the error is access.ErrDenied. Ask
// access.Grant.MayWrite first where the request comes from a browser. Other errors:
// ErrNoJob, audit.ErrClosed, and if it can't be recorded or stored.
func (s *Jobs) Remove(ctx context.Context, grant access.Grant, id string) error {
	if !grant.Operate {
		return access.ErrDenied
	}
	j, seen, err := s.find(grant, id)
	if err != nil {
		return err
	}
	step := "deleted"
	if seen.Unfinished() {
		step = "cancelled"
	}
	if err := s.record(actingAs(ctx, grant), j, step, map[string]any{"rows": seen.Rows}, nil); err != nil {
		return fmt.Errorf("export: a job that was %s: %w", step, err)
	}
	s.mu.Lock()
	was := j.State
	if step == "deleted" {
		j.Gone = true
	} else {
		j.end(JobCancelled, "", s.opts.Now().UTC(), s.opts.Keep)
		j.cancel(errCancelled)
		s.queue = slices.DeleteFunc(s.queue, func(other *job) bool { return other == j })
	}
	s.mu.Unlock()
	if was != JobRunning { // a running one cleans up by itself
		s.discard(j)
	}
	return s.save()
}

// Close ends all jobs, waits until they have ended and their state is stored, and
// refuses new ones. Files that are finished stay. The error is ctx's if it ends first.
func (s *Jobs) Close(ctx context.Context) error {
	s.shut()
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("export: closing the jobs: %w", context.Cause(ctx))
	}
}

// shut refuses new jobs, and ends those that there are.
func (s *Jobs) shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.stop(errStopped)
	for _, j := range s.queue { // so that they end as the others do
		s.running = append(s.running, j)
		j.State = JobRunning
		s.work.Go(func() { s.run(j) })
	}
	s.queue = nil
}
