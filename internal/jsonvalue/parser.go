package jsonvalue

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// parser reads JSON into the terms of Normalize in one pass, several times
// as fast as encoding/json's reflection: reading entries is mostly this.
//
// It takes no decisions. Whatever isn't plainly well-formed, or what
// encoding/json has a rule of its own for (invalid UTF-8, half a surrogate pair,
// a name given twice, deep nesting), makes it give up, and encoding/json is asked
// instead. So a method's ok means: encoding/json reads exactly this value.
type parser struct {
	raw   []byte
	at    int
	text  string // a copy of raw whose parts the values are; made when the first is needed
	depth int
}

const (
	// maxShared is how long a text may be whose parts are shared: whoever keeps
	// one short value of a longer one would keep all of it.
	maxShared = 4 << 10
	// maxParsed is how deep a value is before encoding/json is asked, which has a
	// limit of its own.
	maxParsed = 500
)

// parseValue reads one value that is all of raw.
func parseValue(raw []byte) (v any, ok bool) {
	p := parser{raw: raw}
	v, ok = p.value()
	return v, ok && p.atEnd()
}

// peek is the next byte that is no space; 0 at the end.
func (p *parser) peek() byte {
	for ; p.at < len(p.raw); p.at++ {
		switch c := p.raw[p.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (p *parser) atEnd() bool { return p.peek() == 0 && p.at == len(p.raw) }

// take passes over c, if that is what comes next.
func (p *parser) take(c byte) bool {
	if p.peek() != c {
		return false
	}
	p.at++
	return true
}

func (p *parser) value() (any, bool) {
	switch c := p.peek(); c {
	case '"':
		return boxed(p.string())
	case '{':
		return boxed(p.object())
	case '[':
		return boxed(p.list())
	case 'n':
		return nil, p.word("null")
	case 't':
		return true, p.word("true")
	case 'f':
		return false, p.word("false")
	default:
		if c == '-' || isDigit(c) {
			return p.number()
		}
	}
	return nil, false
}

func boxed[T any](v T, ok bool) (any, bool) { return v, ok }

func (p *parser) word(w string) bool {
	if !bytes.HasPrefix(p.raw[p.at:], []byte(w)) {
		return false
	}
	p.at += len(w)
	return true
}

// nest counts how deep the parser is.
func (p *parser) nest(open byte) bool {
	p.depth++
	return p.take(open) && p.depth <= maxParsed
}

func (p *parser) list() ([]any, bool) {
	if !p.nest('[') {
		return nil, false
	}
	list := []any{}
	for !p.take(']') {
		if len(list) > 0 && !p.take(',') {
			return nil, false
		}
		v, ok := p.value()
		if !ok {
			return nil, false
		}
		list = append(list, v)
	}
	p.depth--
	return list, true
}

func (p *parser) object() (map[string]any, bool) {
	if !p.nest('{') {
		return nil, false
	}
	m := map[string]any{}
	for n := 0; !p.take('}'); n++ {
		name, ok := p.name(n)
		if !ok {
			return nil, false
		}
		if m[name], ok = p.value(); !ok || len(m) <= n { // a name given twice
			return nil, false
		}
	}
	p.depth--
	return m, true
}

// name reads the nth member's name and the colon.
func (p *parser) name(n int) (string, bool) {
	if n > 0 && !p.take(',') {
		return "", false
	}
	name, ok := p.string()
	return name, ok && p.take(':')
}

// number reads small whole numbers by itself.
func (p *parser) number() (any, bool) {
	start := p.at
	if p.raw[p.at] == '-' {
		p.at++
	}
	first := p.at
	n := int64(0)
	for p.at < len(p.raw) && isDigit(p.raw[p.at]) {
		n = n*10 + int64(p.raw[p.at]-'0') // may overflow; looked at only if it didn't
		p.at++
	}
	digits := p.at - first
	if digits == 0 || digits > 1 && p.raw[first] == '0' {
		return nil, false
	}
	if p.at < len(p.raw) && (p.raw[p.at] == '.' || p.raw[p.at]|0x20 == 'e') || digits > 18 {
		return p.otherNumber(start)
	}
	if first > start {
		n = -n
	}
	return n, true
}

// otherNumber reads what has a point, an exponent or many digits.
func (p *parser) otherNumber(start int) (any, bool) {
	for p.at < len(p.raw) && (isDigit(p.raw[p.at]) || bytes.IndexByte([]byte("+-.eE"), p.raw[p.at]) >= 0) {
		p.at++
	}
	s := string(p.raw[start:p.at])
	if len(s) <= 16 && '1' <= s[len(s)-1] && !strings.ContainsAny(s, "eE") {
		// A float64 holds each decimal of 15 digits; ending so, it isn't whole.
		if f, err := strconv.ParseFloat(s, 64); err == nil && strings.IndexByte(s, '.') > 0 {
			return f, true
		}
	}
	v, err := normalizeNumber(s) // checks its grammar
	return v, err == nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// string reads a text; one without escapes is a part of the shared copy.
func (p *parser) string() (string, bool) {
	if !p.take('"') {
		return "", false
	}
	start, ascii := p.at, true
	for ; p.at < len(p.raw); p.at++ {
		switch c := p.raw[p.at]; {
		case c == '"':
			inner := p.raw[start:p.at]
			p.at++
			if !ascii && !utf8.Valid(inner) {
				return "", false
			}
			return p.share(start, start+len(inner)), true
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return "", false
}

func (p *parser) share(from, to int) string {
	if len(p.raw) > maxShared {
		return string(p.raw[from:to])
	}
	if p.text == "" {
		p.text = string(p.raw)
	}
	return p.text[from:to]
}

// escaped reads a text that begins at start and has its first escape here.
func (p *parser) escaped(start int) (string, bool) {
	b := bytes.Clone(p.raw[start:p.at])
	for p.at < len(p.raw) {
		switch c := p.raw[p.at]; {
		case c == '"':
			p.at++
			return string(b), utf8.Valid(b)
		case c < ' ':
			return "", false
		case c != '\\':
			b = append(b, c)
			p.at++
		default:
			var ok bool
			if b, ok = p.escape(b); !ok {
				return "", false
			}
		}
	}
	return "", false
}

func (p *parser) escape(b []byte) ([]byte, bool) {
	if p.at+1 >= len(p.raw) {
		return nil, false
	}
	c := p.raw[p.at+1]
	p.at += 2
	switch c {
	case '"', '\\', '/':
		return append(b, c), true
	case 'n':
		return append(b, '\n'), true
	case 't':
		return append(b, '\t'), true
	case 'r':
		return append(b, '\r'), true
	case 'b':
		return append(b, '\b'), true
	case 'f':
		return append(b, '\f'), true
	case 'u':
		r, ok := p.hex4()
		if ok && utf16.IsSurrogate(r) {
			r, ok = p.lowSurrogate(r)
		}
		return utf8.AppendRune(b, r), ok
	}
	return nil, false
}

func (p *parser) lowSurrogate(high rune) (rune, bool) {
	if !p.word(`\u`) {
		return 0, false
	}
	low, ok := p.hex4()
	r := utf16.DecodeRune(high, low)
	return r, ok && r != utf8.RuneError
}

func (p *parser) hex4() (rune, bool) {
	if p.at+4 > len(p.raw) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(p.raw[p.at:p.at+4]), 16, 16)
	p.at += 4
	return rune(n), err == nil
}
