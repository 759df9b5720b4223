package sqltext

import (
	"slices"
	"strings"
)

// part is one statement of a text.
type part []Token

// split divides a text into its statements. Those that define a trigger or a
// routine have semicolons of their own.
func split(list []Token, d Dialect) []part {
	var parts []part
	for len(list) > 0 {
		end := part(list).end(d)
		if end > 0 {
			parts = append(parts, part(list[:end]))
		}
		list = list[min(end+1, len(list)):]
	}
	return parts
}

// end returns the index of the semicolon that ends the first statement, or the
// length of the list.
func (p part) end(d Dialect) int {
	inBody := p.hasBody(d)
	for i, t := range p {
		if !t.IsSign(';') {
			continue
		}
		if inBody == nil || !inBody(i) {
			return i
		}
	}
	return len(p)
}

// hasBody returns a function that reports whether a semicolon lies in the body of
// the trigger or routine that p begins with; nil if it begins with none. Bodies
// that can't be told for sure end at their first semicolon.
func (p part) hasBody(d Dialect) func(i int) bool {
	kind := p.defined()
	switch {
	case d == SQLite && kind == "TRIGGER":
		// SQLite itself ends a trigger at "; END ;".
		return func(i int) bool { return !(i > 1 && p[i-1].Is("END") && p[i-2].IsSign(';')) }
	case d == PostgreSQL && kind == "RULE":
		return func(i int) bool { return depth(p[:i]) > 0 }
	case d == PostgreSQL && (kind == "FUNCTION" || kind == "PROCEDURE"):
		begin := slices.IndexFunc(p, func(t Token) bool { return t.Is("ATOMIC") })
		if begin < 1 || !p[begin-1].Is("BEGIN") || depth(p[:begin]) != 0 || slices.ContainsFunc(p[:begin], func(t Token) bool { return t.IsSign(';') }) {
			return nil
		}
		return func(i int) bool { return !(p[i-1].Is("END") && p[i-2].IsSign(';')) }
	case d == MySQL && slices.Contains([]string{"TRIGGER", "FUNCTION", "PROCEDURE", "EVENT"}, kind):
		return p.compound()
	}
	return nil
}

// createOptions may stand between CREATE and what it creates.
var createOptions = []string{
	"OR", "REPLACE", "TEMP", "TEMPORARY", "UNIQUE", "VIRTUAL", "MATERIALIZED", "RECURSIVE", "GLOBAL", "LOCAL", "UNLOGGED", "AGGREGATE", "CONSTRAINT",
	"FOREIGN", "ALGORITHM", "MERGE", "TEMPTABLE", "UNDEFINED", "SQL", "SECURITY", "INVOKER",
}

// defined returns what a CREATE statement creates, in upper case.
func (p part) defined() string {
	if len(p) == 0 || !p[0].Is("CREATE") {
		return ""
	}
	for i := 1; i < len(p); i++ {
		switch {
		case p[i].isAny(createOptions...) || p[i].IsSign('='):
		case p[i].Is("DEFINER"):
			i = p.definerEnd(i)
		case p[i].Kind == Word:
			return strings.ToUpper(p[i].Text)
		default:
			return ""
		}
	}
	return ""
}

// definerEnd returns the index of the last token of MySQL's DEFINER = user. Behind
// SQL SECURITY the word stands alone.
func (p part) definerEnd(i int) int {
	if i+2 >= len(p) || !p[i+1].IsSign('=') {
		return i
	}
	i += 2
	if i+2 < len(p) && p[i+1].IsSign('(') && p[i+2].IsSign(')') {
		i += 2
	}
	if i+1 < len(p) && p[i+1].Kind == Param {
		i++
		if p[i].Text == "@" {
			i++
		}
	}
	return i
}

// compound is hasBody for MySQL's BEGIN … END. It counts only what can't be a
// name: a BEGIN at the beginning of the body or of a statement in it, and an END
// there that ends no IF, CASE or loop.
func (p part) compound() func(i int) bool {
	start := slices.IndexFunc(p, func(t Token) bool { return t.Is("BEGIN") })
	if start < 0 || !p.beginsBody(start) {
		return nil
	}
	blocks := 1
	for i := start + 1; i < len(p); i++ {
		before := p[i-1]
		atStart := before.IsSign(';') || before.Is("BEGIN") || before.IsSign(':')
		switch {
		case !atStart:
		case p[i].Is("BEGIN"):
			blocks++
		case p[i].Is("END") && !(i+1 < len(p) && p[i+1].isAny("IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR")):
			blocks--
		}
		if blocks == 0 {
			return func(at int) bool { return at < i }
		}
	}
	return nil
}

// beginsBody reports whether the BEGIN at i is the first word of a routine's
// body: nothing before it begins another statement, and it is no name.
func (p part) beginsBody(i int) bool {
	if i == 0 || p[i-1].isAny("PROCEDURE", "FUNCTION", "TRIGGER", "EVENT", "EXISTS", "ON", "FOLLOWS", "PRECEDES", "TO") || p[i-1].isSignOf("=.@,") {
		return false
	}
	for n, t := range p[:i] {
		event := n > 0 && p[n-1].isAny("BEFORE", "AFTER", "OR", "ON", "NO", "CONTAINS", "READS", "MODIFIES")
		if t.IsSign(';') || !event && t.isAny("SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "SET", "CALL", "IF", "CASE", "RETURN", "LOOP", "WHILE", "WITH", "VALUES") &&
			!(t.Is("IF") && n+2 < len(p) && p[n+1].Is("NOT")) {
			return false
		}
	}
	return depth(p[:i]) == 0
}

func (t Token) isAny(words ...string) bool { return slices.ContainsFunc(words, t.Is) }

func (t Token) isSignOf(signs string) bool {
	return slices.ContainsFunc([]byte(signs), t.IsSign)
}

// depth is how many parentheses are open at the end of p.
func depth(p []Token) int {
	n := 0
	for _, t := range p {
		switch {
		case t.IsSign('('):
			n++
		case t.IsSign(')'):
			n--
		}
	}
	return n
}
