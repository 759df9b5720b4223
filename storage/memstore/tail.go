package memstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
)

// Purge removes at most limit of the entries that match f, the oldest first,
// and returns how many it removed. See audit.Purger.
func (s *Store) Purge(ctx context.Context, f audit.Filter, limit int) (int, error) {
	if err := f.Validate(); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var old []*record
	err := look(ctx, s.records, f.Match, func(r *record) bool {
		old = append(old, r)
		return true
	})
	if err != nil {
		return 0, err
	}
	slices.SortFunc(old, func(a, b *record) int {
		return cmp.Or(a.entry.Time.Compare(b.entry.Time), strings.Compare(a.entry.ID, b.entry.ID))
	})
	old = old[:min(len(old), max(limit, 0))]
	if len(old) == 0 {
		return 0, nil
	}
	for _, r := range old {
		delete(s.byID, r.entry.ID)
	}
	kept := make([]*record, 0, len(s.byID)) // a new slice: snapshots hold the old one
	for _, r := range s.records {
		if s.byID[r.entry.ID] == r {
			kept = append(kept, r)
		}
	}
	s.records = kept
	return len(old), nil
}

// Tail returns at most limit entries that match f and were appended after the
// position. The next position is behind the last one that was looked at, so
// that entries that don't match are not looked at again. See audit.Tailer.
func (s *Store) Tail(ctx context.Context, f audit.Filter, after string, limit int) (entries []audit.Entry, next string, err error) {
	if err := f.Validate(); err != nil {
		return nil, "", err
	}
	s.mu.RLock()
	records, last := s.records, s.last
	s.mu.RUnlock()
	place, err := s.place(after, last)
	if err != nil {
		return nil, "", err
	}
	if limit < 1 {
		return nil, after, ctx.Err()
	}
	i, _ := slices.BinarySearchFunc(records, place+1, func(r *record, p uint64) int { return cmp.Compare(r.place, p) })
	err = look(ctx, records[i:], f.Match, func(r *record) bool {
		entries = append(entries, clone(r.entry))
		if len(entries) == limit {
			last = r.place
		}
		return len(entries) < limit
	})
	if err != nil {
		return nil, "", err
	}
	return entries, s.position(last), nil
}

// Head returns the position behind the newest entry. See audit.Tailer.
func (s *Store) Head(ctx context.Context) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.position(s.last), ctx.Err()
}

func (s *Store) position(place uint64) string { return s.name + ":" + strconv.FormatUint(place, 10) }

// place reads a position that this store gave.
func (s *Store) place(position string, last uint64) (uint64, error) {
	if position == "" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(position, s.name+":")
	place, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || place > last || s.position(place) != position {
		return 0, &audit.QueryError{Param: "cursor", Reason: fmt.Sprintf("%.60q is no position of this store", position), Err: audit.ErrBadCursor}
	}
	return place, nil
}
