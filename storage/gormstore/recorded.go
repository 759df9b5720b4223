package gormstore

import (
	"context"
	"database/sql"
	"math"
	"slices"
	"strconv"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// Sequenced reports that queries sort by audit.SortRecorded.
func (s *Store) Sequenced() bool { return true }

// resolve returns the position with its number: that of the entry, if the cursor
// was made of an entry alone.
func (s *Store) resolve(ctx context.Context, o sqlgen.Order, p storage.Position) (storage.Position, error) {
	if !o.Recorded() || p.Key != "" {
		return p, nil
	}
	n, err := s.seqOf(ctx, p.ID)
	if err != nil {
		return p, err
	}
	if n == 0 {
		return p, &audit.QueryError{Param: "cursor", Reason: "its entry is gone; start from the first page", Err: audit.ErrBadCursor}
	}
	p.Key = strconv.Itoa(n)
	return p, nil
}

// seqOf is the number of the entry with that ID, 0 if there is none.
func (s *Store) seqOf(ctx context.Context, id string) (int, error) {
	raw, err := row.ParseID(id)
	if err != nil {
		return 0, nil // no entry has such an ID
	}
	b := s.newBuilder()
	b.Add("SELECT seq FROM ", s.rows.Numbers(), " WHERE id = ")
	b.Arg(s.traits.Format.IDArg(raw))
	return s.numberOf(ctx, s.db, b)
}

// planRecorded plans a page in the order of recording. Of a filter of records all
// entries are found by the records' index, of all their tenants at once, and
// sorted; any other filter is left to the database.
func (s *Store) planRecorded(p streams) streams {
	if !slices.ContainsFunc(p.all, func(f audit.Filter) bool { return len(f.ObjectIDs) > 0 }) {
		p.few = true
		return p
	}
	p.takeTenants()
	p.joined = true
	return p
}

// recordedKeys writes the SELECT of a page's keys. Without the index's name a
// database may walk the whole table, which is in the page's order.
func (s *Store) recordedKeys(b *sqlgen.Builder, sel selection, p streams, columns []string) error {
	b.List(columns, "SELECT ", "")
	b.Add(" FROM ", s.rows.Source(sel.order.Recorded()), " e")
	terms := p.terms
	if p.tenants != nil {
		b.WriteString(s.use(leadIndexes[schema.ColObject]))
		terms = append(slices.Clip(terms), audit.Filter{Tenants: p.tenants})
	}
	b.WriteString(" WHERE ")
	return sel.writeTerms(b, terms)
}

// run is entries in an order, and their numbers if it is that of recording.
type run struct {
	sort    audit.Sort
	entries []audit.Entry
	seqs    []int64
	at      []storage.Position // of each entry in another order
}

// position is the place of an entry of the run.
func (r run) position(i int) storage.Position {
	if r.seqs == nil {
		return r.at[i]
	}
	e := r.entries[i]
	return storage.Position{Key: strconv.FormatInt(r.seqs[i], 10), Time: e.Time, ID: e.ID}
}

func (r *run) add(more run) {
	r.entries, r.seqs, r.at = append(r.entries, more.entries...), append(r.seqs, more.seqs...), append(r.at, more.at...)
}

func (r run) reverse() {
	slices.Reverse(r.entries)
	slices.Reverse(r.seqs)
	slices.Reverse(r.at)
}

// cut leaves the first n.
func (r *run) cut(n int) {
	r.entries = r.entries[:min(n, len(r.entries))]
	r.seqs = r.seqs[:min(n, len(r.seqs))]
	r.at = r.at[:min(n, len(r.at))]
}

// readRun returns all entries that the statement finds, beside their numbers if
// it has them behind the selection's columns.
func (s *Store) readRun(ctx context.Context, q sqldb.Queryer, b *sqlgen.Builder, sel selection) (run, error) {
	r := run{sort: sel.order.Sort}
	rows, err := s.rowsOn(ctx, q, b)
	if err != nil {
		return r, err
	}
	defer rows.Close()
	var seq int64
	var key row.RawColumn
	keyed := len(sel.order.Columns) == 3
	var more []any
	switch {
	case sel.order.Recorded():
		more = []any{&seq}
	case keyed:
		more = []any{&key}
	}
	sc := row.NewScanner(sel.names(), more...)
	for rows.Next() {
		e, err := sc.Scan(rows)
		if err != nil {
			return r, err
		}
		if !sel.budget.takes(&e) {
			return r, nil
		}
		r.entries = append(r.entries, e)
		switch {
		case sel.order.Recorded():
			r.seqs = append(r.seqs, seq)
		case keyed:
			r.at = append(r.at, sc.KeyPosition(row.Format(s.database), &key))
		default:
			r.at = append(r.at, sc.Position(row.Format(s.database)))
		}
	}
	return r, s.translate(ctx, rows.Err())
}

// streamRecorded yields everything of a selection in the order of recording: the
// numbers of the records' entries are sorted, and each row is read by its key.
func (s *Store) streamRecorded(ctx context.Context, sel selection, yield func(audit.Entry) bool) error {
	sel.limit = math.MaxInt32
	return s.onPlan(ctx, sel, func(q sqldb.Queryer, p streams) error {
		b, err := s.page(sel, p)
		if err != nil {
			return err
		}
		b.WriteString(" ORDER BY ")
		sel.order.By(b, "p.")
		rows, err := s.rowsOn(ctx, q, b)
		if err != nil {
			return err
		}
		defer rows.Close()
		sc := row.NewScanner(sel.names(), new(sql.RawBytes))
		for rows.Next() {
			e, err := sc.Scan(rows)
			if err != nil {
				return err
			}
			if !yield(e) {
				return nil
			}
		}
		return s.translate(ctx, rows.Err())
	})
}
