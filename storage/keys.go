package storage

import (
	"github.com/gormtrail/audit/internal/cleantext"
	"github.com/gormtrail/audit/internal/sortkey"
	"github.com/gormtrail/audit/internal/words"
)

// Fold maps a text to a form in which texts that differ only in case are equal. A keyword and
// the texts that it is looked for in are folded first (audit.Entry.SearchTexts); then the search
// compares bytes.
//
// Each rune becomes the smallest of its simple case folding orbit (Unicode CaseFolding.txt,
// status C and S). Full foldings that change a text's length ("ß" and "ss") and the Turkic ones
// are not applied, and nothing is normalized: "é" in one rune and in two are different.
func Fold(s string) string { return words.Fold(s) }

// SearchWords is a folded text without the signs that separate the words of names. A keyword
// that has such signs also matches by SearchWords: "api key" finds the types "api_keys" and
// "ApiKey". "" says that the text has none.
func SearchWords(s string) string { return words.Joined(s) }

// CleanText returns a text as the trail stores it: NUL becomes "\x00", and each byte that isn't
// part of valid UTF-8 "\xff". The entries and filters that a store is given are clean already.
func CleanText(s string) string { return cleantext.Text(s) }

// CleanName is CleanText for IDs, names, tenants, actions and the other texts that filters
// list. It cuts a text of more than 512 bytes, and ends it in the SHA-256 of the whole.
func CleanName(s string) string { return cleantext.Name(s) }

// ObjectIDKey is the key of audit.SortObjectID: whole numbers in plain decimal form by value,
// then other IDs by their bytes.
func ObjectIDKey(id string) string { return sortkey.ObjectID(id) }

// IPKey is an address as 32 hexadecimal digits, IPv4 in its IPv4-mapped form, so that a prefix
// is a range of keys. The key of "" is "", and texts that are no address follow all addresses.
func IPKey(ip string) string { return sortkey.IP(ip) }

// IPRange returns the first and the last IPKey of an address or CIDR prefix.
func IPRange(s string) (lo, hi string, err error) { return sortkey.IPRange(s) }
