package export

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
)

const (
	// jobCount is how far the rows of a job are counted before it begins.
	jobCount = 1_000_000
	// jobWait bounds what has to be done once a job is over: to record it and to
	// store its state.
	jobWait = 30 * time.Second
)

// made is what a job has written.
type made struct {
	rows      int
	bytes     int64
	sha256    string
	truncated bool
}

// run does a job, from its first row to its state in the storage.
func (s *Jobs) run(j *job) {
	var m made
	err := s.write(j, &m)
	s.settle(j, m, err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = slices.DeleteFunc(s.running, func(other *job) bool { return other == j })
	s.dispatch()
}

// write makes the file. On an error nothing of it stays, if the storage does what it
// should.
func (s *Jobs) write(j *job, m *made) error {
	ctx, abandon := context.WithCancelCause(j.ctx)
	defer abandon(nil)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	var w io.WriteCloser
	err := s.safely(ctx, func() (err error) {
		w, err = s.storage.Create(ctx, j.ID)
		return err
	})
	if err != nil {
		return &storageError{err}
	}
	err = s.safely(ctx, func() error { return s.fill(ctx, w, j, m) })
	if err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		abandon(err)
	}
	if closeErr := s.safely(ctx, w.Close); err == nil && closeErr != nil {
		err = &storageError{closeErr}
	}
	return err
}

// fill writes the rows. m has what was written, also after an error.
func (s *Jobs) fill(ctx context.Context, w io.Writer, j *job, m *made) error {
	req := j.request
	told := req.opts.Progress
	req.opts.Progress = func(done, total int) {
		s.mu.Lock()
		j.Rows, j.Total = done, max(0, total)
		s.mu.Unlock()
		if told != nil {
			told(done, total)
		}
	}
	table := newTable(ctx, req.from, req.query, req.opts)
	table.selects, table.reads, table.bound = req.selects, req.reads, jobCount
	out := newTail(&jobWriter{ctx: ctx, w: w, jobs: s, made: m}, true)
	err := write(ctx, out, req.format, table, nil)
	if err == nil {
		err = out.flush()
	}
	m.rows, m.truncated, m.sha256 = table.Count(), table.Truncated(), hex.EncodeToString(out.sum.Sum(nil))
	return err
}

// settle makes the state of a job final, in the storage and on the trail.
func (s *Jobs) settle(j *job, m made, failure error) {
	ctx := context.WithoutCancel(j.ctx)
	if failure == nil {
		err := s.record(ctx, j, "finished", map[string]any{"rows": m.rows, "bytes": m.bytes, "sha256": m.sha256, "truncated": m.truncated}, nil)
		if err != nil {
			failure = &recordError{err}
		}
	}
	if failure != nil && j.ctx.Err() != nil {
		failure = errStopped // or cancelled, which has its state already
	}
	s.mu.Lock()
	j.Rows, j.Bytes = max(j.Rows, m.rows), m.bytes // discard gives the bytes back
	if j.State == JobRunning {
		if failure == nil {
			j.SHA256, j.Truncated = m.sha256, m.truncated
			j.end(JobFinished, "", s.opts.Now().UTC(), s.opts.Keep)
		} else {
			j.end(JobFailed, problemOf(failure), s.opts.Now().UTC(), s.opts.Keep)
		}
	}
	state := j.State
	j.request = request{}
	s.mu.Unlock()
	j.cancel(nil)
	if state == JobFinished {
		if failure = s.save(); failure == nil {
			return
		}
		failure = &storageError{failure}
		s.mu.Lock()
		j.end(JobFailed, textJobStorage, s.opts.Now().UTC(), s.opts.Keep)
		state = JobFailed
		s.mu.Unlock()
	}
	s.discard(j)
	if state == JobFailed {
		if !errors.Is(failure, errStopped) {
			s.opts.Logger.ErrorContext(ctx, "audit export: a job failed", "job", j.ID, "error", failure)
		}
		if err := s.record(ctx, j, "failed", map[string]any{"rows": m.rows}, failure); err != nil {
			s.opts.Logger.ErrorContext(ctx, "audit export: a failed job could not be recorded", "job", j.ID, "error", err)
		}
	}
	if err := s.save(); err != nil {
		s.opts.Logger.ErrorContext(ctx, "audit export: the state of a job could not be stored", "job", j.ID, "error", err)
	}
}

// record puts a step of a job on the trail.
func (s *Jobs) record(ctx context.Context, j *job, step string, more map[string]any, failure error) error {
	e := audit.Entry{
		Action: "export", Outcome: audit.Success, Tenant: j.Tenant,
		Object: audit.Object{Type: "audit_trail", Name: j.Title}, Metadata: maps.Clone(j.Metadata),
	}
	e.Metadata["job"], e.Metadata["step"] = j.ID, step
	maps.Copy(e.Metadata, more)
	if failure != nil {
		e.Outcome, e.Error = audit.Failure, failure.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, jobWait)
	defer cancel()
	return s.trail.Record(ctx, e)
}

// actingAs returns a context whose entries are the reader's.
func actingAs(ctx context.Context, g access.Grant) context.Context {
	if g.Actor.IsZero() {
		return ctx
	}
	return audit.WithActor(ctx, g.Actor)
}

// safely turns a panic of a host's code into an error.
func (s *Jobs) safely(ctx context.Context, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.opts.Logger.ErrorContext(ctx, "audit export: panic in a job", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("export: panic: %v", p)
		}
	}()
	return f()
}

// jobWriter counts what a job writes, bounds it, and tells errors of the storage from
// those of the reader.
type jobWriter struct {
	ctx  context.Context
	w    io.Writer
	jobs *Jobs
	made *made
}

func (w *jobWriter) Write(p []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	w.made.bytes += int64(len(p))
	if w.jobs.used.Add(int64(len(p))) > w.jobs.opts.MaxBytes {
		return 0, &storageError{errNoRoom}
	}
	n, err := w.w.Write(p)
	if err != nil {
		err = &storageError{err}
	}
	return n, err
}

var errNoRoom = errors.New("export: the prepared files have more bytes than JobsOptions.MaxBytes")

type (
	storageError struct{ err error }
	recordError  struct{ err error }
)

func (e *storageError) Error() string { return "export: storing the file: " + e.err.Error() }
func (e *storageError) Unwrap() error { return e.err }
func (e *recordError) Error() string  { return "export: recording it: " + e.err.Error() }
func (e *recordError) Unwrap() error  { return e.err }

// problemOf says why a job failed in words for people.
func problemOf(err error) string {
	var (
		storage *storageError
		record  *recordError
		limit   *LimitError
		query   *audit.QueryError
	)
	switch {
	case errors.Is(err, errStopped):
		return textJobInterrupted
	case errors.As(err, &record):
		return textJobRecord
	case errors.Is(err, errNoRoom), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return textJobRoom
	case errors.As(err, &storage):
		return textJobStorage
	case errors.As(err, &limit):
		return textJobLimit
	case errors.Is(err, audit.ErrTooManyToSort):
		return textJobSort
	case errors.As(err, &query):
		return textJobQuery
	}
	return textJobFailed
}
