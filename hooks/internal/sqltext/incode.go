package sqltext

import "strings"

// InCode reports whether every offset lies between tokens of sql or at the start
// of one: not in a comment, a quoted text, a name or a word. In an unfinished text
// none does.
func InCode(sql string, d Dialect, at ...int) bool {
	for _, i := range at {
		if i < 0 || i > len(sql) || splitsWord(sql, i) {
			return false
		}
	}
	if plain(sql, d) {
		return outsideQuotes(sql, d, at)
	}
	found := false
	for _, r := range readings(sql, d) {
		in, fails := betweenTokens(sql, r, at)
		if fails {
			continue
		}
		if !in {
			return false
		}
		found = true
	}
	return found
}

// splitsWord reports whether i lies in a word, or between a letter and the quote
// whose kind it names (E'…', U&"…").
func splitsWord(sql string, i int) bool {
	if i == 0 || i == len(sql) {
		return false
	}
	quote := sql[i] == '\'' || sql[i] == '"'
	return isWordPart(sql[i-1]) && (isWordPart(sql[i]) || quote || sql[i] == '&') || sql[i-1] == '&' && quote
}

// outsideQuotes is for a plain text, in which all quotes are of one kind: an
// even number of them stands in front of what is outside. It counts each part of
// the text once where the offsets ascend.
func outsideQuotes(sql string, d Dialect, at []int) bool {
	q := strings.IndexAny(sql, d.quotes())
	if q < 0 {
		return true
	}
	quote, last, count := sql[q:q+1], 0, 0
	for _, i := range at {
		if i < last {
			last, count = 0, 0
		}
		count += strings.Count(sql[last:i], quote)
		last = i
		if count%2 != 0 || i > 0 && i < len(sql) && sql[i-1] == quote[0] && sql[i] == quote[0] {
			return false
		}
	}
	return true
}

// betweenTokens is InCode under one reading. fails: the server runs nothing of
// the text.
func betweenTokens(sql string, r reading, at []int) (in, fails bool) {
	s := newScanner(sql, r)
	in, begun, ended := true, false, false // a semicolon ends a statement only if one has begun
	for {
		t, ok := s.step()
		if !ok {
			break
		}
		if t.IsSign(';') {
			ended = ended || begun
		} else if t.Kind != comment {
			begun = true
		}
		for _, i := range at {
			in = in && (i <= t.Start || i > t.End || i == t.End && !t.open)
		}
	}
	if end := len(s.sql); end < len(sql) { // what SQLite doesn't read
		for _, i := range at {
			in = in && i <= end
		}
	}
	if s.unsure {
		return false, false
	}
	return in, s.unfinished && !ended
}
