package lang

import (
	"slices"
	"strings"
)

// categories are CLDR's plural categories (cldr.unicode.org, "Plural Rules").
var categories = []string{"zero", "one", "two", "few", "many", "other"}

// cutForm splits a key into its text and its plural category; form reports
// whether it has one.
func cutForm(key string) (text, category string, form bool) {
	at := strings.LastIndexByte(key, '|')
	if at < 0 || !slices.Contains(categories, key[at+1:]) {
		return key, "", false
	}
	return key[:at], key[at+1:], true
}

// Category returns the plural category of n by a rule of Language.Plural, for
// whole numbers.
func Category(rule string, n int) string {
	switch {
	case rule == "other": // Japanese has one form
		return "other"
	case n == 1, n == 0 && rule == "french":
		return "one"
	case n != 0 && n%1_000_000 == 0 && (rule == "french" || rule == "spanish"): // "1 000 000 d’entrées"
		return "many"
	}
	return "other"
}
