package hooks

import (
	"encoding/json"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/r3labs/diff/v3"

	"github.com/gormtrail/audit"
)

// sameValue compares two canonical values of a column by what they mean.
func sameValue(k kind, a, b any) bool {
	if k == kindDecimal {
		if x, y := decimal(a), decimal(b); x != nil && y != nil {
			return x.Cmp(y) == 0
		}
	}
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		return ok && x == y
	case int64:
		y, ok := b.(int64)
		return ok && x == y
	case nil:
		return b == nil
	}
	return reflect.DeepEqual(a, b)
}

func decimal(v any) *big.Rat {
	switch x := v.(type) {
	case string:
		if r, ok := new(big.Rat).SetString(x); ok {
			return r
		}
	case int64:
		return new(big.Rat).SetInt64(x)
	case json.Number:
		if r, ok := new(big.Rat).SetString(string(x)); ok {
			return r
		}
	}
	return nil
}

// Bounds of the comparison inside structured values; past them the value
// changes as a whole.
const (
	maxDepth = 32
	maxNodes = 2_000
)

// insideChanges are the changes inside of two structured values, by path; ok is
// false where they are better told as one change of the whole.
func insideChanges(field string, a, b any) (changes []audit.Change, ok bool) {
	if !bothObjects(a, b) && !bothLists(a, b) || isDigest(a) || isDigest(b) {
		return nil, false
	}
	if tooLarge(a) || tooLarge(b) {
		return nil, false
	}
	defer func() {
		if recover() != nil { // the differ gave up: the whole value changes
			changes, ok = nil, false
		}
	}()
	d, err := diff.NewDiffer(diff.SliceOrdering(true), diff.AllowTypeMismatch(true), diff.DisableStructValues(), diff.DiscardComplexOrigin())
	if err != nil {
		return nil, false
	}
	log, err := d.Diff(plain(a), plain(b))
	if err != nil {
		return nil, false
	}
	for _, c := range log {
		change, ok := pathChange(field, c, a, b)
		if !ok {
			return nil, false
		}
		changes = append(changes, change)
	}
	slices.SortStableFunc(changes, func(x, y audit.Change) int { return comparePaths(x.Field, y.Field) })
	changes = slices.CompactFunc(changes, func(x, y audit.Change) bool { return x.Field == y.Field })
	return changes, len(changes) > 0 && explains(field, a, b, changes)
}

// isDigest reports whether v stands for long bytes (showBytes), which have no inside.
func isDigest(v any) bool {
	m, ok := v.(map[string]any)
	_, size := m["size"].(int64)
	sum, _ := m["sha256"].(string)
	return ok && len(m) == 2 && size && len(sum) == 64
}

// explains checks the differ's work: the changes are all the differences that
// there are. It walks both values side by side and ticks the changes off.
func explains(field string, a, b any, changes []audit.Change) bool {
	told := make(map[string]bool, len(changes))
	for _, c := range changes {
		told[c.Field] = true
	}
	return unticked(field, a, b, told) && len(told) == 0
}

func unticked(path string, a, b any, told map[string]bool) bool {
	switch {
	case told[path]:
		delete(told, path)
		return !reflect.DeepEqual(a, b)
	case bothObjects(a, b):
		return untickedMembers(path, a.(map[string]any), b.(map[string]any), told)
	case bothLists(a, b):
		return untickedItems(path, a.([]any), b.([]any), told)
	}
	return reflect.DeepEqual(a, b)
}

func untickedMembers(path string, a, b map[string]any, told map[string]bool) bool {
	for k := range a {
		inner := path + "." + k
		if _, ok := b[k]; !ok {
			if !told[inner] {
				return false
			}
			delete(told, inner)
		} else if !unticked(inner, a[k], b[k], told) {
			return false
		}
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			if !told[path+"."+k] {
				return false
			}
			delete(told, path+"."+k)
		}
	}
	return true
}

func untickedItems(path string, a, b []any, told map[string]bool) bool {
	for i := range max(len(a), len(b)) {
		inner := path + "[" + strconv.Itoa(i) + "]"
		if i < len(a) && i < len(b) {
			if !unticked(inner, a[i], b[i], told) {
				return false
			}
			continue
		}
		if !told[inner] {
			return false
		}
		delete(told, inner)
	}
	return true
}

func bothObjects(a, b any) bool {
	_, x := a.(map[string]any)
	_, y := b.(map[string]any)
	return x && y
}

func bothLists(a, b any) bool {
	_, x := a.([]any)
	_, y := b.([]any)
	return x && y
}

func tooLarge(v any) bool {
	nodes := 0
	return walk(v, 0, &nodes)
}

// walk reports whether the value is deeper or has more nodes than is compared,
// or names that a path can't hold apart.
func walk(v any, depth int, nodes *int) bool {
	*nodes++
	if depth > maxDepth || *nodes > maxNodes {
		return true
	}
	switch x := v.(type) {
	case map[string]any:
		for k, inner := range x {
			if k == "" || strings.ContainsAny(k, ".[]") || walk(inner, depth+1, nodes) {
				return true
			}
		}
	case []any:
		for _, inner := range x {
			if walk(inner, depth+1, nodes) {
				return true
			}
		}
	}
	return false
}

// step hides a map's keys and a list's indices from the differ's own reading of
// them (it takes keys for regular expressions): each value is its text with its
// kind, which compares as exactly as the value does.
type step = map[string]any

// plain replaces each leaf by a text that holds its type and value, so that the
// differ never meets two types under one key.
func plain(v any) any {
	switch x := v.(type) {
	case map[string]any:
		m := make(step, len(x))
		for k, inner := range x {
			m[k] = plain(inner)
		}
		return m
	case []any:
		// A list is compared by place: as a map of its indices.
		m := make(step, len(x))
		for i, inner := range x {
			m["["+strconv.Itoa(i)+"]"] = plain(inner)
		}
		return m
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return "!"
	}
	return string(raw)
}

// pathChange turns the differ's path into a field's, with the values that stand
// there: at the first step at which one side has nothing, or is of another
// kind, the change is the whole of what is below.
func pathChange(field string, c diff.Change, a, b any) (audit.Change, bool) {
	path := field
	for _, s := range c.Path {
		var hasA, hasB bool
		if i, ok := index(s); ok {
			path += s
			a, hasA = item(a, i)
			b, hasB = item(b, i)
		} else {
			path += "." + s
			a, hasA = member(a, s)
			b, hasB = member(b, s)
		}
		switch {
		case !hasA && !hasB:
			return audit.Change{}, false
		case !hasA:
			return audit.Change{Field: path, Op: audit.OpAdd, New: b}, true
		case !hasB:
			return audit.Change{Field: path, Op: audit.OpRemove, Old: a}, true
		case !bothObjects(a, b) && !bothLists(a, b):
			return audit.Change{Field: path, Op: audit.OpReplace, Old: a, New: b}, true
		}
	}
	return audit.Change{}, false
}

func index(s string) (int, bool) {
	if len(s) < 3 || s[0] != '[' {
		return 0, false
	}
	i, err := strconv.Atoi(s[1 : len(s)-1])
	return i, err == nil
}

func item(v any, i int) (any, bool) {
	list, ok := v.([]any)
	if !ok || i >= len(list) {
		return nil, false
	}
	return list[i], true
}

func member(v any, k string) (any, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	inner, ok := m[k]
	return inner, ok
}

// comparePaths sorts "tags[10]" behind "tags[9]".
func comparePaths(a, b string) int {
	x, y := strings.FieldsFunc(a, inPath), strings.FieldsFunc(b, inPath)
	return slices.CompareFunc(x, y, func(s, t string) int {
		i, err1 := strconv.Atoi(s)
		j, err2 := strconv.Atoi(t)
		if err1 == nil && err2 == nil {
			return i - j
		}
		return strings.Compare(s, t)
	})
}

func inPath(r rune) bool { return r == '.' || r == '[' || r == ']' }
