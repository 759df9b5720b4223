package audit

import (
	"slices"
	"strings"
)

// actionsNamed returns the names of actions that a person may mean: the text
// itself, and those whose name or label it is, in any case.
func (c *Catalogue) actionsNamed(text string) []string {
	if c == nil {
		return []string{text}
	}
	named := labelled{text: text, names: []string{text}}
	for _, a := range c.actions {
		named.try(a.Name, c.Action(a.Name).Label)
	}
	return named.guessed()
}

// typesNamed is actionsNamed for types of objects.
func (c *Catalogue) typesNamed(text string) []string {
	if c == nil {
		return []string{text}
	}
	named := labelled{text: text, names: []string{text}}
	for _, o := range c.objects {
		named.try(o.Name, c.ObjectType(o.Name).Label)
	}
	if len(named.names) > 1 {
		return named.names
	}
	names := named.guessed()
	for _, name := range c.typesOf(text) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// labelled gathers the names that a text may stand for.
type labelled struct {
	text  string
	names []string
}

func (l *labelled) try(name, label string) {
	if name != l.text && (Fold(l.text) == Fold(name) || Fold(l.text) == Fold(label)) {
		l.names = append(l.names, name)
	}
}

// guessed adds the usual name behind a label that the catalogue made up, for
// what it doesn't know: "Security groups" stands for "security_groups".
func (l *labelled) guessed() []string {
	guess := strings.ReplaceAll(strings.ToLower(l.text), " ", "_")
	if len(l.names) == 1 && guess != l.text && labelOf(guess) == l.text {
		l.names = append(l.names, guess)
	}
	return l.names
}
