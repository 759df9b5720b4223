package sqltext

import (
	"slices"
	"strings"
)

// Effect is what running a statement can do, the lesser first.
type Effect int

// The effects. Settles is said of transaction control, settings and maintenance,
// which change no rows; Defines of DDL.
const (
	Reads Effect = iota
	Settles
	Defines
	Writes
)

// Text is what a whole text does when it runs.
type Text struct {
	Effect Effect
	// Verb is the first word of the first statement with that effect, in upper
	// case; Schema and Table name what that statement writes, "" where the text
	// doesn't tell.
	Verb, Schema, Table string
	// Several: there is more than one statement, so that an error may leave
	// the changes of the first ones in place.
	Several bool
	// Bare: a transaction around the text would make it fail or change what it
	// does, as it controls one itself, or can't run in one.
	Bare bool
	// DDL: one of the statements is DDL, also where another one writes.
	DDL bool
	// Sets: one of the statements is transaction control or a setting.
	Sets bool
	// Partial: a statement that fails may leave changes of its own.
	Partial bool
	// Opaque: what runs may be hidden in a value or in a routine.
	Opaque bool
	// Controls are the text's statements that begin or end transactions, in order.
	Controls []Control

	steps   []Control // Controls, and WRITE for each statement that changes something
	targets []Target
	// unsteady: it depends on the server's settings what the steps are.
	unsteady bool
}

// Target is a table that a statement writes or defines.
type Target struct{ Verb, Schema, Table string }

// Read reads a whole text: every statement in it, under every setting that the
// server may have. What it can't tell counts as writing.
func Read(sql string, d Dialect) Text {
	if onlySelects(sql) && plain(sql, d) {
		return Text{Effect: Reads}
	}
	var all Text
	finished := false
	for i, r := range readings(sql, d) {
		t, done := readUnder(sql, r)
		if i == 0 {
			all = t
		} else {
			all = all.or(t, done)
		}
		finished = finished || done
	}
	if !finished {
		all = all.and(unread(sql, d))
		all.Several = all.Several || strings.IndexByte(sql, ';') >= 0
	}
	return all
}

// ReadsOnly is a quick look at a text: it reports true for most of those that
// read, and for none that runs and does not.
func ReadsOnly(sql string) bool { return onlySelects(sql) && strings.IndexByte(sql, ';') < 0 }

// onlySelects reports whether the text begins with SELECT and has no INTO. Then
// nothing but a second statement can write: data-modifying WITH clauses stand at
// the beginning, or are refused.
func onlySelects(sql string) bool {
	sql = strings.TrimLeft(sql, " \t\n\r")
	if len(sql) < len("SELECT ") || !strings.EqualFold(sql[:6], "SELECT") || isWordPart(sql[6]) {
		return false
	}
	for i := 6; i+4 <= len(sql); i++ {
		if sql[i]|0x20 == 'i' && strings.EqualFold(sql[i:i+4], "into") {
			return false
		}
	}
	return true
}

// unread is for a text that is unfinished under every reading.
func unread(sql string, d Dialect) Text {
	t := Text{Effect: Writes, Verb: "UNKNOWN", Opaque: true}
	if list := Tokens(sql, d, 1); len(list) > 0 && list[0].Kind == Word {
		t.Verb = strings.ToUpper(list[0].Text)
	}
	return t
}

// readUnder reads a text under one reading. If it is unfinished under this one,
// done is false and t what the statements before the unfinished one do.
func readUnder(sql string, r reading) (t Text, done bool) {
	s := newScanner(sql, r)
	parts := split(s.rest(), r.dialect)
	done = s.unsure || !s.unfinished
	if !done && len(parts) > 0 {
		parts = parts[:len(parts)-1]
	}
	reads := false
	for i, p := range parts {
		one := p.text(r.dialect)
		one.DDL = one.DDL || one.Effect == Defines
		one.Sets = one.Sets || one.Effect == Settles
		one.steps = one.Controls
		if one.Effect >= Defines {
			one.steps = append(slices.Clip(one.Controls), Control{Verb: "WRITE"})
		}
		reads = reads || one.Effect == Reads
		if i == 0 {
			t = one
		} else {
			t = t.and(one)
		}
	}
	t.Several = len(parts) > 1
	if t.Several && reads {
		t = t.and(Text{Effect: Writes, Verb: unread(sql, r.dialect).Verb})
	}
	if s.unsure {
		t = t.and(unread(sql, r.dialect))
	}
	return t, done
}

func (s *scanner) rest() []Token {
	var list []Token
	for {
		t, ok := s.next()
		if !ok {
			return list
		}
		list = append(list, t)
	}
}

// and is what two statements do, or two readings of one.
func (t Text) and(next Text) Text {
	all := t
	if next.Effect > t.Effect {
		all.Effect, all.Verb, all.Schema, all.Table = next.Effect, next.Verb, next.Schema, next.Table
	}
	all.Several = t.Several || next.Several
	all.Bare = t.Bare || next.Bare
	all.Opaque = t.Opaque || next.Opaque
	all.DDL = t.DDL || next.DDL
	all.Sets = t.Sets || next.Sets
	all.Partial = t.Partial || next.Partial
	all.Controls = slices.Concat(t.Controls, next.Controls)
	all.steps = slices.Concat(t.steps, next.steps)
	all.targets = slices.Concat(t.targets, next.targets)
	return all
}

// or is what either of two readings of a text does. The other one may be
// unfinished: only its beginning runs.
func (t Text) or(other Text, done bool) Text {
	n := len(other.steps)
	same := n <= len(t.steps) && slices.Equal(t.steps[:n], other.steps) && (!done || n == len(t.steps))
	other.Controls, other.steps = nil, nil
	all := t.and(other)
	all.unsteady = t.unsteady || !same
	return all
}

// Target returns the first of the tables that the text writes or defines for
// which match holds.
func (t Text) Target(match func(schema, table string) bool) (Target, bool) {
	for _, target := range t.targets {
		if match(target.Schema, target.Table) {
			return target, true
		}
	}
	return Target{}, false
}
