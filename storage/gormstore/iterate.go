package gormstore

import (
	"context"
	"iter"
	"math"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// All yields everything that q selects, in its order, from its cursor on, in
// constant memory: one statement, one snapshot, on a connection that is in use
// until the sequence ends. MySQL ends it if nothing is taken from it for its
// net_write_timeout, a minute by default.
//
// Where holding one would block whoever works in the loop's body, it reads page
// after page instead, bounded by what was there at the start: if the pool has
// one connection only (MaxOpenConns 1), or if it is SQLite without its
// write-ahead log, where a statement that is being read keeps writers out. Then
// an entry that is purged meanwhile may be missing.
func (s *Store) All(ctx context.Context, q audit.Query) iter.Seq2[audit.Entry, error] {
	return func(yield func(audit.Entry, error) bool) {
		if err := s.all(ctx, q, func(e audit.Entry) bool { return yield(e, nil) }); err != nil {
			yield(audit.Entry{}, s.translate(ctx, err))
		}
	}
}

// all returns an error only if yield never returned false.
func (s *Store) all(ctx context.Context, q audit.Query, yield func(audit.Entry) bool) error {
	q.Limit = audit.MaxLimit
	q, err := q.Validate()
	if err != nil {
		return err
	}
	var from *storage.Position
	if q.Cursor != "" {
		p, err := storage.DecodeCursor(q)
		if err != nil {
			return err
		}
		from = &p
	}
	if s, err = s.ready(ctx, s.db); err != nil {
		return err
	}
	if err := s.sortable(ctx, q); err != nil {
		return err
	}
	whole, err := s.readsWhole(ctx)
	if err != nil {
		return err
	}
	sel := selection{filter: q.Filter, order: s.orderOf(q.Sort), after: from, brief: q.Brief}
	if from != nil {
		if *from, err = s.resolve(ctx, sel.order, *from); err != nil {
			return err
		}
	}
	if from != nil && from.Back {
		if sel.after, err = s.pageStart(ctx, q, *from); err != nil {
			return err
		}
	}
	if sel.sought, err = s.seek(ctx, sel); err != nil {
		return err
	}
	switch {
	case whole && sel.order.Recorded():
		return s.streamRecorded(ctx, sel, yield)
	case whole:
		return s.stream(ctx, sel, yield)
	}
	return s.pages(ctx, sel, yield)
}

// readsWhole reports whether one long statement is in nobody's way.
func (s *Store) readsWhole(ctx context.Context) (bool, error) {
	if s.db.Stats().MaxOpenConnections == 1 {
		return false, nil
	}
	return s.feed.longReads(ctx, s)
}

// pageStart is the place before the page that a cursor points back to.
func (s *Store) pageStart(ctx context.Context, q audit.Query, p storage.Position) (*storage.Position, error) {
	back := selection{filter: q.Filter, order: s.orderOf(q.Sort).Reverse(), after: &p, limit: q.Limit + 1}
	var err error
	if back.sought, err = s.seek(ctx, back); err != nil {
		return nil, err
	}
	found, err := s.slice(ctx, back)
	if err != nil || len(found.entries) <= q.Limit {
		return nil, err
	}
	before := found.position(q.Limit)
	return &before, nil
}

func (s *Store) stream(ctx context.Context, sel selection, yield func(audit.Entry) bool) error {
	p := s.planStreams(sel)
	if p.count() == 1 || sel.sought != nil {
		if p.none() {
			return s.checkMigrated(ctx, s.db)
		}
		var err error
		if p, err = s.choose(ctx, s.db, sel, p); err != nil {
			return err
		}
	}
	b := s.newBuilder()
	if err := s.whole(b, sel, p); err != nil {
		return err
	}
	rows, err := s.rowsOn(ctx, s.db, b)
	if err != nil {
		return err
	}
	defer rows.Close()
	for sc := row.NewScanner(sel.names()); rows.Next(); {
		e, err := sc.Scan(rows)
		if err != nil {
			return err
		}
		if !yield(e) {
			return nil
		}
	}
	return s.translate(ctx, rows.Err())
}

// whole writes the SELECT of all that is selected: of one stream by its index,
// so that the first entry comes at once; of those that a keyword was found in; else
// as the database plans it.
func (s *Store) whole(b *sqlgen.Builder, sel selection, p streams) error {
	if p.byTime && p.count() == 1 {
		return s.stream1(b, sel, p, sel.names())
	}
	b.List(sel.names(), "SELECT ", "e.")
	if sel.sought != nil && p.exact() {
		sel.limit = math.MaxInt32 // else SQLite would sort each stream, whole rows at that
		if err := s.fromMerged(b, sel, p); err != nil {
			return err
		}
		b.WriteString(" ORDER BY ")
		sel.order.By(b, "e.")
		return nil
	}
	b.Add(" FROM ", s.quoted, " e WHERE ")
	return sel.write(b)
}

// pages holds no connection while it yields.
func (s *Store) pages(ctx context.Context, sel selection, yield func(audit.Entry) bool) (err error) {
	if sel.bound, err = s.feed.untilNow(ctx, s); err != nil {
		return err
	}
	if sel.order.Recorded() && !s.tables.Several() {
		return s.recordedBlocks(ctx, sel, yield)
	}
	sel.limit = audit.MaxLimit
	for {
		found, err := s.slice(ctx, sel)
		if err != nil {
			return err
		}
		for _, e := range found.entries {
			if !yield(e) {
				return nil
			}
		}
		if len(found.entries) < sel.limit {
			return nil
		}
		last := found.position(sel.limit - 1)
		sel.after = &last
	}
}
