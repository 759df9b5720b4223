package hooks

import (
	"fmt"
	"slices"
	"strings"
)

// trigger fires when rows of a table are written, or are to be written to a view.
type trigger struct {
	on relation
	// read returns when it fires and what it does. Reading a text takes longer
	// than fetching it, and most triggers of a schema aren't come to.
	read  func() (when verbs, does body)
	fails bool // SQLite: it may fail the statement and keep what that did before
}

// reference is a foreign key by which what happens to rows of to changes rows of
// from.
type reference struct {
	from, to           relation
	columns, refers    []string
	onDelete, onUpdate string
}

// effects is what the catalog knows of what a write leads to.
type effects struct {
	triggers  []trigger
	keys      []reference
	underlies []underlying
	functions map[string][]body // by name
}

// underlying: writing one relation may write the other.
type underlying struct{ of, base relation }

// writesBack returns by which kinds of statements on a table triggers may come
// to change or remove rows of it: directly, or by way of other tables' triggers
// and foreign keys. own are the table, what it is a part of, and its parts; key
// are its primary key's columns. rekeys reports whether they may change those.
func (e *effects) writesBack(own []relation, key []string) (all verbs, rekeys bool) {
	for _, v := range []verbs{inserts, updates, deletes} {
		s := &effectSearch{effects: e, own: own, key: key, seen: map[string]bool{}}
		for _, r := range own {
			s.follow(write{relation: r, verbs: v}, false)
		}
		if s.run(); s.back {
			all |= v
		}
		rekeys = rekeys || s.rekeys
	}
	return all, rekeys
}

// effectSearch follows what one kind of statement leads to.
type effectSearch struct {
	*effects
	own    []relation
	key    []string
	queue  []effect
	seen   map[string]bool
	back   bool // a trigger writes rows of own
	rekeys bool // and may change their key
}

// effect is a write; triggered if it is a trigger's, or follows from one.
type effect struct {
	write
	triggered bool
}

func (s *effectSearch) run() {
	for len(s.queue) > 0 && !s.rekeys {
		e := s.queue[0]
		s.queue = s.queue[1:]
		s.pass(e)
		for _, g := range s.triggers {
			if !g.on.is(e.relation) {
				continue
			}
			if when, does := g.read(); when&e.verbs != 0 {
				s.call(does, map[string]bool{})
			}
		}
	}
}

// follow takes a write for one that happens.
func (s *effectSearch) follow(w write, triggered bool) {
	id := fmt.Sprint(w.schema, "\x00", w.name, "\x00", w.verbs, w.columns, triggered)
	if s.seen[id] {
		return
	}
	s.seen[id] = true
	s.queue = append(s.queue, effect{w, triggered})
	if triggered && w.verbs&(updates|deletes) != 0 && slices.ContainsFunc(s.own, w.is) {
		s.back = true
		s.rekeys = s.rekeys || w.verbs&updates != 0 && sharesName(s.key, w.columns)
	}
}

// pass follows the foreign keys, and goes from views and partitions to what they
// are of.
func (s *effectSearch) pass(e effect) {
	for _, k := range s.keys {
		if !k.to.is(e.relation) {
			continue
		}
		if e.verbs&deletes != 0 && k.onDelete == "CASCADE" {
			s.follow(write{relation: k.from, verbs: deletes}, e.triggered)
		} else if e.verbs&deletes != 0 && k.onDelete != "" || e.verbs&updates != 0 && k.onUpdate != "" && k.refersTo(e.columns) {
			s.follow(write{relation: k.from, verbs: updates, columns: k.columns}, e.triggered)
		}
	}
	for _, u := range s.underlies {
		if u.of.is(e.relation) {
			s.follow(write{relation: u.base, verbs: e.verbs}, e.triggered)
		}
	}
}

// refersTo reports whether the key refers to one of the columns; nil are all.
func (k reference) refersTo(columns []string) bool {
	return sharesName(k.refers, columns)
}

// sharesName reports whether one of the names is among the columns; nil are all.
func sharesName(names, columns []string) bool {
	return columns == nil || slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(columns, func(c string) bool { return strings.EqualFold(c, name) })
	})
}

// call follows what a body writes, and the functions that it calls.
func (s *effectSearch) call(b body, called map[string]bool) {
	s.back, s.rekeys = s.back || b.opaque, s.rekeys || b.opaque
	for _, w := range b.writes {
		s.follow(w, true)
	}
	for _, name := range b.calls {
		if called[name] {
			continue
		}
		called[name] = true
		for _, f := range s.functions[name] {
			s.call(f, called)
		}
	}
}
