package history

import (
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
)

// isPath reports whether a field is a path inside a column's value.
func isPath(field string) bool { return strings.ContainsAny(field, ".[") }

// splitPath splits "settings.tags[2]" into "settings", ".tags" and "[2]".
func splitPath(path string) []string {
	var steps []string
	begin := 0
	for i := 1; i < len(path); i++ {
		if path[i] == '.' || path[i] == '[' {
			steps = append(steps, path[begin:i])
			begin = i
		}
	}
	return append(steps, path[begin:])
}

// pathAround is the path one step further out; "" for a column.
func pathAround(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '.' || path[i] == '[' {
			return path[:i]
		}
	}
	return ""
}

// listIndex parses "[2]".
func listIndex(step string) (int, bool) {
	digits, ok := strings.CutPrefix(step, "[")
	digits, closed := strings.CutSuffix(digits, "]")
	i, err := strconv.Atoi(digits)
	return i, ok && closed && err == nil && i >= 0
}

// sortByPath sorts changes by their fields, list indexes as numbers.
func sortByPath(changes []audit.Change) {
	type split struct {
		change audit.Change
		steps  []string
	}
	list := make([]split, len(changes))
	for i, c := range changes {
		list[i] = split{c, splitPath(c.Field)}
	}
	slices.SortStableFunc(list, func(a, b split) int { return slices.CompareFunc(a.steps, b.steps, compareSteps) })
	for i := range list {
		changes[i] = list[i].change
	}
}

func compareSteps(x, y string) int {
	i, ok := listIndex(x)
	j, ok2 := listIndex(y)
	if ok && ok2 {
		return i - j
	}
	return strings.Compare(x, y)
}

// valueAt returns the value at a path inside a value.
func valueAt(v any, steps []string) (any, bool) {
	for _, step := range steps {
		if i, ok := listIndex(step); ok {
			list, ok := v.([]any)
			if !ok || i >= len(list) {
				return nil, false
			}
			v = list[i]
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[strings.TrimPrefix(step, ".")]; !ok {
			return nil, false
		}
	}
	return v, true
}

// withValueAt returns v with the value at the steps replaced or inserted, or removed if
// inner is gone. ok is false if v doesn't have the path.
func withValueAt(v any, steps []string, inner any, insert bool) (any, bool) {
	if len(steps) == 0 {
		return inner, true
	}
	if i, ok := listIndex(steps[0]); ok {
		list, ok := v.([]any)
		if !ok || i > len(list) {
			return nil, false
		}
		return withItem(list, i, steps[1:], inner, insert)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	name := strings.TrimPrefix(steps[0], ".")
	old, has := m[name]
	if _, out := inner.(gone); out && len(steps) == 1 {
		delete(m, name)
		return m, has
	}
	if !has && len(steps) > 1 {
		return nil, false
	}
	changed, ok := withValueAt(old, steps[1:], inner, insert)
	if ok {
		m[name] = changed
	}
	return m, ok
}

func withItem(list []any, i int, steps []string, inner any, insert bool) (any, bool) {
	_, out := inner.(gone)
	switch {
	case len(steps) == 0 && out && i < len(list):
		return slices.Delete(list, i, i+1), true
	case len(steps) == 0 && !out && (insert || i == len(list)):
		return slices.Insert(list, i, inner), true
	case i == len(list):
		return nil, false
	}
	changed, ok := withValueAt(list[i], steps, inner, insert)
	if ok {
		list[i] = changed
	}
	return list, ok
}
