package stream

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/gormtrail/audit"
)

// place is a position in the feed. A store tells positions behind what one call
// returned; a place between those is the position in front of the call, and what
// of its answer was seen. It has to be a set: if the same is asked again, a
// transaction that committed late may stand in front of what was seen before.
//
// A place names only entries that its reader's filter selects: how many others
// there were is nobody's business. Clients get it sealed (sealer).
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

func (p place) equal(q place) bool { return p.after == q.after && slices.Equal(p.seen, q.seen) }

// appendTo writes the place as parsePlace reads it.
func (p place) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(p.seen)))
	for _, m := range p.seen {
		b = binary.BigEndian.AppendUint64(b, uint64(m))
	}
	return append(b, p.after...)
}

func parsePlace(b []byte) (p place, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size)/8 {
		return place{}, false
	}
	for b = b[size:]; n > 0; n-- {
		p.seen = append(p.seen, mark(binary.BigEndian.Uint64(b)))
		b = b[8:]
	}
	p.after = string(b)
	return p, true
}

// read returns what is next, and the place behind it.
func (p place) read(ctx context.Context, tailer audit.Tailer, f audit.Filter, limit int) ([]*item, place, error) {
	if err := ctx.Err(); err != nil {
		return nil, p, err
	}
	tailed, next, err := tailer.Tail(ctx, f, p.after, limit)
	entries := entriesOf(tailed)
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

func entriesOf(tailed []audit.Tailed) []audit.Entry {
	list := make([]audit.Entry, len(tailed))
	for i := range tailed {
		list[i] = tailed[i].Entry
	}
	return list
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
