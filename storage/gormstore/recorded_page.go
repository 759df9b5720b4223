package gormstore

import (
	"context"
	"slices"
	"sort"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// recordedPage reads a page in the order of recording. The database puts only the
// numbers in order; sorting the page here costs less than its sort of whole rows.
func (s *Store) recordedPage(ctx context.Context, q sqldb.Queryer, sel selection, p streams) (run, error) {
	page, ok, err := s.firstByTime(ctx, q, sel)
	if err == nil && !ok {
		sel.budget.restart()
		var b *sqlgen.Builder
		if b, err = s.page(sel, p); err == nil {
			if sel.budget != nil { // which rows have room depends on their order
				b.WriteString(" ORDER BY ")
				sel.order.By(b, "p.")
			}
			page, err = s.readRun(ctx, q, b, sel)
		}
	}
	sort.Sort(byNumber(page))
	return page, err
}

// byNumber sorts a run by its numbers.
type byNumber run

func (r byNumber) Len() int           { return len(r.seqs) }
func (r byNumber) Less(i, j int) bool { return (r.seqs[i] < r.seqs[j]) != r.sort.Descending() }
func (r byNumber) Swap(i, j int) {
	r.seqs[i], r.seqs[j] = r.seqs[j], r.seqs[i]
	r.entries[i], r.entries[j] = r.entries[j], r.entries[i]
}

// firstByTime reads the first page of one record's entries by the index that has
// them in the order of time, which is nearly always that of recording too. ok says
// that the page is right: none of the entries behind it in time belongs on it.
// Looking for one reads no more than the index (on PostgreSQL their rows), and
// sorts nothing.
func (s *Store) firstByTime(ctx context.Context, q sqldb.Queryer, sel selection) (page run, ok bool, err error) {
	if sel.after != nil || sel.limit == 0 || s.tables.Several() || !s.traits.KeepsOrder {
		return page, false, nil
	}
	byTime := sel
	byTime.order = sqlgen.IndexedOrder(audit.SortTime)
	if sel.order.Descending {
		byTime.order = byTime.order.Reverse()
	}
	p := s.planStreams(byTime)
	if p.tenants == nil || !p.alone() || p.leads == nil || p.leads[0].column != schema.ColObject {
		return page, false, nil
	}
	b := s.newBuilder()
	if err := s.stream1(b, byTime, p, append(slices.Clone(sel.names()), schema.ColSeq)); err != nil {
		return page, false, err
	}
	page, err = s.readRun(ctx, q, b, sel)
	if err != nil || len(page.entries) < sel.limit && !sel.budget.spent() {
		return page, err == nil, err
	}
	late, err := s.belongsBefore(ctx, q, byTime, p, page)
	return page, !late, err
}

// belongsBefore reports whether an entry that is behind the page in time was
// recorded before an entry of it, in the page's direction.
func (s *Store) belongsBefore(ctx context.Context, q sqldb.Queryer, byTime selection, p streams, page run) (bool, error) {
	last := page.entries[len(page.entries)-1]
	byTime.after, byTime.limit = &storage.Position{Time: last.Time, ID: last.ID}, 1
	bound, limit := slices.Max(page.seqs), byTime.bound
	if byTime.order.Descending {
		bound = slices.Min(page.seqs)
	}
	byTime.bound = func(b *sqlgen.Builder) {
		if limit != nil {
			limit(b)
			b.WriteString(" AND ")
		}
		b.Add("seq", sqlgen.Comparison(!byTime.order.Descending))
		b.Arg(bound)
	}
	b := s.newBuilder()
	if err := s.stream1(b, byTime, p, []string{schema.ColSeq}); err != nil {
		return false, err
	}
	rows, err := s.rowsOn(ctx, q, b)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	found := rows.Next()
	return found, s.translate(ctx, rows.Err())
}
