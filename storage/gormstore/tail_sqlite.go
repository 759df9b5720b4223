package gormstore

import (
	"context"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// A position is "sqlite:" and the last rowid that was looked at.
const sqlitePosition = "sqlite:"

// lastSeq is the largest rowid that was ever committed, also when its row is
// gone: AUTOINCREMENT keeps it.
func (d *sqlite) lastSeq(ctx context.Context, q sqldb.Queryer) (int, error) {
	return sqldb.Number(ctx, q, "SELECT "+d.appended())
}

func (d *sqlite) appended() string {
	return "coalesce((SELECT seq FROM " + d.t.SQLiteTable("sqlite_sequence") + " WHERE name = '" + d.t.Base + "'), 0)"
}

func (d *sqlite) head(ctx context.Context, s *Store) (string, error) {
	last, err := d.lastSeq(ctx, s.db)
	return sqlitePosition + strconv.Itoa(last), err
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
		if !ok || err != nil || from < 0 || from > last || strconv.Itoa(from) != digits {
			return nil, "", badPosition(after)
		}
	}
	if from == last {
		return nil, sqlitePosition + strconv.Itoa(last), nil
	}
	b := s.newBuilder()
	b.List(sel.names(), "SELECT ", "e.")
	b.Add(", e.seq FROM ", s.quoted, " e WHERE seq > ")
	b.Arg(from)
	b.WriteString(" AND seq <= ")
	b.Arg(last)
	b.WriteString(" AND ")
	b.Filter(sel.filter)
	b.Add(" ORDER BY seq LIMIT ", strconv.Itoa(sel.limit))
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
	return got.entries, sqlitePosition + strconv.Itoa(last), nil
}

func (d *sqlite) untilNow(ctx context.Context, q sqldb.Queryer) (func(*sqlgen.Builder), error) {
	last, err := d.lastSeq(ctx, q)
	return func(b *sqlgen.Builder) {
		b.WriteString("seq <= ")
		b.Arg(last)
	}, err
}

// longReads: only with the write-ahead log does a reader not keep the writer
// from committing.
func (d *sqlite) longReads(ctx context.Context, q sqldb.Queryer) (bool, error) {
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
