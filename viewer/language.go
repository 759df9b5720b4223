package viewer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gormtrail/audit/internal/lang"
)

// Language translates the page and its downloads. Texts are looked up by their
// English; what is missing stays English. German, Spanish, French and Japanese
// come with the package.
type Language struct {
	// Tag is the BCP 47 tag: "de", "pt-BR".
	Tag string
	// RightToLeft lays the page out for Arabic, Hebrew and the like.
	RightToLeft bool
	// Texts are the translations by English text, as the function Texts lists
	// them. A "%s" stands for what is filled in. Texts that depend on a number
	// have the plural category behind a bar: "%s entries|one".
	Texts map[string]string
	// Plural gives the CLDR category of a number ("zero", "one", "two", "few",
	// "many"; everything else "other"). Default: "one" for 1.
	Plural func(n int) string
	// Group separates thousands. Default: ",".
	Group string
	// Decimal separates the fraction. Default: ".".
	Decimal string
	// Date is the layout of a day in tables, as of package time; the English
	// names of months and weekdays are looked up in Texts.
	// Default: "2 Jan 2006".
	Date string
	// FullDate is the layout of a day where there is room for its names.
	// Default: "Monday, 2 January 2006".
	FullDate string
}

// english is what every text falls back to.
var english = fromFile("en")

// German is the page in German, for Options.Languages. A host may change the
// result, as it may its own.
func German() Language { return fromFile("de") }

// Spanish is the page in Spanish, for Options.Languages. A host may change the
// result, as it may its own.
func Spanish() Language { return fromFile("es") }

// French is the page in French, for Options.Languages. A host may change the
// result, as it may its own.
func French() Language { return fromFile("fr") }

// Japanese is the page in Japanese, for Options.Languages. A host may change the
// result, as it may its own.
func Japanese() Language { return fromFile("ja") }

// Texts are all texts that a Language can translate: those of the page, the
// common actions with their explanations, the names of months and weekdays, and
// those of the downloads (export.Texts). Where a text depends on a number, "%s
// entries|one" is a key too, and so for the other plural categories.
func Texts() []string { return lang.Texts() }

func fromFile(tag string) Language {
	l := lang.Read(tag)
	return Language{
		Tag: l.Tag, Texts: l.Texts, Group: l.Group, Decimal: l.Decimal, Date: l.Date, FullDate: l.FullDate,
		Plural: func(n int) string { return lang.Category(l.Plural, n) },
	}
}

func (l *Language) text(key string, args ...any) string {
	s, ok := l.Texts[key]
	if !ok || s == "" {
		s = key
	}
	if len(args) > 0 {
		return fmt.Sprintf(s, args...)
	}
	return s
}

// count fills n into the form of key that its number needs.
func (l *Language) count(key string, n int, more bool) string {
	number, category := l.number(n), l.category(n)
	if more {
		number, category = number+"+", l.category(n+1)
	}
	if s, ok := l.Texts[key+"|"+category]; ok {
		return fmt.Sprintf(s, number)
	}
	return l.text(key, number)
}

func (l *Language) category(n int) string {
	switch {
	case l.Plural != nil:
		return l.Plural(n)
	case n == 1:
		return "one"
	}
	return "other"
}

// forms are all forms of a counted text by plural category, for the script,
// whose own Intl.PluralRules know the language.
func (l *Language) forms(key string) string {
	forms := map[string]string{"other": l.text(key)}
	for _, category := range []string{"zero", "one", "two", "few", "many"} {
		if s, ok := l.Texts[key+"|"+category]; ok {
			forms[category] = s
		}
	}
	text, _ := json.Marshal(forms) // a map of texts always has a JSON form
	return string(text)
}

func (l *Language) number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + cmp.Or(l.Group, ",") + s[i:]
	}
	return s
}

// bytes is a size, in thousands as file managers count.
func (l *Language) bytes(n int64) string {
	unit, size := "%s B", strconv.FormatInt(n, 10)
	for _, u := range []struct {
		unit string
		is   int64
	}{{"%s KB", 1e3}, {"%s MB", 1e6}, {"%s GB", 1e9}} {
		if n >= u.is {
			unit, size = u.unit, strconv.FormatFloat(float64(n)/float64(u.is), 'f', 1, 64)
		}
	}
	return l.text(unit, strings.Replace(size, ".", cmp.Or(l.Decimal, "."), 1))
}

// date is a day in a table.
func (l *Language) date(t time.Time) string { return l.format(t, cmp.Or(l.Date, "2 Jan 2006")) }

// fullDate is a day with its names.
func (l *Language) fullDate(t time.Time) string {
	return l.format(t, cmp.Or(l.FullDate, "Monday, 2 January 2006"))
}

// format is time.Format with the names of months and weekdays translated.
func (l *Language) format(t time.Time, layout string) string {
	var b strings.Builder
	for {
		at := nameInLayout.FindStringIndex(layout)
		if at == nil {
			return b.String() + t.Format(layout)
		}
		b.WriteString(t.Format(layout[:at[0]]))
		b.WriteString(l.text(t.Format(layout[at[0]:at[1]])))
		layout = layout[at[1]:]
	}
}

var nameInLayout = regexp.MustCompile(`January|Jan|Monday|Mon`)

func (l *Language) dir() string {
	if l.RightToLeft {
		return "rtl"
	}
	return "ltr"
}

// arrow points from an old value to the new one.
func (l *Language) arrow() constant {
	if l.RightToLeft {
		return lang.ArrowLeft
	}
	return lang.ArrowRight
}

// code isolates an offset, a code or an address inside a text of the language, so that its
// parts keep their order.
func (l *Language) code(s string) string {
	if l.RightToLeft {
		return "\u2066" + s + "\u2069" // left-to-right isolate (UAX #9, section 2.4.2)
	}
	return s
}

// languageOf chooses: lang= in the URL, what the host says (Options.Language),
// then the quality values of Accept-Language (RFC 9110, section 12.5.4). A prefix
// is enough ("de" answers "de-AT").
func (v *Viewer) languageOf(r *http.Request) *Language {
	wishes := []string{r.URL.Query().Get("lang")}
	if v.opts.Language != nil {
		wishes = append(wishes, v.opts.Language(r))
	}
	wishes = append(wishes, accepted(r.Header.Get("Accept-Language"))...)
	for _, wish := range append(wishes, "en") { // of which a host may have its own
		for tag := strings.ToLower(wish); tag != ""; tag = tag[:max(0, strings.LastIndexByte(tag, '-'))] {
			for _, l := range v.languages {
				if strings.ToLower(l.Tag) == tag {
					return l
				}
			}
		}
	}
	return &english
}

// accepted are the tags of an Accept-Language header, the most wanted first.
func accepted(header string) []string {
	type wish struct {
		tag string
		q   float64
	}
	var wishes []wish
	for _, part := range strings.Split(header, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if s, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			q, _ = strconv.ParseFloat(s, 64)
		}
		if q > 0 {
			wishes = append(wishes, wish{tag, q})
		}
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return cmp.Compare(b.q, a.q) })
	var tags []string
	for _, w := range wishes {
		tags = append(tags, w.tag)
	}
	return tags
}
