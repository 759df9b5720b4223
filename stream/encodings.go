package stream

import (
	"slices"
	"sync"
	"weak"
)

// encodings are what one thing was encoded to, by key.
type encodings struct {
	shelf  *shelf     // nil: nothing is kept
	making sync.Mutex // held while one is made, which the others then share
	list   []encoding // guarded by the shelf's mu
}

type encoding struct {
	key  string
	data []byte
}

// get returns the encoding of a key, made by the first who asks for it. Under the
// key "" nothing is kept.
func (e *encodings) get(key string, encode func() ([]byte, error)) ([]byte, error) {
	if key == "" || e.shelf == nil {
		return encode()
	}
	if data, ok := e.shelf.find(e, key); ok {
		return data, nil
	}
	e.making.Lock()
	defer e.making.Unlock()
	if data, ok := e.shelf.find(e, key); ok {
		return data, nil
	}
	data, err := encode()
	if err == nil {
		e.shelf.keep(e, key, data)
	}
	return data, err
}

// shelf bounds the bytes of all encodings that a hub keeps: readers choose their
// keys. The oldest go first, and are made again if a slow reader still needs them.
// An encoding also goes with its entry, once no reader waits for that.
type shelf struct {
	most int

	mu   sync.Mutex
	size int
	kept []shelved // oldest first
}

type shelved struct {
	of   weak.Pointer[encodings]
	key  string
	size int
}

// overhead is about what an encoding takes beside its bytes.
const overhead = 128

func (s *shelf) find(e *encodings, key string) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range e.list {
		if known.key == key {
			return known.data, true
		}
	}
	return nil, false
}

func (s *shelf) keep(e *encodings, key string, data []byte) {
	size := len(data) + len(key) + overhead
	s.mu.Lock()
	defer s.mu.Unlock()
	if size > s.most {
		return
	}
	e.list = append(e.list, encoding{key, data})
	s.kept = append(s.kept, shelved{weak.Make(e), key, size})
	s.size += size
	for s.size > s.most {
		s.dropOldest()
	}
}

func (s *shelf) dropOldest() {
	oldest := s.kept[0]
	s.kept[0] = shelved{}
	s.kept = s.kept[1:]
	s.size -= oldest.size
	if e := oldest.of.Value(); e != nil {
		e.list = slices.DeleteFunc(e.list, func(known encoding) bool { return known.key == oldest.key })
	}
}

// clear forgets all.
func (s *shelf) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.kept) > 0 {
		s.dropOldest()
	}
	s.kept = nil
}
