package hooks

import (
	"slices"
	"strings"

	"github.com/gormtrail/audit/hooks/internal/sqltext"
)

// Some properties of a SQLite table are only in the text of its CREATE statement.

// isWord reports whether the i-th token is that word, unquoted. word is upper
// case.
func isWord(list []sqltext.Token, i int, word string) bool {
	return i >= 0 && i < len(list) && list[i].Is(word)
}

// areWords reports whether those words begin at i.
func areWords(list []sqltext.Token, i int, words ...string) bool {
	for n, w := range words {
		if !isWord(list, i+n, w) {
			return false
		}
	}
	return true
}

// skipWords returns the first place from i on that has none of those words.
func skipWords(list []sqltext.Token, i int, words ...string) int {
	for i < len(list) && slices.ContainsFunc(words, func(w string) bool { return isWord(list, i, w) }) {
		i++
	}
	return i
}

func isSign(list []sqltext.Token, i int, sign byte) bool {
	return i >= 0 && i < len(list) && list[i].IsSign(sign)
}

// nameAt reads the name at i, with its schema if it has one; next is the place
// behind it. SQLite also takes a text for a name.
func nameAt(sql string, list []sqltext.Token, i int) (schema, name string, next int) {
	name, ok := bareNameAt(sql, list, i)
	if !ok {
		return "", "", i
	}
	next = i + 1
	if second, ok := bareNameAt(sql, list, i+2); ok && isSign(list, i+1, '.') {
		return name, second, i + 3
	}
	return "", name, next
}

func bareNameAt(sql string, list []sqltext.Token, i int) (string, bool) {
	if i >= len(list) {
		return "", false
	}
	switch t := list[i]; {
	case t.Kind == sqltext.Word, t.Kind == sqltext.Name:
		return t.Text, true
	case t.Kind == sqltext.Value && sql[t.Start] == '\'' && t.End-t.Start > 1:
		return unquoted(sql[t.Start:t.End]), true
	}
	return "", false
}

// unquoted is a name or text without its quotes.
func unquoted(s string) string {
	quote := s[:1]
	return strings.ReplaceAll(s[1:len(s)-1], quote+quote, quote)
}

// closing is the place of the parenthesis that closes the one at i.
func closing(list []sqltext.Token, i int) int {
	depth := 0
	for ; i < len(list); i++ {
		switch {
		case isSign(list, i, '('):
			depth++
		case isSign(list, i, ')'):
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(list)
}

// tableDDL is what only the CREATE TABLE of a SQLite table says, and no pragma.
type tableDDL struct {
	virtual      bool
	withoutRowid bool
	replaces     bool
	fails        bool
	collations   map[string]string // lower-case column → collation, where it isn't BINARY
}

func readTableDDL(ddl string) tableDDL {
	d := tableDDL{collations: map[string]string{}}
	list := sqltext.Tokens(ddl, sqltext.SQLite, len(ddl))
	d.virtual = areWords(list, 0, "CREATE", "VIRTUAL")
	open := slices.IndexFunc(list, func(t sqltext.Token) bool { return t.IsSign('(') })
	if d.virtual || open < 0 {
		return d
	}
	end := closing(list, open)
	for i := end; i < len(list); i++ {
		d.withoutRowid = d.withoutRowid || areWords(list, i, "WITHOUT", "ROWID")
	}
	for i := open; i < end; i++ {
		// NOT NULL ON CONFLICT REPLACE puts in the default, and removes no row.
		d.replaces = d.replaces || areWords(list, i, "ON", "CONFLICT", "REPLACE") && !isWord(list, i-1, "NULL")
		d.fails = d.fails || areWords(list, i, "ON", "CONFLICT", "FAIL")
	}
	d.readCollations(ddl, list[open+1:min(end, len(list))])
	return d
}

// readCollations reads the columns' own collations: COLLATE outside of any
// parentheses, behind the column's name.
func (d *tableDDL) readCollations(ddl string, body []sqltext.Token) {
	depth, first := 0, 0
	for i := range body {
		switch {
		case isSign(body, i, '('):
			depth++
		case isSign(body, i, ')'):
			depth--
		case depth == 0 && isSign(body, i, ','):
			first = i + 1
		case depth == 0 && isWord(body, i, "COLLATE"):
			column, ok := bareNameAt(ddl, body, first)
			collation, _ := bareNameAt(ddl, body, i+1)
			if ok {
				d.collations[strings.ToLower(column)] = collation
			}
		}
	}
}

// collation is a column's own.
func (d *tableDDL) collation(column string) string {
	if c := d.collations[strings.ToLower(column)]; c != "" {
		return c
	}
	return "BINARY"
}

// readTrigger reads a CREATE TRIGGER of SQLite.
func readTrigger(ddl string) (when verbs, does body) {
	list := sqltext.Tokens(ddl, sqltext.SQLite, len(ddl))
	when = inserts | updates | deletes
	for i := range list {
		switch {
		case isWord(list, i, "INSERT"), isWord(list, i, "UPDATE"), isWord(list, i, "DELETE"):
			when &= verbsOf(list[i].Text)
		case isWord(list, i, "BEGIN"):
			return when, readBody(ddl, list[i+1:])
		}
	}
	return when, body{opaque: true}
}
