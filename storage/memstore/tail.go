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

// Tail returns at most limit entries that match f and were appended after a position,
// and the position to go on from. See audit.Tailer.
func (s *Store) Tail(ctx context.Context, f audit.Filter, after string, limit int) (entries []audit.Tailed, next string, err error) {
	return s.TailUntil(ctx, f, after, "", limit)
}

// TailUntil is Tail of what was appended up to another position. See audit.Tailer.
func (s *Store) TailUntil(ctx context.Context, f audit.Filter, after, until string, limit int) (entries []audit.Tailed, next string, err error) {
	if err := f.Validate(); err != nil {
		return nil, "", err
	}
	s.mu.RLock()
	records, end := s.records, s.last
	s.mu.RUnlock()
	if until != "" {
		if end, err = s.place(until, end); err != nil {
			return nil, "", err
		}
	}
	from, err := s.place(after, end)
	if err != nil {
		return nil, "", err
	}
	if limit < 1 {
		return nil, after, ctx.Err()
	}
	first, _ := slices.BinarySearchFunc(records, from+1, comparePlace)
	behind, _ := slices.BinarySearchFunc(records, end+1, comparePlace)
	err = look(ctx, records[first:behind], f.Match, func(r *record) bool {
		entries = append(entries, audit.Tailed{Entry: clone(r.entry), Position: s.position(r.place)})
		if len(entries) == limit {
			end = r.place
		}
		return len(entries) < limit
	})
	if err != nil {
		return nil, "", err
	}
	return entries, s.position(end), nil
}

func comparePlace(r *record, place uint64) int { return cmp.Compare(r.place, place) }

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
