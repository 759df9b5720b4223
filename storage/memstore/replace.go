package memstore

import (
	"context"
	"slices"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// Replace puts masked entries in the place of those that are as old says. The only
// errors are the context's and *audit.EntryError.
func (s *Store) Replace(ctx context.Context, old, masked []audit.Entry) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := storage.CheckReplacement(old, masked); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	records, n := slices.Clone(s.records), 0 // a snapshot keeps what it shows
	for i, e := range old {
		was, ok := s.byID[e.ID]
		if !ok || !storage.Identical(was.entry, e) {
			continue
		}
		r := &record{place: was.place, entry: clone(masked[i])}
		at, _ := slices.BinarySearchFunc(records, was.place, func(r *record, place uint64) int { return int(r.place) - int(place) })
		records[at], s.byID[e.ID] = r, r
		n++
	}
	s.records = records
	return n, nil
}
