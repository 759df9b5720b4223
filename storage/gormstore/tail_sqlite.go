package gormstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
)

// A position is "sqlite:" and the last rowid that was looked at.
const sqlitePosition = "sqlite:"

// lastSeq is the largest rowid that was ever committed, also when its row is
// gone: AUTOINCREMENT keeps it.
func (d *sqlite) lastSeq(ctx context.Context, q querier) (int, error) {
	return number(ctx, q, "SELECT "+d.appended())
}

func (d *sqlite) appended() string {
	return "coalesce((SELECT seq FROM " + d.schema() + "sqlite_sequence WHERE name = '" + d.t.base + "'), 0)"
}

func (d *sqlite) head(ctx context.Context, s *Store) (string, error) {
	last, err := d.lastSeq(ctx, s.db)
	return sqlitePosition + itoa(last), err
}

func (d *sqlite) tail(ctx context.Context, s *Store, sel selection, after string) ([]audit.Entry, string, error) {
	last, err := d.lastSeq(ctx, s.db)
	if err != nil {
		return nil, "", err
	}
	from := 0
	if after != "" {
		digits, ok := strings.CutPrefix(after, sqlitePosition)
		from, err = strconv.Atoi(digits)
		if !ok || err != nil || from < 0 || from > last || itoa(from) != digits {
			return nil, "", badPosition(after)
		}
	}
	if from == last {
		return nil, sqlitePosition + itoa(last), nil
	}
	b := s.newBuilder()
	b.list(sel.names(), "SELECT ", "e.")
	b.add(", e.seq FROM ", s.quoted, " e WHERE seq > ")
	b.arg(from)
	b.WriteString(" AND seq <= ")
	b.arg(last)
	b.WriteString(" AND ")
	b.filter(sel.filter)
	b.add(" ORDER BY seq LIMIT ", itoa(sel.limit))
	rows, err := s.rows(ctx, b)
	if err != nil {
		return nil, "", err
	}
	var seq int
	got, err := readPlaced(rows, sel, &seq, &seq)
	if err != nil {
		return nil, "", err
	}
	switch {
	case sel.limit == 0:
		last = from
	case len(got.entries) == sel.limit:
		last = got.last
	}
	return got.entries, sqlitePosition + itoa(last), nil
}

func (d *sqlite) untilNow(ctx context.Context, q querier) (func(*builder), error) {
	last, err := d.lastSeq(ctx, q)
	return func(b *builder) {
		b.WriteString("seq <= ")
		b.arg(last)
	}, err
}

// longReads: only with the write-ahead log does a reader not keep the writer
// from committing.
func (d *sqlite) longReads(ctx context.Context, q querier) (bool, error) {
	rows, err := q.QueryContext(ctx, "PRAGMA journal_mode")
	if err != nil {
		return false, err
	}
	defer rows.Close()
	mode := ""
	if rows.Next() {
		err = rows.Scan(&mode)
	}
	if err == nil {
		err = rows.Err()
	}
	return strings.EqualFold(mode, "wal"), err
}
