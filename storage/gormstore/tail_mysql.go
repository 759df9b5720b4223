package gormstore

import (
	"context"
	"database/sql"
	"strconv"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/feed"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

const (
	// tailSpan is how many numbers are looked at in one step.
	tailSpan = 5000
	// headSpan is how far behind the newest row head looks for open transactions.
	headSpan = 50_000
)

// mysqlFeed reads what was committed by the rows' numbers (feed.Gaps).
type mysqlFeed struct{}

func (f mysqlFeed) tail(ctx context.Context, s *Store, sel selection, after, until string) (t tailed, err error) {
	c, ok := feed.ParseGaps(after)
	if !ok {
		return t, badPosition(after)
	}
	if until != "" {
		return f.tailUntil(ctx, s, sel, c, until)
	}
	for limit := sel.limit; len(t.entries) < limit; {
		sel.limit = limit - len(t.entries)
		atEnd, err := f.step(ctx, s, sel, &c, &t)
		if err != nil {
			return t, err
		}
		if atEnd {
			break
		}
	}
	t.next = c.String()
	return t, nil
}

// step looks at the next numbers, adds their entries and moves the cursor behind them.
func (f mysqlFeed) step(ctx context.Context, s *Store, sel selection, c *feed.Gaps, t *tailed) (atEnd bool, err error) {
	seen, err := f.existing(ctx, s, *c)
	if err != nil {
		return false, err
	}
	if len(seen.Existing) == 0 {
		*c = c.Settle(seen.Now)
		return true, nil
	}
	end := max(c.Head, seen.Existing[len(seen.Existing)-1])
	var got indexed[uint64]
	err = f.inTx(ctx, s, sql.LevelRepeatableRead, func(tx *sql.Tx) error {
		unread := func(b *sqlgen.Builder) { writeUnread(b, *c, end) }
		if seen.Committed, err = f.seqs(ctx, s, tx, unread, 0); err != nil {
			return err
		}
		got, err = f.entries(ctx, s, tx, sel, unread)
		return err
	})
	if err != nil {
		return false, err
	}
	atEnd = len(seen.Existing) < tailSpan
	if n := len(got.keys); n > 0 && n == sel.limit {
		end = got.keys[n-1]
	}
	from := *c
	t.add(got.entries, func() []string {
		list := make([]string, 0, len(got.keys))
		for _, c := range from.Behind(got.keys, seen) {
			list = append(list, c.String())
		}
		return list
	})
	*c = c.Advance(end, seen)
	return atEnd, nil
}

// existing reads the next numbers that have a row, committed or not. It comes before
// the read of what is committed: what is committed between the two is seen by both, and
// what is inserted between them lies behind the end.
func (f mysqlFeed) existing(ctx context.Context, s *Store, c feed.Gaps) (seen feed.Seen, err error) {
	err = f.inTx(ctx, s, sql.LevelReadUncommitted, func(tx *sql.Tx) error {
		now, err := sqldb.Number(ctx, tx, "SELECT UNIX_TIMESTAMP()")
		if err != nil {
			return err
		}
		seen.Now = int64(now)
		seen.Existing, err = f.seqs(ctx, s, tx, func(b *sqlgen.Builder) { writeUnread(b, c, 0) }, tailSpan)
		return err
	})
	return seen, err
}

// tailUntil reads what a later cursor has read already.
func (f mysqlFeed) tailUntil(ctx context.Context, s *Store, sel selection, c feed.Gaps, until string) (t tailed, err error) {
	u, ok := feed.ParseGaps(until)
	if !ok {
		return t, badPosition(until)
	}
	if t.next = until; c.String() == until {
		return t, nil
	}
	var got indexed[uint64]
	err = f.inTx(ctx, s, sql.LevelRepeatableRead, func(tx *sql.Tx) error {
		got, err = f.entries(ctx, s, tx, sel, func(b *sqlgen.Builder) {
			writeUnread(b, c, u.Head)
			b.WriteString(" AND seq <= ")
			b.Arg(u.Head)
			for _, m := range u.Missing {
				b.WriteString(" AND seq NOT BETWEEN ")
				b.Arg(m.From)
				b.WriteString(" AND ")
				b.Arg(m.To)
			}
		})
		return err
	})
	if err != nil {
		return t, err
	}
	behind := func(seq uint64) feed.Gaps { return c.Toward(u, seq) }
	t.add(got.entries, func() []string { return positions(got.keys, behind) })
	switch n := len(got.keys); {
	case sel.limit == 0:
		t.next = c.String()
	case n == sel.limit:
		t.next = behind(got.keys[n-1]).String()
	}
	return t, nil
}

func (mysqlFeed) inTx(ctx context.Context, s *Store, level sql.IsolationLevel, fn func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: level, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	return fn(tx)
}

// writeUnread writes the condition of what the cursor hasn't read: numbers behind its
// head, up to end (0: all), and missing ones.
func writeUnread(b *sqlgen.Builder, c feed.Gaps, end uint64) {
	b.WriteString("(seq > ")
	b.Arg(c.Head)
	if end > 0 {
		b.WriteString(" AND seq <= ")
		b.Arg(end)
	}
	for _, m := range c.Missing {
		b.WriteString(" OR seq BETWEEN ")
		b.Arg(m.From)
		b.WriteString(" AND ")
		b.Arg(m.To)
	}
	b.WriteString(")")
}

func (mysqlFeed) seqs(ctx context.Context, s *Store, q sqldb.Queryer, condition func(*sqlgen.Builder), limit int) ([]uint64, error) {
	b := s.newBuilder()
	b.Add("SELECT seq FROM ", s.quoted, " WHERE ")
	condition(b)
	b.WriteString(" ORDER BY seq")
	if limit > 0 {
		b.Add(" LIMIT ", strconv.Itoa(limit))
	}
	rows, err := q.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []uint64
	for rows.Next() {
		var seq uint64
		if err := rows.Scan(&seq); err != nil {
			return nil, err
		}
		list = append(list, seq)
	}
	return list, rows.Err()
}

func (mysqlFeed) entries(ctx context.Context, s *Store, q sqldb.Queryer, sel selection, condition func(*sqlgen.Builder)) (indexed[uint64], error) {
	b := s.newBuilder()
	b.List(sel.names(), "SELECT ", "e.")
	b.Add(", e.seq FROM ", s.quoted, " e WHERE ")
	condition(b)
	b.WriteString(" AND ")
	b.Filter(sel.filter)
	b.Add(" ORDER BY seq LIMIT ", strconv.Itoa(sel.limit))
	rows, err := q.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return indexed[uint64]{}, err
	}
	var seq uint64
	return readIndexed(rows, sel, &seq, &seq)
}

// head finds what is still missing among the newest rows. An entry whose transaction is
// open while 50,000 later ones are committed isn't read by those who begin there.
func (f mysqlFeed) head(ctx context.Context, s *Store) (string, error) {
	last := 0
	err := f.inTx(ctx, s, sql.LevelReadUncommitted, func(tx *sql.Tx) (err error) {
		last, err = sqldb.Number(ctx, tx, "SELECT coalesce(max(seq), 0) FROM "+s.quoted)
		return err
	})
	if err != nil {
		return "", err
	}
	c := feed.Gaps{Head: uint64(max(0, last-headSpan))}
	for atEnd := false; !atEnd; {
		if atEnd, err = f.advance(ctx, s, &c); err != nil {
			return "", err
		}
	}
	return c.String(), nil
}

// advance moves the cursor without reading entries.
func (f mysqlFeed) advance(ctx context.Context, s *Store, c *feed.Gaps) (atEnd bool, err error) {
	none := audit.Filter{Not: []audit.Filter{{}}}
	return f.step(ctx, s, selection{filter: none, limit: 1}, c, &tailed{})
}

func (mysqlFeed) untilNow(ctx context.Context, s *Store) (func(*sqlgen.Builder), error) {
	last, err := sqldb.Number(ctx, s.db, "SELECT coalesce(max(seq), 0) FROM "+s.quoted)
	// A transaction that is open now may have a smaller number: this is as near to
	// a snapshot as a pool of one connection gets.
	return func(b *sqlgen.Builder) {
		b.WriteString("seq <= ")
		b.Arg(last)
	}, err
}

func (mysqlFeed) longReads(context.Context, *Store) (bool, error) { return true, nil }
