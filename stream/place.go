package stream

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/gormtrail/audit"
)

// place is a position in the feed. A store tells positions behind what one call
// returned; a place between those is the position in front of the call, and what
// of its answer was seen. It has to be a set: if the same is asked again, a
// transaction that committed late may stand in front of what was seen before.
//
// As text it is the store's position, or "~seen~position".
type place struct {
	after string // the store's position
	seen  []mark // entries behind it that were seen already
	quiet bool   // the last read found all there was
}

// mark stands for an entry's ID. 64 bits of SHA-256 tell a few hundred entries
// apart.
type mark uint64

func markOf(id string) mark {
	sum := sha256.Sum256([]byte(id))
	return mark(binary.BigEndian.Uint64(sum[:8]))
}

// maxPlace is how long a client's position may be. One of a store is short, and one
// between two answers has a few marks of each.
const maxPlace = 256 << 10

func parsePlace(s string) (place, error) {
	if len(s) > maxPlace {
		return place{}, audit.ErrBadCursor
	}
	rest, ok := strings.CutPrefix(s, "~")
	if !ok {
		return place{after: s}, nil
	}
	packed, after, ok := strings.Cut(rest, "~")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(packed)
	if !ok || err != nil || len(raw)%8 != 0 {
		return place{}, audit.ErrBadCursor
	}
	p := place{after: after}
	for ; len(raw) > 0; raw = raw[8:] {
		p.seen = append(p.seen, mark(binary.BigEndian.Uint64(raw)))
	}
	return p, nil
}

func (p place) String() string {
	if len(p.seen) == 0 && !strings.HasPrefix(p.after, "~") {
		return p.after
	}
	raw := make([]byte, 0, 8*len(p.seen))
	for _, m := range p.seen {
		raw = binary.BigEndian.AppendUint64(raw, uint64(m))
	}
	return "~" + base64.RawURLEncoding.EncodeToString(raw) + "~" + p.after
}

// read returns what is next, and the place behind it.
func (p place) read(ctx context.Context, tailer audit.Tailer, f audit.Filter, limit int) ([]*item, place, error) {
	if err := ctx.Err(); err != nil {
		return nil, p, err
	}
	entries, next, err := tailer.Tail(ctx, f, p.after, limit)
	if err != nil {
		return nil, p, err
	}
	known := make(map[mark]bool, len(p.seen))
	for _, m := range p.seen {
		known[m] = true
	}
	var items []*item
	b := newBatch(p, entries, next)
	for i, m := range b.marks {
		if known[m] {
			delete(known, m)
		} else {
			items = append(items, &item{Entry: entries[i], batch: b, index: i, encoded: &encodings{}})
		}
	}
	at := place{after: next, quiet: len(entries) < limit}
	if !at.quiet { // what was seen may come with the next read
		for _, m := range p.seen {
			if known[m] {
				at.seen = append(at.seen, m)
			}
		}
	}
	b.end = at
	return items, at, nil
}

// answer is what one call to the store returned.
type answer struct {
	start place // asked behind this
	marks []mark
	end   place // behind all of it
	hub   bool  // asked by a hub, for all of its readers
}

func newBatch(start place, entries []audit.Entry, next string) *answer {
	b := &answer{start: start, marks: make([]mark, len(entries)), end: place{after: next}}
	for i := range entries {
		b.marks[i] = markOf(entries[i].ID)
	}
	return b
}

// behind is the place right behind the entry of that index.
func (b *answer) behind(index int) place {
	if index == len(b.marks)-1 {
		return b.end
	}
	p := place{after: b.start.after}
	p.seen = append(append(p.seen, b.start.seen...), b.marks[:index+1]...)
	return p
}
