package sqltext

import "strings"

// End returns the offset behind the last significant token of the first
// statement in sql: in front of white space, comments and semicolons at its end.
// complete is false if the text is unfinished (an open quote, or an open comment
// where the database wants its end), if another statement follows, or if it
// depends on the server's settings what the text is. A complete statement can go
// on behind a space at end.
func End(sql string, d Dialect) (end int, complete bool) {
	if plain(sql, d) {
		return len(strings.TrimRight(sql, " \t\n\v\f\r")), true
	}
	first, found := 0, false
	for i, r := range readings(sql, d) {
		x := extentOf(sql, r)
		if i == 0 {
			first = x.end
		}
		if x.fails {
			continue
		}
		if !x.complete || found && x.end != end {
			return first, false
		}
		end, found = x.end, true
	}
	if !found || d&database == MySQL && strings.HasSuffix(sql[:end], "--") { // what a space makes a comment
		return first, false
	}
	return end, true
}

// extent is where the first statement of a text ends, under one reading.
type extent struct {
	end      int
	complete bool
	fails    bool // its quotes or comments aren't closed: the server runs none of it
}

func extentOf(sql string, r reading) extent {
	s := newScanner(sql, r)
	var x extent
	for {
		t, ok := s.step()
		switch {
		case !ok:
			x.fails = s.unfinished && !s.unsure
			x.complete = !s.unfinished && !s.unsure
			return x
		case t.Kind == comment:
		case !t.IsSign(';'):
			x.end = t.End
		case x.end > 0:
			x.complete = !s.unfinished && !s.unsure && s.onlyGaps()
			return x
		}
	}
}

// onlyGaps reports whether comments and semicolons are all that follows.
func (s *scanner) onlyGaps() bool {
	for {
		t, ok := s.step()
		if !ok {
			return !s.unfinished && !s.unsure
		}
		if t.Kind != comment && !t.IsSign(';') {
			return false
		}
	}
}

// plain reports that nothing in a text needs a closer look: no comments, no
// second statement, and no quotes but closed ones of one kind. It is quick, and
// may say no without need.
func plain(sql string, d Dialect) bool {
	if strings.IndexByte(sql, ';') >= 0 || strings.IndexByte(sql, 0) >= 0 || strings.Contains(sql, "--") || strings.Contains(sql, "/*") {
		return false
	}
	switch d & database {
	case SQLite:
		if strings.IndexByte(sql, '[') >= 0 {
			return false
		}
	case MySQL:
		if strings.IndexByte(sql, '#') >= 0 || strings.IndexByte(sql, '\\') >= 0 {
			return false
		}
	case PostgreSQL:
		if strings.IndexByte(sql, '\\') >= 0 {
			return false
		}
	}
	return quotedByOne(sql, d.quotes()) && !(d&database == PostgreSQL && hasDollarQuote(sql))
}

// hasDollarQuote reports whether there is a dollar sign that begins no $1.
func hasDollarQuote(sql string) bool {
	for i := range max(len(sql)-1, 0) {
		if sql[i] == '$' && !isDigit(sql[i+1]) {
			return true
		}
	}
	return strings.HasSuffix(sql, "$")
}

// quotedByOne reports whether a text has one kind of quotes at most, and an even
// number of them.
func quotedByOne(sql, quotes string) bool {
	kinds := 0
	for _, q := range []byte(quotes) {
		if strings.IndexByte(sql, q) < 0 {
			continue
		}
		kinds++
		if kinds > 1 || strings.Count(sql, string(rune(q)))%2 != 0 {
			return false
		}
	}
	return true
}
