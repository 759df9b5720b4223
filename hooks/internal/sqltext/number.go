package sqltext

// number reads 1, 1.5, .5e-3 and 0x1F, and the letters right behind: a name in
// MySQL, an error or a word of its own elsewhere.
func (s *scanner) number(i int) Token {
	sql, end := s.sql, i
	digits := func() {
		for end < len(sql) && isDigit(sql[end]) {
			end++
		}
	}
	digits()
	if end < len(sql) && sql[end] == '.' && (s.dialect != PostgreSQL || !s.follows(end, "..")) {
		end++
		digits()
	}
	if e := exponentEnd(sql, end); e > end {
		end = e
	}
	if s.dialect == PostgreSQL {
		return s.numberTail(i, end)
	}
	for end < len(sql) && isWordPart(sql[end]) {
		end++
	}
	return Token{Kind: Value, Text: "?", Start: i, End: end}
}

// numberTail: versions of PostgreSQL differ in what letters behind a number
// are. It matters where they end in a quote.
func (s *scanner) numberTail(i, end int) Token {
	tail := end
	for tail < len(s.sql) && isWordByte(s.sql[tail]) {
		tail++
	}
	if tail == end {
		return Token{Kind: Value, Text: "?", Start: i, End: end}
	}
	if tail < len(s.sql) && (s.sql[tail] == '$' || s.sql[tail] == '\'' || s.sql[tail] == '&') {
		s.unsure = true
		return Token{Kind: Value, Text: "?", Start: i, End: end}
	}
	return Token{Kind: Value, Text: "?", Start: i, End: tail}
}

func exponentEnd(sql string, i int) int {
	if i >= len(sql) || sql[i]|0x20 != 'e' {
		return i
	}
	end := i + 1
	if end < len(sql) && (sql[end] == '+' || sql[end] == '-') {
		end++
	}
	if end >= len(sql) || !isDigit(sql[end]) {
		return i
	}
	for end < len(sql) && isDigit(sql[end]) {
		end++
	}
	return end
}
