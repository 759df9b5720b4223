package stream

import (
	"encoding/json"
	"sync"

	"github.com/gormtrail/audit"
)

// item is an entry that many readers share, with its place and what it was
// encoded to.
type item struct {
	audit.Entry
	batch *answer
	index int
	size  int // about what it holds in memory; 0 where nobody buffers it

	encoded *encodings
}

// parcel is what one answer of the store holds for one filter. All readers of
// that filter share it, and what it is encoded to.
type parcel struct {
	items []*item // of one answer, at least one
	end   place   // behind it
	size  int     // of the items together

	sealing sync.Once
	sealed  string // the position of end
	frames  *encodings
}

// newParcel packs items of one answer. All of them: what of the answer stands
// behind the last one doesn't match, and need not be looked at again.
func newParcel(items []*item) *parcel {
	return parcelTo(items, items[0].batch.end)
}

func parcelTo(items []*item, end place) *parcel {
	p := &parcel{items: items, end: end, frames: &encodings{shelf: items[0].encoded.shelf}}
	for _, it := range items {
		p.size += it.size
	}
	return p
}

// behind is the place right behind the item of that index.
func (p *parcel) behind(index int) place {
	if index == len(p.items)-1 {
		return p.end
	}
	start := p.items[0].batch.start
	at := place{after: start.after, seen: make([]mark, 0, len(start.seen)+index+1)}
	at.seen = append(at.seen, start.seen...)
	for _, it := range p.items[:index+1] {
		at.seen = append(at.seen, it.batch.marks[it.index])
	}
	return at
}

// first is a parcel of the first n items, which must be fewer than all.
func (p *parcel) first(n int) *parcel {
	return parcelTo(p.items[:n], p.behind(n-1))
}

// sealedEnd is the position behind the parcel, made by the first who asks.
func (p *parcel) sealedEnd(s *sealer) string {
	p.sealing.Do(func() { p.sealed = s.position(p.end) })
	return p.sealed
}

// frame is the parcel as a frame to its end, made by the first of those who encode
// alike.
func (p *parcel) frame(cursor, key string, encode encoder) ([]byte, error) {
	return p.frames.get(key, func() ([]byte, error) { return p.encode(cursor, key, encode) })
}

func (p *parcel) encode(cursor, key string, encode encoder) ([]byte, error) {
	entries, err := p.entries(key, encode)
	return Frame{Cursor: cursor, Entries: entries}.bytes(), err
}

func (p *parcel) entries(key string, encode encoder) ([]json.RawMessage, error) {
	list := make([]json.RawMessage, 0, len(p.items))
	for _, it := range p.items {
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
