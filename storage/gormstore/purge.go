package gormstore

import (
	"context"
	"strings"

	"github.com/gormtrail/audit"
)

// purgeBatch is what one statement removes, so that a purge of millions holds no
// lock for long.
const purgeBatch = 5000

// Purge removes at most limit of the entries that match f, oldest first, and
// returns how many it removed, also with an error: each batch of 5,000 is a
// transaction of its own.
func (s *Store) Purge(ctx context.Context, f audit.Filter, limit int) (int, error) {
	if err := f.Validate(); err != nil {
		return 0, err
	}
	if err := s.checkMigrated(ctx, s.db); err != nil {
		return 0, err
	}
	oldest := selection{filter: f, order: orderOf(audit.SortTime)}
	if s.parts == nil {
		return s.purgeRows(ctx, oldest, limit)
	}
	s.parts.makeAhead(ctx, s.db, nil)
	removed, err := s.parts.purgeMonths(ctx, s.db, f, limit)
	for _, part := range s.parts.monthly(oldest) {
		if err != nil || removed == limit {
			break
		}
		var n int
		n, err = s.purgeRows(ctx, part, limit-removed)
		removed += n
	}
	return removed, s.translate(ctx, err)
}

// purgeRows removes at most limit rows, oldest first.
func (s *Store) purgeRows(ctx context.Context, oldest selection, limit int) (int, error) {
	removed := 0
	for removed < limit {
		batch := min(limit-removed, purgeBatch)
		oldest.limit = batch
		b := s.newBuilder()
		if err := s.dialect.deleteOldest(b, s.quoted, oldest); err != nil {
			return removed, err
		}
		result, err := s.db.ExecContext(ctx, b.String(), b.args...)
		if err != nil {
			return removed, s.translate(ctx, err)
		}
		n, err := result.RowsAffected()
		removed += int(n)
		if err != nil || int(n) < batch {
			return removed, err
		}
	}
	return removed, nil
}

// deleteByKey writes a DELETE of the selection's rows.
func deleteByKey(b *builder, table string, key []string, sel selection) error {
	columns := strings.Join(key, ", ")
	b.add("DELETE FROM ", table, " WHERE (", columns, ") IN (SELECT ", columns, " FROM ", table, " WHERE ")
	err := sel.write(b)
	b.WriteString(")")
	b.within(sel.window, colTime)
	return err
}
