package export

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"codeberg.org/go-fonts/dejavu/dejavusanscondensed"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/bidi"
	"pgregory.net/rapid"
)

// In these, upper-case letters stand for Hebrew ones.
func hebrew(s string) []rune {
	return []rune(strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return 'א' + r - 'A'
		}
		return r
	}, s))
}

func latin(s []rune) string {
	return strings.Map(func(r rune) rune {
		if r >= 'א' && r <= 'א'+25 {
			return 'A' + r - 'א'
		}
		return r
	}, string(s))
}

func TestVisualOrder(t *testing.T) {
	for _, c := range []struct{ logical, visual string }{
		{"plain", "plain"},
		{"ABC", "CBA"},
		{"car is THE CAR in arabic", "car is RAC EHT in arabic"}, // UAX #9's own examples, 3.4
		{"CAR IS the car IN ENGLISH", "HSILGNE NI the car SI RAC"},
		{"he said \"IT IS 123, 456, OK\".", "he said \"KO ,456 ,123 SI TI\"."},
		{"he said \"IT IS (123, 456), OK\".", "he said \"KO ,(456 ,123) SI TI\"."},
		{"IT IS A bmw 500, OK.", ".KO ,bmw 500 A SI TI"},
		{"abc 123 ABC 456 def", "abc 123 456 CBA def"},
		{"ABC 1.5 $20 -3", "3- $20 1.5 CBA"},
		{"ABC (abc) DEF", "FED (abc) CBA"},
		{"ABC [DEF] <GHI>", "<IHG> [FED] CBA"},
		{"ABC book(s)", "book(s) CBA"}, // and its examples of N0
		{"abc A(B)", "abc (B)A"},
		{"ABC (de) FG [h] i", "i [h] GF (de) CBA"},
		{"abc ABC ", "abc CBA "},
		{"", ""},
	} {
		s := hebrew(c.logical)
		assert.Equal(t, c.visual, latin(visual(s, baseLevel(s))), c.logical)
	}
	assert.Equal(t, "FED (CBA fabrikam) smith", latin(visual(hebrew("smith (fabrikam ABC) DEF"), 1)))
	assert.Equal(t, "gh(![ef&]DC)BA", latin(visual(hebrew("AB(CD[&ef]!)gh"), 1)))
	// A mark stays behind the letter that carries it.
	assert.Equal(t, []rune("גבּא"), visual([]rune("אבּג"), 1))
}

// Nothing is lost and nothing is added, whatever comes.
func TestVisualOrderIsAPermutation(t *testing.T) {
	alphabet := []rune("abcאבגدذر١٢123 .,()[]-+$%/\u05b0\u064e⟨⟩")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SliceOfN(rapid.SampledFrom(alphabet), 0, 40).Draw(t, "s")
		for base := range 2 {
			in, out := slices.Clone(s), visual(slices.Clone(s), base)
			unmirror := func(list []rune) {
				for i, r := range list {
					list[i] = min(r, mirror(r))
				}
				slices.Sort(list)
			}
			unmirror(in)
			unmirror(out)
			if !slices.Equal(in, out) {
				t.Fatalf("%q became %q", string(s), string(out))
			}
		}
	})
}

// An independent implementation of the algorithm gives each character the same
// direction. It doesn't find the pairs of brackets, so there are none.
func TestLevelsAgreeWithAnotherImplementation(t *testing.T) {
	alphabet := []rune("abאבגדذر١٢12 .,<>-+$%/:\u05b0\u064e")
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SliceOfN(rapid.SampledFrom(alphabet), 1, 30).Draw(t, "s")
		var p bidi.Paragraph
		if _, err := p.SetString(string(s)); err != nil {
			t.Fatal(err)
		}
		order, err := p.Order()
		if err != nil {
			t.Fatal(err)
		}
		levels := levelsOf(s, baseLevel(s))
		at := 0
		for i := range order.NumRuns() {
			run := order.Run(i)
			for range []rune(run.String()) {
				if (levels[at]%2 == 1) != (run.Direction() == bidi.RightToLeft) {
					t.Fatalf("%q: character %d, %q, has level %d, and the other says %v", string(s), at, s[at], levels[at], run.Direction())
				}
				at++
			}
		}
	})
}

func TestArabicLettersAreJoined(t *testing.T) {
	f := newArabicForms()
	for logical, want := range map[string]string{
		"ب":          "\ufe8f",
		"بب":         "\ufe91\ufe90",
		"ببب":        "\ufe91\ufe92\ufe90",
		"دب":         "\ufea9\ufe8f", // DAL joins only to what is before it
		"بد":         "\ufe91\ufeaa",
		"لا":         "\ufefb",
		"بلا":        "\ufe91\ufefc",
		"ء":          "\ufe80",
		"بَب":        "\ufe91\u064e\ufe90", // a mark is looked through
		"می\u200cخ":  "\ufee3\ufbfd\ufea5", // the non-joiner parts, and goes
		"بـ":         "\ufe91ـ",
		"پگ":         "\ufb58\ufb93",
		"abc ١٢٣ ب.": "abc ١٢٣ \ufe8f.",
	} {
		assert.Equal(t, []rune(want), f.shape([]rune(logical)), logical)
	}
	for r, forms := range f.letters {
		assert.NotZero(t, forms[isolated], "%U", r)
		assert.Equal(t, forms[initial] == 0, forms[medial] == 0, "%U", r)
	}
	assert.Len(t, f.lamAlef, 4)
}

func newTypesetter(t testing.TB) *typesetter {
	t.Helper()
	f, err := newFace("regular", dejavusanscondensed.TTF)
	require.NoError(t, err)
	return &typesetter{faces: []*face{f}, bold: []*face{f}, forms: newArabicForms()}
}

func readable(s []rune) string { return strings.Map(plain, string(s)) }

func textOf(lines []line) string {
	var parts []string
	for _, l := range lines {
		s := ""
		for _, p := range l {
			s += p.text
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, "|")
}

func TestWhatCannotBeShownIsShownByItsCode(t *testing.T) {
	for text, want := range map[string]string{
		"plain ÄÖÜ ß é":       "plain ÄÖÜ ß é",
		"e\u0301":             "é",
		"🎉":                   "⟨U+1F389⟩",
		"a\u202eb":            "a⟨U+202E⟩b",
		"a\x00\x07\rb":        "a⟨U+0000⟩⟨U+0007⟩⟨U+000D⟩b",
		"zero\u200bwidth":     "zero⟨U+200B⟩width",
		"soft\u00adhyphen":    "soft⟨U+00AD⟩hyphen",
		"漢":                   "⟨U+6F22⟩",
		"नमस्ते":              "⟨U+0928⟩⟨U+092E⟩⟨U+0938⟩⟨U+094D⟩⟨U+0924⟩⟨U+0947⟩",
		"\ue000":              "⟨U+E000⟩",
		"\U0001D11E":          "⟨U+1D11E⟩",
		"a\tb":                "a    b",
		"\xffbad":             "\ufffdbad",
		"ڭ":                   "ﯓ", // an extended letter that has forms
		"ݐ":                   "⟨U+0750⟩",
		"a\u200cb":            "a⟨U+200C⟩b",
		"\ufeffbom":           "⟨U+FEFF⟩bom",
		"👩\u200d👧":            "⟨U+1F469⟩⟨U+200D⟩⟨U+1F467⟩",
		"Tiếng Việt đặc biệt": "Tiếng Việt đặc biệt",
	} {
		set := newTypesetter(t)
		assert.Equal(t, want, readable(set.sanitize(text)), "%q", text)
		assert.Equal(t, strings.Contains(want, "⟨"), set.replaced, "%q", text)
	}
}

func TestACodeIsNeverTurnedAround(t *testing.T) {
	set := newTypesetter(t)
	lines := set.lines([]segment{{"אבג\u202eדהו", look{}}}, 100_000)
	assert.Equal(t, "והד⟨U+202E⟩גבא", textOf(lines))
}

func TestLinesAreBrokenWithoutLoss(t *testing.T) {
	set := newTypesetter(t)
	width := set.faces[0].width('x') * 10
	one := func(s string) string { return textOf(set.lines([]segment{{s, look{}}}, width)) }
	assert.Equal(t, "", one(""))
	assert.Equal(t, "one two |three", one("one two three"))
	assert.Equal(t, "xxxxxxxxxx|xxx", one("xxxxxxxxxxxxx"))
	assert.Equal(t, "a|b||c|", one("a\nb\r\n\nc\u2028"))
	assert.Equal(t, "xxx |xxxxx-|xxxxxx", one("xxx xxxxx-xxxxxx"))
	// The space behind "-" hangs over; among the glyphs before it, it would widen the line.
	hebrew := []segment{{"- א", look{}}, {" → ", look{}}, {"- א", look{bold: true}}}
	assert.Equal(t, "א - |→ - |א", textOf(set.lines(hebrew, 1365)))
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom([]rune("abc xyz-./é\u0301漢אב١")), 0, 200, -1).Draw(t, "s")
		width := rapid.IntRange(1, 20_000).Draw(t, "width")
		lines := set.lines([]segment{{s, look{}}, {" → ", look{}}, {s, look{bold: true}}}, width)
		want := []rune(readable(set.sanitize(s)) + " → " + readable(set.sanitize(s)))
		got := []rune(strings.ReplaceAll(textOf(lines), "|", ""))
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			t.Fatalf("%q lost something: %q", s, textOf(lines))
		}
		for _, l := range lines {
			// A line may be too wide only if it can't be broken: one glyph and its
			// marks, or spaces that hang over.
			text := textOf([]line{l})
			plain := string(slices.DeleteFunc([]rune(text), isMark)) // a mark may stand on a space
			base := []rune(strings.Trim(plain, " "))
			if l.width() > width && len(base) > 1 && string(base) == plain && !isRTL(base) {
				t.Fatalf("%q is %d wide, of %d", text, l.width(), width)
			}
		}
	})
}

func TestFontsThatCannotBeEmbedded(t *testing.T) {
	_, err := newFace("x", []byte("OTTO\x00\x00\x00\x00\x00\x00\x00\x00"))
	assert.ErrorContains(t, err, "CFF")
	_, err = newFace("x", []byte("ttcf\x00\x00\x00\x00\x00\x00\x00\x00"))
	assert.ErrorContains(t, err, "collection")
	_, err = newFace("x", []byte("%PDF"))
	assert.ErrorContains(t, err, "damaged")
	_, err = newFace("x", []byte("<html>.........."))
	assert.ErrorContains(t, err, "not a TrueType font")
	whole := dejavusanscondensed.TTF
	rapid.Check(t, func(t *rapid.T) { // no damage makes it panic
		raw := slices.Clone(whole[:rapid.IntRange(0, len(whole)).Draw(t, "size")])
		for range rapid.IntRange(0, 20).Draw(t, "n") {
			if len(raw) > 0 {
				raw[rapid.IntRange(0, min(len(raw), 4000)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "b")
			}
		}
		_, _ = newFace("x", raw)
	})
}

// Simple texts have a way of their own, which comes to the same.
func TestSimpleTextsAreSetAsAllOthersAre(t *testing.T) {
	set := newTypesetter(t)
	for r := ' '; r <= '~'; r++ {
		assert.True(t, set.faces[0].has(r) && set.bold[0].has(r) && isSimple(string(r)), "%q", r)
	}
	assert.True(t, set.faces[0].has('→') && set.bold[0].has('→'))
	for _, s := range []string{"\t", "\n", "\x7f", "é", "אב", "\xe2\x86", "\xe2\x86\x91", "a\xff", "→\u2191", codeText()} {
		assert.False(t, isSimple(s), "%q", s)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("abc xyz-./(→9")), 0, 60, -1)
		segments := []segment{
			{text.Draw(t, "one"), look{"a", true}}, {text.Draw(t, "two"), look{"a", true}},
			{text.Draw(t, "three"), look{"b", rapid.Bool().Draw(t, "bold")}}, {text.Draw(t, "four"), look{"a", true}},
		}
		width := rapid.IntRange(1, 30_000).Draw(t, "width")
		got := set.lines(segments, width)
		set.paragraph = set.paragraph[:0]
		for i, s := range segments {
			set.glyphs(s.text, i, s.look.bold)
		}
		want := set.wrap(nil, set.paragraph, segments, width, false)
		if !reflect.DeepEqual(want, got) {
			t.Fatalf("%v\n%v", want, got)
		}
	})
}

func codeText() string { return string(codeOf('\u202e')) }
