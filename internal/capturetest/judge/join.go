package judge

import "slices"

// joined makes one step of those that a statement and the triggers which it fires
// take with one row. An entry stands for all of them: its old values are those
// before the statement, its new values the final ones. Tables without
// Table.SameRow keep their steps: there two steps of one row are two statements.
func joined(steps []Step) []Step {
	var list []Step
	for _, s := range steps {
		list = append(list, s)
		for j := 0; j >= 0 && s.Table.SameRow; {
			j = join(list)
			if j >= 0 {
				list = slices.Delete(list, j, j+1)
			}
		}
	}
	return list
}

// join has the last step or the one that it continues take in the other, and
// returns the index of the one to leave out; -1 if there is none. The inner step
// may be noted before the outer one: triggers fire in the order of their names.
func join(list []Step) int {
	last := &list[len(list)-1]
	for i := len(list) - 2; i >= 0; i-- {
		s := &list[i]
		if s.Tx != last.Tx || s.Statement != last.Statement || s.Table != last.Table {
			continue
		}
		switch {
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
	}
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
