package gormstore

// SeekAlways makes the keyword index find whatever it can, also in a trail as
// small as a test's.
func SeekAlways(s *Store) *Store {
	s.seekAlways = true
	return s
}
