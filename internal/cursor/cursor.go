// Package cursor encodes a position in a query's order, bound to that query by a checksum.
package cursor

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"strings"
	"time"
)

// Position is a position between two entries of a query's order. It is storage.Position.
type Position struct {
	Key  string
	Time time.Time
	ID   string
	Back bool
}

const (
	version = 1
	sumSize = 12 // bytes; it finds mistakes and cursors of other queries, and keeps no secret
)

// Encode returns the cursor of a position in the query with this identity
// (audit.Query.Identity).
func Encode(query string, p Position) string {
	payload := []byte{version, 0}
	if p.Back {
		payload[1] = 1
	}
	payload = binary.AppendVarint(payload, p.Time.UnixMicro())
	payload = binary.AppendUvarint(payload, uint64(len(p.ID)))
	payload = append(payload, p.ID...)
	payload = append(payload, p.Key...)
	return base64.RawURLEncoding.EncodeToString(append(payload, sumOf(query, payload)...))
}

// Decode reads what Encode returned for the same query. If the cursor isn't one, wrong says
// what is wrong with it.
func Decode(query, text string) (p Position, wrong string) {
	const damaged = "it is damaged"
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < sumSize+2 || strings.ContainsAny(text, "\r\n") { // which Strict skips
		return Position{}, damaged
	}
	payload, sum := raw[:len(raw)-sumSize], raw[len(raw)-sumSize:]
	if payload[0] != version {
		return Position{}, "it is of another version of the library"
	}
	if !bytes.Equal(sum, sumOf(query, payload)) {
		return Position{}, "the filter, the scope or the order has changed since it was made, or it is damaged; start from the first page"
	}
	p.Back = payload[1] == 1
	rest := payload[2:]
	micros, n := binary.Varint(rest)
	if n <= 0 {
		return Position{}, damaged
	}
	rest = rest[n:]
	size, n := binary.Uvarint(rest)
	if n <= 0 || size > uint64(len(rest)-n) {
		return Position{}, damaged
	}
	rest = rest[n:]
	p.Time, p.ID, p.Key = time.UnixMicro(micros).UTC(), string(rest[:size]), string(rest[size:])
	return p, ""
}

func sumOf(query string, payload []byte) []byte {
	h := sha256.New()
	io.WriteString(h, query)
	h.Write(payload)
	return h.Sum(nil)[:sumSize]
}
