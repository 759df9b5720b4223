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
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for len(ids) > 0 {
		n := min(len(ids), s.dialect.maxRows())
		b := s.newBuilder()
		b.add("DELETE FROM ", s.quoted, " WHERE id IN (")
		for i, id := range ids[:n] {
			if i > 0 {
				b.WriteString(", ")
			}
			parsed, err := uuid.Parse(id)
			if err != nil {
				return fmt.Errorf("gormstore: %q is not an entry's ID: %w", id, err)
			}
			b.arg(s.dialect.idArg(parsed))
		}
		b.WriteString(")")
		if _, err := tx.ExecContext(ctx, b.String(), b.args...); err != nil {
			return s.translate(ctx, err)
		}
		ids = ids[n:]
	}
	return tx.Commit()
}
