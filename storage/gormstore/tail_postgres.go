package gormstore

import (
	"context"
	"strconv"

	"github.com/gormtrail/audit/storage/gormstore/internal/feed"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// postgresFeed reads what was committed between two snapshots.
type postgresFeed struct{}

func (postgresFeed) snapshot(ctx context.Context, s *Store) (feed.Snapshot, error) {
	now, err := sqldb.String(ctx, s.db, "SELECT pg_current_snapshot()::text")
	return feed.Snapshot(now), err
}

func (f postgresFeed) head(ctx context.Context, s *Store) (string, error) {
	now, err := f.snapshot(ctx, s)
	return feed.Snapshots{Base: now}.String(), err
}

func (f postgresFeed) tail(ctx context.Context, s *Store, sel selection, after, until string) (tailed, error) {
	return f.follow(ctx, s, sel, after, until, f.part)
}

// feedKey is what the feed is sorted by.
type feedKey struct {
	xid uint64
	seq int64
}

// partReader reads at most sel.limit entries of a part of the feed.
type partReader func(ctx context.Context, s *Store, sel selection, c feed.Snapshots) (indexed[feedKey], error)

// follow reads the part that a position lies in, if any, and then what was committed
// since, up to now or another position.
func (f postgresFeed) follow(ctx context.Context, s *Store, sel selection, after, until string, part partReader) (t tailed, err error) {
	c, end, err := f.span(ctx, s, after, until)
	if err != nil {
		return t, err
	}
	t.next = after
	for limit := sel.limit; len(t.entries) < limit && c != (feed.Snapshots{Base: end}); {
		if c.Upto == "" {
			c.Upto = end
		}
		sel.limit = limit - len(t.entries)
		got, err := part(ctx, s, sel, c)
		if err != nil {
			return t, err
		}
		of := c
		t.add(got.entries, func() []string {
			return positions(got.keys, func(k feedKey) feed.Snapshots { return of.After(k.xid, k.seq) })
		})
		if n := len(got.keys); n == sel.limit {
			c = c.After(got.keys[n-1].xid, got.keys[n-1].seq)
		} else {
			c = c.End()
		}
		t.next = c.String()
	}
	return t, nil
}

// span reads the positions that a question is between, and the snapshot of the later
// one.
func (f postgresFeed) span(ctx context.Context, s *Store, after, until string) (c feed.Snapshots, end feed.Snapshot, err error) {
	c, ok := feed.ParseSnapshots(after)
	if !ok {
		return c, "", badPosition(after)
	}
	u, ok := feed.ParseSnapshots(until)
	if !ok || (until != "" && !u.Covers(c)) {
		return c, "", badPosition(until)
	}
	now, err := f.snapshot(ctx, s)
	if err != nil {
		return c, "", err
	}
	for _, known := range []feed.Snapshot{c.Base, c.Upto, u.Base} {
		// From a database that this one was restored from, or from another.
		if known.Xmax() > now.Xmax() {
			return c, "", badPosition(after)
		}
	}
	if until != "" {
		return c, u.Base, nil
	}
	return c, now, nil
}

// part is a partReader.
func (f postgresFeed) part(ctx context.Context, s *Store, sel selection, c feed.Snapshots) (all indexed[feedKey], err error) {
	limit := sel.limit
	for _, r := range c.Ranges() {
		sel.limit = limit - len(all.keys)
		got, err := f.readRange(ctx, s, sel, r)
		if err != nil {
			return all, err
		}
		if all.add(got); len(all.keys) == limit {
			break
		}
	}
	return all, nil
}

func (postgresFeed) readRange(ctx context.Context, s *Store, sel selection, r feed.Range) (indexed[feedKey], error) {
	b := s.newBuilder()
	b.List(sel.names(), "SELECT ", "e.")
	b.Add(", e.xid::text AS feed_xid, e.seq FROM ", s.quoted, " e WHERE ")
	writeRange(b, r)
	b.WriteString(" AND ")
	b.Filter(sel.filter)
	b.Add(" ORDER BY e.xid, e.seq LIMIT ", strconv.Itoa(sel.limit))
	rows, err := s.query(ctx, b)
	if err != nil {
		return indexed[feedKey]{}, err
	}
	var key feedKey
	return readIndexed(rows, sel, &key, &key.xid, &key.seq)
}

// writeRange writes the condition that an entry lies in the range and behind the
// cursor's. Of the lower bounds, which an index can answer, only the strictest one is
// written: with two, PostgreSQL begins its scan by either.
func writeRange(b *sqlgen.Builder, r feed.Range) {
	writeSeen(b, r.Upto)
	if r.Open != nil {
		b.WriteString(" AND xid = ANY(")
		b.Arg(sqldb.TextArray(r.Open))
		b.WriteString("::xid8[])")
	}
	switch {
	case r.Xid > 0: // which the base doesn't see
		b.WriteString(" AND (xid, seq) > (")
		b.Arg(strconv.FormatUint(r.Xid, 10))
		b.WriteString("::xid8, ")
		b.Arg(r.Seq)
		b.WriteString("::bigint)")
	case r.Base != "" && r.Open == nil:
		b.WriteString(" AND xid >= ")
		b.Arg(strconv.FormatUint(r.Base.Xmax(), 10))
		b.WriteString("::xid8")
	}
}

// writeSeen writes the condition that a snapshot sees the entry.
func writeSeen(b *sqlgen.Builder, snapshot feed.Snapshot) {
	b.WriteString("xid < ")
	b.Arg(strconv.FormatUint(snapshot.Xmax(), 10))
	b.WriteString("::xid8 AND pg_visible_in_snapshot(xid, ")
	b.Arg(string(snapshot))
	b.WriteString("::pg_snapshot)")
}

func (f postgresFeed) untilNow(ctx context.Context, s *Store) (func(*sqlgen.Builder), error) {
	now, err := f.snapshot(ctx, s)
	return func(b *sqlgen.Builder) { writeSeen(b, now) }, err
}

func (postgresFeed) longReads(context.Context, *Store) (bool, error) { return true, nil }
