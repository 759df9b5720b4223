package audit

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

// Canonical returns the one encoding of the entry that hashes are made over:
// its JSON form by the rules of RFC 8785 (JSON Canonicalization Scheme), so
// that any language can make the same bytes.
//
// RFC 8785 knows only numbers that a float64 holds. A number outside of them (a
// whole one beyond 2^53, a decimal of too many digits) is written as
// {"$number":"9007199254740993"}, and a recorded object's name that begins with
// "$" gets one more "$", so that no two values share an encoding.
//
// testdata/canonical.json holds entries with their encodings and hashes, for
// other languages to check themselves against.
func (e Entry) Canonical() ([]byte, error) {
	form, err := e.canonicalForm()
	if err != nil {
		return nil, err
	}
	return AppendCanonical(nil, form)
}

// canonicalForm is what Canonical encodes.
func (e Entry) canonicalForm() (map[string]any, error) {
	f := e.form()
	changes := make([]any, len(f.Changes))
	for i, c := range f.Changes {
		changes[i] = c.canonicalForm()
	}
	metadata := f.Metadata
	f.Changes, f.Metadata = nil, nil
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	v, err := DecodeValue(raw)
	if err != nil {
		return nil, err
	}
	form := v.(map[string]any)
	if len(changes) > 0 {
		form["changes"] = changes
	}
	if len(metadata) > 0 {
		form["metadata"] = escapeValue(metadata)
	}
	return form, nil
}

func (c Change) canonicalForm() map[string]any {
	m := map[string]any{"field": c.Field, "op": c.op()}
	if c.op() != OpAdd {
		m["old"] = escapeValue(c.Old)
	}
	if c.op() != OpRemove {
		m["new"] = escapeValue(c.New)
	}
	if c.Redacted != "" {
		m["redacted"] = c.Redacted
	}
	return m
}

// escapeValue replaces the numbers that RFC 8785 has no form for.
func escapeValue(v any) any {
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
			list[i] = escapeValue(x[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, inner := range x {
			if strings.HasPrefix(k, "$") {
				k = "$" + k
			}
			m[k] = escapeValue(inner)
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
		return appendText(b, x)
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
		return appendList(b, x)
	case map[string]any:
		return appendObject(b, x)
	}
	return nil, fmt.Errorf("audit: a %T has no form in RFC 8785", v)
}

func appendList(b []byte, list []any) ([]byte, error) {
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

func appendObject(b []byte, m map[string]any) ([]byte, error) {
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
		if b, err = appendText(b, name); err != nil {
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

// appendText is JSON.stringify of a string (RFC 8785 section 3.2.2.2).
func appendText(b []byte, s string) ([]byte, error) {
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
