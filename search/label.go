package search

import (
	"slices"
	"strings"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/words"
)

// actionsNamed returns the names of the actions that a text may mean: the text itself, and
// those whose name or label it is, in any case.
func actionsNamed(c *audit.Catalogue, text string) []string {
	if c == nil {
		return []string{text}
	}
	names := []string{text}
	for _, a := range c.Actions() {
		if means(text, a.Name, c.Action(a.Name).Label) {
			names = append(names, a.Name)
		}
	}
	return withGuess(names)
}

// typesNamed is actionsNamed for types of objects. It also reads labels that the catalogue
// derives from the names of types: "Security group" for "security_groups".
func typesNamed(c *audit.Catalogue, text string) []string {
	if c == nil {
		return []string{text}
	}
	names, objects := []string{text}, c.ObjectTypes()
	for _, o := range objects {
		if means(text, o.Name, c.ObjectType(o.Name).Label) {
			names = append(names, o.Name)
		}
	}
	if len(names) > 1 {
		return names
	}
	names = withGuess(names)
	for _, name := range words.Labelled(text) {
		listed := slices.ContainsFunc(objects, func(o audit.ObjectType) bool { return o.Name == name })
		if !listed && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// means reports whether the text is another spelling of the name, or the label.
func means(text, name, label string) bool {
	return name != text && (words.Fold(text) == words.Fold(name) || words.Fold(text) == words.Fold(label))
}

// withGuess adds, to a text without other names, the name that it is the label of:
// "security_groups" for "Security groups".
func withGuess(names []string) []string {
	text := names[0]
	guess := strings.ReplaceAll(strings.ToLower(text), " ", "_")
	if len(names) == 1 && guess != text && words.Label(guess) == text {
		names = append(names, guess)
	}
	return names
}
