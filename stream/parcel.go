package stream

import (
	"encoding/json"

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

	frames *encodings
}

// newParcel packs items of one answer. All of them: what of the answer stands
// behind the last one doesn't match, and need not be looked at again.
func newParcel(items []*item) *parcel {
	p := &parcel{items: items, end: items[0].batch.end, frames: &encodings{shelf: items[0].encoded.shelf}}
	for _, it := range items {
		p.size += it.size
	}
	return p
}

// first is a parcel of the first n items, which must be fewer than all.
func (p *parcel) first(n int) *parcel {
	cut := newParcel(p.items[:n])
	last := cut.items[n-1]
	cut.end = last.batch.behind(last.index)
	return cut
}

// frame is the parcel as a frame, made by the first of those who encode alike.
func (p *parcel) frame(key string, encode encoder) ([]byte, error) {
	return p.frames.get(key, func() ([]byte, error) { return p.encode(p.end, key, encode) })
}

func (p *parcel) encode(end place, key string, encode encoder) ([]byte, error) {
	entries, err := p.entries(key, encode)
	return Frame{Cursor: end.String(), Entries: entries}.bytes(), err
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
