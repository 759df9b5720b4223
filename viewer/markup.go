package viewer

import (
	"html/template"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// constant is HTML that stands in this package's source. Being unexported and
// never converted to, it takes only constants, so that nothing that was
// recorded can become markup by mistake.
type constant string

// markup is HTML in the making. Rows are written with it instead of a template:
// they are most of a page, and html/template costs about 400 allocations for
// each. Everything that is not a constant goes through text or attr.
type markup []byte

func (m *markup) tag(c constant) { *m = append(*m, c...) }

// text writes recorded text as content. Characters that hide or reorder what
// stands around them are shown as visible chips.
func (m *markup) text(s string) {
	start := 0
	for i, r := range s {
		var esc constant
		switch {
		case r == '&':
			esc = "&amp;"
		case r == '<':
			esc = "&lt;"
		case r == '>':
			esc = "&gt;"
		case r == '"':
			esc = "&#34;"
		case r == '\'':
			esc = "&#39;"
		case r >= ' ' && r < 0x7f, r == '\n', r == '\t', !hiding(r):
			continue
		}
		*m = append(*m, s[start:i]...)
		if esc != "" {
			m.tag(esc)
		} else {
			m.chip(r)
		}
		start = i + width(s[i:], r)
	}
	*m = append(*m, s[start:]...)
}

// hiding reports whether a rune is one that a reader can't see or that changes
// how others are seen: control and format characters (bidi overrides, zero
// width, soft hyphen, tags), line separators, and what is no valid text.
func hiding(r rune) bool {
	if r < 0x80 {
		return r < ' ' && r != '\n' && r != '\t' || r == 0x7f
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) ||
		r == utf8.RuneError || r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0
}

func (m *markup) chip(r rune) {
	m.tag(`<span class="ctl">U+`)
	m.code(r)
	m.tag(`</span>`)
}

// code writes a rune's number as Unicode does.
func (m *markup) code(r rune) {
	hex := strings.ToUpper(strconv.FormatInt(int64(r), 16))
	for range max(0, 4-len(hex)) {
		m.tag("0")
	}
	*m = append(*m, hex...)
}

// attr writes text inside of a double-quoted attribute. NUL can't stand in
// HTML, and what it becomes is the replacement character anyway.
func (m *markup) attr(s string) {
	for i := range len(s) {
		switch c := s[i]; c {
		case '&':
			m.tag("&amp;")
		case '<':
			m.tag("&lt;")
		case '>':
			m.tag("&gt;")
		case '"':
			m.tag("&#34;")
		case 0:
			m.tag("\uFFFD")
		default:
			*m = append(*m, c)
		}
	}
}

// plainAttr is attr for text that people are shown: what would hide or reorder
// it is written as its code.
func (m *markup) plainAttr(s string) {
	start := 0
	for i, r := range s {
		if r < 0x80 && r >= ' ' && r != 0x7f || !hiding(r) {
			continue
		}
		m.attr(s[start:i])
		m.tag("⟨U+")
		m.code(r)
		m.tag("⟩")
		start = i + width(s[i:], r)
	}
	m.attr(s[start:])
}

// width is how many bytes a rune that range has found takes.
func width(s string, r rune) int {
	if r == utf8.RuneError {
		_, size := utf8.DecodeRuneInString(s)
		return size
	}
	return utf8.RuneLen(r)
}

func (m *markup) int(n int) { *m = strconv.AppendInt(*m, int64(n), 10) }

// iconClass returns the class of an icon. Icons that point left or right are mirrored in
// right-to-left languages.
func iconClass(name string) string {
	switch name {
	case "left", "right", "first", "out", "auth":
		return "ico flip"
	}
	return "ico"
}

// icon writes the symbol of that name out of the page's sprite.
func (m *markup) icon(name constant) {
	m.tag(`<svg class="`)
	m.attr(iconClass(string(name)))
	m.tag(`" aria-hidden="true"><use href="#i-`)
	m.tag(name)
	m.tag(`"/></svg>`)
}

func (m markup) html() template.HTML { return template.HTML(m) }

// shown is recorded text as HTML, for templates.
func shown(s string) template.HTML {
	var m markup
	m.text(s)
	return m.html()
}

// clipRunes cuts to at most n runes and reports whether anything was cut.
func clipRunes(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	i := 0
	for at := range s {
		if i == n {
			return s[:at], true
		}
		i++
	}
	return s, false
}
