package history

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/jsonvalue"
)

// difference returns the changes from one state of a record to another.
func difference(a, b *record) []audit.Change {
	var changes []audit.Change
	for path := range union(a.known.values, b.known.values) {
		x, knownX := a.value(path)
		y, knownY := b.value(path)
		if knownX && knownY && !insideKnown(a, b, path) {
			changes = append(changes, stepsBetween(path, x, y)...)
		}
	}
	changes = withRedacted(changes, a, b)
	sortByPath(changes)
	return changes
}

// value is get, but a column of a row that exists is never absent: it is NULL.
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

// insideKnown reports whether both sides know the whole value around the path, whose own
// change includes this one.
func insideKnown(a, b *record, path string) bool {
	around := pathAround(path) // get also finds values further out
	if around == "" {
		return false
	}
	_, knownA := a.get(around)
	_, knownB := b.get(around)
	return knownA && knownB
}

// withRedacted marks the changes of redacted values as such, and adds those that look the
// same at both moments but were set in between.
func withRedacted(changes []audit.Change, a, b *record) []audit.Change {
	redacted := union(a.redactions.values, b.redactions.values)
	if len(redacted) == 0 {
		return changes
	}
	steps := newPathTree[audit.Change]()
	for _, c := range changes {
		steps.set(c.Field, c)
	}
	for _, path := range slices.Sorted(maps.Keys(redacted)) {
		c, ok := redactedStep(a, b, path)
		if !ok {
			continue
		}
		steps.remove(path)
		if _, whole := steps.around(path); !whole { // else the change of the whole includes it
			steps.set(path, c)
		}
	}
	return slices.Collect(maps.Values(steps.values))
}

// redactedStep is the change of a value that is redacted at one of the moments; false if no
// entry set it in between.
func redactedStep(a, b *record, path string) (audit.Change, bool) {
	before, after := a.redactions.values[path], b.redactions.values[path]
	x, knownX := a.value(path)
	y, knownY := b.value(path)
	_, noX := x.(gone)
	_, noY := y.(gone)
	if before == after || !knownX || !knownY || (noX && noY) {
		return audit.Change{}, false
	}
	c := change(path, x, y)
	if c.Redacted = after.how; c.Redacted == "" {
		c.Redacted = before.how
	}
	return c, true
}

// change is the change of one path; gone stands for an absent value.
func change(path string, x, y any) audit.Change {
	_, noOld := x.(gone)
	_, noNew := y.(gone)
	switch {
	case noOld && noNew:
		return audit.Change{Field: path, Op: audit.OpReplace}
	case noOld:
		return audit.Change{Field: path, Op: audit.OpAdd, New: jsonvalue.Clone(y)}
	case noNew:
		return audit.Change{Field: path, Op: audit.OpRemove, Old: jsonvalue.Clone(x)}
	}
	return audit.Change{Field: path, Op: audit.OpReplace, Old: jsonvalue.Clone(x), New: jsonvalue.Clone(y)}
}

// stepsBetween returns the changes from one value to another, as capture writes them:
// member by member in objects, by index in lists. A member name that a path can't hold
// makes one change of the whole object.
func stepsBetween(path string, x, y any) []audit.Change {
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
	return []audit.Change{change(path, x, y)}
}

func nameable(m map[string]any) bool {
	for name := range m {
		if name == "" || strings.ContainsAny(name, ".[]") {
			return false
		}
	}
	return true
}

func memberSteps(path string, x, y map[string]any) (changes []audit.Change) {
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

func itemSteps(path string, x, y []any) (changes []audit.Change) {
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
