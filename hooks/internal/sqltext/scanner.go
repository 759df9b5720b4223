package sqltext

import "strings"

// scanner reads a text once, under one reading.
type scanner struct {
	reading
	sql string
	pos int
	// unfinished: a quote or a comment that needs its end has none.
	unfinished bool
	// unsure: the servers of this reading don't agree on what the text is.
	unsure bool
	// executes: the scanner is in an executable comment.
	executes bool
}

func newScanner(sql string, r reading) *scanner {
	switch i := strings.IndexByte(sql, 0); {
	case i < 0:
	case r.dialect == SQLite: // drivers hand over a C string
		sql = sql[:i]
	default:
		return &scanner{reading: r, sql: sql, unsure: true}
	}
	return &scanner{reading: r, sql: sql}
}

// next returns the next token that is not a comment; false at the end.
func (s *scanner) next() (Token, bool) {
	for {
		t, ok := s.step()
		if !ok || t.Kind < comment {
			return t, ok
		}
	}
}

// step returns the next token, comments included; false at the end.
func (s *scanner) step() (Token, bool) {
	for s.pos < len(s.sql) && isSpace(s.sql[s.pos]) {
		s.pos++
	}
	if s.pos >= len(s.sql) {
		s.unfinished = s.unfinished || s.executes
		return Token{}, false
	}
	t := s.read(s.pos)
	t.End = min(max(t.End, s.pos+1), len(s.sql))
	s.pos = t.End
	s.unfinished = s.unfinished || t.open && s.needsEnd(t)
	return t, true
}

// needsEnd: a comment to the end of a line may end with the text, and on SQLite
// every comment.
func (s *scanner) needsEnd(t Token) bool {
	return t.Kind != comment || s.dialect != SQLite && strings.HasPrefix(s.sql[t.Start:], "/*")
}

func (s *scanner) read(i int) Token {
	sql, c := s.sql, s.sql[i]
	switch {
	case isWordByte(c) && !isDigit(c):
		return s.word(i)
	case s.lineComment(i):
		return s.toLineEnd(i)
	case c == '/' && s.follows(i, "/*"):
		return s.blockComment(i)
	case s.executes && s.follows(i, "*/"):
		s.executes = false
		return Token{Kind: marker, Start: i, End: i + 2}
	case c == '\'' || c == '"' && s.dialect == MySQL:
		return s.text(i, i, s.escapes)
	case c == '"' || c == '`' && s.dialect != PostgreSQL || c == '[' && s.dialect == SQLite:
		return s.name(i)
	case isDigit(c) || c == '.' && i+1 < len(sql) && isDigit(sql[i+1]):
		return s.number(i)
	case c == '$' && s.dialect == PostgreSQL:
		return s.dollar(i)
	case s.startsParam(i):
		return s.param(i)
	}
	return Token{Kind: Sign, Text: sql[i : i+1], Start: i, End: i + 1}
}

func (s *scanner) follows(i int, text string) bool { return strings.HasPrefix(s.sql[i:], text) }

// word reads a word, or a text whose kind a letter in front of its quote names:
// E'…', x'…', b'…', N'…', and PostgreSQL's U&"…".
func (s *scanner) word(i int) Token {
	sql, end := s.sql, i+1
	if s.dialect == SQLite && s.follows(i, byteOrderMark) {
		return Token{Kind: comment, Start: i, End: i + len(byteOrderMark)}
	}
	for end < len(sql) && isWordPart(sql[end]) {
		end++
	}
	if end == i+1 && end < len(sql) {
		switch c := sql[i] | 0x20; {
		case sql[end] == '\'' && s.prefixes(c):
			return s.text(i, end, c == 'e' || c == 'n' && s.escapes)
		case c == 'u' && s.dialect == PostgreSQL && s.follows(end, `&"`):
			return s.unicodeName(i)
		case c == 'u' && s.dialect == PostgreSQL && s.follows(end, "&'"):
			return s.text(i, end+1, false)
		}
	}
	return Token{Kind: Word, Text: sql[i:end], Start: i, End: end}
}

// byteOrderMark is white space to SQLite where a token could begin, and a
// letter elsewhere.
const byteOrderMark = "\ufeff"

// prefixes reports whether the letter makes a text of its own kind.
func (s *scanner) prefixes(letter byte) bool {
	switch s.dialect {
	case SQLite:
		return letter == 'x'
	case PostgreSQL:
		return letter == 'e' || letter == 'b' || letter == 'x' || letter == 'n'
	}
	return letter == 'b' || letter == 'x' || letter == 'n'
}
