package stream

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Readers choose the keys, so what is kept for them has a bound of its own; what was
// dropped is made again.
func TestEncodingsAreBounded(t *testing.T) {
	s := &shelf{most: 10 * (1000 + overhead + 2)}
	things := make([]*encodings, 3)
	for i := range things {
		things[i] = &encodings{shelf: s}
	}
	made := 0
	get := func(e *encodings, key string) {
		data, err := e.get(key, func() ([]byte, error) { made++; return fmt.Appendf(nil, "%-1000s", key), nil })
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%-1000s", key), string(data))
		require.LessOrEqual(t, s.size, s.most)
	}
	for range 2 {
		for i := range 10 {
			get(things[i%3], fmt.Sprintf("%02d", i))
		}
	}
	require.Equal(t, 10, made, "ten fit, and are made once")
	get(things[0], "10")
	get(things[0], "00")
	require.Equal(t, 12, made, "the oldest had to go")
	get(things[0], "10")
	require.Equal(t, 12, made)

	_, err := things[0].get("large", func() ([]byte, error) { return make([]byte, s.most), nil })
	require.NoError(t, err)
	get(things[0], "10")
	require.Equal(t, 12, made, "what is larger than all there is room for isn't kept")
	_, err = things[0].get("bad", func() ([]byte, error) { return nil, errors.New("bad") })
	require.Error(t, err)

	s.clear()
	require.Zero(t, s.size)
	get(things[0], "10")
	require.Equal(t, 13, made)
}

// An encoding is kept as long as its entry, and not longer.
func TestEncodingsGoWithTheirEntries(t *testing.T) {
	s := &shelf{most: 100 << 20}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 50 {
		_, err := (&encodings{shelf: s}).get("k", func() ([]byte, error) { return make([]byte, 1<<20), nil })
		require.NoError(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Less(t, after.HeapAlloc, before.HeapAlloc+10<<20)
	require.Len(t, s.kept, 50)
}

// Many who ask for the same at once share one.
func TestEncodingsAreMadeOnce(t *testing.T) {
	e := &encodings{shelf: &shelf{most: 1000}}
	var made atomic.Int64
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := e.get("k", func() ([]byte, error) { made.Add(1); return []byte("x"), nil })
			require.NoError(t, err)
		})
	}
	all.Wait()
	require.EqualValues(t, 1, made.Load())
}
