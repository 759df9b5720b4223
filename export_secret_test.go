package audit

import (
	"maps"
	"slices"
	"strings"
)

// SecretLists are the lists of the rule, by the titles that the guide gives them.
func SecretLists() map[string]string {
	words := func(list string) string { return strings.Join(strings.Fields(list), " ") }
	var pairs []string
	for _, w := range slices.Sorted(maps.Keys(secretPairs)) {
		pairs = append(pairs, w+": "+words(secretPairs[w]))
	}
	return map[string]string{
		"Secret words": words(secretWords), "Pairs": strings.Join(pairs, " "), "Form words": words(formWords),
		"About words": words(aboutWords), "Flag words": words(flagWords), "Words that count tokens": words(countedWords),
		"Open words": words(openWords), "Words of digits": words(digitWords), "Bare words": words(bareWords),
		"Words written in one with others": words(gluedWords),
	}
}
