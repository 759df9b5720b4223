package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Position is a place between two entries of a query's order.
type Position struct {
	Key  string    // SortKey of the entry beside it
	Time time.Time // its time
	ID   string    // its ID
	// Back: the page is the one before the position, not the one behind it.
	Back bool
}

const (
	cursorVersion = 1
	cursorSum     = 12 // bytes; a mistake or a foreign query is found, which is all it is for
)

// EncodeCursor makes a store's cursor of q for the page behind or before p. It
// carries a checksum over the position and the query it belongs to: filter, scope
// and order, not the limit, which may change from page to page.
//
// A store's cursor can be read and made by everybody. The Trail seals it before a
// reader gets it (Paginator.CursorAt makes sealed ones), and what protects one tenant
// from another is the scope that is and-ed under the query, never the cursor.
func EncodeCursor(q Query, p Position) string {
	payload := []byte{cursorVersion, 0}
	if p.Back {
		payload[1] = 1
	}
	payload = binary.AppendVarint(payload, p.Time.UnixMicro())
	payload = binary.AppendUvarint(payload, uint64(len(p.ID)))
	payload = append(payload, p.ID...)
	payload = append(payload, p.Key...)
	return base64.RawURLEncoding.EncodeToString(append(payload, cursorSumOf(q, payload)...))
}

// DecodeCursor reads q.Cursor as a store gets it, which must not be "". A cursor that EncodeCursor
// didn't make for this query is a *QueryError that unwraps to ErrBadCursor.
func DecodeCursor(q Query) (Position, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || len(raw) < cursorSum+2 || strings.ContainsAny(q.Cursor, "\r\n") { // which Strict skips
		return Position{}, badCursor("it is damaged")
	}
	payload, sum := raw[:len(raw)-cursorSum], raw[len(raw)-cursorSum:]
	if payload[0] != cursorVersion {
		return Position{}, badCursor("it is of another version of the library")
	}
	if !bytes.Equal(sum, cursorSumOf(q, payload)) {
		return Position{}, badCursor("the filter, the scope or the order has changed since it was made, or it is damaged; start from the first page")
	}
	p := Position{Back: payload[1] == 1}
	rest := payload[2:]
	micros, n := binary.Varint(rest)
	if n <= 0 {
		return Position{}, badCursor("it is damaged")
	}
	rest = rest[n:]
	size, n := binary.Uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) {
		return Position{}, badCursor("it is damaged")
	}
	rest = rest[n:]
	p.Time, p.ID, p.Key = time.UnixMicro(micros).UTC(), string(rest[:size]), string(rest[size:])
	return p, nil
}

func badCursor(reason string) error {
	return &QueryError{Param: "cursor", Reason: reason, Err: ErrBadCursor}
}

func cursorSumOf(q Query, payload []byte) []byte {
	h := sha256.New()
	order := q.Sort
	if order == "" {
		order = Newest
	}
	fmt.Fprintf(h, "audit cursor\n%s\n", order)
	for _, term := range q.Filter.Terms() {
		fmt.Fprintf(h, "%s\n", term.digestText())
	}
	h.Write(payload)
	return h.Sum(nil)[:cursorSum]
}

// digestText is the term and all inside it as text: Values leaves out what And
// added below a Not.
func (f Filter) digestText() string {
	var b bytes.Buffer
	not := f.Not
	f.Not = nil
	if f.sliding {
		b.WriteString("moving ")
		f.From, f.To = time.Time{}, time.Time{}
	}
	b.WriteString(f.Values().Encode())
	for _, n := range not {
		b.WriteString("!(")
		for _, term := range n.Terms() {
			fmt.Fprintf(&b, "(%s)", term.digestText())
		}
		b.WriteString(")")
	}
	return b.String()
}
