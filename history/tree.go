package history

// pathTree holds values by path and finds the paths inside a path without visiting any
// others, since a record may have tens of thousands of paths.
type pathTree[V any] struct {
	values map[string]V
	inside map[string]map[string]struct{} // of each path, the paths one step further in
}

func newPathTree[V any]() *pathTree[V] {
	return &pathTree[V]{values: map[string]V{}, inside: map[string]map[string]struct{}{}}
}

// set sets the value at a path.
func (t *pathTree[V]) set(path string, v V) {
	t.values[path] = v
	for around := pathAround(path); around != ""; path, around = around, pathAround(around) {
		if _, linked := t.inside[around][path]; linked {
			return
		}
		if t.inside[around] == nil {
			t.inside[around] = map[string]struct{}{}
		}
		t.inside[around][path] = struct{}{}
	}
}

// remove removes the values at a path and inside it, and returns how many paths it
// visited.
func (t *pathTree[V]) remove(path string) int {
	looked := t.prune(path)
	for around := pathAround(path); around != ""; path, around = around, pathAround(around) {
		delete(t.inside[around], path)
		looked++
		if _, valued := t.values[around]; valued || len(t.inside[around]) > 0 {
			return looked
		}
		delete(t.inside, around)
	}
	return looked
}

func (t *pathTree[V]) prune(path string) int {
	looked := 1
	for inner := range t.inside[path] {
		looked += t.prune(inner)
	}
	delete(t.inside, path)
	delete(t.values, path)
	return looked
}

// around returns the nearest path around this one that has a value; false if there
// is none.
func (t *pathTree[V]) around(path string) (string, bool) {
	for root := pathAround(path); root != ""; root = pathAround(root) {
		if _, ok := t.values[root]; ok {
			return root, true
		}
	}
	return "", false
}

func (t *pathTree[V]) clone(value func(V) V) *pathTree[V] {
	c := newPathTree[V]()
	for path, v := range t.values {
		c.set(path, value(v))
	}
	return c
}

func (t *pathTree[V]) clear() {
	clear(t.values)
	clear(t.inside)
}
