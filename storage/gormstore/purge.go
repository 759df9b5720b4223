package gormstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// purgeBatch is what one statement removes, so that a purge of millions holds no
// lock for long.
const purgeBatch = 5000

// Purge removes at most limit of the entries that match f, oldest first, and
// returns how many it removed, also with an error: each batch of 5,000 is a
// transaction of its own. When it has removed all of them it does what Refresh
// does, so that a host with retention needs no other job for that.
func (s *Store) Purge(ctx context.Context, f audit.Filter, limit int) (int, error) {
	if err := f.Validate(); err != nil {
		return 0, err
	}
	s, err := s.ready(ctx, s.db)
	if err != nil {
		return 0, err
	}
	removed, err := s.purge(ctx, f, limit)
	if err == nil && removed < limit {
		_ = s.refresh(ctx) // if it fails, who asks next has more to read
	}
	return removed, err
}

// purge drops whole tables where it can, and deletes the rest by statements that concern
// one table each.
func (s *Store) purge(ctx context.Context, f audit.Filter, limit int) (int, error) {
	s.tables.Prepare(ctx, s.db, nil)
	removed, err := s.tables.Drop(ctx, s.db, f, limit, s.beforeDrop)
	oldest := selection{filter: f, order: sqlgen.IndexedOrder(audit.SortTime)}
	for _, part := range oldest.parts(s.tables.Purges(oldest.times())) {
		if err != nil || removed == limit {
			break
		}
		var n int
		n, err = s.purgeRows(ctx, part, limit-removed)
		removed += n
	}
	return removed, s.translate(ctx, err)
}

// beforeDrop is a layout.BeforeDrop that takes the projections along.
func (s *Store) beforeDrop(ctx context.Context, tx *sql.Tx, table string) (after func(context.Context) error, err error) {
	texts, err := s.textValuesOf(ctx, tx, table)
	if err != nil {
		return nil, err
	}
	withdrawn, err := s.withdrawKept(ctx, tx, table)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		return errors.Join(withdrawn.restore(ctx), s.forgetDropped(ctx, texts))
	}, nil
}

// purgeRows removes at most limit rows, oldest first.
func (s *Store) purgeRows(ctx context.Context, oldest selection, limit int) (int, error) {
	removed := 0
	for removed < limit {
		batch := min(limit-removed, purgeBatch)
		oldest.limit = batch
		n := 0
		err := s.removing(ctx, func(tx *sql.Tx, gone *keptValues) (err error) {
			n, err = s.removeRows(ctx, tx, gone, oldest.write)
			return err
		})
		if err != nil {
			return removed, s.translate(ctx, err)
		}
		removed += n
		if n < batch {
			break
		}
	}
	return removed, nil
}
