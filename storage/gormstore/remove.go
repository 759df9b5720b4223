package gormstore

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

var _ audit.Remover = (*Store)(nil)

// Remove removes the entries with these IDs, all in one transaction; unknown
// ones are passed over. It is what makes a Store an outbox (package hooks,
// Options.Outbox): a trail's own entries go only by Purge.
func (s *Store) Remove(ctx context.Context, ids ...string) error {
	s, err := s.ready(ctx, s.db)
	if err != nil {
		return err
	}
	list, err := parseIDs(ids)
	if err != nil {
		return err
	}
	err = s.removing(ctx, func(tx *sql.Tx, gone *keptValues) error {
		for some := range slices.Chunk(list, removeBatch) {
			if _, err := s.removeRows(ctx, tx, gone, func(b *sqlgen.Builder) error {
				b.WriteString("id IN (")
				b.IDs(some)
				b.WriteString(")")
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return s.translate(ctx, err)
}

// removeBatch is how many IDs one statement has.
const removeBatch = 100

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
