package export

import (
	"slices"

	"golang.org/x/text/unicode/bidi"
)

// A PDF is written glyph by glyph from left to right, so right-to-left text has
// to be put in its visual order first: the Unicode Bidirectional Algorithm (UAX
// #9) for text without embeddings and isolates, since sanitize shows those
// controls by their code.

// isRTL reports whether a text has anything to reorder.
func isRTL(s []rune) bool {
	return slices.ContainsFunc(s, func(r rune) bool {
		if r < 0x590 {
			return false
		}
		switch classOf(r) {
		case bidi.R, bidi.AL, bidi.AN:
			return true
		}
		return false
	})
}

func classOf(r rune) bidi.Class {
	p, _ := bidi.LookupRune(r)
	return p.Class()
}

// baseLevel is 1 where the first strong character is right-to-left (P2, P3).
func baseLevel(s []rune) int {
	for _, r := range s {
		switch classOf(r) {
		case bidi.L:
			return 0
		case bidi.R, bidi.AL:
			return 1
		}
	}
	return 0
}

// visual puts one line in its visual order, with mirrored brackets, in a
// paragraph of that base level.
func visual(line []rune, base int) []rune {
	if len(line) == 0 || !isRTL(line) && base == 0 {
		return line
	}
	levels := levelsOf(line, base)
	out := slices.Clone(line)
	for i, r := range out {
		if levels[i]%2 == 1 {
			out[i] = mirror(r)
		}
	}
	for level := slices.Max(levels); level > 0; level-- { // L2
		for i := 0; i < len(out); {
			if levels[i] < level {
				i++
				continue
			}
			end := i
			for end < len(out) && levels[end] >= level {
				end++
			}
			slices.Reverse(out[i:end])
			slices.Reverse(levels[i:end])
			i = end
		}
	}
	return marksBehind(out)
}

// marksBehind puts combining marks behind their base again (L3): reversing has
// put them before it.
func marksBehind(s []rune) []rune {
	for i := 0; i < len(s); i++ {
		if !isMark(s[i]) {
			continue
		}
		end := i
		for end < len(s) && isMark(s[end]) {
			end++
		}
		if end < len(s) && isRTLRune(s[i]) && isRTLRune(s[end]) {
			slices.Reverse(s[i:end])
			s = slices.Concat(s[:i], s[end:end+1], s[i:end], s[end+1:])
			end++
		}
		i = end - 1
	}
	return s
}

func isRTLRune(r rune) bool {
	switch classOf(r) {
	case bidi.R, bidi.AL:
		return true
	case bidi.NSM: // harakat and niqqud
		return r >= 0x591 && r <= 0x8ff || r >= 0xfb1e && r <= 0xfe7f
	}
	return false
}

// levelsOf resolves the levels of a line (W1 to I2, L1).
func levelsOf(line []rune, base int) []int {
	classes := make([]bidi.Class, len(line))
	for i, r := range line {
		classes[i] = classOf(r)
	}
	original := slices.Clone(classes)
	embedding := bidi.L
	if base == 1 {
		embedding = bidi.R
	}
	resolveWeak(classes, embedding)
	resolveBrackets(line, classes, original, embedding)
	resolveNeutral(classes, embedding)
	levels := make([]int, len(line))
	for i, c := range classes {
		levels[i] = implicitLevel(c, base)
	}
	for i := len(line) - 1; i >= 0 && (original[i] == bidi.WS || original[i] == bidi.S); i-- { // L1
		levels[i] = base
	}
	return levels
}

// implicitLevel is I1 and I2.
func implicitLevel(c bidi.Class, base int) int {
	switch {
	case c == bidi.R && base == 0:
		return 1
	case c == bidi.R:
		return base
	case c == bidi.L && base == 0:
		return 0
	}
	return 2 // numbers, and L in a right-to-left paragraph
}

// resolveWeak is W1 to W7.
func resolveWeak(c []bidi.Class, embedding bidi.Class) {
	previous := embedding
	for i := range c { // W1
		if c[i] == bidi.NSM {
			c[i] = previous
		}
		previous = c[i]
	}
	strong := embedding
	for i := range c { // W2, W3
		switch c[i] {
		case bidi.L, bidi.R, bidi.AL:
			strong = c[i]
		case bidi.EN:
			if strong == bidi.AL {
				c[i] = bidi.AN
			}
		}
	}
	for i := range c {
		if c[i] == bidi.AL {
			c[i] = bidi.R
		}
	}
	for i := 1; i+1 < len(c); i++ { // W4
		before, after := c[i-1], c[i+1]
		if before == after && (before == bidi.EN && (c[i] == bidi.ES || c[i] == bidi.CS) || before == bidi.AN && c[i] == bidi.CS) {
			c[i] = before
		}
	}
	resolveTerminators(c)
	strong = embedding
	for i := range c { // W7
		switch c[i] {
		case bidi.L, bidi.R:
			strong = c[i]
		case bidi.EN:
			if strong == bidi.L {
				c[i] = bidi.L
			}
		}
	}
}

// resolveTerminators is W5 and W6.
func resolveTerminators(c []bidi.Class) {
	for i := 0; i < len(c); i++ {
		if c[i] != bidi.ET {
			continue
		}
		end := i
		for end < len(c) && c[end] == bidi.ET {
			end++
		}
		if i > 0 && c[i-1] == bidi.EN || end < len(c) && c[end] == bidi.EN {
			for k := i; k < end; k++ {
				c[k] = bidi.EN
			}
		}
		i = end - 1
	}
	for i := range c {
		if c[i] == bidi.ET || c[i] == bidi.ES || c[i] == bidi.CS {
			c[i] = bidi.ON
		}
	}
}

// resolveNeutral is N1 and N2.
func resolveNeutral(c []bidi.Class, embedding bidi.Class) {
	side := func(i int) bidi.Class {
		if i < 0 || i >= len(c) {
			return embedding
		}
		if c[i] == bidi.L {
			return bidi.L
		}
		return bidi.R // R, and numbers count as R
	}
	neutral := func(k bidi.Class) bool { return k != bidi.L && k != bidi.R && k != bidi.EN && k != bidi.AN }
	for i := 0; i < len(c); i++ {
		if !neutral(c[i]) {
			continue
		}
		end := i
		for end < len(c) && neutral(c[end]) {
			end++
		}
		resolved := embedding
		if before, after := side(i-1), side(end); before == after {
			resolved = before
		}
		for k := i; k < end; k++ {
			c[k] = resolved
		}
		i = end - 1
	}
}
