// Package words works on names and texts that people read and type: labels, spelling,
// letter case.
package words

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold maps a text to a form in which texts that differ only in case are equal:
// each rune becomes the smallest of its simple case folding orbit (Unicode
// CaseFolding.txt, status C and S). Full foldings that change a text's length
// ("ß" and "ss") and the Turkic ones are not applied, and nothing is
// normalized: "é" in one rune and in two are different.
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			if 'a' <= r && r <= 'z' {
				return r - ('a' - 'A')
			}
			return r
		}
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}

// WithoutSeparators removes the signs that separate the words of names.
func WithoutSeparators(s string) string { return withoutSeparators.Replace(s) }

var withoutSeparators = strings.NewReplacer(" ", "", "_", "", "-", "", ".", "")

// Joined is WithoutSeparators of a text that has separators; "" for one without.
func Joined(s string) string {
	if !strings.ContainsAny(s, " _-.") {
		return ""
	}
	return WithoutSeparators(s)
}

// Clip shortens a caller's text for an error message.
func Clip(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// Distance is the number of letters to insert, remove, replace or swap with the next
// one that make a into b.
func Distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			step := 1
			if a[i] == b[j] {
				step = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+step)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// Label returns a name as a label: "Issue token" for "ISSUE_TOKEN" and "issueToken".
func Label(name string) string {
	s := strings.ReplaceAll(snake(name), "_", " ")
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// snake lowers a name and separates its words by "_".
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case r == '-' || r == ' ' || r == '.' || r == '_':
			b.WriteByte('_')
		case 'A' <= r && r <= 'Z':
			if i > 0 && 'a' <= runes[i-1] && runes[i-1] <= 'z' {
				b.WriteByte('_')
			}
			b.WriteRune(r + ('a' - 'A'))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
