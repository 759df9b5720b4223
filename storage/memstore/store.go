// Package memstore keeps an audit trail in memory: for tests, for programs
// whose trail needs not outlive them, and as the reference that other stores
// are compared with. It evaluates queries in the plainest way there is, through
// [audit.Filter.Match] and [audit.Sort.KeyOf].
package memstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync"

	"github.com/google/uuid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
)

// Store is an audit.Store in memory. Nothing of it survives the process. It is
// safe for concurrent use: each call sees all of an Append or nothing of it.
//
// It is a Faceter, Counter, Iterator, Sequencer, Purger, Tailer, KeyStore, Replacer and
// storage.Checkpointer, and no TxAppender: there is no transaction of a database that it could be part of.
type Store struct {
	name string // part of each position, so that another store's is noticed
	key  []byte

	mu      sync.RWMutex
	records []*record // in the order of their appending
	byID    map[string]*record
	last    uint64 // the newest record's place

	checkpoints map[string]*checkpoint
}

// record is an entry and its place in the order of appending. It is never
// changed, so that readers need no lock once they hold it.
type record struct {
	place uint64 // from 1
	entry audit.Entry
}

var (
	_ audit.Store     = (*Store)(nil)
	_ audit.Faceter   = (*Store)(nil)
	_ audit.Counter   = (*Store)(nil)
	_ audit.Iterator  = (*Store)(nil)
	_ audit.Sequencer = (*Store)(nil)
	_ audit.Purger    = (*Store)(nil)
	_ audit.Tailer    = (*Store)(nil)
	_ audit.KeyStore  = (*Store)(nil)
	_ audit.Replacer  = (*Store)(nil)
)

// New returns an empty store.
func New() *Store {
	key := make([]byte, audit.KeySize)
	_, _ = rand.Read(key) // never fails
	return &Store{name: uuid.NewString(), key: key, byID: map[string]*record{}, checkpoints: map[string]*checkpoint{}}
}

// Key returns a random key that is drawn by New. The only error is the context's.
func (s *Store) Key(ctx context.Context, _ audit.Queryer) ([]byte, error) {
	return bytes.Clone(s.key), ctx.Err()
}

// Len returns how many entries the store holds.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.records)
}

// Append stores copies of the entries, all or none; those that are already there are
// passed over. Errors: the context's, *audit.ConflictError, *audit.EntryError for an
// entry that was read damaged.
func (s *Store) Append(ctx context.Context, entries ...audit.Entry) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	copies := make([]audit.Entry, len(entries)) // outside the lock: they may be large
	for i, e := range entries {
		if e.Damaged != "" {
			return &audit.EntryError{Index: i, Field: "damaged", Reason: "was not read whole"}
		}
		copies[i] = clone(e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh, err := s.fresh(entries)
	if err != nil {
		return err
	}
	for _, i := range fresh {
		s.last++
		r := &record{place: s.last, entry: copies[i]}
		s.records = append(s.records, r)
		s.byID[r.entry.ID] = r
	}
	return nil
}

// fresh returns the indexes of the entries that are not stored yet, each ID once.
func (s *Store) fresh(entries []audit.Entry) ([]int, error) {
	var list []int
	var conflicts []string
	given := make(map[string]int, len(entries))
	for i, e := range entries {
		if r, ok := s.byID[e.ID]; ok {
			if !storage.SameEntry(r.entry, e) {
				conflicts = append(conflicts, e.ID)
			}
			continue
		}
		if first, ok := given[e.ID]; ok {
			if !storage.SameEntry(entries[first], e) {
				conflicts = append(conflicts, e.ID)
			}
			continue
		}
		given[e.ID] = i
		list = append(list, i)
	}
	if len(conflicts) > 0 {
		return nil, &audit.ConflictError{IDs: conflicts}
	}
	return list, nil
}

// Sequenced reports that queries sort by audit.SortRecorded.
func (s *Store) Sequenced() bool { return true }

// Get returns a copy of the entry with that ID, or audit.ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (audit.Entry, error) {
	if err := ctx.Err(); err != nil {
		return audit.Entry{}, err
	}
	s.mu.RLock()
	r, ok := s.byID[id]
	s.mu.RUnlock()
	if !ok {
		return audit.Entry{}, audit.ErrNotFound
	}
	return clone(r.entry), nil
}

// snapshot returns the records of this moment. Appending never moves what a
// snapshot shows, and Purge makes a new slice.
func (s *Store) snapshot() []*record {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.records
}

// look calls see with each record that match accepts until it returns false,
// and asks the context now and then.
func look(ctx context.Context, records []*record, match func(audit.Entry) bool, see func(*record) bool) error {
	for i, r := range records {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if match(r.entry) && !see(r) {
			return nil
		}
	}
	return ctx.Err()
}
