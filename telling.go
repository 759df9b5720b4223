package audit

import (
	"slices"
	"strings"
)

// nameFields are columns that a person calls a row by, best first.
var nameFields = []string{
	"name", "displayname", "fullname", "title", "label", "email", "emailaddress", "username", "login", "slug", "code", "number", "subject",
	"hostname", "domain", "filename",
}

// Telling returns the changes of e that say what happened, the most telling one first,
// for readers who see only a few. Automatic fields are left out unless nothing else
// changed. Of a row that was created or deleted, names come first (name, title, email,
// number, …) and IDs last; other changes keep their order. It looks at the names of
// fields only, never at values. The result may share memory with e.Changes.
func (c *Catalogue) Telling(e Entry) []Change {
	automatic := func(ch Change) bool { return c.Automatic(e.Object.Type, ch.Field) }
	changes := e.Changes
	if n := countIf(changes, automatic); n > 0 && n < len(changes) {
		changes = slices.DeleteFunc(slices.Clone(changes), automatic)
	}
	if e.Action != ActionCreate && e.Action != ActionDestroy || len(changes) < 2 {
		return changes
	}
	type ranked struct {
		change Change
		rank   int
	}
	list := make([]ranked, len(changes))
	for i, ch := range changes {
		list[i] = ranked{ch, nameRank(ch.Field)}
	}
	slices.SortStableFunc(list, func(a, b ranked) int { return a.rank - b.rank })
	sorted := make([]Change, len(list))
	for i := range list {
		sorted[i] = list[i].change
	}
	return sorted
}

func countIf(changes []Change, is func(Change) bool) (n int) {
	for _, c := range changes {
		if is(c) {
			n++
		}
	}
	return n
}

// nameRank orders the columns of a row: names, other columns, references, the ID.
func nameRank(field string) int {
	name := plainName(field)
	if i := slices.Index(nameFields, name); i >= 0 {
		return i
	}
	rank := len(nameFields)
	switch {
	case name == "id" || name == "uuid" || name == "guid":
		return rank + 3
	case strings.HasSuffix(field, "_id") || strings.HasSuffix(field, "Id") || strings.HasSuffix(field, "ID") || strings.HasSuffix(field, "_uuid"):
		return rank + 2
	case strings.HasSuffix(name, "name") || strings.HasSuffix(name, "title"):
		return rank
	}
	return rank + 1
}
