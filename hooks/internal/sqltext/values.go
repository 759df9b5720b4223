package sqltext

import (
	"strings"
)

// WithoutValues returns a text on one line, with "?" in the place of every value
// that is written in it; parameters stay as they are. Where the server's settings
// decide what is a value, the text ends in "…".
func WithoutValues(sql string, d Dialect) string {
	list, cut := withValues(sql, d)
	return written(sql, list, cut)
}

// withValues returns the tokens on which all readings of a text agree; cut reports
// that they don't agree on its rest.
func withValues(sql string, d Dialect) (list []Token, cut bool) {
	found := false
	for _, r := range readings(sql, d) {
		s := newScanner(sql, r)
		other := s.rest()
		cut = cut || s.unsure
		switch {
		case s.unfinished && found:
		case !found:
			list, found = other, !s.unfinished
		default:
			same := agreed(list, other, r.skips)
			cut = cut || same < len(list)
			list = list[:same]
		}
	}
	return list, cut
}

// agreed is how many tokens of a reading another one agrees on: it has the same,
// or none of an executable comment that it skips.
func agreed(list, other []Token, skips bool) int {
	n := 0
	for _, t := range other {
		for skips && n < len(list) && list[n].Start < t.Start {
			n++
		}
		if n == len(list) || list[n] != t {
			return n
		}
		n++
	}
	if skips {
		return len(list)
	}
	return n
}

func written(sql string, list []Token, cut bool) string {
	var b strings.Builder
	last := 0
	for _, t := range list {
		if b.Len() > 0 && t.Start > last {
			b.WriteByte(' ')
		}
		if t.Kind == Value {
			b.WriteByte('?')
		} else {
			b.WriteString(sql[t.Start:t.End])
		}
		last = t.End
	}
	if cut {
		b.WriteString(" …")
	}
	return b.String()
}
