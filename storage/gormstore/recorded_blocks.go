package gormstore

import (
	"context"
	"slices"
	"sort"
	"strconv"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// blockKeys is how many entries' keys are read at once, some 40 bytes each.
const blockKeys = 50_000

// recordedKey is an entry's number and, where rows have another key, its ID.
type recordedKey struct {
	seq int64
	id  uuid.UUID
}

// recordedBlocks yields a selection in the order of recording and holds no
// connection while it yields. No index serves that order: each page would read the
// numbers of all that is selected. So the keys of a block are read once, and the
// rows of its pages by them.
func (s *Store) recordedBlocks(ctx context.Context, sel selection, yield func(audit.Entry) bool) error {
	sel.limit = s.blockKeys
	for {
		keys, err := s.keysOf(ctx, sel)
		if err != nil {
			return err
		}
		for some := range slices.Chunk(keys, audit.MaxLimit) {
			page, err := s.rowsOf(ctx, sel, some)
			if err != nil {
				return err
			}
			for _, e := range page.entries {
				if !yield(e) {
					return nil
				}
			}
		}
		if len(keys) < sel.limit {
			return nil
		}
		sel.after = &storage.Position{Key: strconv.Itoa(int(keys[len(keys)-1].seq))}
	}
}

// keysOf reads the keys of a selection, in its order.
func (s *Store) keysOf(ctx context.Context, sel selection) (keys []recordedKey, err error) {
	key := s.traits.RowKey[0]
	err = s.onPlan(ctx, sel, func(q sqldb.Queryer, p streams) error {
		b := s.newBuilder()
		b.Add("SELECT p.seq, p.", key, " FROM (")
		if err := s.merge(b, sel, p); err != nil {
			return err
		}
		b.WriteString(") p ORDER BY ")
		sel.order.By(b, "p.")
		rows, err := s.rowsOn(ctx, q, b)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k recordedKey
			dest := []any{&k.seq, &k.seq}
			if key != schema.ColSeq {
				dest[1] = &k.id
			}
			if err := rows.Scan(dest...); err != nil {
				return err
			}
			keys = append(keys, k)
		}
		return s.translate(ctx, rows.Err())
	})
	return keys, err
}

// rowsOf reads the entries of keys, in the selection's order.
func (s *Store) rowsOf(ctx context.Context, sel selection, keys []recordedKey) (run, error) {
	b := s.newBuilder()
	key := s.traits.RowKey[0]
	b.List(sel.names(), "SELECT ", "e.")
	b.Add(", e.seq FROM ", s.quoted, " e WHERE e.", key, " IN (")
	for i, k := range keys {
		b.WriteString([]string{"", ", "}[min(i, 1)])
		if key == schema.ColSeq {
			b.WriteString(strconv.Itoa(int(k.seq)))
		} else {
			b.Arg(b.Traits.Format.IDArg(k.id))
		}
	}
	b.WriteString(")")
	page, err := s.readRun(ctx, s.db, b, sel)
	sort.Sort(byNumber(page))
	return page, err
}
