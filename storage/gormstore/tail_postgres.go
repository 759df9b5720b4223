package gormstore

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// pgPosition is a place in the feed: between two snapshots, behind an entry.
//
// A snapshot says of every transaction whether it was committed when the
// snapshot was taken. What was committed since base is what base doesn't see
// and upto does; within it, entries are told by transaction and row. At the end
// of it upto becomes the base of the next part. So no entry is passed over
// because its transaction was open when later ones were told, and none waits
// for a transaction that has nothing to do with it.
type pgPosition struct {
	base string // what it sees was told; "": nothing was
	upto string // "": no part is begun
	xid  uint64 // the last entry of the part that was told
	seq  int64
}

const pgPrefix = "pg/"

func (p pgPosition) String() string {
	if p.upto == "" {
		return pgPrefix + p.base
	}
	return pgPrefix + strings.Join([]string{p.base, p.upto, strconv.FormatUint(p.xid, 10), strconv.FormatInt(p.seq, 10)}, "/")
}

func parsePgPosition(s string) (p pgPosition, ok bool) {
	if s == "" {
		return p, true
	}
	rest, ok := strings.CutPrefix(s, pgPrefix)
	parts := strings.Split(rest, "/")
	if !ok || (len(parts) != 1 && len(parts) != 4) {
		return p, false
	}
	p.base = parts[0]
	if len(parts) == 1 {
		return p, isSnapshot(p.base)
	}
	var xidErr, seqErr error
	p.upto = parts[1]
	p.xid, xidErr = strconv.ParseUint(parts[2], 10, 64)
	p.seq, seqErr = strconv.ParseInt(parts[3], 10, 64)
	return p, (p.base == "" || isSnapshot(p.base)) && isSnapshot(p.upto) && xidErr == nil && seqErr == nil && p.String() == s
}

var snapshotForm = regexp.MustCompile(`^[0-9]{1,19}:[0-9]{1,19}:([0-9]{1,19}(,[0-9]{1,19})*)?$`)

// isSnapshot keeps away from the database what it would refuse as a
// pg_snapshot: its numbers must ascend from xmin to below xmax.
func isSnapshot(s string) bool {
	if !snapshotForm.MatchString(s) {
		return false
	}
	xmin, xmax := snapshotBounds(s)
	if xmin == 0 || xmax < xmin {
		return false
	}
	last := uint64(0)
	for _, x := range snapshotOpen(s) {
		n, err := strconv.ParseUint(x, 10, 64)
		if err != nil || n < xmin || n >= xmax || n <= last {
			return false
		}
		last = n
	}
	return true
}

func snapshotBounds(s string) (xmin, xmax uint64) {
	first, rest, _ := strings.Cut(s, ":")
	second, _, _ := strings.Cut(rest, ":")
	xmin, _ = strconv.ParseUint(first, 10, 64) // 0 if it is none, which no xid is
	xmax, _ = strconv.ParseUint(second, 10, 64)
	return xmin, xmax
}

func (d *postgres) snapshot(ctx context.Context, q sqldb.Queryer) (string, error) {
	rows, err := q.QueryContext(ctx, "SELECT pg_current_snapshot()::text")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var text string
	if rows.Next() {
		err = rows.Scan(&text)
	}
	if err == nil {
		err = rows.Err()
	}
	return text, err
}

func (d *postgres) head(ctx context.Context, s *Store) (string, error) {
	now, err := d.snapshot(ctx, s.db)
	return pgPosition{base: now}.String(), err
}

func (d *postgres) tail(ctx context.Context, s *Store, sel selection, after string) ([]audit.Entry, string, error) {
	return d.follow(ctx, s, after, sel.limit, func(p pgPosition) (placed[pgPlace], error) { return d.part(ctx, s, sel, p) })
}

// follow reads on from a position by part, which reads between its snapshots.
func (d *postgres) follow(ctx context.Context, s *Store, after string, limit int, part func(pgPosition) (placed[pgPlace], error)) ([]audit.Entry, string, error) {
	p, ok := parsePgPosition(after)
	if !ok {
		return nil, "", badPosition(after)
	}
	now, err := d.snapshot(ctx, s.db)
	if err != nil {
		return nil, "", err
	}
	_, xmax := snapshotBounds(now)
	for _, known := range []string{p.base, p.upto} {
		// From a database that this one was restored from, or from another.
		if _, seen := snapshotBounds(known); seen > xmax {
			return nil, "", badPosition(after)
		}
	}
	if limit == 0 || after == (pgPosition{base: now}).String() {
		return nil, after, nil // nothing was committed, nor begun, since
	}
	if p.upto == "" {
		p.upto, p.xid, p.seq = now, 0, 0
	}
	got, err := part(p)
	if err != nil {
		return nil, "", err
	}
	if len(got.entries) == limit {
		p.xid, p.seq = got.last.xid, got.last.seq
		return got.entries, p.String(), nil
	}
	return got.entries, pgPosition{base: p.upto}.String(), nil
}

type pgPlace struct {
	xid uint64
	seq int64
}

// part reads on in what was committed between the position's two snapshots.
func (d *postgres) part(ctx context.Context, s *Store, sel selection, p pgPosition) (all placed[pgPlace], err error) {
	limit := sel.limit
	for _, r := range p.ranges() {
		sel.limit = limit - len(all.entries)
		got, err := d.partOf(ctx, s, sel, r)
		if err != nil {
			return all, err
		}
		if all.add(got); len(all.entries) == limit {
			break
		}
	}
	return all, nil
}

func (d *postgres) partOf(ctx context.Context, s *Store, sel selection, r pgRange) (placed[pgPlace], error) {
	b := s.newBuilder()
	b.List(sel.names(), "SELECT ", "e.")
	b.Add(", e.xid::text AS feed_xid, e.seq FROM ", s.quoted, " e WHERE ")
	r.write(b)
	b.WriteString(" AND ")
	b.Filter(sel.filter)
	b.Add(" ORDER BY e.xid, e.seq LIMIT ", strconv.Itoa(sel.limit))
	rows, err := s.rows(ctx, b)
	if err != nil {
		return placed[pgPlace]{}, err
	}
	var place pgPlace
	return readPlaced(rows, sel, &place, &place.xid, &place.seq)
}

// pgRange is a part of what is between a position's snapshots: what was written by
// transactions that were open at the base, or by later ones. So a transaction that
// is open for long is looked at by itself, and not all that was written since.
type pgRange struct {
	pgPosition
	open []string // transactions that the base says are open; nil: the later ones
}

// ranges are in the feed's order.
func (p pgPosition) ranges() []pgRange {
	_, xmax := snapshotBounds(p.base)
	var open []string
	if p.xid < xmax {
		open = snapshotOpen(p.base)
	}
	if len(open) == 0 {
		return []pgRange{{pgPosition: p}}
	}
	later := p
	later.xid, later.seq = 0, 0
	return []pgRange{{p, open}, {pgPosition: later}}
}

// snapshotOpen are the transactions of a snapshot that were open below its xmax.
func snapshotOpen(s string) []string {
	_, rest, _ := strings.Cut(s, ":")
	_, list, _ := strings.Cut(rest, ":")
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}

// write writes the condition that an entry lies in the range and behind the
// position's last one. Of the lower bounds, which an index can answer, only the
// strictest one is written: with two, PostgreSQL begins its scan by either.
func (r pgRange) write(b *sqlgen.Builder) {
	seenBy(r.upto)(b)
	if r.open != nil {
		b.WriteString(" AND xid = ANY(")
		b.Arg(sqldb.TextArray(r.open))
		b.WriteString("::xid8[])")
	}
	switch {
	case r.xid > 0: // which the base doesn't see
		b.WriteString(" AND (xid, seq) > (")
		b.Arg(strconv.FormatUint(r.xid, 10))
		b.WriteString("::xid8, ")
		b.Arg(r.seq)
		b.WriteString("::bigint)")
	case r.base != "" && r.open == nil:
		_, xmax := snapshotBounds(r.base)
		b.WriteString(" AND xid >= ")
		b.Arg(strconv.FormatUint(xmax, 10))
		b.WriteString("::xid8")
	}
}

// seenBy is the condition that a snapshot sees the entry.
func seenBy(snapshot string) func(*sqlgen.Builder) {
	_, xmax := snapshotBounds(snapshot)
	return func(b *sqlgen.Builder) {
		b.WriteString("xid < ")
		b.Arg(strconv.FormatUint(xmax, 10))
		b.WriteString("::xid8 AND pg_visible_in_snapshot(xid, ")
		b.Arg(snapshot)
		b.WriteString("::pg_snapshot)")
	}
}

func (d *postgres) untilNow(ctx context.Context, q sqldb.Queryer) (func(*sqlgen.Builder), error) {
	now, err := d.snapshot(ctx, q)
	return seenBy(now), err
}

func (d *postgres) longReads(context.Context, sqldb.Queryer) (bool, error) { return true, nil }
