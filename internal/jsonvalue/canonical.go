package jsonvalue

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gormtrail/audit/internal/words"
)

// Escape replaces the numbers that RFC 8785 has no form for, as audit.Entry.Canonical says.
func Escape(v any) any {
	switch x := v.(type) {
	case int64:
		if x > maxExact || x < -maxExact {
			return bigNumber(strconv.FormatInt(x, 10))
		}
	case uint64:
		if x > maxExact {
			return bigNumber(strconv.FormatUint(x, 10))
		}
	case json.Number:
		return bigNumber(string(x))
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = Escape(x[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, inner := range x {
			if strings.HasPrefix(k, "$") {
				k = "$" + k
			}
			m[k] = Escape(inner)
		}
		return m
	}
	return v
}

func bigNumber(s string) any { return map[string]any{"$number": s} }

// AppendCanonical appends the RFC 8785 encoding of a value in the terms of
// Normalize. A number that RFC 8785 has no form for is an error, as is text
// that is not valid UTF-8.
func AppendCanonical(b []byte, v any) ([]byte, error) {
	switch x := v.(type) {
	case nil:
		return append(b, "null"...), nil
	case bool:
		return strconv.AppendBool(b, x), nil
	case string:
		return canonicalText(b, x)
	case int64:
		if x > maxExact || x < -maxExact {
			return nil, fmt.Errorf("audit: %d has no form in RFC 8785", x)
		}
		return strconv.AppendInt(b, x, 10), nil
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("audit: %v has no form in RFC 8785", x)
		}
		return appendNumber(b, x), nil
	case []any:
		return canonicalList(b, x)
	case map[string]any:
		return canonicalObject(b, x)
	}
	return nil, fmt.Errorf("audit: a %T has no form in RFC 8785", v)
}

func canonicalList(b []byte, list []any) ([]byte, error) {
	b = append(b, '[')
	var err error
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = AppendCanonical(b, v); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func canonicalObject(b []byte, m map[string]any) ([]byte, error) {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.SortFunc(names, compareUTF16)
	b = append(b, '{')
	var err error
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = canonicalText(b, name); err != nil {
			return nil, err
		}
		b = append(b, ':')
		if b, err = AppendCanonical(b, m[name]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// compareUTF16: RFC 8785 section 3.2.3 sorts names by their UTF-16 code units,
// in which a rune beyond U+FFFF comes before U+E000.
func compareUTF16(a, b string) int {
	return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
}

// canonicalText is JSON.stringify of a string (RFC 8785 section 3.2.2.2).
func canonicalText(b []byte, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("audit: %q is not valid UTF-8", words.Clip(s))
	}
	const hex = "0123456789abcdef"
	short := map[byte]byte{'\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r', '"': '"', '\\': '\\'}
	b = append(b, '"')
	for i := range len(s) {
		c := s[i]
		if e, ok := short[c]; ok {
			b = append(b, '\\', e)
		} else if c < 0x20 {
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return append(b, '"'), nil
}

// appendNumber is ECMAScript's Number.prototype.toString (RFC 8785 section
// 3.2.2.3).
func appendNumber(b []byte, f float64) []byte {
	if f == 0 {
		return append(b, '0')
	}
	if abs := math.Abs(f); abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(s, "e")
	b = append(append(b, mantissa...), 'e', exponent[0])
	return append(b, strings.TrimLeft(exponent[1:], "0")...)
}
