package row

import (
	"fmt"
	"strings"

	"github.com/gormtrail/audit"
)

const (
	// maxStatement bounds the bytes of an INSERT of several rows. A larger row has a
	// statement of its own.
	maxStatement = 4 << 20
	// splitBytes is how much of many large entries is encoded at a time.
	splitBytes = 16 << 20
	// rowOverhead is what a row has besides its texts: numbers, the frame of each
	// parameter, its part of the statement.
	rowOverhead = 512
	// headRoom is for the statement's own text.
	headRoom = 8 << 10
)

// Fit returns how many of the rows go into the next statement, which takes at most
// maxRows rows, of which there is at least one. packet is the size of the largest
// statement that the server accepts; 0 means any.
func Fit(rows []Row, maxRows, packet int) int {
	n, size, most, bytes := 0, 0, min(len(rows), maxRows), maxStatement
	if packet > 0 {
		// A driver that writes parameters into the text (interpolateParams) may need a
		// second byte for each.
		bytes = min(bytes, packet/2)
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

// Split cuts entries into parts of at most splitBytes, or of one larger entry.
func Split(entries []audit.Entry) (parts [][]audit.Entry) {
	first, size := 0, 0
	for i := range entries {
		more := entries[i].Size()
		if i > first && size+more > splitBytes {
			parts = append(parts, entries[first:i])
			first, size = i, 0
		}
		size += more
	}
	return append(parts, entries[first:])
}

// NearLimit reports whether the row is so large that the server's limit must be known
// exactly.
func (r *Row) NearLimit(packet int) bool { return packet > 0 && r.size() > packet/4 }

// CheckSize returns a *audit.EntryError with that index if no statement that the
// server accepts can hold the row.
func (r *Row) CheckSize(index, packet int) error {
	size := r.size()
	if packet == 0 || size <= packet/2 || r.escapedSize() <= packet-headRoom {
		return nil
	}
	field, longest := r.longest()
	return &audit.EntryError{Index: index, Field: field, Reason: fmt.Sprintf(
		"the entry of %s has %d bytes, about %d of them here, and the server takes %d in a statement (max_allowed_packet); audit.Redaction.MaxEntry bounds entries",
		strings.TrimSpace(r.Entry.Object.Type+" "+r.Entry.Object.ID), size, longest, packet)}
}

// longest is the longest field and its size: the metadata or one change.
func (r *Row) longest() (field string, size int) {
	field, size = "metadata", len(r.metadata)
	for _, c := range r.Entry.Changes {
		one := audit.Entry{Changes: []audit.Change{c}}
		if n := one.Size(); n > size {
			field, size = "changes."+c.Field, n
		}
	}
	return field, size
}

// size is the approximate size of the row in a statement, in bytes.
func (r *Row) size() int {
	size := rowOverhead
	for _, text := range r.Texts() {
		size += len(text)
	}
	return size
}

// escapedSize is the size of the row with what MySQL escapes in a text.
func (r *Row) escapedSize() int {
	size := 2 * rowOverhead
	for _, text := range r.Texts() {
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
