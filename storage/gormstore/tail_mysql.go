package gormstore

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// myPosition is a place in the feed: every row up to head was looked at, and
// told if it was committed, save those that were missing.
//
// InnoDB has no way to ask which transaction wrote a row. But its numbers
// (AUTO_INCREMENT) are drawn before rows are there, and a read of uncommitted
// rows sees those that are. So a number at or below head has no committed row
// because its transaction is still open (its row can be seen uncommitted; it is
// waited for however long that takes), because its statement has not got to it
// yet, or because it never will have one (rolled back, or an ID that was stored
// already). The last two look alike, so such a number is given up after grace.
type myPosition struct {
	head    uint64
	missing []span
}

// span is a range of numbers, both ends in it, and the Unix second at which it
// was last seen to be of an open transaction, or first noticed.
type span struct {
	from, to uint64
	noticed  int64
}

const (
	myPrefix = "my:"
	// grace is longer than innodb_lock_wait_timeout, 50 s by default: a statement
	// that waits for a lock has drawn its numbers.
	grace = 120
	// tailSpan is how many numbers are looked at in one step.
	tailSpan = 5000
	// maxMissing bounds a position's length: the oldest are given up first.
	maxMissing = 200
)

func (p myPosition) String() string {
	var b strings.Builder
	b.WriteString(myPrefix + strconv.FormatUint(p.head, 10))
	for _, m := range p.missing {
		fmt.Fprintf(&b, ",%d-%d@%d", m.from, m.to, m.noticed)
	}
	return b.String()
}

func parseMyPosition(s string) (p myPosition, ok bool) {
	if s == "" {
		return p, true
	}
	rest, ok := strings.CutPrefix(s, myPrefix)
	if !ok {
		return p, false
	}
	head, list, more := strings.Cut(rest, ",")
	var err error
	if p.head, err = strconv.ParseUint(head, 10, 63); err != nil {
		return p, false
	}
	if more {
		for part := range strings.SplitSeq(list, ",") {
			var m span
			if n, err := fmt.Sscanf(part, "%d-%d@%d", &m.from, &m.to, &m.noticed); n != 3 || err != nil || m.to < m.from || len(p.missing) == maxMissing {
				return p, false
			}
			p.missing = append(p.missing, m)
		}
	}
	return p, p.String() == s
}

func (d *mysql) tail(ctx context.Context, s *Store, sel selection, after string) (entries []audit.Entry, next string, err error) {
	p, ok := parseMyPosition(after)
	if !ok {
		return nil, "", badPosition(after)
	}
	for limit := sel.limit; len(entries) < limit; {
		sel.limit = limit - len(entries)
		some, atEnd, err := d.step(ctx, s, sel, &p)
		if err != nil {
			return nil, "", err
		}
		entries = append(entries, some...)
		if atEnd {
			break
		}
	}
	return entries, p.String(), nil
}

// step looks at the next numbers and moves the position behind them.
func (d *mysql) step(ctx context.Context, s *Store, sel selection, p *myPosition) (entries []audit.Entry, atEnd bool, err error) {
	var open []uint64
	var now int64
	// Uncommitted rows first: what is committed between the two reads is seen by
	// both, and what is inserted between them lies behind the end.
	err = d.inTx(ctx, s, sql.LevelReadUncommitted, func(tx *sql.Tx) error {
		clock, err := sqldb.Number(ctx, tx, "SELECT UNIX_TIMESTAMP()")
		if now = int64(clock); err != nil {
			return err
		}
		open, err = d.seqs(ctx, s, tx, func(b *sqlgen.Builder) { p.unread(b, 0) }, tailSpan)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	atEnd = len(open) < tailSpan
	if len(open) == 0 {
		p.missing = settled(p.missing, now)
		return nil, true, nil
	}
	end := max(p.head, open[len(open)-1])
	var committed []uint64
	var got placed[uint64]
	err = d.inTx(ctx, s, sql.LevelRepeatableRead, func(tx *sql.Tx) error {
		if committed, err = d.seqs(ctx, s, tx, func(b *sqlgen.Builder) { p.unread(b, end) }, 0); err != nil {
			return err
		}
		got, err = d.entries(ctx, s, tx, sel, *p, end)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	if len(got.entries) == sel.limit {
		end = got.last
	}
	p.advance(end, committed, open, now)
	return got.entries, atEnd, nil
}

func (d *mysql) inTx(ctx context.Context, s *Store, level sql.IsolationLevel, fn func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: level, ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	return fn(tx)
}

// unread writes the condition of what is behind the head, up to end (0: all), or
// missing.
func (p myPosition) unread(b *sqlgen.Builder, end uint64) {
	b.WriteString("(seq > ")
	b.Arg(p.head)
	if end > 0 {
		b.WriteString(" AND seq <= ")
		b.Arg(end)
	}
	for _, m := range p.missing {
		b.WriteString(" OR seq BETWEEN ")
		b.Arg(m.from)
		b.WriteString(" AND ")
		b.Arg(m.to)
	}
	b.WriteString(")")
}

func (d *mysql) seqs(ctx context.Context, s *Store, q sqldb.Queryer, condition func(*sqlgen.Builder), limit int) ([]uint64, error) {
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

func (d *mysql) entries(ctx context.Context, s *Store, q sqldb.Queryer, sel selection, p myPosition, end uint64) (placed[uint64], error) {
	b := s.newBuilder()
	b.List(sel.names(), "SELECT ", "e.")
	b.Add(", e.seq FROM ", s.quoted, " e WHERE ")
	p.unread(b, end)
	b.WriteString(" AND ")
	b.Filter(sel.filter)
	b.Add(" ORDER BY seq LIMIT ", strconv.Itoa(sel.limit))
	rows, err := q.QueryContext(ctx, b.String(), b.Args...)
	if err != nil {
		return placed[uint64]{}, err
	}
	var seq uint64
	return readPlaced(rows, sel, &seq, &seq)
}

// advance moves the position behind end. What is committed there is told or
// doesn't match; open are all rows that are there, committed or not; both
// ascend.
func (p *myPosition) advance(end uint64, committed, open []uint64, now int64) {
	left := p.missing
	if end > p.head {
		left = append(left, span{p.head + 1, end, now})
		p.head = end
	}
	for _, seq := range committed {
		if seq <= end {
			left = without(left, seq)
		}
	}
	done := make(map[uint64]bool, len(committed))
	for _, seq := range committed {
		done[seq] = true
	}
	for _, seq := range open {
		if !done[seq] && seq <= p.head {
			left = append(without(left, seq), span{seq, seq, now})
		}
	}
	p.missing = settled(left, now)
}

// without cuts a number out of the spans.
func without(spans []span, seq uint64) []span {
	for i, m := range spans {
		if seq < m.from || seq > m.to {
			continue
		}
		rest := slices.Clone(spans[i+1:])
		spans = spans[:i:i]
		if m.from < seq {
			spans = append(spans, span{m.from, seq - 1, m.noticed})
		}
		if seq < m.to {
			spans = append(spans, span{seq + 1, m.to, m.noticed})
		}
		return append(spans, rest...)
	}
	return spans
}

// settled sorts and joins spans, and gives up those that were noticed too long
// ago.
func settled(spans []span, now int64) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var kept []span
	for _, m := range spans {
		last := len(kept) - 1
		switch {
		case now-m.noticed > grace:
		case last >= 0 && kept[last].to+1 == m.from && kept[last].noticed == m.noticed:
			kept[last].to = m.to
		default:
			kept = append(kept, m)
		}
	}
	return kept[max(0, len(kept)-maxMissing):]
}

// headSpan is how far behind the newest row Head looks for open transactions.
const headSpan = 50_000

// head finds what is still missing among the newest rows. An entry whose
// transaction is open while 50,000 later ones are committed is not told to who
// begins there.
func (d *mysql) head(ctx context.Context, s *Store) (string, error) {
	last := 0
	err := d.inTx(ctx, s, sql.LevelReadUncommitted, func(tx *sql.Tx) (err error) {
		last, err = sqldb.Number(ctx, tx, "SELECT coalesce(max(seq), 0) FROM "+s.quoted)
		return err
	})
	if err != nil {
		return "", err
	}
	p := myPosition{head: uint64(max(0, last-headSpan))}
	for atEnd := false; !atEnd; {
		if atEnd, err = d.pass(ctx, s, &p); err != nil {
			return "", err
		}
	}
	return p.String(), nil
}

// pass is step for who wants no entries.
func (d *mysql) pass(ctx context.Context, s *Store, p *myPosition) (atEnd bool, err error) {
	_, atEnd, err = d.step(ctx, s, selection{filter: audit.Filter{Not: []audit.Filter{{}}}, limit: 1}, p)
	return atEnd, err
}

func (d *mysql) untilNow(ctx context.Context, q sqldb.Queryer) (func(*sqlgen.Builder), error) {
	last, err := sqldb.Number(ctx, q, "SELECT coalesce(max(seq), 0) FROM "+d.t.Quoted("`"))
	// A transaction that is open now may have a smaller number: this is as near to
	// a snapshot as a pool of one connection gets.
	return func(b *sqlgen.Builder) {
		b.WriteString("seq <= ")
		b.Arg(last)
	}, err
}

func (d *mysql) longReads(context.Context, sqldb.Queryer) (bool, error) { return true, nil }
