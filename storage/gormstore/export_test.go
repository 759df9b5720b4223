package gormstore

import (
	"time"

	"github.com/gormtrail/audit"
)

// TextsOf are the texts that are kept of an entry, as "column|value|text".
func TextsOf(e audit.Entry) (list []string) {
	for _, t := range textsOf(&e) {
		list = append(list, t.column+"|"+t.value+"|"+t.search)
	}
	return list
}

// Folding makes the store fold that many entries, and look for all values where it
// is further behind, also in a trail as small as a test's.
func Folding(s *Store, foldAfter, mostBehind int) *Store {
	s.foldAfter, s.mostBehind = foldAfter, mostBehind
	return s
}

// Hurried makes Run look that often.
func Hurried(s *Store, every time.Duration) *Store {
	s.runEvery = every
	return s
}

// Short makes the store take streams of that many entries for short.
func Short(s *Store, n int) *Store {
	s.shortStreams = n
	return s
}

// PoolsKnown is how many pools the store keeps a verdict of.
func PoolsKnown(s *Store) (n int) {
	s.known.pools.byPool.Range(func(any, any) bool { n++; return true })
	return n
}

// Blocks makes the store read the keys of that many entries at once.
func Blocks(s *Store, n int) *Store {
	s.blockKeys = n
	return s
}

// MaxSorted makes the store sort no more than that many entries without an index.
func MaxSorted(s *Store, n int) *Store {
	s.maxSorted = n
	return s
}
