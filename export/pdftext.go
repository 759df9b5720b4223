package export

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// typesetter turns texts into lines of glyphs that the fonts have. A rune that
// none has, or that can't be shown as what it is, becomes its code: ⟨U+202E⟩.
type typesetter struct {
	faces    []*face // regular: DejaVu, then the host's
	bold     []*face // of the same length: bold where there is one
	forms    arabicForms
	mirrored bool  // segments, and so lines, begin at the right
	replaced bool  // some rune was shown by its code
	bytes    int64 // of the text that was set

	paragraph []glyph // room that each call of lines uses again
	text      []byte
}

// segment is a part of a text with a look and a direction of its own: a field, an
// old value, an arrow. Segments follow each other from left to right, or in a mirrored
// document from right to left, whatever they hold, so that values never change places.
type segment struct {
	text string
	look look
}

// look is a colour, and bold or not.
type look struct {
	ink  string
	bold bool
}

// piece is a part of a line in one font and look, in visual order.
type piece struct {
	text  string
	face  int
	look  look
	width int // thousandths of the size
}

type line []piece

func (l line) width() int {
	w := 0
	for _, p := range l {
		w += p.width
	}
	return w
}

// glyph is one rune under way; plain(r) is what it looks like.
type glyph struct {
	r       rune
	segment int
	width   int
}

// lines breaks segments into lines of at most width, at line breaks of the text
// and where they are too long. It never gives fewer than one.
func (t *typesetter) lines(segments []segment, width int) []line {
	var lines []line
	t.paragraph = t.paragraph[:0]
	simple := !t.mirrored // all of the paragraph is, in the order of the line
	for i, s := range segments {
		t.bytes += int64(len(s.text))
		if isSimple(s.text) {
			t.simpleGlyphs(s.text, i, s.look.bold)
			continue
		}
		for k, part := range splitLines(s.text) {
			if k > 0 {
				lines = t.wrap(lines, t.paragraph, segments, width, simple)
				t.paragraph, simple = t.paragraph[:0], !t.mirrored
			}
			simple = simple && isSimple(part)
			t.glyphs(part, i, s.look.bold)
		}
	}
	return t.wrap(lines, t.paragraph, segments, width, simple)
}

// isSimple: most texts are, and each of their runes is one glyph of the built-in
// fonts, in the order of the text.
func isSimple(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= ' ' && s[i] <= '~' {
			continue
		}
		if !strings.HasPrefix(s[i:], "→") {
			return false
		}
		i += len("→") - 1
	}
	return true
}

// simpleGlyphs is glyphs of a simple text.
func (t *typesetter) simpleGlyphs(s string, segment int, bold bool) {
	face := t.faces[0]
	if bold {
		face = t.bold[0]
	}
	for _, r := range s {
		t.paragraph = append(t.paragraph, glyph{r, segment, face.width(r)})
	}
}

// splitLines splits at what Unicode counts as the end of a line, save a lone
// carriage return, which is shown by its code.
func splitLines(s string) []string {
	if strings.IndexByte(s, '\n') < 0 && !strings.ContainsAny(s, "\u2028\u2029\u0085") {
		return []string{s}
	}
	s = strings.NewReplacer("\r\n", "\n", "\u2028", "\n", "\u2029", "\n", "\u0085", "\n").Replace(s)
	return strings.Split(s, "\n")
}

// glyphs appends to the paragraph the runes of a text as they are drawn, in
// logical order.
func (t *typesetter) glyphs(s string, segment int, bold bool) {
	runes := t.sanitize(s)
	faces := t.faces
	if bold {
		faces = t.bold
	}
	for _, r := range runes {
		k := faceOf(faces, plain(r))
		t.paragraph = append(t.paragraph, glyph{r, segment, faces[k].width(plain(r))})
	}
}

// faceOf is the first face that has r; sanitize has seen that there is one.
func faceOf(faces []*face, r rune) int {
	for i, f := range faces {
		if f.has(r) {
			return i
		}
	}
	return 0
}

func (t *typesetter) sanitize(s string) []rune {
	s = norm.NFC.String(strings.ToValidUTF8(s, "\ufffd"))
	in := []rune(s)
	out := make([]rune, 0, len(in))
	arabic := false
	for i, r := range in {
		switch {
		case r == '\t':
			out = append(out, ' ', ' ', ' ', ' ')
		case r >= ' ' && r <= '~':
			out = append(out, r)
		case (r == zwnj || r == zwj) && t.betweenArabic(in, i):
			out = append(out, r)
		case t.shows(r):
			out = append(out, r)
			arabic = arabic || t.forms.letters[r][isolated] != 0
		default:
			out = append(out, codeOf(r)...)
			t.replaced = true
		}
	}
	if arabic {
		out = t.forms.shape(out)
	}
	return out
}

// A code is written in private-use runes until its line is in visual order: they
// are strong left-to-right letters, so that no code is turned around, and
// nothing else in a text is one, because sanitize shows those by their code.
const codeBase = 0xf000

func codeOf(r rune) []rune {
	code := []rune(fmt.Sprintf("<U+%04X>", r))
	for i := range code {
		code[i] += codeBase
	}
	return code
}

// plain is what a rune of a code looks like; any other is itself.
func plain(r rune) rune {
	switch {
	case r == codeBase+'<':
		return '⟨'
	case r == codeBase+'>':
		return '⟩'
	case r > codeBase && r < codeBase+0x80:
		return r - codeBase
	}
	return r
}

// betweenArabic: between two letters the joiners only choose their forms, which
// is ordinary spelling in Persian and no hiding place.
func (t *typesetter) betweenArabic(s []rune, i int) bool {
	return i > 0 && i+1 < len(s) && t.forms.letters[s[i-1]][isolated] != 0 && t.forms.letters[s[i+1]][isolated] != 0
}

// unshaped are scripts whose letters change places or shapes in ways that a PDF
// without a shaping engine gets wrong.
var unshaped = []*unicode.RangeTable{
	unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada,
	unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Balinese, unicode.Javanese, unicode.Tai_Tham,
	unicode.Syriac, unicode.Nko, unicode.Mongolian, unicode.Mandaic, unicode.Phags_Pa,
}

// shows reports whether r can be drawn as what it is.
func (t *typesetter) shows(r rune) bool {
	if r > 0xffff || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs) || unicode.In(r, unshaped...) || !t.has(r) {
		return false
	}
	forms, ok := t.forms.letters[r]
	if !ok { // a letter of the Arabic script that has no forms would stand unjoined
		return !(unicode.Is(unicode.Arabic, r) && unicode.IsLetter(r) && r < 0xfb50)
	}
	for _, form := range forms {
		if form != 0 && !t.has(form) {
			return false
		}
	}
	return true
}

// showsAll reports whether a translation can be drawn.
func (t *typesetter) showsAll(labels map[string]string) bool {
	for _, text := range Texts() {
		for _, r := range labels[text] {
			if r > '~' && !strings.ContainsRune(text, r) && !t.shows(r) {
				return false
			}
		}
	}
	return true
}

func (t *typesetter) has(r rune) bool { return t.faces[faceOf(t.faces, r)].has(r) }

// wrap breaks one paragraph: behind a space or an ideograph, else behind a sign
// that parts words, else anywhere but before a mark.
func (t *typesetter) wrap(lines []line, g []glyph, segments []segment, width int, simple bool) []line {
	if len(g) == 0 {
		return append(lines, nil)
	}
	var bases []int
	if !simple {
		bases = make([]int, len(segments))
		for i := range bases {
			bases[i] = -1
		}
	}
	for len(g) > 0 {
		n := breakAt(g, width)
		if simple {
			lines = append(lines, t.composeSimple(g[:n], segments))
		} else {
			lines = append(lines, t.compose(g[:n], segments, bases))
		}
		g = g[n:]
	}
	return lines
}

// breakAt is how many glyphs the next line takes, at least one.
func breakAt(g []glyph, width int) int {
	used, space, sign := 0, 0, 0
	for i, c := range g {
		if used += c.width; used > width && c.r != ' ' && i > 0 {
			switch {
			case space > 0:
				return space
			case sign > 0:
				return sign
			}
			for i > 1 && isMark(g[i].r) {
				i--
			}
			return i
		}
		switch {
		case c.r == ' ' || ideograph(c.r):
			space = i + 1
		case isSign(c.r):
			sign = i + 1
		}
	}
	return len(g)
}

func isSign(r rune) bool {
	switch r {
	case '-', '/', ',', ';', ':', '.', '_', '@', '=', '&', '?', '|':
		return true
	}
	return false
}

func ideograph(r rune) bool {
	return r >= 0x2e80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// composeSimple is compose for what has but one order and one font of each look.
func (t *typesetter) composeSimple(g []glyph, segments []segment) line {
	l := make(line, 0, 4)
	for start := 0; start < len(g); {
		look := segments[g[start].segment].look
		end, width := start, 0
		t.text = t.text[:0]
		for end < len(g) && (g[end].segment == g[start].segment || segments[g[end].segment].look == look) {
			t.text = utf8.AppendRune(t.text, g[end].r)
			width += g[end].width
			end++
		}
		l = append(l, piece{string(t.text), 0, look, width})
		start = end
	}
	return l
}

// compose puts one line in visual order and cuts it into pieces. Spaces at its end
// stay there, whatever the direction of the text before them: elsewhere they would
// take room in the line.
func (t *typesetter) compose(g []glyph, segments []segment, bases []int) line {
	var parts []line // in the order of the segments
	hanging := len(g)
	for hanging > 0 && g[hanging-1].r == ' ' {
		hanging--
	}
	g, spaces := g[:hanging], g[hanging:]
	for start := 0; start < len(g); {
		end := start
		for end < len(g) && g[end].segment == g[start].segment {
			end++
		}
		k := g[start].segment
		if bases[k] < 0 {
			if bases[k] = baseLevel([]rune(segments[k].text)); t.mirrored && segments[k].text == colon {
				bases[k] = 1
			}
		}
		parts = append(parts, t.pieces(g[start:end], segments[k].look, bases[k]))
		start = end
	}
	for i, c := range spaces {
		parts = append(parts, t.pieces(spaces[i:i+1], segments[c.segment].look, 0))
	}
	if t.mirrored {
		slices.Reverse(parts)
	}
	return joined(parts)
}

// joined is the pieces of all parts; neighbours of one font and look are one piece.
func joined(parts []line) line {
	var l line
	for _, p := range slices.Concat(parts...) {
		if last := len(l) - 1; last >= 0 && l[last].face == p.face && l[last].look == p.look {
			l[last].text += p.text
			l[last].width += p.width
		} else {
			l = append(l, p)
		}
	}
	return l
}

// pieces puts a part of one look in visual order and cuts it where the font changes.
func (t *typesetter) pieces(g []glyph, look look, base int) line {
	var l line
	runes := make([]rune, len(g))
	for i, c := range g {
		runes[i] = c.r
	}
	runes = visual(runes, base)
	for i := range runes {
		runes[i] = plain(runes[i])
	}
	faces := t.faces
	if look.bold {
		faces = t.bold
	}
	for start := 0; start < len(runes); {
		k := faceOf(faces, runes[start])
		end, width := start, 0
		for end < len(runes) && faceOf(faces, runes[end]) == k {
			width += faces[k].width(runes[end])
			end++
		}
		l = append(l, piece{string(runes[start:end]), k, look, width})
		start = end
	}
	return l
}
