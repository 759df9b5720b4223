package gormstore

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/gormtrail/audit/storage"
)

const (
	// runEvery is how often Run looks for entries behind the projections.
	runEvery = 10 * time.Second
	// runLease is how long a process that ended without giving up its lease keeps others
	// from running: three rounds, so that a slow one doesn't lose it.
	runLease = 3 * runEvery
	// runPause is the longest pause after errors.
	runPause = time.Minute
)

// runCheckpoint is whose lease decides which process runs.
const runCheckpoint = "gormstore/run"

// Run keeps the projections up to date until ctx ends: the values of facets, and the search
// terms of Options.KeywordIndex. Start it in a goroutine of each process that serves
// readers. One process works at a time, by a lease in the database; another takes over
// within half a minute.
//
// Reads are complete without it too. They read the entries behind the projections
// themselves, so they get slower the further those are behind.
//
// Run looks every ten seconds, and as soon as this process has appended 1,000 entries. It
// writes once 1,000 entries are behind; as long as fewer are, it only reads.
//
// Run returns nil after ctx has ended. It logs errors (Options.Logger) and tries again after
// longer pauses, a minute at most. Only the first round's error ends it, since that is
// likely a mistake: audit.ErrNotMigrated, or a database that can't be read.
func (s *Store) Run(ctx context.Context) error {
	r := &runner{store: s, holder: uuid.NewString()}
	defer r.release(ctx)
	for failures := 0; ; {
		switch err := r.round(ctx); {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
		default:
			failures++
			s.logger().WarnContext(ctx, "audit: the projections of facets and search terms can't be brought up to date", "table", s.table.Name(), "error", err)
			if !r.looked {
				return err
			}
		}
		if !r.wait(ctx, min(s.runEvery<<min(failures, 10), runPause)) {
			return nil
		}
	}
}

func (s *Store) logger() *slog.Logger {
	if s.opts.Logger != nil {
		return s.opts.Logger
	}
	return slog.Default()
}

// runner is one call of Run.
type runner struct {
	store  *Store
	holder string
	looked bool // at the checkpoints
	leased bool
}

// round brings the projections up to date if they are far behind, unless another process
// has the lease.
func (r *runner) round(ctx context.Context) error {
	r.store.known.unfolded.Store(0)
	behind, err := r.store.farBehind(ctx)
	if err != nil {
		return err
	}
	r.looked = true
	if !behind {
		return nil
	}
	_, err = r.store.Lease(ctx, runCheckpoint, r.holder, runLease)
	if r.leased = err == nil; errors.Is(err, storage.ErrLeased) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.store.Refresh(ctx)
}

// farBehind reports whether Refresh has something to write.
func (s *Store) farBehind(ctx context.Context) (bool, error) {
	s, err := s.ready(ctx, s.db)
	if err != nil {
		return false, err
	}
	var names []string
	if s.schema.Values {
		names = append(names, facetsProjection)
	}
	if s.index != nil {
		names = append(names, termsProjection)
	}
	for _, name := range names {
		c, ok, err := s.readCheckpoint(ctx, name)
		if err != nil {
			return false, s.translate(ctx, err)
		}
		if !ok || c.position == "" && c.appended > 0 || c.behind() >= s.foldAfter {
			return true, nil
		}
	}
	return false, nil
}

// wait returns false once ctx has ended.
func (r *runner) wait(ctx context.Context, pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
	case <-r.store.known.woken:
	}
	return true
}

// release gives up the lease, so that another process need not wait until it expires.
func (r *runner) release(ctx context.Context) {
	if !r.leased {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, _ = r.store.Lease(ctx, runCheckpoint, r.holder, 0) // it expires anyway
}

// appendedHere wakes Run once this process has appended many entries.
func (k *known) appendedHere(n, foldAfter int) {
	if k.unfolded.Add(int64(n)) < int64(foldAfter) {
		return
	}
	select {
	case k.woken <- struct{}{}:
	default:
	}
}
