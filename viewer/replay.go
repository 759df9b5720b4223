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
// A path inside of a structured value counts as a field of its own; a change of
// the whole value hides older changes inside of it.
type replay struct {
	at        string // the entry whose moment "then" is
	reached   bool
	then, now known
}

// known are the values found so far, by field.
type known map[string]found

type found struct {
	value    any
	redacted string
	absent   bool
}

// back takes the next older entry.
func (r *replay) back(e *audit.Entry) {
	if r.now == nil {
		r.now, r.then = known{}, known{}
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
	for at := field; at != ""; at = at[:max(0, strings.LastIndexAny(at, ".["))] {
		if _, ok := k[at]; ok {
			return // a newer change of the field, or of the whole that holds it
		}
	}
	k[field] = f
}

// plain are the values, for data.
func (k known) plain() map[string]any {
	m := map[string]any{}
	for field, f := range k {
		if !f.absent {
			m[field] = f.value
		}
	}
	return m
}

// steps compare then with now, field by field.
func (r *replay) steps() []step {
	fields := map[string]bool{}
	for f := range r.then {
		fields[f] = true
	}
	for f := range r.now {
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
	f, ok := k[field]
	if !ok || f.absent {
		return value{}
	}
	return valueOf(f.value, f.redacted)
}
