package gormstore

import (
	"context"
	"fmt"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// feature is what an option adds to the schema. Migrate adds it where it isn't
// there yet, under the same lock as everything else, and never takes it away: a
// store without the option works beside it.
type feature struct {
	option string // its name in Options
	// there is a query of one number, 0 where the feature is to be added. It must
	// not fail where a table is missing, and take no lock that waits for writers.
	there string
	// statements add it. Where DDL is no part of a transaction (MySQL), an earlier
	// run may have done the first of them: alreadyDone passes over those.
	statements []string
	// lacks says what the database lacks for it, and what is to be done; "" for
	// another error. nil: nothing can be lacking.
	lacks func(error) string
}

func (s *Store) addFeature(ctx context.Context, m sqldb.Conn, f feature) error {
	there, err := sqldb.Number(ctx, m, f.there)
	if err != nil || there > 0 {
		return err
	}
	for _, statement := range f.statements {
		if _, err := m.ExecContext(ctx, statement); err != nil && !s.engine.AlreadyDone(err) {
			return f.explain(err)
		}
	}
	return nil
}

func (f feature) explain(err error) error {
	if f.lacks != nil {
		if what := f.lacks(err); what != "" {
			return fmt.Errorf("%w: %s: %w", ErrNoKeywordIndex, what, err)
		}
	}
	return err
}
