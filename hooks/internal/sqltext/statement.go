package sqltext

import (
	"slices"
	"strings"
)

var (
	dmlVerbs = []string{"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"}
	ddlVerbs = []string{
		"CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "COMMENT", "GRANT", "REVOKE", "REINDEX", "REASSIGN", "REFRESH", "SECURITY",
	}
	// settleVerbs change no rows of any table.
	settleVerbs = []string{
		"RESET", "USE", "LISTEN", "UNLISTEN", "NOTIFY", "DISCARD", "DEALLOCATE", "DECLARE", "FETCH", "MOVE", "CLOSE", "LOCK", "UNLOCK", "FLUSH", "KILL",
	}
	// bareVerbs are settleVerbs that don't run in a transaction, or end it.
	bareVerbs = []string{"ATTACH", "DETACH", "VACUUM", "CHECKPOINT", "CLUSTER", "OPTIMIZE", "CHECK", "CHECKSUM", "REPAIR", "XA"}
)

// text reads one statement.
func (p part) text(d Dialect) Text {
	first := p.firstWord()
	if first < 0 {
		return Text{Effect: Writes, Verb: "UNKNOWN", Opaque: true}
	}
	verb := strings.ToUpper(p[first].Text)
	t := p[first:].textOf(verb, d)
	if d == MySQL && len(t.Controls) == 0 && p[first:].commits(verb, t.Effect) {
		t.Controls = []Control{{Verb: "COMMIT", chain: verb == "LOCK"}}
		if verb == "LOCK" || verb == "UNLOCK" {
			t.Controls = append(t.Controls, Control{Verb: verb})
		}
	}
	return t
}

func (p part) textOf(verb string, d Dialect) Text {
	switch {
	case verb == "SELECT" || verb == "VALUES" || verb == "TABLE" || verb == "WITH":
		return p.query(verb)
	case slices.Contains(dmlVerbs, verb):
		return p.dml(verb)
	case slices.Contains(ddlVerbs, verb):
		return p.ddl(verb)
	case verb == "SHOW" || verb == "HELP":
		return Text{Effect: Reads}
	case verb == "EXPLAIN" || verb == "DESCRIBE" || verb == "DESC" || verb == "ANALYZE" || verb == "ANALYSE":
		return p.explain(verb, d)
	case verb == "PRAGMA":
		return p.pragma()
	case verb == "SET":
		return p.set(d)
	case slices.Contains(settleVerbs, verb):
		return p.settle(verb, false)
	case slices.Contains(bareVerbs, verb):
		return p.settle(verb, true)
	}
	if c, ok := p.control(verb, d); ok {
		return Text{Effect: Settles, Verb: verb, Bare: true, Controls: []Control{c}}
	}
	return p.other(verb)
}

// firstWord returns the index of the first word, past opening parentheses; -1 if
// something else comes first.
func (p part) firstWord() int {
	for i, t := range p {
		switch {
		case t.Kind == Word:
			return i
		case !t.IsSign('('):
			return -1
		}
	}
	return -1
}

// query reads a statement that returns rows, and may write by a WITH clause or
// an INTO.
func (p part) query(verb string) Text {
	with, into := verb == "WITH", false
	for _, t := range p {
		with = with || t.Is("WITH")
		into = into || t.Is("INTO")
	}
	if with {
		if i := p.dmlAt(1); i >= 0 {
			return p[i:].dml(strings.ToUpper(p[i].Text)).and(p.others(i))
		}
	}
	if into || verb == "WITH" && !p.selects() {
		return Text{Effect: Writes, Verb: verb}
	}
	return Text{Effect: Reads}
}

// selects reports whether a SELECT, VALUES or TABLE stands behind WITH and its
// parentheses.
func (p part) selects() bool {
	open := 0
	for i, t := range p {
		switch {
		case t.IsSign('('):
			first := p[i:].firstWord()
			if open == 0 && p[i-1].IsSign(')') && first >= 0 && p[i+first].isAny("SELECT", "VALUES", "TABLE", "WITH") {
				return true
			}
			open++
		case t.IsSign(')'):
			open--
		case open == 0 && t.isAny("SELECT", "VALUES", "TABLE"):
			return true
		}
	}
	return false
}

// others are the targets of the statements in p behind the one at i.
func (p part) others(i int) Text {
	t := Text{Several: false, Effect: Writes, Verb: strings.ToUpper(p[i].Text)}
	for {
		i = p.dmlAt(i + 1)
		if i < 0 {
			return t
		}
		t.targets = append(t.targets, p[i:].dml(strings.ToUpper(p[i].Text)).targets...)
	}
}

// dmlAt returns the index of the first word from i on that can begin a statement
// which changes rows; -1 if there is none. "FOR UPDATE" begins none, nor does a
// column of such a name in most of its places.
func (p part) dmlAt(i int) int {
	for ; i < len(p); i++ {
		if p[i].Kind == Word && p.beginsDML(i) {
			return i
		}
	}
	return -1
}

func (p part) beginsDML(i int) bool {
	var next Token
	if i+1 < len(p) {
		next = p[i+1]
	}
	named := next.Kind == Name || next.Kind == Word && !next.isAny("AS", "SET", "AND", "OR", "IS", "IN", "ASC", "DESC", "THEN", "END", "ON", "USING")
	switch t := p[i]; {
	case t.Is("DELETE"), t.Is("INSERT"), t.Is("MERGE"):
		return named || next.Is("OR")
	case t.Is("REPLACE"):
		return named
	case t.Is("UPDATE"):
		return (named || next.Is("OR")) && !p.locks(i)
	}
	return false
}

// locks: FOR UPDATE, FOR NO KEY UPDATE; and the parts DO UPDATE, ON UPDATE and
// ON DUPLICATE KEY UPDATE of other statements.
func (p part) locks(i int) bool {
	before := func(n int, words ...string) bool { return i-n >= 0 && p[i-n].isAny(words...) }
	return before(1, "FOR", "DO", "ON") || before(1, "KEY") && (before(2, "NO") && before(3, "FOR") || before(2, "DUPLICATE"))
}

// other reads a statement with a verb that is not known, or that runs what is
// not in the text.
func (p part) other(verb string) Text {
	t := Text{Effect: Writes, Verb: verb, Opaque: true}
	switch i := slices.IndexFunc(p, func(t Token) bool { return t.Is("INTO") }); {
	case verb == "COPY" && p.hasWord("FROM"):
		t = p.dml(verb)
	case verb == "COPY":
		t.Opaque = false // it writes a file
	case verb == "LOAD" && i > 0:
		t = p[i:].dml(verb)
	}
	for i := p.dmlAt(0); i >= 0; i = p.dmlAt(i + 1) {
		t.targets = append(t.targets, p[i:].dml(strings.ToUpper(p[i].Text)).targets...)
	}
	return t
}
