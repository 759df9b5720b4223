package gormstore

import (
	"context"
	"fmt"

	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// addFeature adds what an option adds to the schema, where it is missing.
func (s *Store) addFeature(ctx context.Context, m sqldb.Conn, f schema.Feature) error {
	there, err := sqldb.Number(ctx, m, f.There)
	if err != nil || there > 0 {
		return err
	}
	for _, statement := range f.Statements {
		if _, err := m.ExecContext(ctx, statement); err != nil && !s.engine.AlreadyDone(err) {
			return explain(f, err)
		}
	}
	return nil
}

// explain adds what the database lacks for a feature.
func explain(f schema.Feature, err error) error {
	if f.Lacks != nil {
		if what := f.Lacks(err); what != "" {
			return fmt.Errorf("%w: %s: %w", ErrNoKeywordIndex, what, err)
		}
	}
	return err
}
