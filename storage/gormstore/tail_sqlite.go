package gormstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/feed"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

func (d *sqlite) appended() string {
	return "coalesce((SELECT seq FROM " + d.t.SQLiteTable("sqlite_sequence") + " WHERE name = '" + d.t.Base + "'), 0)"
}

// sqliteFeed is the feed of a database with one writer at a time.
type sqliteFeed struct{}

// last is the largest rowid that was ever committed, also when its row is gone:
// AUTOINCREMENT keeps it.
func (sqliteFeed) last(ctx context.Context, s *Store) (feed.Rows, error) {
	n, err := sqldb.Number(ctx, s.db, "SELECT "+s.dialect.appended())
	return feed.Rows(n), err
}

func (f sqliteFeed) head(ctx context.Context, s *Store) (string, error) {
	last, err := f.last(ctx, s)
	return last.String(), err
}

func (f sqliteFeed) tail(ctx context.Context, s *Store, sel selection, after, until string) (t tailed, err error) {
	last, err := f.last(ctx, s)
	if err != nil {
		return t, err
	}
	end := last
	if until != "" {
		var ok bool
		if end, ok = feed.ParseRows(until); !ok || end > last {
			return t, badPosition(until)
		}
	}
	from, ok := feed.ParseRows(after)
	if !ok || from > end {
		return t, badPosition(after)
	}
	if from == end || sel.limit == 0 {
		return tailed{next: from.String()}, nil
	}
	b := s.newBuilder()
	b.List(sel.names(), "SELECT ", "e.")
	b.Add(", e.seq FROM ", s.quoted, " e WHERE seq > ")
	b.Arg(int64(from))
	b.WriteString(" AND seq <= ")
	b.Arg(int64(end))
	b.WriteString(" AND ")
	b.Filter(sel.filter)
	b.Add(" ORDER BY seq LIMIT ", strconv.Itoa(sel.limit))
	rows, err := s.query(ctx, b)
	if err != nil {
		return t, err
	}
	var seq feed.Rows
	got, err := readIndexed(rows, sel, &seq, &seq)
	if err != nil {
		return t, err
	}
	if len(got.keys) == sel.limit {
		end = got.keys[len(got.keys)-1]
	}
	t.add(got.entries, func() []string { return positions(got.keys, func(seq feed.Rows) feed.Rows { return seq }) })
	t.next = end.String()
	return t, nil
}

func (f sqliteFeed) untilNow(ctx context.Context, s *Store) (func(*sqlgen.Builder), error) {
	last, err := f.last(ctx, s)
	return func(b *sqlgen.Builder) {
		b.WriteString("seq <= ")
		b.Arg(int64(last))
	}, err
}

// longReads: only with the write-ahead log does a reader not keep the writer
// from committing.
func (sqliteFeed) longReads(ctx context.Context, s *Store) (bool, error) {
	mode, err := sqldb.String(ctx, s.db, "PRAGMA journal_mode")
	return strings.EqualFold(mode, "wal"), err
}
