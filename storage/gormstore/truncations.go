package gormstore

import (
	"context"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

func (s *Store) quotedTruncations() string {
	return s.table.In(s.table.Truncations(), s.traits.Quote)
}

// createTruncations creates the table of truncations where it is missing, on SQLite. A
// trail of an earlier version may have been truncated before.
func (s *Store) createTruncations(ctx context.Context, m sqldb.Conn) error {
	if s.database != "sqlite" {
		return nil
	}
	there, err := has(ctx, m, s.schema.HasTruncations())
	if err != nil || there {
		return err
	}
	if err := sqldb.ExecAll(ctx, m, s.schema.CreateTruncations()...); err != nil {
		return err
	}
	numbered, err := has(ctx, m, s.schema.HasSequences())
	if err != nil || !numbered {
		return err
	}
	return sqldb.ExecAll(ctx, m, s.schema.TakeOverSequence())
}
