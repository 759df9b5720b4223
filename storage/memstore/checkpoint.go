package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/gormtrail/audit/storage"
)

var _ storage.Checkpointer = (*Store)(nil)

// checkpoint is a checkpoint with its lease.
type checkpoint struct {
	storage.Checkpoint
	fence  int64 // of the newest lease; 0: there never was one
	holder string
	until  time.Time
}

func (c *checkpoint) leased() bool { return time.Now().Before(c.until) }

// Checkpoint implements storage.Checkpointer.
func (s *Store) Checkpoint(ctx context.Context, name string) (storage.Checkpoint, error) {
	if err := ctx.Err(); err != nil {
		return storage.Checkpoint{}, err
	}
	if err := storage.CheckName(name); err != nil {
		return storage.Checkpoint{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if c := s.checkpoints[name]; c != nil {
		return c.Checkpoint, nil
	}
	return storage.Checkpoint{Name: name}, nil
}

// Advance implements storage.Checkpointer.
func (s *Store) Advance(ctx context.Context, from, to storage.Checkpoint) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := storage.CheckAdvance(from, to); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.checkpoint(from.Name)
	held := int64(0)
	if c.leased() {
		held = c.fence
	}
	if c.Version != from.Version || held != from.Fence {
		return storage.ErrStale
	}
	c.Position, c.State = to.Position, to.State
	c.Version++
	return nil
}

// Lease implements storage.Checkpointer. Leases last by the process's clock.
func (s *Store) Lease(ctx context.Context, name, holder string, ttl time.Duration) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := storage.CheckLease(name, holder, ttl); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.checkpoint(name)
	if c.leased() && c.holder != holder {
		if ttl == 0 {
			return 0, nil
		}
		return 0, fmt.Errorf("%w, %s, for another %v", storage.ErrLeased, c.holder, time.Until(c.until).Round(time.Millisecond))
	}
	if !c.leased() && ttl > 0 {
		c.fence++
	}
	c.holder, c.until = holder, time.Now().Add(ttl)
	return c.fence, nil
}

// checkpoint returns the checkpoint of that name, made where it isn't yet; the lock is held.
func (s *Store) checkpoint(name string) *checkpoint {
	c := s.checkpoints[name]
	if c == nil {
		c = &checkpoint{Checkpoint: storage.Checkpoint{Name: name}}
		s.checkpoints[name] = c
	}
	return c
}
