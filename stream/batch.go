package stream

import (
	"encoding/json"
	"sync"

	"github.com/gormtrail/audit"
)

// item is an entry that many readers share, and what it was encoded to.
type item struct {
	audit.Tailed
	size    int // about what it holds in memory
	encoded *encodings
}

func newItems(entries []audit.Tailed, shelf *shelf) []*item {
	items := make([]*item, len(entries))
	for i, e := range entries {
		items[i] = &item{Tailed: e, size: sizeOf(&e.Entry) + len(e.Position), encoded: &encodings{shelf: shelf}}
	}
	return items
}

// batch is what one call to the store returned for one filter. All readers of that
// filter share it, and what it is encoded to.
type batch struct {
	items []*item // at least one
	end   string  // the store's position behind all that the call looked at
	size  int     // of the items together

	sealing sync.Once
	sealed  string // end as clients get it
	frames  *encodings
}

func newBatch(items []*item, end string) *batch {
	b := &batch{items: items, end: end, frames: &encodings{shelf: items[0].encoded.shelf}}
	for _, it := range items {
		b.size += it.size
	}
	return b
}

// first is a batch of the first n items, which must be fewer than all.
func (b *batch) first(n int) *batch { return newBatch(b.items[:n], b.items[n-1].Position) }

// sealedEnd is the position behind the batch, sealed on the first call.
func (b *batch) sealedEnd(s *sealer) string {
	b.sealing.Do(func() { b.sealed = s.seal(b.end) })
	return b.sealed
}

// frame is the batch as a frame, made once for all who encode alike.
func (b *batch) frame(cursor, key string, encode encoder) ([]byte, error) {
	return b.frames.get(key, func() ([]byte, error) { return b.encode(cursor, key, encode) })
}

func (b *batch) encode(cursor, key string, encode encoder) ([]byte, error) {
	entries, err := b.entries(key, encode)
	return Frame{Cursor: cursor, Entries: entries}.bytes(), err
}

func (b *batch) entries(key string, encode encoder) ([]json.RawMessage, error) {
	list := make([]json.RawMessage, 0, len(b.items))
	for _, it := range b.items {
		data, err := it.encoded.get(key, func() ([]byte, error) { return encode(it.Entry) })
		if err != nil {
			return nil, err
		}
		if data != nil { // nil: the feed leaves it out
			list = append(list, data)
		}
	}
	return list, nil
}

// encoder writes an entry as a JSON value.
type encoder func(audit.Entry) ([]byte, error)

// sizeOf is about what an entry's texts hold in memory.
func sizeOf(e *audit.Entry) int {
	size := 500 + len(e.Comment) + len(e.Error) + len(e.Request.UserAgent) + len(e.Request.Path) + len(e.Object.ID) + len(e.Object.Name)
	for i := range e.Changes {
		c := &e.Changes[i]
		size += len(c.Field) + sizeOfValue(c.Old) + sizeOfValue(c.New)
	}
	return size + sizeOfValue(e.Metadata)
}

func sizeOfValue(v any) int {
	size := 16
	switch v := v.(type) {
	case string:
		size += len(v)
	case json.Number:
		size += len(v)
	case []any:
		for _, x := range v {
			size += sizeOfValue(x)
		}
	case map[string]any:
		for name, x := range v {
			size += len(name) + sizeOfValue(x)
		}
	}
	return size
}
