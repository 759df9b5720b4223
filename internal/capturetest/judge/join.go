package judge

import "slices"

// joined makes one step of those that a statement takes with one row, itself or
// by the triggers that it fires. An entry stands for all of them: its old values
// are those before the statement, its new values the final ones. Tables without
// Table.SameRow or Table.Replaces keep their steps.
func joined(steps []Step) []Step {
	replacing := replacements(steps)
	var list []Step
	for _, s := range steps {
		list = append(list, s)
		for s.Table.SameRow || replacing[of(s)] {
			j := join(list)
			if j < 0 {
				break
			}
			list = slices.Delete(list, j, j+1)
		}
	}
	return list
}

// statement is a statement's part in one table.
type statement struct {
	tx, name string
	table    *Table
}

func of(s Step) statement { return statement{s.Tx, s.Statement, s.Table} }

// replacements are the statements that removed rows to make room for others.
func replacements(steps []Step) map[statement]bool {
	removed, replacing := map[statement]bool{}, map[statement]bool{}
	for _, s := range steps {
		switch {
		case s.Op == "DELETE":
			removed[of(s)] = true
		case s.Table.Replaces && removed[of(s)]:
			replacing[of(s)] = true
		}
	}
	return replacing
}

// join has the last step or the one that it continues take in the other, and
// returns the index of the one to leave out; -1 if there is none. The inner step
// may be noted before the outer one: triggers fire in the order of their names.
func join(list []Step) int {
	last := &list[len(list)-1]
	for i := len(list) - 2; i >= 0; i-- {
		s := &list[i]
		if of(*s) != of(*last) {
			continue
		}
		switch {
		case s.Table.Replaces:
			if s.Op != "NONE" && s.Table.sameKey(*s, *last) {
				continueStep(s, last)
				return len(list) - 1
			}
		case s.New != nil && last.Old != nil && s.Table.sameRow(s.New, last.Old):
			continueStep(s, last)
			return len(list) - 1
		case last.New != nil && s.Old != nil && s.Table.sameRow(last.New, s.Old):
			continueStep(last, s)
			return i
		}
	}
	return -1
}

// continueStep extends a step by the one that begins where it ends.
func continueStep(s, next *Step) {
	s.New = next.New
	switch {
	case s.Op == "UPDATE" && next.Op == "DELETE":
		s.Op = "DELETE"
	case s.Op == "INSERT" && next.Op == "DELETE":
		s.Op = "NONE"
	case s.Op == "DELETE" && next.Op == "INSERT":
		s.Op = "UPDATE"
	}
}

// sameKey reports whether a step ends with the key that the next one begins with.
func (t *Table) sameKey(s, next Step) bool {
	end, begin := s.New, next.Old
	if end == nil {
		end = s.Old
	}
	if begin == nil {
		begin = next.New
	}
	id := t.objectID(end)
	return id != "" && id == t.objectID(begin)
}

// sameRow reports whether two rows hold the same values.
func (t *Table) sameRow(a, b Row) bool {
	for _, c := range t.columns {
		if !sameTruth(a[c.name], b[c.name], c.class) {
			return false
		}
	}
	return true
}
