package sqltext

// startsParam reports whether a placeholder or a variable begins at i: "?1",
// "@name", ":name", "$name" and "#name" on SQLite, "?", "@name" and ":name" on
// MySQL. PostgreSQL has $1 only; the other signs are its operators.
func (s *scanner) startsParam(i int) bool {
	c := s.sql[i]
	switch s.dialect {
	case SQLite:
		return c == '?' || c == '@' || c == ':' || c == '$' || c == '#'
	case MySQL:
		return c == '?' || c == '@' || c == ':' && i+1 < len(s.sql) && isWordByte(s.sql[i+1])
	}
	return false
}

func (s *scanner) param(i int) Token {
	end := i + 1
	if s.dialect == SQLite && s.sql[i] != '?' {
		end = s.variableEnd(i)
	} else {
		for end < len(s.sql) && isWordPart(s.sql[end]) {
			end++
		}
	}
	return Token{Kind: Param, Text: s.sql[i:end], Start: i, End: end}
}

// variableEnd returns the end of a variable of SQLite, which may go on with
// "::name" and end in "(anything)", quotes among it.
func (s *scanner) variableEnd(i int) int {
	named := false
	for i++; i < len(s.sql); {
		switch {
		case isWordPart(s.sql[i]):
			named = true
			i++
		case s.follows(i, "::"):
			i += 2
		case s.sql[i] == '(' && named:
			return s.suffixEnd(i)
		default:
			return i
		}
	}
	return i
}

func (s *scanner) suffixEnd(i int) int {
	for i++; i < len(s.sql) && s.sql[i] != ')'; i++ {
		if isSpace(s.sql[i]) {
			return i
		}
	}
	return min(i+1, len(s.sql))
}
