package sqltext

import (
	"strconv"
	"strings"
)

// text reads the text that begins at i and whose quote is at quote.
func (s *scanner) text(i, quote int, escapes bool) Token {
	end, closed := s.quoteEnd(quote, escapes)
	for closed && escapes && s.dialect == PostgreSQL {
		next := s.continued(end)
		if next < 0 {
			break
		}
		end, closed = s.quoteEnd(next, escapes)
	}
	return Token{Kind: Value, Text: "?", Start: i, End: end, open: !closed}
}

// quoteEnd returns the offset behind the quoted part at i. A doubled quote
// stands for one.
func (s *scanner) quoteEnd(i int, escapes bool) (end int, closed bool) {
	sql, quote := s.sql, s.sql[i]
	for i++; i < len(sql); i++ {
		switch {
		case sql[i] == '\\' && escapes:
			// In some encodings the backslash is the second half of a letter.
			s.unsure = s.unsure || s.dialect == MySQL && sql[i-1] >= 0x80
			i++
		case sql[i] != quote:
		case i+1 < len(sql) && sql[i+1] == quote:
			i++
		default:
			return i + 1, true
		}
	}
	return len(sql), false
}

// continued returns the offset of the quote that continues a text of
// PostgreSQL on another line, with the escapes that it began with; -1 if none does.
func (s *scanner) continued(i int) int {
	lines := false
	for i < len(s.sql) {
		switch c := s.sql[i]; {
		case c == '\'' && lines:
			return i
		case s.lineComment(i):
			i = s.toLineEnd(i).End
			lines = true
		case isSpace(c):
			lines = lines || c == '\n' || c == '\r'
			i++
		default:
			return -1
		}
	}
	return -1
}

// name reads a quoted name.
func (s *scanner) name(i int) Token {
	if s.sql[i] == '[' {
		n := strings.IndexByte(s.sql[i:], ']')
		if n < 0 {
			return Token{Kind: Name, Start: i, End: len(s.sql), open: true}
		}
		return Token{Kind: Name, Text: s.sql[i+1 : i+n], Start: i, End: i + n + 1}
	}
	end, closed := s.quoteEnd(i, false)
	if !closed {
		return Token{Kind: Name, Start: i, End: end, open: true}
	}
	return Token{Kind: Name, Text: unquoted(s.sql[i:end]), Start: i, End: end}
}

func unquoted(name string) string {
	quote := name[:1]
	return strings.ReplaceAll(name[1:len(name)-1], quote+quote, quote)
}

// unicodeName reads PostgreSQL's U&"d\0061t\+000061". A text behind UESCAPE
// may name another character than the backslash.
func (s *scanner) unicodeName(i int) Token {
	t := s.name(i + 2)
	t.Start = i
	t.Text = decoded(t.Text, s.escapeFor(t.End))
	return t
}

// escapeFor returns the character that UESCAPE names behind i.
func (s *scanner) escapeFor(i int) byte {
	ahead := &scanner{reading: s.reading, sql: s.sql, pos: i}
	if t, ok := ahead.next(); !ok || !t.Is("UESCAPE") {
		return '\\'
	}
	if t, ok := ahead.next(); ok && t.Kind == Value && t.End-t.Start >= len("'!'") {
		return s.sql[t.End-2]
	}
	return '\\'
}

func decoded(name string, escape byte) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		digits := 4
		switch rest := name[i+1:]; {
		case name[i] != escape || rest == "":
			b.WriteByte(name[i])
			i++
			continue
		case rest[0] == escape:
			b.WriteByte(escape)
			i += 2
			continue
		case rest[0] == '+':
			i++
			digits = 6
		}
		hex := name[i+1 : min(i+1+digits, len(name))]
		if n, err := strconv.ParseUint(hex, 16, 31); err == nil {
			b.WriteRune(rune(n))
		}
		i += 1 + len(hex)
	}
	return b.String()
}

// dollar reads PostgreSQL's $1 and $tag$text$tag$.
func (s *scanner) dollar(i int) Token {
	sql, end := s.sql, i+1
	for end < len(sql) && isDigit(sql[end]) {
		end++
	}
	if end > i+1 {
		return Token{Kind: Param, Text: sql[i:end], Start: i, End: end}
	}
	for end < len(sql) && isWordByte(sql[end]) {
		end++
	}
	if end >= len(sql) || sql[end] != '$' {
		return Token{Kind: Sign, Text: "$", Start: i, End: i + 1}
	}
	tag := sql[i : end+1]
	n := strings.Index(sql[end+1:], tag)
	if n < 0 {
		return Token{Kind: Value, Text: "?", Start: i, End: len(sql), open: true}
	}
	return Token{Kind: Value, Text: "?", Start: i, End: end + 1 + n + len(tag)}
}
