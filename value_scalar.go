package audit

import (
	"strconv"
	"unicode/utf8"
)

// decodeScalar reads what most values are (plain text, a small whole number,
// true, false, null) without a decoder of encoding/json, which costs ten times
// as much as the value itself. Everything else, and everything that is not
// plainly well-formed, is left to that.
func decodeScalar(raw []byte) (v any, ok bool) {
	if len(raw) == 0 {
		return nil, false
	}
	switch c := raw[0]; {
	case c == '"':
		return plainString(raw)
	case c == '-' || '0' <= c && c <= '9':
		return smallInteger(raw)
	}
	switch string(raw) {
	case "null":
		return nil, true
	case "true":
		return true, true
	case "false":
		return false, true
	}
	return nil, false
}

// plainString reads a string without escapes.
func plainString(raw []byte) (any, bool) {
	if len(raw) < 2 || raw[len(raw)-1] != '"' {
		return nil, false
	}
	inner := raw[1 : len(raw)-1]
	for _, b := range inner {
		if b < ' ' || b == '"' || b == '\\' {
			return nil, false
		}
	}
	if !utf8.Valid(inner) {
		return nil, false
	}
	return string(inner), true
}

// smallInteger reads a whole number of at most 18 digits.
func smallInteger(raw []byte) (any, bool) {
	digits := raw
	if raw[0] == '-' {
		digits = raw[1:]
	}
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(digits) > 1 {
		return nil, false
	}
	for _, b := range digits {
		if b < '0' || b > '9' {
			return nil, false
		}
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil
}
