package sqltext

import (
	"slices"
	"strings"
)

// Head is what the first words of a statement say.
type Head struct {
	Verb, Schema, Table string
	Alias               string // by which the statement refers to the table; "" if by its name
	Joined              bool   // an UPDATE of a table joined with others
	Ignore              bool   // INSERT, UPDATE or DELETE IGNORE
	DDL                 bool
}

// afterTable are the words that may follow a table's name and are no alias.
var afterTable = []string{
	"SET", "WHERE", "JOIN", "INNER", "LEFT", "RIGHT", "CROSS", "NATURAL", "STRAIGHT_JOIN", "FROM", "USING", "ON",
	"VALUES", "VALUE", "ORDER", "LIMIT", "RETURNING", "DEFAULT", "SELECT", "INDEXED", "NOT", "PARTITION",
}

// alias reads what follows a table's name.
func (p part) alias(i int) (alias string, joined bool) {
	if i < len(p) && p[i].Is("PARTITION") {
		i = p.pastParentheses(i)
	}
	if i < len(p) && p[i].Is("AS") {
		i++
	}
	if i < len(p) && (p[i].Kind == Name || p[i].Kind == Word && !p[i].isAny(afterTable...) && !p.indexHintAt(i)) {
		alias = p[i].Text
		i++
	}
	for p.indexHintAt(i) {
		i = p.pastParentheses(i)
	}
	if i < len(p) {
		joined = p[i].IsSign(',') || p[i].isAny("JOIN", "INNER", "LEFT", "RIGHT", "CROSS", "NATURAL", "STRAIGHT_JOIN")
	}
	return alias, joined
}

// indexHintAt reports whether one of MySQL's index hints begins at i: USE INDEX
// (a), IGNORE KEY FOR ORDER BY (b).
func (p part) indexHintAt(i int) bool {
	return i+1 < len(p) && p[i].isAny("USE", "FORCE", "IGNORE") && p[i+1].isAny("INDEX", "KEY")
}

// pastParentheses returns the index behind the next closing parenthesis.
func (p part) pastParentheses(i int) int {
	for i < len(p) && !p[i].IsSign(')') {
		i++
	}
	return min(i+1, len(p))
}

// HeadOf reads the verb of a statement and the table that it writes, past a WITH.
// It is quick: it reads no further than needed. The verb is "" for a statement
// that reads or settles.
func HeadOf(sql string, d Dialect) Head {
	if ReadsOnly(sql) {
		return Head{}
	}
	const most = 16
	p := part(Tokens(sql, d, most))
	if len(p) == most && d == MySQL && slices.ContainsFunc(p, func(t Token) bool { return t.isAny("INDEX", "KEY", "PARTITION") }) {
		p = part(Tokens(sql, d, len(sql))) // a hint may be long, and hide a join
	}
	first := p.firstWord()
	if first < 0 {
		return Head{}
	}
	verb := strings.ToUpper(p[first].Text)
	if verb == "WITH" {
		p = part(Tokens(sql, d, len(sql)))
		if first = p.dmlAt(first); first >= 0 {
			verb = strings.ToUpper(p[first].Text)
		}
	}
	if !slices.Contains(dmlVerbs, verb) {
		t := Read(sql, d)
		if t.Effect < Defines {
			return Head{}
		}
		return Head{Verb: t.Verb, Schema: t.Schema, Table: t.Table, DDL: t.Effect == Defines}
	}
	p = p[first:]
	h := Head{Verb: verb}
	var next int
	h.Schema, h.Table, next = p.tableAt(1)
	h.Ignore = slices.ContainsFunc(p[1:max(next-1, 1)], func(t Token) bool { return t.Is("IGNORE") })
	h.Alias, h.Joined = p.alias(next)
	return h
}
