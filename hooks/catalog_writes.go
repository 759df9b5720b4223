package hooks

import (
	"slices"
	"strings"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// verbs are the kinds of a write.
type verbs uint8

const (
	inserts verbs = 1 << iota
	updates
	deletes
)

// verbsOf is the kind of a statement by its verb.
func verbsOf(verb string) verbs {
	switch strings.ToUpper(verb) {
	case "INSERT":
		return inserts
	case "UPDATE":
		return updates
	case "DELETE":
		return deletes
	}
	return inserts | updates | deletes
}

// write is one statement that writes, in the body of a trigger or function.
type write struct {
	relation
	verbs   verbs
	columns []string // that it updates; nil if that can't be told
}

// relation is a table or view. Without a schema it stands for all of its name.
type relation struct{ schema, name string }

func (r relation) is(other relation) bool {
	return strings.EqualFold(r.name, other.name) && (r.schema == "" || other.schema == "" || strings.EqualFold(r.schema, other.schema))
}

// body is what a trigger or function does.
type body struct {
	writes []write
	calls  []string // functions, perhaps
	opaque bool     // it may do anything
}

// readBody reads the statements of a trigger or function.
func readBody(sql string, list []sqltext.Token) body {
	var b body
	for i := range list {
		if list[i].Kind == sqltext.Word || list[i].Kind == sqltext.Name {
			if isSign(list, i+1, '(') {
				b.calls = append(b.calls, list[i].Text)
			}
		}
		if w, ok := writeAt(sql, list, i); ok {
			b.writes = append(b.writes, w)
		}
	}
	return b
}

// conflictWords may stand behind INSERT and UPDATE in SQLite.
var conflictWords = []string{"OR", "ABORT", "FAIL", "IGNORE", "REPLACE", "ROLLBACK"}

// writeAt reads the statement whose verb is at i.
func writeAt(sql string, list []sqltext.Token, i int) (write, bool) {
	if list[i].Kind != sqltext.Word || isSign(list, i-1, '.') {
		return write{}, false
	}
	verb := strings.ToUpper(list[i].Text)
	at := i + 1
	switch verb {
	case "INSERT", "DELETE", "MERGE", "REPLACE":
		at = skipWords(list, at, conflictWords...)
		if !isWord(list, at, "INTO") && !isWord(list, at, "FROM") {
			return write{}, false
		}
		at++
	case "UPDATE":
		// A lock, an upsert, a branch of MERGE are not statements of their own.
		if isWord(list, i-1, "FOR") || isWord(list, i-1, "KEY") || isWord(list, i-1, "DO") || isWord(list, at, "SET") {
			return write{}, false
		}
		at = skipWords(list, at, conflictWords...)
	default:
		return write{}, false
	}
	w := write{verbs: verbsOf(verb)}
	at = skipWords(list, at, "ONLY")
	w.schema, w.name, at = nameAt(sql, list, at)
	if set := setIn(list, at); set >= 0 && verb != "MERGE" {
		w.columns = assignedIn(list, set)
		w.verbs |= updates
	}
	if slices.ContainsFunc(list[i:min(i+3, len(list))], func(t sqltext.Token) bool { return t.Is("REPLACE") }) {
		w.verbs |= deletes
	}
	return w, w.name != ""
}

// setIn is the place of SET in the statement that goes on at i, -1 if it has
// none.
func setIn(list []sqltext.Token, i int) int {
	for ; i < len(list) && !isSign(list, i, ';'); i++ {
		if isWord(list, i, "SET") {
			return i
		}
	}
	return -1
}

// assignedIn are the columns of the SET at i: the names before "=", and those in
// parentheses before one.
func assignedIn(list []sqltext.Token, i int) []string {
	columns, depth := []string{}, 0
	start := true // of an assignment
	for i++; i < len(list) && !isSign(list, i, ';') && !(depth == 0 && isWord(list, i, "WHERE")); i++ {
		switch {
		case isSign(list, i, '(') && start && depth == 0:
			for end := closing(list, i); i < end; i++ {
				columns = append(columns, list[i].Text)
			}
			start = false
		case isSign(list, i, '('):
			depth++
		case isSign(list, i, ')'):
			depth--
		case isSign(list, i, ',') && depth == 0:
			start = true
		case start && depth == 0:
			columns, start = append(columns, list[i].Text), isSign(list, i+1, '.')
		}
	}
	return columns
}
