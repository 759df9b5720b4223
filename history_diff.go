package audit

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// difference returns the steps from one state of a record to another.
func difference(a, b *record) []Change {
	var changes []Change
	for path := range union(a.known.values, b.known.values) {
		x, knownX := a.value(path)
		y, knownY := b.value(path)
		if knownX && knownY && !insideKnown(a, b, path) {
			changes = append(changes, stepsBetween(path, x, y)...)
		}
	}
	changes = withMarked(changes, a, b)
	sortByPath(changes)
	return changes
}

// value is get, save that a column of a row that is there is never absent: it
// is NULL.
func (r *record) value(path string) (any, bool) {
	v, ok := r.get(path)
	if _, absent := v.(gone); absent && r.there && !isPath(path) {
		return nil, true
	}
	return v, ok
}

func union[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// insideKnown: both sides know the whole around the path, which says it too.
func insideKnown(a, b *record, path string) bool {
	around := pathAround(path) // what is known further out is known here
	if around == "" {
		return false
	}
	_, knownA := a.get(around)
	_, knownB := b.get(around)
	return knownA && knownB
}

// withMarked tells redacted values' steps as such, and also where a value looks the
// same, if an entry set it in between.
func withMarked(changes []Change, a, b *record) []Change {
	marked := union(a.marks.values, b.marks.values)
	if len(marked) == 0 {
		return changes
	}
	steps := newPathTree[Change]()
	for _, c := range changes {
		steps.set(c.Field, c)
	}
	for _, path := range slices.Sorted(maps.Keys(marked)) {
		c, ok := markedStep(a, b, path)
		if !ok {
			continue
		}
		steps.remove(path)
		if _, whole := steps.around(path); !whole { // else the whole around it is a step already
			steps.set(path, c)
		}
	}
	return slices.Collect(maps.Values(steps.values))
}

// markedStep is the step of a value that is redacted at one of the moments; false if
// nothing has set it in between.
func markedStep(a, b *record, path string) (Change, bool) {
	before, after := a.marks.values[path], b.marks.values[path]
	x, knownX := a.value(path)
	y, knownY := b.value(path)
	_, noX := x.(gone)
	_, noY := y.(gone)
	if before == after || !knownX || !knownY || (noX && noY) {
		return Change{}, false
	}
	c := change(path, x, y)
	if c.Redacted = after.how; c.Redacted == "" {
		c.Redacted = before.how
	}
	return c, true
}

// change is one step.
func change(path string, x, y any) Change {
	_, noOld := x.(gone)
	_, noNew := y.(gone)
	switch {
	case noOld && noNew:
		return Change{Field: path, Op: OpReplace}
	case noOld:
		return Change{Field: path, Op: OpAdd, New: cloneValue(y)}
	case noNew:
		return Change{Field: path, Op: OpRemove, Old: cloneValue(x)}
	}
	return Change{Field: path, Op: OpReplace, Old: cloneValue(x), New: cloneValue(y)}
}

// stepsBetween are the steps from one value to another, as capture tells them:
// inside of structures member by member, lists by place. A name that a path
// can't hold makes a change of the whole.
func stepsBetween(path string, x, y any) []Change {
	_, noOld := x.(gone)
	_, noNew := y.(gone)
	if (noOld || x == nil) && (noNew || y == nil) && !isPath(path) || reflect.DeepEqual(x, y) {
		return nil
	}
	if m, ok := x.(map[string]any); ok {
		if n, ok := y.(map[string]any); ok && nameable(m) && nameable(n) {
			return memberSteps(path, m, n)
		}
	}
	if l, ok := x.([]any); ok {
		if k, ok := y.([]any); ok {
			return itemSteps(path, l, k)
		}
	}
	return []Change{change(path, x, y)}
}

func nameable(m map[string]any) bool {
	for name := range m {
		if name == "" || strings.ContainsAny(name, ".[]") {
			return false
		}
	}
	return true
}

func memberSteps(path string, x, y map[string]any) (changes []Change) {
	for name, old := range x {
		if v, ok := y[name]; ok {
			changes = append(changes, stepsBetween(path+"."+name, old, v)...)
		} else {
			changes = append(changes, change(path+"."+name, old, gone{}))
		}
	}
	for name, v := range y {
		if _, ok := x[name]; !ok {
			changes = append(changes, change(path+"."+name, gone{}, v))
		}
	}
	return changes
}

func itemSteps(path string, x, y []any) (changes []Change) {
	for i := range max(len(x), len(y)) {
		at := path + "[" + strconv.Itoa(i) + "]"
		switch {
		case i >= len(x):
			changes = append(changes, change(at, gone{}, y[i]))
		case i >= len(y):
			changes = append(changes, change(at, x[i], gone{}))
		default:
			changes = append(changes, stepsBetween(at, x[i], y[i])...)
		}
	}
	return changes
}
