package gormstore

import (
	"context"
	"strconv"
	"time"

	"github.com/gormtrail/audit/storage/gormstore/internal/feed"
	"github.com/gormtrail/audit/storage/gormstore/internal/layout"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// tailKeys is how many keys of the feed are read at once. The first time they are as
// many as entries are wanted: mostly each has one.
const tailKeys = 1000

// monthsFeed is the feed of a table with partitions.
type monthsFeed struct {
	postgresFeed
	layout *layout.Monthly
}

// feedKeys are keys of the feed and of their entries, as arrays.
type feedKeys struct {
	ids, times, xids, seqs []string
	from, to               time.Time
	last                   feedKey
}

func (f monthsFeed) tail(ctx context.Context, s *Store, sel selection, after, until string) (tailed, error) {
	return f.follow(ctx, s, sel, after, until, f.readPart)
}

// readPart is a partReader. It reads the keys first, in the table of IDs, and then the
// entries, in the partitions that hold them. Mostly there is nothing new, and no
// partition is read.
func (f monthsFeed) readPart(ctx context.Context, s *Store, sel selection, c feed.Snapshots) (all indexed[feedKey], err error) {
	limit := sel.limit
	for _, r := range c.Ranges() {
		for most, ended := min(limit, tailKeys), false; !ended; most = tailKeys {
			keys, err := f.feedKeys(ctx, s, r, most)
			if err != nil {
				return all, err
			}
			if len(keys.ids) == 0 {
				break
			}
			sel.limit = limit - len(all.keys)
			got, err := f.byKeys(ctx, s, sel, keys)
			if err != nil {
				return all, err
			}
			if all.add(got); len(all.keys) == limit {
				return all, nil
			}
			ended = len(keys.ids) < most
			r.Snapshots = r.After(keys.last.xid, keys.last.seq)
		}
	}
	return all, nil
}

// feedKeys reads on in a range.
func (f monthsFeed) feedKeys(ctx context.Context, s *Store, r feed.Range, most int) (k feedKeys, err error) {
	b := s.newBuilder()
	b.Add("SELECT id::text, time, xid::text AS feed_xid, seq FROM ", f.layout.IDs, " WHERE ")
	writeRange(b, r)
	b.Add(" ORDER BY xid, seq LIMIT ", strconv.Itoa(most))
	rows, err := s.query(ctx, b)
	if err != nil {
		return k, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var at row.TimeColumn
		if err := rows.Scan(&id, &at, &k.last.xid, &k.last.seq); err != nil {
			return k, err
		}
		t := at.Time
		if k.from.IsZero() || t.Before(k.from) {
			k.from = t
		}
		if t = t.Add(time.Microsecond); t.After(k.to) {
			k.to = t
		}
		k.ids, k.times = append(k.ids, id), append(k.times, sqlgen.PostgresTraits.Format.TimeArg(at.Time.UnixMicro()).(string))
		k.xids, k.seqs = append(k.xids, strconv.FormatUint(k.last.xid, 10)), append(k.seqs, strconv.FormatInt(k.last.seq, 10))
	}
	return k, rows.Err()
}

func (f monthsFeed) byKeys(ctx context.Context, s *Store, sel selection, k feedKeys) (indexed[feedKey], error) {
	b := s.newBuilder()
	b.List(sel.names(), "SELECT ", "e.")
	b.WriteString(", k.of_xid::text, k.of_seq FROM unnest(")
	for i, a := range []struct {
		list []string
		of   string
	}{{k.ids, "uuid"}, {k.times, "timestamptz"}, {k.xids, "xid8"}, {k.seqs, "bigint"}} {
		b.WriteString([]string{"", ", "}[min(i, 1)])
		b.Arg(sqldb.TextArray(a.list))
		b.Add("::", a.of, "[]")
	}
	b.WriteString(") AS k (of_id, of_time, of_xid, of_seq)")
	f.layout.JoinOn(b, "k.of_time", "k.of_id", sqlgen.Window{From: k.from, To: k.to})
	b.WriteString(" WHERE ")
	b.Filter(sel.filter)
	b.Add(" ORDER BY k.of_xid, k.of_seq LIMIT ", strconv.Itoa(sel.limit))
	rows, err := s.query(ctx, b)
	if err != nil {
		return indexed[feedKey]{}, err
	}
	var key feedKey
	return readIndexed(rows, sel, &key, &key.xid, &key.seq)
}
