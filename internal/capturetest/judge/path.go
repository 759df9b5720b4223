package judge

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/gormtrail/audit"
)

// inside checks changes that name paths into a structured value: each must be a
// real step from what the old document holds, and all of them together must
// lead from the old document to the new one.
func inside(column string, old, new any, changes []audit.Change) []string {
	var wrong []string
	doc := deepCopy(old)
	changes = append([]audit.Change(nil), changes...)
	sort.SliceStable(changes, func(i, j int) bool { return order(changes[i]) < order(changes[j]) })
	// What leaves a list leaves from its end, or the indexes before it move.
	removals := 0
	for removals < len(changes) && changes[removals].Op == audit.OpRemove {
		removals++
	}
	sort.SliceStable(changes[:removals], func(i, j int) bool { return lastIndex(changes[i].Field) > lastIndex(changes[j].Field) })
	sort.SliceStable(changes[removals:], func(i, j int) bool {
		return lastIndex(changes[removals+i].Field) < lastIndex(changes[removals+j].Field)
	})
	for _, c := range changes {
		if c.Op == audit.OpReplace && sameJSON(c.Old, c.New) {
			wrong = append(wrong, fmt.Sprintf("%s: replaces %s by itself", c.Field, show(c.Old)))
		}
		next, err := step(doc, strings.TrimPrefix(c.Field, column), c)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", c.Field, err))
			continue
		}
		doc = next
	}
	if len(wrong) == 0 && !sameJSON(doc, new) {
		wrong = append(wrong, fmt.Sprintf("%s: the changes lead from %s to %s, the database has %s", column, show(document{old}), show(document{doc}), show(document{new})))
	}
	return wrong
}

func order(c audit.Change) int {
	if c.Op == audit.OpRemove {
		return 0
	}
	return 1
}

func lastIndex(path string) int {
	i := strings.LastIndexByte(path, '[')
	if i < 0 {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSuffix(path[i+1:], "]"))
	if err != nil {
		return -1
	}
	return n
}

// step applies one change at path, which begins with "." or "[" or is empty.
func step(doc any, path string, c audit.Change) (any, error) {
	if path == "" {
		return replaceHere(doc, c)
	}
	if rest, ok := strings.CutPrefix(path, "."); ok {
		m, ok := doc.(map[string]any)
		if !ok && doc != nil {
			return nil, fmt.Errorf("%s is no object", show(document{doc}))
		}
		return stepMap(m, rest, c)
	}
	end := strings.IndexByte(path, ']')
	if path[0] != '[' || end < 0 {
		return nil, fmt.Errorf("the path can't be read at %q", path)
	}
	i, err := strconv.Atoi(path[1:end])
	if err != nil {
		return nil, fmt.Errorf("the path can't be read at %q", path)
	}
	list, ok := doc.([]any)
	if !ok && doc != nil {
		return nil, fmt.Errorf("%s is no list", show(document{doc}))
	}
	return stepList(list, i, path[end+1:], c)
}

// stepMap tries every key that the path may begin with: a key may hold a dot.
func stepMap(m map[string]any, path string, c audit.Change) (any, error) {
	if m == nil {
		m = map[string]any{}
	}
	for k, v := range m {
		rest, ok := strings.CutPrefix(path, k)
		if !ok || rest != "" && rest[0] != '.' && rest[0] != '[' {
			continue
		}
		if rest == "" && c.Op == audit.OpRemove {
			if !sameJSON(v, c.Old) {
				return nil, fmt.Errorf("removes %s, the database had %s", show(c.Old), show(document{v}))
			}
			delete(m, k)
			return m, nil
		}
		next, err := step(v, rest, c)
		if err != nil {
			return nil, err
		}
		m[k] = next
		return m, nil
	}
	if c.Op != audit.OpAdd {
		return nil, fmt.Errorf("the old document has nothing at %q", path)
	}
	m[path] = c.New
	return m, nil
}

func stepList(list []any, i int, rest string, c audit.Change) (any, error) {
	switch {
	case rest == "" && c.Op == audit.OpAdd && i == len(list):
		return append(list, c.New), nil
	case i < 0 || i >= len(list):
		return nil, fmt.Errorf("there is no element %d of %d", i, len(list))
	case rest == "" && c.Op == audit.OpRemove:
		if !sameJSON(list[i], c.Old) {
			return nil, fmt.Errorf("removes %s, the database had %s", show(c.Old), show(document{list[i]}))
		}
		return append(list[:i:i], list[i+1:]...), nil
	case rest == "" && c.Op == audit.OpAdd:
		return append(list[:i:i], append([]any{c.New}, list[i:]...)...), nil
	}
	next, err := step(list[i], rest, c)
	if err != nil {
		return nil, err
	}
	list[i] = next
	return list, nil
}

func replaceHere(doc any, c audit.Change) (any, error) {
	if c.Op == audit.OpAdd {
		return nil, fmt.Errorf("adds what is already there: %s", show(document{doc}))
	}
	if !sameJSON(doc, c.Old) {
		return nil, fmt.Errorf("old is %s, the database had %s", show(c.Old), show(document{doc}))
	}
	return c.New, nil
}

func deepCopy(v any) any {
	switch x := v.(type) {
	case []any:
		list := make([]any, len(x))
		for i := range x {
			list[i] = deepCopy(x[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, w := range x {
			m[k] = deepCopy(w)
		}
		return m
	}
	return v
}
