package sqltext

import "strings"

// Kind is what a token is.
type Kind int

// The kinds of tokens. A name is a quoted one; keywords and other names are
// words. A value is a number or a quoted text.
const (
	Word Kind = iota
	Name
	Value
	Param
	Sign
	comment
	marker // the beginning or the end of an executable comment
)

// Token is a part of a text: sql[Start:End].
type Token struct {
	Kind       Kind
	Text       string // of a name and of a quoted text without the quotes; "" of a number
	Start, End int
	open       bool // its end is missing: it goes on to the end of the text
}

// Is reports whether the token is the given unquoted word, in any letters.
func (t Token) Is(word string) bool { return t.Kind == Word && strings.EqualFold(t.Text, word) }

// IsSign reports whether the token is the given sign.
func (t Token) IsSign(sign byte) bool {
	return t.Kind == Sign && len(t.Text) == 1 && t.Text[0] == sign
}

// Tokens returns the first tokens of a text as its database usually reads it, at
// most the given number.
func Tokens(sql string, d Dialect, most int) []Token {
	s := newScanner(sql, readings("", d)[0])
	list := make([]Token, 0, min(most, 16))
	for len(list) < most {
		t, ok := s.next()
		if !ok {
			break
		}
		list = append(list, t)
	}
	return list
}
