package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/gormtrail/audit"
)

// stateName is the object that lists the jobs. Its form is stored, and stays readable.
const stateName = "jobs.json"

// maxState bounds what is read of it.
const maxState = 256 << 20

type jobsState struct {
	V     int    `json:"v"`
	Owner string `json:"owner"` // the process that wrote it
	Jobs  []*job `json:"jobs"`
}

func (s *Jobs) read(ctx context.Context) (state jobsState, err error) {
	r, err := s.storage.Open(ctx, stateName)
	if err != nil {
		return state, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := json.NewDecoder(io.LimitReader(r, maxState)).Decode(&state); err != nil {
		return state, err
	}
	if state.V != 1 {
		return state, fmt.Errorf("it has version %d, and this program reads version 1", state.V)
	}
	return state, nil
}

// load takes over the jobs in the storage. Nobody works on unfinished ones any more.
func (s *Jobs) load(ctx context.Context) error {
	state, err := s.read(ctx)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("export: reading %s, the list of jobs (remove it, and the files beside it, to begin with none): %w", stateName, err)
	}
	s.list = slices.DeleteFunc(state.Jobs, func(j *job) bool { return j == nil })
	now := s.opts.Now().UTC()
	var cut []*job
	for _, j := range s.list {
		j.ready, j.ctx, j.cancel = true, s.ctx, func(error) {}
		if j.Metadata == nil {
			j.Metadata = map[string]any{}
		}
		if j.Unfinished() {
			j.end(JobFailed, textJobInterrupted, now, s.opts.Keep)
			cut = append(cut, j)
		}
		s.used.Add(j.Bytes)
	}
	if err := s.store(ctx); err != nil {
		return fmt.Errorf("export: storing the list of jobs: %w", err)
	}
	for _, j := range cut {
		s.discard(j)
		if err := s.record(audit.WithActor(ctx, j.Actor), j, "failed", nil, errors.New("export: the app was restarted")); err != nil {
			s.opts.Logger.WarnContext(ctx, "audit export: an interrupted job could not be recorded", "job", j.ID, "error", err)
		}
	}
	return nil
}

// save stores the list of jobs, unless another process has taken it over.
func (s *Jobs) save() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), jobWait)
	defer cancel()
	s.saving.Lock()
	defer s.saving.Unlock()
	state, err := s.read(ctx)
	if err == nil && state.Owner != s.owner {
		s.opts.Logger.ErrorContext(ctx, "audit export: another process uses the storage of prepared files; this one ends its jobs and starts no more")
		s.shut()
		return fmt.Errorf("export: another process uses the storage of prepared files: %w", audit.ErrClosed)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.store(ctx)
}

// store writes the list.
func (s *Jobs) store(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	state := jobsState{V: 1, Owner: s.owner}
	for _, j := range s.list {
		if j.ready {
			state.Jobs = append(state.Jobs, j)
		}
	}
	text, err := json.Marshal(state)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return s.safely(ctx, func() error {
		w, err := s.storage.Create(ctx, stateName)
		if err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			cancel()
			return errors.Join(err, w.Close())
		}
		return w.Close()
	})
}

// discard removes the file of a job that isn't finished or is gone. A job that is gone
// leaves the list with it; if the storage fails, sweep tries again.
func (s *Jobs) discard(j *job) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), jobWait)
	defer cancel()
	err := s.safely(ctx, func() error { return s.removeFile(ctx, j.ID) })
	if err != nil {
		s.opts.Logger.ErrorContext(ctx, "audit export: a file could not be removed", "job", j.ID, "error", err)
		return
	}
	s.mu.Lock()
	s.used.Add(-j.Bytes)
	j.Bytes = 0
	gone := j.Gone
	s.mu.Unlock()
	if gone {
		s.drop(j)
	}
}

func (s *Jobs) removeFile(ctx context.Context, name string) error {
	if r, ok := s.storage.(Remover); ok {
		return r.Remove(ctx, name)
	}
	w, err := s.storage.Create(ctx, name)
	if err != nil {
		return err
	}
	return w.Close()
}

// sweep removes what has expired, and ends when the host's context does.
func (s *Jobs) sweep() {
	tick := time.NewTicker(max(time.Millisecond, min(time.Hour, s.opts.Keep/4)))
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			s.shut()
			return
		case <-tick.C:
			s.expire()
		}
	}
}

func (s *Jobs) expire() {
	s.mu.Lock()
	var due []*job
	now := s.opts.Now()
	for _, j := range s.list {
		if !j.Expires.IsZero() && !now.Before(j.Expires) {
			j.Gone = true
		}
		if j.Gone {
			due = append(due, j)
		}
	}
	s.mu.Unlock()
	for _, j := range due {
		s.discard(j)
	}
	if len(due) == 0 {
		return
	}
	if err := s.save(); err != nil {
		s.opts.Logger.ErrorContext(s.ctx, "audit export: the list of jobs could not be stored", "error", err)
	}
}
