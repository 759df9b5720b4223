package gormstore

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/feed"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

func (d *sqlite) appended() string {
	return "coalesce((SELECT max(seq) FROM " + d.t.Quoted(`"`) + "), 0) + coalesce((SELECT max(removed) FROM " + d.t.In(d.t.Truncations(), `"`) + "), 0)"
}

// sqliteFeed is the feed of a database with one writer at a time.
type sqliteFeed struct{}

// sqliteState is how far a trail's rows go.
type sqliteState struct {
	truncations []feed.Truncation // in order
	last        int64             // the newest row
	removed     int64             // how many numbers the truncations took back
}

func (st sqliteState) head() feed.Rows {
	head := feed.Rows{Seq: st.last}
	if n := len(st.truncations); n > 0 {
		head.Epoch = st.truncations[n-1].Epoch
	}
	return head
}

// cursor reads a position as it is in the present epoch.
func (st sqliteState) cursor(position string) (feed.Rows, error) {
	c, ok := feed.ParseRows(position)
	if ok = ok && c.Seq <= st.last+st.removed; ok { // a greater one was never given
		c, ok = c.In(st.truncations)
	}
	if !ok || c.Seq > st.last {
		return c, badPosition(position)
	}
	return c, nil
}

// state is read by one statement, so that it is of one moment.
func (sqliteFeed) state(ctx context.Context, s *Store) (st sqliteState, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT coalesce(max(seq), 0), 0, 0, 0 FROM "+s.quoted+" UNION ALL SELECT -1, epoch, last, removed FROM "+s.quotedTruncations())
	if err != nil {
		return st, err
	}
	defer rows.Close()
	for rows.Next() {
		var last, removed int64
		var t feed.Truncation
		if err := rows.Scan(&last, &t.Epoch, &t.Last, &removed); err != nil {
			return st, err
		}
		if last >= 0 {
			st.last = last
			continue
		}
		st.truncations, st.removed = append(st.truncations, t), max(st.removed, removed)
	}
	slices.SortFunc(st.truncations, func(a, b feed.Truncation) int { return cmp.Compare(a.Epoch, b.Epoch) })
	return st, rows.Err()
}

func (f sqliteFeed) head(ctx context.Context, s *Store) (string, error) {
	st, err := f.state(ctx, s)
	return st.head().String(), err
}

func (f sqliteFeed) tail(ctx context.Context, s *Store, sel selection, after, until string) (t tailed, err error) {
	st, err := f.state(ctx, s)
	if err != nil {
		return t, err
	}
	end, next := st.head(), st.head().String()
	if until != "" {
		if end, err = st.cursor(until); err != nil {
			return t, err
		}
		next = until
	}
	from, err := st.cursor(after)
	if err != nil {
		return t, err
	}
	switch {
	case from.Seq > end.Seq:
		return t, badPosition(after)
	case from.Seq == end.Seq:
		return tailed{next: next}, nil
	case sel.limit == 0:
		return tailed{next: from.String()}, nil
	}
	b := s.newBuilder()
	b.List(sel.names(), "SELECT ", "e.")
	b.Add(", e.seq FROM ", s.quoted, " e WHERE seq > ")
	b.Arg(from.Seq)
	b.WriteString(" AND seq <= ")
	b.Arg(end.Seq)
	b.WriteString(" AND ")
	b.Filter(sel.filter)
	b.Add(" ORDER BY seq LIMIT ", strconv.Itoa(sel.limit))
	rows, err := s.query(ctx, b)
	if err != nil {
		return t, err
	}
	key := feed.Rows{Epoch: end.Epoch}
	got, err := readIndexed(rows, sel, &key, &key.Seq)
	if err != nil {
		return t, err
	}
	if len(got.keys) == sel.limit {
		next = got.keys[len(got.keys)-1].String()
	}
	t.add(got.entries, func() []string { return positions(got.keys, func(c feed.Rows) feed.Rows { return c }) })
	t.next = next
	return t, nil
}

func (f sqliteFeed) untilNow(ctx context.Context, s *Store) (func(*sqlgen.Builder), error) {
	st, err := f.state(ctx, s)
	return func(b *sqlgen.Builder) {
		b.WriteString("seq <= ")
		b.Arg(st.last)
	}, err
}

// longReads: only with the write-ahead log does a reader not keep the writer
// from committing.
func (sqliteFeed) longReads(ctx context.Context, s *Store) (bool, error) {
	mode, err := sqldb.String(ctx, s.db, "PRAGMA journal_mode")
	return strings.EqualFold(mode, "wal"), err
}
