package gormstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gormtrail/audit"
)

// maxStatement bounds the bytes of one INSERT of several rows. A single larger row
// has a statement of its own.
const maxStatement = 4 << 20

// chunk is how many of the rows go into the next statement.
func (s *Store) chunk(rows []record) int {
	n, size, most := 0, 0, min(len(rows), s.dialect.maxRows())
	bytes := maxStatement
	if packet := s.known.packet.Load(); packet > 0 {
		// Half of it: a driver that writes parameters into the text (interpolateParams)
		// may need a second byte for each.
		bytes = min(bytes, int(packet/2))
	}
	for n < most {
		more := rows[n].size()
		if n > 0 && size+more > bytes {
			break
		}
		size += more
		n++
	}
	return n
}

// partBytes is how much of many large entries is made into rows at a time.
const partBytes = 16 << 20

// parts cuts entries so that each part weighs no more than partBytes, or is one.
func parts(entries []audit.Entry) (list [][]audit.Entry) {
	first, size := 0, 0
	for i := range entries {
		more := entries[i].Size()
		if i > first && size+more > partBytes {
			list = append(list, entries[first:i])
			first, size = i, 0
		}
		size += more
	}
	return append(list, entries[first:])
}

// appendParts makes the rows of a part only when it is sent, so that the memory
// that they need doesn't grow with their number. All are checked before the first
// is sent.
func (s *Store) appendParts(ctx context.Context, tx execer, parts [][]audit.Entry) error {
	s, err := s.readyIn(ctx, tx)
	if err != nil {
		return err
	}
	first := 0
	for _, part := range parts {
		rows, err := newRecords(part)
		if err == nil {
			err = s.checkSizes(ctx, tx, rows)
		}
		var bad *audit.EntryError
		if errors.As(err, &bad) {
			bad.Index += first
		}
		if err != nil {
			return err
		}
		first += len(part)
	}
	a := &appending{store: s, tx: tx}
	for _, part := range parts {
		rows, err := newRecords(part)
		if err == nil {
			err = a.insert(ctx, rows)
		}
		if err != nil {
			return a.undo(ctx, err)
		}
	}
	return nil
}

// learnPacket asks what the server takes in a statement; 0: it has no bound that
// matters. A server whose bound is exceeded breaks the connection.
func (s *Store) learnPacket(ctx context.Context, q querier) error {
	query := s.dialect.packet()
	if query == "" {
		return nil
	}
	packet, err := number(ctx, q, query)
	if err == nil {
		s.known.packet.Store(int64(packet))
	}
	return err
}

// checkSizes refuses a row that no statement can hold, before any is sent. Where
// that is near, the connection is asked again: its bound is that of the time when
// it was made.
func (s *Store) checkSizes(ctx context.Context, tx execer, rows []record) error {
	packet, asked := int(s.known.packet.Load()), false
	for i := range rows {
		if packet == 0 {
			return nil
		}
		size := rows[i].size()
		if size <= packet/4 {
			continue
		}
		if q, ok := tx.(querier); ok && !asked {
			if err := s.learnPacket(ctx, q); err != nil {
				return s.translate(ctx, err)
			}
			packet, asked = int(s.known.packet.Load()), true
		}
		if size > packet/2 && rows[i].escapedSize() > packet-headRoom {
			return rows[i].tooLarge(i, packet)
		}
	}
	return nil
}

// headRoom is for the statement's own text.
const headRoom = 8 << 10

// escapedSize is the row's size with what MySQL escapes in a text.
func (r *record) escapedSize() int {
	size := 2 * rowOverhead
	for _, text := range r.texts() {
		size += len(text)
		for i := range len(text) {
			switch text[i] {
			case 0, '\n', '\r', '\x1a', '\'', '"', '\\':
				size++
			}
		}
	}
	return size
}

// tooLarge names the longest field.
func (r *record) tooLarge(index, packet int) error {
	e := r.entry
	field, longest := "metadata", len(r.metadata)
	for _, c := range e.Changes {
		one := audit.Entry{Changes: []audit.Change{c}}
		if size := one.Size(); size > longest {
			field, longest = "changes."+c.Field, size
		}
	}
	return &audit.EntryError{Index: index, Field: field, Reason: fmt.Sprintf(
		"the entry of %s has %d bytes, about %d of them here, and the server takes %d in a statement (max_allowed_packet); audit.Redaction.MaxEntry bounds entries",
		strings.TrimSpace(e.Object.Type+" "+e.Object.ID), r.size(), longest, packet)}
}
