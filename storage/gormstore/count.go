package gormstore

import (
	"context"

	"github.com/gormtrail/audit"
)

// Count returns how many entries match f, and false; or bound, and true, if
// there are more. The database stops looking at bound+1 entries that match.
func (s *Store) Count(ctx context.Context, f audit.Filter, bound int) (n int, more bool, err error) {
	if err := f.Validate(); err != nil {
		return 0, false, err
	}
	b := s.newBuilder()
	b.add("SELECT count(*) FROM (SELECT 1 FROM ", s.quoted, " WHERE ")
	b.filter(f)
	b.add(" LIMIT ", itoa(bound+1), ") matching")
	rows, err := s.rows(ctx, b)
	if err != nil {
		return 0, false, err
	}
	if n, err = numberIn(rows); err != nil {
		return 0, false, err
	}
	return min(n, bound), n > bound, nil
}
