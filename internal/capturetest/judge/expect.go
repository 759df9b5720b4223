package judge

import (
	"slices"

	"github.com/gormtrail/audit"
)

// Step is one row's change as a trigger noted it.
type Step struct {
	Seq int64
	Tx  string // the transaction's name, the database's own
	// Statement is the host's statement; "" where the database can't tell.
	Statement string
	Table     *Table
	Op        string // INSERT, UPDATE, DELETE; NONE for a row that its own statement removed
	Old, New  Row    // nil where there is none
}

// Expected is an entry that capture owes.
type Expected struct {
	Step
	Action string
	Type   string
	ID     string
	// WasID is the row's ID before, where the statement changed its key.
	WasID string
	// Executed numbers, from 1, a statement whose rows capture may not see: then one
	// entry with the action execute may stand for all of them. 0: the row has an
	// entry of its own.
	Executed int
	// Fields are the columns that the entry must name.
	Fields []string
}

// Expect derives the entries that are owed for what happened.
func Expect(steps []Step) []Expected {
	var list []Expected
	for _, s := range joined(steps) {
		if e, owed := expect(s); owed {
			list = append(list, e)
		}
	}
	return list
}

func expect(s Step) (Expected, bool) {
	e := Expected{Step: s, Type: s.Table.ObjectType()}
	switch s.Op {
	case "INSERT":
		e.Action, e.ID, e.Fields = audit.ActionCreate, s.Table.objectID(s.New), s.Table.filled(s.New)
	case "NONE":
		return e, false
	case "DELETE":
		e.Action, e.ID, e.Fields = audit.ActionDestroy, s.Table.objectID(s.Old), s.Table.filled(s.Old)
	default:
		return expectUpdate(e)
	}
	e.WasID = e.ID
	return e, true
}

func expectUpdate(e Expected) (Expected, bool) {
	t := e.Table
	e.ID, e.WasID = t.objectID(e.New), t.objectID(e.Old)
	for _, c := range t.columns {
		if !sameTruth(e.Old[c.name], e.New[c.name], c.class) {
			e.Fields = append(e.Fields, c.name)
		}
	}
	only := func(f string) bool { return slices.Contains(t.AutoUpdate, f) }
	if !slices.ContainsFunc(e.Fields, func(f string) bool { return !only(f) }) {
		return e, false // nothing changed, or the time of the last update alone
	}
	switch was, is := t.deleted(e.Old), t.deleted(e.New); {
	case !was && is:
		e.Action = audit.ActionDestroy
	case was && !is:
		e.Action = audit.ActionRestore
	default:
		e.Action = audit.ActionUpdate
	}
	return e, true
}

// filled are the columns of a row that are not NULL.
func (t *Table) filled(r Row) []string {
	var list []string
	for _, c := range t.columns {
		if r[c.name] != nil {
			list = append(list, c.name)
		}
	}
	return list
}
