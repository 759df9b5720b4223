// Package lang holds the languages of the page, the files and the alerts: one
// JSON file each. en.json lists every text there is; the keys of the others are
// the English texts.
//
// A text that depends on a number has one key per plural category, as CLDR names
// them: "%s entries" for "other", "%s entries|one" for "one".
package lang

import (
	"embed"
	"encoding/json"
	"slices"
)

// The arrow from an old value to the new one points in the reading direction.
const (
	ArrowRight = " → "
	ArrowLeft  = " ← " // of languages written from right to left
)

// Language is one of the JSON files.
type Language struct {
	Tag      string            `json:"tag"`      // BCP 47: "de"
	Plural   string            `json:"plural"`   // the rule of Category: "one-other", "french", "spanish" or "other"
	Group    string            `json:"group"`    // separates thousands
	Decimal  string            `json:"decimal"`  // separates the fraction
	Date     string            `json:"date"`     // a day in a table, as a layout of package time
	FullDate string            `json:"fullDate"` // a day with its names
	Texts    map[string]string `json:"texts"`
}

//go:embed *.json
var files embed.FS

// Tags are those of all languages, English first.
func Tags() []string { return []string{"en", "de", "es", "fr", "ja"} }

// Read returns the language with this tag, which is one of Tags. Each call
// returns a copy of its own, that the caller may change.
func Read(tag string) Language {
	var l Language
	text, err := files.ReadFile(tag + ".json")
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	if err != nil {
		panic("lang: " + tag + ": " + err.Error()) // the files are part of the program
	}
	return l
}

// Texts are all English texts, sorted, without their plural forms.
func Texts() []string {
	var list []string
	for text := range Read("en").Texts {
		if _, _, form := cutForm(text); !form {
			list = append(list, text)
		}
	}
	slices.Sort(list)
	return list
}

// Counted are the texts of Texts whose form depends on a number.
func Counted() []string {
	var list []string
	for text := range Read("en").Texts {
		if plain, _, form := cutForm(text); form {
			list = append(list, plain)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
