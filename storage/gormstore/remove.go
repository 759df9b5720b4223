package gormstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
)

var _ audit.Remover = (*Store)(nil)

// Remove removes the entries with these IDs, all in one transaction; unknown
// ones are passed over. It is what makes a Store an outbox (package hooks,
// Options.Outbox): a trail's own entries go only by Purge.
func (s *Store) Remove(ctx context.Context, ids ...string) error {
	if err := s.checkMigrated(ctx, s.db); err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.translate(ctx, err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := s.lockIndex(ctx, tx); err != nil {
		return s.translate(ctx, err)
	}
	for len(ids) > 0 {
		n := min(len(ids), s.dialect.maxRows())
		b := s.newBuilder()
		some, err := parseIDs(ids[:n])
		if err != nil {
			return err
		}
		if s.parts != nil {
			s.parts.deleteIDs(b, s.quoted, some)
		} else {
			b.add("DELETE FROM ", s.quoted, " WHERE id IN (")
			b.ids(some)
			b.WriteString(")")
		}
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.translate(ctx, err)
		}
		ids = ids[n:]
	}
	return tx.Commit()
}

func parseIDs(ids []string) ([]uuid.UUID, error) {
	list := make([]uuid.UUID, len(ids))
	for i, id := range ids {
		var err error
		if list[i], err = uuid.Parse(id); err != nil {
			return nil, fmt.Errorf("gormstore: %q is not an entry's ID: %w", id, err)
		}
	}
	return list, nil
}

// ids writes IDs as parameters.
func (b *builder) ids(list []uuid.UUID) {
	for i, id := range list {
		b.WriteString([]string{"", ", "}[min(i, 1)])
		b.arg(b.dialect.idArg(id))
	}
}
