package hooks

import (
	"slices"
	"strings"
	"unicode"
)

// A statement's text is read only as far as capture needs: its verb, its table,
// and, for a raw statement, its text without the values in it.

type tokenKind int

const (
	tokenWord tokenKind = iota
	tokenQuoted
	tokenValue // a number or a quoted text
	tokenParam
	tokenSign
)

type token struct {
	kind       tokenKind
	text       string // of a quoted name: without its quotes
	start, end int
}

// tokens splits SQL into words, names, values and signs, passing over comments.
// mysql: double quotes are texts and backslashes escape.
func tokens(sql string, mysql bool) []token { return firstTokens(sql, mysql, len(sql)) }

// firstTokens are at most the first most of them.
func firstTokens(sql string, mysql bool, most int) []token {
	var list []token
	for i := 0; i < len(sql) && len(list) < most; {
		t := nextToken(sql, i, mysql)
		if t.end <= i {
			t.end = i + 1
		}
		if t.text != "" {
			list = append(list, t)
		}
		i = t.end
	}
	return list
}

func nextToken(sql string, i int, mysql bool) token {
	c := sql[i]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
		return token{end: i + 1}
	case strings.HasPrefix(sql[i:], "--") || (c == '#' && mysql):
		return token{end: lineEnd(sql, i)}
	case strings.HasPrefix(sql[i:], "/*"):
		return token{end: commentEnd(sql, i)}
	case c == '\'' || (c == '"' && mysql):
		end := quoteEnd(sql, i, c, mysql)
		return token{tokenValue, "?", i, end}
	case c == '"' || c == '`' || (c == '[' && bracketName(sql[i:])):
		return quotedName(sql, i, c)
	case c == '$' && !mysql:
		return dollar(sql, i)
	case c == '?' || c == '@' || (c == ':' && i+1 < len(sql) && isWordByte(sql[i+1]) && (i == 0 || sql[i-1] != ':')):
		return token{tokenParam, sql[i:wordEnd(sql, i+1)], i, wordEnd(sql, i+1)}
	case isDigit(c) || (c == '.' && i+1 < len(sql) && isDigit(sql[i+1])):
		return token{tokenValue, "?", i, numberEnd(sql, i)}
	case isWordByte(c):
		return wordOrText(sql, i, mysql)
	}
	return token{tokenSign, sql[i : i+1], i, i + 1}
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWordByte(c byte) bool {
	return c == '_' || isDigit(c) || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c >= 0x80
}

func wordEnd(sql string, i int) int {
	for i < len(sql) && (isWordByte(sql[i]) || sql[i] == '$') {
		i++
	}
	return i
}

func numberEnd(sql string, i int) int {
	for i < len(sql) && (isWordByte(sql[i]) || sql[i] == '.' || ((sql[i] == '+' || sql[i] == '-') && (sql[i-1] == 'e' || sql[i-1] == 'E'))) {
		i++
	}
	return i
}

func lineEnd(sql string, i int) int {
	if n := strings.IndexByte(sql[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(sql)
}

// commentEnd: PostgreSQL's comments nest.
func commentEnd(sql string, i int) int {
	depth := 0
	for i < len(sql) {
		switch {
		case strings.HasPrefix(sql[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(sql[i:], "*/"):
			depth--
			i += 2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(sql)
}

func quoteEnd(sql string, i int, quote byte, backslash bool) int {
	for i++; i < len(sql); i++ {
		switch {
		case backslash && sql[i] == '\\':
			i++
		case sql[i] == quote:
			if i+1 < len(sql) && sql[i+1] == quote {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(sql)
}

// bracketName: [name] in SQLite; in PostgreSQL a bracket is a subscript.
func bracketName(s string) bool {
	end := strings.IndexByte(s, ']')
	return end > 1 && unicode.IsLetter(rune(s[1]))
}

func quotedName(sql string, i int, c byte) token {
	if c == '[' {
		end := i + strings.IndexByte(sql[i:], ']') + 1
		return token{tokenQuoted, sql[i+1 : end-1], i, end}
	}
	end := quoteEnd(sql, i, c, false)
	name := strings.TrimSuffix(sql[i+1:end], string(c))
	return token{tokenQuoted, strings.ReplaceAll(name, string([]byte{c, c}), string(c)), i, end}
}

// dollar reads $1, and PostgreSQL's $tag$text$tag$.
func dollar(sql string, i int) token {
	end := i + 1
	for end < len(sql) && isWordByte(sql[end]) {
		end++
	}
	if end > i+1 && isDigit(sql[i+1]) {
		return token{tokenParam, sql[i:end], i, end}
	}
	if end < len(sql) && sql[end] == '$' {
		tag := sql[i : end+1]
		if n := strings.Index(sql[end+1:], tag); n >= 0 {
			return token{tokenValue, "?", i, end + 1 + n + len(tag)}
		}
		return token{tokenValue, "?", i, len(sql)}
	}
	return token{tokenSign, "$", i, i + 1}
}

// wordOrText: a letter right before a quote makes a text of its own kind
// (E'…', x'…', b'…', N'…').
func wordOrText(sql string, i int, mysql bool) token {
	end := wordEnd(sql, i)
	if end < len(sql) && sql[end] == '\'' && end-i == 1 {
		escapes := mysql || sql[i]|0x20 == 'e'
		return token{tokenValue, "?", i, quoteEnd(sql, end, '\'', escapes)}
	}
	return token{tokenWord, sql[i:end], i, end}
}

// withoutValues is the statement on one line, with "?" in the place of every
// value that is written in it; parameters stay as they are.
func withoutValues(sql string, mysql bool) string {
	var b strings.Builder
	last := 0
	for _, t := range tokens(sql, mysql) {
		if b.Len() > 0 && t.start > last {
			b.WriteByte(' ')
		}
		if t.kind == tokenValue {
			b.WriteByte('?')
		} else {
			b.WriteString(sql[t.start:t.end])
		}
		last = t.end
	}
	return b.String()
}

// statement is what capture knows of a statement from its text.
type statement struct {
	verb          string // upper case: "INSERT", "UPDATE", "DELETE", …; "" for a read
	schema, table string // "" where it can't be told
	alias         string // by which the statement refers to the table; "" if by its name
	joined        bool   // an UPDATE of a table joined with others
	ddl           bool
}

var (
	dmlVerbs = []string{"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"}
	ddlVerbs = []string{"CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "COMMENT", "GRANT", "REVOKE", "REINDEX"}
)

// parse finds the verb, past a WITH, an EXPLAIN ANALYZE and opening
// parentheses, and the table that is written.
func parse(sql string, mysql bool) statement {
	if !mayWrite(sql) {
		return statement{}
	}
	const head = 16 // what stands before and in a table's name
	list := firstTokens(sql, mysql, head)
	if len(list) == head && needsAll(list) {
		list = tokens(sql, mysql)
	}
	verb, at := verbOf(list)
	switch {
	case verb == "":
		return statement{}
	case slices.Contains(ddlVerbs, verb):
		return ddlStatement(verb, list, at)
	case !slices.Contains(dmlVerbs, verb):
		return statement{verb: verb}
	}
	s := statement{verb: verb}
	var next int
	s.schema, s.table, next = tableAfter(list, at+1)
	s.alias, s.joined = aliasAt(list, next)
	return s
}

// afterTable are the words that may follow a table's name and are no alias.
var afterTable = []string{
	"SET", "WHERE", "JOIN", "INNER", "LEFT", "RIGHT", "CROSS", "NATURAL", "STRAIGHT_JOIN", "FROM", "USING", "ON",
	"VALUES", "VALUE", "ORDER", "LIMIT", "RETURNING", "DEFAULT", "SELECT", "INDEXED", "NOT", "FORCE", "USE", "PARTITION",
}

// aliasAt reads what follows a table's name.
func aliasAt(list []token, i int) (alias string, joined bool) {
	if i < len(list) && list[i].kind == tokenWord && strings.EqualFold(list[i].text, "AS") {
		i++
	}
	if i < len(list) && (list[i].kind == tokenQuoted || list[i].kind == tokenWord && !slices.Contains(afterTable, strings.ToUpper(list[i].text))) {
		alias = list[i].text
		i++
	}
	if i < len(list) {
		word := strings.ToUpper(list[i].text)
		joined = word == "," || slices.Contains([]string{"JOIN", "INNER", "LEFT", "RIGHT", "CROSS", "NATURAL", "STRAIGHT_JOIN"}, word)
	}
	return alias, joined
}

// needsAll: the verb may stand anywhere in the statement.
func needsAll(list []token) bool {
	first := firstWord(list, 0)
	return first < 0 || slices.Contains([]string{"WITH", "EXPLAIN"}, strings.ToUpper(list[first].text))
}

// mayWrite is a quick look that keeps most reads from being split. A SELECT that
// writes (INTO a new table, a function with effects) can't be told from one that
// reads.
func mayWrite(sql string) bool {
	s := strings.TrimLeft(sql, " \t\r\n")
	return len(s) >= 6 && !strings.EqualFold(s[:6], "SELECT")
}

// verbOf returns the first verb that writes, and its place.
func verbOf(list []token) (string, int) {
	first := firstWord(list, 0)
	if first < 0 {
		return "", 0
	}
	word := strings.ToUpper(list[first].text)
	switch {
	case slices.Contains(dmlVerbs, word), slices.Contains(ddlVerbs, word):
		return word, first
	case word == "WITH":
		return dmlIn(list, first)
	case word == "EXPLAIN" || word == "ANALYZE":
		if i := firstWord(list, first+1); word == "EXPLAIN" && i >= 0 && hasWord(list, "ANALYZE") {
			return dmlIn(list, first)
		}
	case word == "CALL" || word == "DO" || word == "COPY" || word == "LOAD" || word == "EXECUTE":
		return word, first
	}
	return "", 0
}

// dmlIn finds a verb of a common table expression or of the main statement:
// it stands at the beginning of a parenthesis or behind one. "FOR UPDATE" and
// "DO UPDATE" are none, and neither is a column of that name.
func dmlIn(list []token, from int) (string, int) {
	for i := from + 1; i < len(list); i++ {
		t := list[i]
		if t.kind != tokenWord {
			continue
		}
		word := strings.ToUpper(t.text)
		before := list[i-1]
		starts := before.text == "(" || before.text == ")" || (before.kind == tokenWord && slices.Contains([]string{"ANALYZE", "VERBOSE", "EXPLAIN"}, strings.ToUpper(before.text)))
		if starts && slices.Contains([]string{"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"}, word) && (word != "REPLACE" || i+1 < len(list) && list[i+1].text != "(") {
			return word, i
		}
	}
	return "", 0
}

func firstWord(list []token, from int) int {
	for i := from; i < len(list); i++ {
		if list[i].kind == tokenWord {
			return i
		}
		if list[i].text != "(" {
			return -1
		}
	}
	return -1
}

func hasWord(list []token, word string) bool {
	for _, t := range list {
		if t.kind == tokenWord && strings.EqualFold(t.text, word) {
			return true
		}
	}
	return false
}

// noise are the words that may stand between the verb and the table.
var noise = []string{
	"INTO", "FROM", "ONLY", "IGNORE", "OR", "ABORT", "FAIL", "ROLLBACK", "REPLACE", "LOW_PRIORITY", "DELAYED",
	"HIGH_PRIORITY", "QUICK", "OVERWRITE",
}

// tableAfter returns the table named at i, and the place behind its name.
func tableAfter(list []token, i int) (schema, table string, next int) {
	for i < len(list) && list[i].kind == tokenWord && slices.Contains(noise, strings.ToUpper(list[i].text)) {
		i++
	}
	if i >= len(list) || (list[i].kind != tokenWord && list[i].kind != tokenQuoted) {
		return "", "", i
	}
	table = list[i].text
	for i+2 < len(list) && list[i+1].text == "." && (list[i+2].kind == tokenWord || list[i+2].kind == tokenQuoted) {
		schema, table = table, list[i+2].text
		i += 2
	}
	return schema, table, i + 1
}

func ddlStatement(verb string, list []token, at int) statement {
	s := statement{verb: verb, ddl: true}
	for i := at + 1; i < len(list); i++ {
		if list[i].kind == tokenWord && strings.EqualFold(list[i].text, "TABLE") {
			i++
			for i < len(list) && slices.Contains([]string{"IF", "NOT", "EXISTS"}, strings.ToUpper(list[i].text)) {
				i++
			}
			s.schema, s.table, _ = tableAfter(list, i)
			return s
		}
	}
	if verb == "TRUNCATE" {
		s.schema, s.table, _ = tableAfter(list, at+1)
	}
	return s
}
