// Package cleantext makes texts as the trail stores them: without what databases can't hold,
// and bounded.
package cleantext

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxName bounds the texts that stores index, in bytes: MySQL can index 768
// characters of a text, PostgreSQL about 2,700 bytes.
const MaxName = 512

// MaxField bounds the name of a changed field, which may be a path of a document's
// own names, and the key of a metadata value.
const MaxField = 1 << 10

// Name returns an ID, name, tenant, action or another text by which entries are found as the
// trail stores it: cleaned by Text, and with at most 512 bytes. A longer text is cut and ends
// in the SHA-256 of the whole, so that two long texts that differ stay different. Filters are
// cleaned by the same rule: an entry is found by its whole ID.
func Name(s string) string { return Shorten(Text(s), MaxName) }

// Field is Name for names of changed fields, with at most 1,024 bytes: a name may be a path
// inside a document.
func Field(s string) string { return Shorten(Text(s), MaxField) }

// Key bounds the key of a metadata value, in which JSON can hold NUL.
func Key(s string) string { return Shorten(s, MaxField) }

// Shorten shortens a valid text to at most that many bytes, not inside a rune, and ends
// it in the SHA-256 of the whole. most must leave room for that.
func Shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := cutEnd(s)
	return strings.ToValidUTF8(s[:most-len(end)], "") + end
}

func cutEnd(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "…sha256:" + hex.EncodeToString(sum[:])
}

// Keys returns m with its keys as clean makes them. Where two keys become one,
// those that had to be changed end in their SHA-256: no value is lost, and it
// doesn't depend on chance which value has which key.
func Keys(m map[string]any, clean func(string) string) map[string]any {
	var changed []string
	for k := range m {
		if clean(k) != k {
			changed = append(changed, k)
		}
	}
	if len(changed) == 0 {
		return m
	}
	slices.Sort(changed)
	named := maps.Clone(m)
	for _, k := range changed {
		delete(named, k)
	}
	for _, k := range changed {
		name := clean(k)
		if _, taken := named[name]; taken {
			name = clean(k + cutEnd(k))
		}
		named[name] = m[k]
	}
	return named
}

// Text replaces what databases can't store in text by a visible escape:
// NUL by "\x00", and each byte that is not part of valid UTF-8 by "\xff". What
// it gives is stored, shown, and found by filters, which are cleaned likewise.
func Text(s string) string {
	if !Dirty(s) {
		return s
	}
	return strings.ReplaceAll(Valid(s), "\x00", `\x00`)
}

// Dirty reports whether Text changes s.
func Dirty(s string) bool {
	if len(s) > 64 {
		return strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return strings.IndexByte(s[i:], 0) >= 0 || !utf8.ValidString(s[i:])
		}
		if s[i] == 0 {
			return true
		}
	}
	return false
}

// Valid replaces each byte that is not part of valid UTF-8 by "\xff". NUL stays: JSON can hold it.
func Valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		} else {
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
