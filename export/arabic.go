package export

import (
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// PDF fonts know no context, so each Arabic letter is written as the
// presentation form that its neighbours ask for (Unicode, chapter 9.2): joined
// letters, and LAM with ALEF as one.

// arabicForms maps a letter to its forms: isolated, final, initial, medial; 0
// where it has none. Letters without forms are not in it.
type arabicForms struct {
	letters map[rune][4]rune
	lamAlef map[rune][2]rune // by the ALEF: isolated, final
}

const (
	isolated = iota
	final
	initial
	medial
)

const (
	lam     = 'ل'
	tatweel = 'ـ'
	zwnj    = '\u200c'
	zwj     = '\u200d'
)

// newArabicForms reads the forms from Unicode's own decompositions: the forms of
// a letter follow each other there, in that order.
func newArabicForms() arabicForms {
	f := arabicForms{map[rune][4]rune{}, map[rune][2]rune{}}
	for _, block := range [][2]rune{{0xfb50, 0xfbb1}, {0xfbd3, 0xfbe7}, {0xfbfc, 0xfbff}, {0xfe80, 0xfefc}} {
		for r := block[0]; r <= block[1]; r++ {
			base := []rune(norm.NFKC.String(string(r)))
			switch {
			case len(base) == 1 && base[0] != r:
				f.add(base[0], r)
			case len(base) == 2 && base[0] == lam:
				pair := f.lamAlef[base[1]]
				if pair[isolated] == 0 {
					pair[isolated] = r
				} else {
					pair[final] = r
				}
				f.lamAlef[base[1]] = pair
			}
		}
	}
	return f
}

func (f arabicForms) add(letter, form rune) {
	forms := f.letters[letter]
	for i := range forms {
		if forms[i] == 0 {
			forms[i] = form
			break
		}
	}
	f.letters[letter] = forms
}

// joinsBefore: the letter joins to the one before it.
func (f arabicForms) joinsBefore(r rune) bool {
	return r == tatweel || r == zwj || f.letters[r][final] != 0
}

// joinsAfter: the letter joins to the one behind it.
func (f arabicForms) joinsAfter(r rune) bool {
	return r == tatweel || r == zwj || f.letters[r][initial] != 0
}

// shape replaces letters by their forms. Joiners have done their work then, and
// go.
func (f arabicForms) shape(s []rune) []rune {
	out := make([]rune, 0, len(s))
	for i := 0; i < len(s); i++ {
		r := s[i]
		forms, ok := f.letters[r]
		if !ok {
			if r != zwj && r != zwnj {
				out = append(out, r)
			}
			continue
		}
		before := f.joinsAfter(neighbour(s, i, -1))
		next := neighbour(s, i, +1)
		if r == lam && i+1 < len(s) {
			if pair, ok := f.lamAlef[s[i+1]]; ok {
				out = append(out, pair[btoi(before)])
				i++
				continue
			}
		}
		after := forms[initial] != 0 && f.joinsBefore(next)
		before = before && forms[final] != 0
		form := isolated
		switch {
		case before && after:
			form = medial
		case before:
			form = final
		case after:
			form = initial
		}
		out = append(out, forms[form])
	}
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// neighbour is the next letter in a direction; marks are looked through. 0 at
// the end.
func neighbour(s []rune, i, step int) rune {
	for i += step; i >= 0 && i < len(s); i += step {
		if !isMark(s[i]) {
			return s[i]
		}
	}
	return 0
}

func isMark(r rune) bool { return r >= 0x300 && unicode.Is(unicode.Mn, r) }
