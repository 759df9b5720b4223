package viewer

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Language translates the page. Texts are looked up by their English; what is
// missing stays English.
type Language struct {
	// Tag is the BCP 47 tag: "de", "pt-BR".
	Tag string
	// RightToLeft lays the page out for Arabic, Hebrew and the like.
	RightToLeft bool
	// Texts are the translations by English text. A "%s" stands for what is
	// filled in. Texts that depend on a number have the plural category behind
	// a bar: "%s entries|one".
	Texts map[string]string
	// Plural gives the CLDR category of a number ("zero", "one", "two", "few",
	// "many"; everything else "other"). Default: "one" for 1.
	Plural func(n int) string
	// Group separates thousands. Default: ",".
	Group string
	// Date is the layout of a day, as of package time; the English names of
	// months and weekdays in its result are looked up in Texts.
	// Default: "2 Jan 2006".
	Date string
}

var english = Language{Tag: "en", Texts: map[string]string{
	"%s entries|one":             "%s entry",
	"%s fields|one":              "%s field",
	"%s new entries|one":         "%s new entry",
	"%s more fields|one":         "%s more field",
	"Show all %s characters|one": "Show the one character",
}}

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
	number := l.number(n)
	if more {
		number += "+"
	}
	category := "other"
	switch {
	case l.Plural != nil:
		category = l.Plural(n)
	case n == 1 && !more:
		category = "one"
	}
	if s, ok := l.Texts[key+"|"+category]; ok {
		return fmt.Sprintf(s, number)
	}
	return l.text(key, number)
}

func (l *Language) number(n int) string {
	s := strconv.Itoa(n)
	group := l.Group
	if group == "" {
		group = ","
	}
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + group + s[i:]
	}
	return s
}

func (l *Language) date(t time.Time) string {
	if l.Date == "" {
		return t.Format("2 Jan 2006")
	}
	s := t.Format(l.Date)
	for _, layout := range []string{"January", "Jan", "Monday", "Mon"} {
		name := t.Format(layout)
		if to, ok := l.Texts[name]; ok && strings.Contains(s, name) {
			return strings.Replace(s, name, to, 1)
		}
	}
	return s
}

func (l *Language) dir() string {
	if l.RightToLeft {
		return "rtl"
	}
	return "ltr"
}

// languageOf chooses by the quality values of Accept-Language (RFC 9110,
// section 12.5.4); a prefix is enough ("de" answers "de-AT"). lang= in the URL
// comes first.
func (v *Viewer) languageOf(r *http.Request) *Language {
	if len(v.languages) == 1 {
		return v.languages[0]
	}
	type wish struct {
		tag string
		q   float64
	}
	wishes := []wish{{r.URL.Query().Get("lang"), 2}}
	for _, part := range strings.Split(r.Header.Get("Accept-Language"), ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if s, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			q, _ = strconv.ParseFloat(s, 64)
		}
		wishes = append(wishes, wish{tag, q})
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return int((b.q - a.q) * 1000) })
	for _, w := range wishes {
		for tag := strings.ToLower(w.tag); tag != ""; tag = tag[:max(0, strings.LastIndexByte(tag, '-'))] {
			for _, l := range v.languages {
				if strings.ToLower(l.Tag) == tag {
					return l
				}
			}
		}
	}
	return v.languages[0]
}
