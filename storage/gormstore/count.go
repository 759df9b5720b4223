package gormstore

import (
	"context"
	"math"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// Count returns how many entries match f, and false; or bound, and true, if
// there are more. The database stops looking at bound+1 entries that match.
func (s *Store) Count(ctx context.Context, f audit.Filter, bound int) (n int, more bool, err error) {
	if err := f.Validate(); err != nil {
		return 0, false, err
	}
	if s, err = s.ready(ctx, s.db); err != nil {
		return 0, false, err
	}
	bound = min(max(bound, 0), math.MaxInt32-1)
	// Without an order a database may read all that match before it looks at the
	// limit (PostgreSQL's bitmaps).
	sel := selection{filter: f, order: sqlgen.IndexedOrder(audit.SortTime), limit: bound + 1, unordered: true}
	if sel.sought, err = s.seek(ctx, sel); err != nil {
		return 0, false, err
	}
	err = s.eachWindow(ctx, sel, func(q sqldb.Queryer, p streams, part selection) (bool, error) {
		part.limit -= n
		b := s.newBuilder()
		b.WriteString("SELECT count(*) FROM (")
		if err := s.merge(b, part, p); err != nil {
			return false, err
		}
		b.WriteString(") matching")
		some, err := s.numberOf(ctx, q, b)
		n += some
		return n == sel.limit, err
	})
	return min(n, bound), n > bound, err
}
