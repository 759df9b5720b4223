package storagetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/gormtrail/audit/storage"
)

func (m *mutant) Checkpoint(ctx context.Context, name string) (storage.Checkpoint, error) {
	return m.checkpoint(ctx, name)
}

func (m *mutant) Advance(ctx context.Context, from, to storage.Checkpoint) error {
	return m.advance(ctx, from, to)
}

func (m *mutant) Lease(ctx context.Context, name, holder string, ttl time.Duration) (int64, error) {
	return m.lease(ctx, name, holder, ttl)
}

// checkpointMistakes are those of stores that keep checkpoints.
var checkpointMistakes = map[string]struct {
	make   func(*mutant)
	breaks []string
}{
	"names of checkpoints are of any case": {func(m *mutant) {
		m.checkpoint = func(ctx context.Context, name string) (storage.Checkpoint, error) {
			c, err := m.Store.Checkpoint(ctx, strings.ToLower(name))
			c.Name = name
			return c, err
		}
		m.advance = func(ctx context.Context, from, to storage.Checkpoint) error {
			from.Name, to.Name = strings.ToLower(from.Name), strings.ToLower(to.Name)
			return m.Store.Advance(ctx, from, to)
		}
	}, []string{"checkpoint/advance"}},
	"an advance loses its state": {func(m *mutant) {
		m.advance = func(ctx context.Context, from, to storage.Checkpoint) error {
			to.State = ""
			return m.Store.Advance(ctx, from, to)
		}
	}, []string{"checkpoint/advance"}},
	"an advance from an old version overwrites": {func(m *mutant) {
		m.advance = func(ctx context.Context, from, to storage.Checkpoint) error {
			now, err := m.Store.Checkpoint(ctx, from.Name)
			if err != nil {
				return err
			}
			from.Version = now.Version
			return m.Store.Advance(ctx, from, to)
		}
	}, []string{"checkpoint/stale"}},
	"an advance to the same position counts nothing": {func(m *mutant) {
		m.advance = func(ctx context.Context, from, to storage.Checkpoint) error {
			now, err := m.Store.Checkpoint(ctx, from.Name)
			if err == nil && now.Version == from.Version && now.Version > 0 && now.Position == to.Position {
				return nil
			}
			return m.Store.Advance(ctx, from, to)
		}
	}, []string{"checkpoint/stale"}},
	"an advance without a lease passes by one that holds": {func(m *mutant) {
		fences := map[string]int64{}
		m.lease = func(ctx context.Context, name, holder string, ttl time.Duration) (int64, error) {
			fence, err := m.Store.Lease(ctx, name, holder, ttl)
			if err == nil {
				fences[name] = fence
			}
			return fence, err
		}
		m.advance = func(ctx context.Context, from, to storage.Checkpoint) error {
			err := m.Store.Advance(ctx, from, to)
			if from.Fence == 0 && errors.Is(err, storage.ErrStale) {
				from.Fence = fences[from.Name]
				return m.Store.Advance(ctx, from, to)
			}
			return err
		}
	}, []string{"checkpoint/lease"}},
	"an expired lease advances": {func(m *mutant) {
		m.advance = func(ctx context.Context, from, to storage.Checkpoint) error {
			err := m.Store.Advance(ctx, from, to)
			if from.Fence > 0 && errors.Is(err, storage.ErrStale) {
				from.Fence = 0
				return m.Store.Advance(ctx, from, to)
			}
			return err
		}
	}, []string{"checkpoint/lease expires"}},
	"every holder gets the lease": {func(m *mutant) {
		m.lease = func(ctx context.Context, name, _ string, ttl time.Duration) (int64, error) {
			return m.Store.Lease(ctx, name, "all", ttl)
		}
	}, []string{"checkpoint/lease", "checkpoint/lease race"}},
	"every lease has the same number": {func(m *mutant) {
		m.lease = func(ctx context.Context, name, holder string, ttl time.Duration) (int64, error) {
			_, err := m.Store.Lease(ctx, name, holder, ttl)
			return 1, err
		}
	}, []string{"checkpoint/lease", "checkpoint/lease expires"}},
	"checkpoints don't look at the context": {func(m *mutant) {
		m.advance = func(_ context.Context, from, to storage.Checkpoint) error {
			return m.Store.Advance(context.Background(), from, to)
		}
	}, []string{"checkpoint/context ended"}},
	"arguments aren't looked at": {func(m *mutant) {
		m.checkpoint = func(ctx context.Context, name string) (storage.Checkpoint, error) {
			c, err := m.Store.Checkpoint(ctx, "x"+name[:min(len(name), 20)])
			c.Name = name
			return c, err
		}
	}, []string{"checkpoint/arguments"}},
}
