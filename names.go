package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// maxName bounds the texts that stores index, in bytes: MySQL can index 768
// characters of a text, PostgreSQL about 2,700 bytes.
const maxName = 512

// maxField bounds the name of a changed field, which may be a path of a document's
// own names, and the key of a metadata value.
const maxField = 1 << 10

// CleanName is CleanText for the texts by which entries are found: IDs, names,
// tenants, actions and so on. A text of more than 512 bytes is cut, and ends in the
// SHA-256 of the whole, so that two long texts that differ stay different. Filters
// are cleaned by the same rule: an entry is found by its whole ID.
func CleanName(s string) string { return shortenText(CleanText(s), maxName) }

// CleanField returns the name of a changed field as the trail stores it: CleanName with
// at most 1,024 bytes, since a name may be a path inside a document.
func CleanField(s string) string { return shortenText(CleanText(s), maxField) }

// boundKey bounds the key of a metadata value, in which JSON can hold NUL.
func boundKey(s string) string { return shortenText(s, maxField) }

// shortenText shortens a valid text to at most that many bytes, not inside a rune, and ends
// it in the SHA-256 of the whole. most must leave room for that.
func shortenText(s string, most int) string {
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

// withNames returns m with its keys as clean makes them. Where two keys become one,
// those that had to be changed end in their SHA-256: no value is lost, and it
// doesn't depend on chance which value has which key.
func withNames(m map[string]any, clean func(string) string) map[string]any {
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
