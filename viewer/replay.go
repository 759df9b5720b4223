package viewer

import (
	"maps"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
)

// replay finds a record's values from its entries, read from the newest to the
// oldest: the first change of a field that is met is the one that holds.
//
// A structured value is taken apart into its leaves, since later changes may be
// of a path inside of it ("settings.theme"). A change of the whole hides what is
// older inside of it.
type replay struct {
	at        string // the entry whose moment "then" is
	reached   bool
	then, now known
}

// known are the values found so far, by path.
type known struct {
	leaves  map[string]found
	settled map[string]bool // paths about which nothing older counts
}

type found struct {
	value    any
	redacted string
	absent   bool
}

// back takes the next older entry.
func (r *replay) back(e *audit.Entry) {
	if r.now.leaves == nil {
		r.now = known{map[string]found{}, map[string]bool{}}
		r.then = known{map[string]found{}, map[string]bool{}}
	}
	if e.ID == r.at {
		r.reached = true
	}
	if e.Outcome != "" && e.Outcome != audit.Success {
		return // what failed changed nothing
	}
	for _, c := range e.Changes {
		f := found{value: c.New, redacted: c.Redacted, absent: c.Op == audit.OpRemove}
		r.now.learn(c.Field, f)
		if r.reached {
			r.then.learn(c.Field, f)
		}
	}
}

func (k known) learn(field string, f found) {
	if k.decided(field) {
		return
	}
	leaves := map[string]any{field: f.value}
	if !f.absent {
		leaves = map[string]any{}
		flatten(leaves, field, f.value, 0)
	}
	for path, value := range leaves {
		if !k.decided(path) && !k.within(path) {
			k.leaves[path] = found{value: value, redacted: f.redacted, absent: f.absent}
		}
	}
	k.settled[field] = true
}

// decided reports whether a newer change was of the path, or of a whole that
// holds it.
func (k known) decided(path string) bool {
	for at := path; at != ""; at = at[:max(0, strings.LastIndexAny(at, ".["))] {
		if k.settled[at] {
			return true
		}
	}
	return false
}

// within reports whether something inside of the path came into being later: an
// empty list or a NULL is none any more then.
func (k known) within(path string) bool {
	for p, f := range k.leaves {
		if rest, ok := strings.CutPrefix(p, path); ok && !f.absent && rest != "" && (rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// plain are the values, for data.
func (k known) plain() map[string]any {
	m := map[string]any{}
	for field, f := range k.leaves {
		if !f.absent {
			m[field] = f.value
		}
	}
	return m
}

// steps compare then with now, field by field.
func (r *replay) steps() []step {
	fields := map[string]bool{}
	for f := range r.then.leaves {
		fields[f] = true
	}
	for f := range r.now.leaves {
		fields[f] = true
	}
	var list []step
	for _, field := range slices.SortedFunc(maps.Keys(fields), comparePaths) {
		s := step{field: field, op: audit.OpReplace}
		s.old, s.new = r.then.shown(field), r.now.shown(field)
		s.same = s.old == s.new
		list = append(list, s)
	}
	return list
}

func (k known) shown(field string) value {
	f, ok := k.leaves[field]
	if !ok || f.absent {
		return value{}
	}
	return valueOf(f.value, f.redacted)
}
