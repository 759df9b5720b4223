package audit

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// AppendChanges appends the JSON form of changes whose values are in the terms
// of Normalize, as json.Marshal would write it but for the escaping of <, > and
// &, without reflection: capture does it inside of the host's transaction.
func AppendChanges(b []byte, changes []Change) []byte {
	b = append(b, '[')
	for i, c := range changes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendChange(b, c)
	}
	return append(b, ']')
}

func appendChange(b []byte, c Change) []byte {
	op := c.op()
	b = appendJSONText(append(b, `{"field":`...), c.Field)
	b = appendJSONText(append(b, `,"op":`...), op)
	if op != OpAdd {
		b = appendJSONValue(append(b, `,"old":`...), c.Old)
	}
	if op != OpRemove {
		b = appendJSONValue(append(b, `,"new":`...), c.New)
	}
	if c.Redacted != "" {
		b = appendJSONText(append(b, `,"redacted":`...), c.Redacted)
	}
	return append(b, '}')
}

func appendJSONValue(b []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, x)
	case string:
		return appendJSONText(b, x)
	case int64:
		return strconv.AppendInt(b, x, 10)
	case uint64:
		return strconv.AppendUint(b, x, 10)
	case float64:
		return appendNumber(b, x)
	case json.Number:
		return append(b, x...)
	case []any:
		b = append(b, '[')
		for i, inner := range x {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONValue(b, inner)
		}
		return append(b, ']')
	case map[string]any:
		return appendJSONObject(b, x)
	}
	raw, err := json.Marshal(v) // not in normal form
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, raw...)
}

func appendJSONObject(b []byte, m map[string]any) []byte {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendJSONText(b, name), ':')
		b = appendJSONValue(b, m[name])
	}
	return append(b, '}')
}

// appendJSONText copies what needs no escape in one piece.
func appendJSONText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), `\ufffd`...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}
