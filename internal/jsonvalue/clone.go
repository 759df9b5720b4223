// Package jsonvalue works on the JSON values that entries hold: their normal form (Normalize),
// how they and changes are stored, and their canonical encoding.
package jsonvalue

// Clone returns a deep copy of a value: objects and lists are copied, other values can't
// change.
func Clone(v any) any {
	switch x := v.(type) {
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = Clone(x[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, inner := range x {
			m[k] = Clone(inner)
		}
		return m
	}
	return v
}
