package sqltext

import "strings"

// lineComment reports whether a comment to the end of the line begins at i.
// MySQL wants white space or a control character behind the dashes.
func (s *scanner) lineComment(i int) bool {
	switch {
	case s.sql[i] == '#':
		return s.dialect == MySQL
	case s.sql[i] != '-' || !s.follows(i, "--"):
		return false
	case s.dialect != MySQL || i+2 >= len(s.sql):
		return true
	}
	c := s.sql[i+2]
	return c <= ' ' || c == 0x7f
}

// toLineEnd reads the comment at i. A carriage return ends it on PostgreSQL.
func (s *scanner) toLineEnd(i int) Token {
	ends := "\n"
	if s.dialect == PostgreSQL {
		ends = "\n\r"
	}
	n := strings.IndexAny(s.sql[i:], ends)
	if n < 0 {
		return Token{Kind: comment, Start: i, End: len(s.sql), open: true}
	}
	return Token{Kind: comment, Start: i, End: i + n + 1}
}

// blockComment reads what begins with "/*" at i.
func (s *scanner) blockComment(i int) Token {
	switch {
	case s.dialect == PostgreSQL:
		return s.nestedComment(i)
	case s.dialect == SQLite && i+2 >= len(s.sql):
		return Token{Kind: Sign, Text: "/", Start: i, End: i + 1, open: true} // no comment yet
	case s.dialect == MySQL && (s.follows(i, "/*!") || s.follows(i, "/*M!")):
		return s.executable(i)
	}
	t := s.plainComment(i)
	if s.dialect == MySQL && s.follows(i, "/*+") && !t.open && !balanced(s.sql[i:t.End]) {
		s.unsure = true // MySQL looks for quotes in a hint, MariaDB does not
	}
	return t
}

func (s *scanner) plainComment(i int) Token {
	n := strings.Index(s.sql[i+2:], "*/")
	if n < 0 {
		return Token{Kind: comment, Start: i, End: len(s.sql), open: true}
	}
	return Token{Kind: comment, Start: i, End: i + 2 + n + 2}
}

// nestedComment reads a comment of PostgreSQL.
func (s *scanner) nestedComment(i int) Token {
	depth, end := 0, i
	for end < len(s.sql) {
		switch {
		case s.follows(end, "/*"):
			depth++
			end += 2
		case s.follows(end, "*/"):
			depth--
			end += 2
			if depth == 0 {
				return Token{Kind: comment, Start: i, End: end}
			}
		default:
			end++
		}
	}
	return Token{Kind: comment, Start: i, End: end, open: true}
}

// executable reads the beginning of /*! … */ or /*M! … */, which servers run or
// skip by the version in it. A comment in it ends where the version says.
func (s *scanner) executable(i int) Token {
	end := i + strings.IndexByte(s.sql[i:], '!') + 1
	if s.skips {
		t := s.plainComment(i)
		s.unsure = s.unsure || strings.Contains(s.sql[end:t.End], "/*")
		t.Kind = marker
		return t
	}
	s.unsure = s.unsure || s.executes
	s.executes = true
	for n := 0; n < 6 && end < len(s.sql) && isDigit(s.sql[end]); n++ {
		end++
	}
	return Token{Kind: marker, Start: i, End: end}
}

// balanced reports whether every quote in a text is closed.
func balanced(text string) bool {
	return strings.Count(text, "'")%2+strings.Count(text, `"`)%2+strings.Count(text, "`")%2 == 0
}
