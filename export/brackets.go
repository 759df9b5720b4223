package export

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/bidi"
)

// resolveBrackets is N0: a pair of brackets takes the direction of what it
// encloses, so that both of them are mirrored or neither is.
func resolveBrackets(line []rune, c, original []bidi.Class, embedding bidi.Class) {
	for _, pair := range bracketPairs(line, c) {
		inside := strongInside(c[pair[0]+1:pair[1]], embedding)
		if inside == bidi.ON {
			continue
		}
		if inside != embedding && strongBefore(c[:pair[0]], embedding) != inside {
			inside = embedding
		}
		for _, i := range pair {
			c[i] = inside
			for k := i + 1; k < len(c) && original[k] == bidi.NSM; k++ {
				c[k] = inside // marks go with their bracket
			}
		}
	}
}

// maxBrackets is how deep UAX #9 looks (BD16).
const maxBrackets = 63

// bracketPairs are the places of opening and closing brackets, by the opening
// ones (BD16).
func bracketPairs(line []rune, c []bidi.Class) [][2]int {
	var open []int
	var pairs [][2]int
	for i, r := range line {
		if c[i] != bidi.ON {
			continue
		}
		p, _ := bidi.LookupRune(r)
		switch {
		case p.IsOpeningBracket():
			if len(open) == maxBrackets {
				return nil
			}
			open = append(open, i)
		case p.IsBracket():
			for k := len(open) - 1; k >= 0; k-- {
				if mirror(line[open[k]]) == r {
					pairs = append(pairs, [2]int{open[k], i})
					open = open[:k]
					break
				}
			}
		}
	}
	slices.SortFunc(pairs, func(a, b [2]int) int { return a[0] - b[0] })
	return pairs
}

// strongInside is the embedding direction if anything inside has it, else the
// other one if anything has that, else ON.
func strongInside(c []bidi.Class, embedding bidi.Class) bidi.Class {
	found := bidi.ON
	for _, k := range c {
		switch direction := directionOf(k); direction {
		case embedding:
			return embedding
		case bidi.L, bidi.R:
			found = direction
		}
	}
	return found
}

func strongBefore(c []bidi.Class, embedding bidi.Class) bidi.Class {
	for i := len(c) - 1; i >= 0; i-- {
		if d := directionOf(c[i]); d != bidi.ON {
			return d
		}
	}
	return embedding
}

// directionOf: numbers count as right-to-left here.
func directionOf(c bidi.Class) bidi.Class {
	switch c {
	case bidi.L:
		return bidi.L
	case bidi.R, bidi.EN, bidi.AN:
		return bidi.R
	}
	return bidi.ON
}

// mirrored are the pairs that change sides (L4).
const mirrored = "()[]{}<>«»‹›⟨⟩≤≥⟪⟫（）［］｛｝「」『』《》〈〉"

func mirror(r rune) rune {
	i := strings.IndexRune(mirrored, r)
	if i < 0 {
		return r
	}
	pairs := []rune(mirrored)
	k := slices.Index(pairs, r)
	return pairs[k^1]
}
