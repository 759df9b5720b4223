package words

import (
	"maps"
	"slices"
	"strings"
)

// irregular has the plurals that no rule of singularOf covers, and their singulars.
var irregular = map[string]string{
	"people": "person", "men": "man", "women": "woman", "children": "child", "feet": "foot", "teeth": "tooth", "geese": "goose", "mice": "mouse",
	"criteria": "criterion", "phenomena": "phenomenon", "vertices": "vertex", "matrices": "matrix", "indices": "index", "appendices": "appendix",
	"quizzes": "quiz", "movies": "movie", "cookies": "cookie", "zombies": "zombie", "rookies": "rookie", "calories": "calorie", "ties": "tie",
	"pies": "pie", "menus": "menu", "cpus": "cpu", "gpus": "gpu", "skus": "sku", "gurus": "guru", "apis": "api", "taxis": "taxi",
	"analyses": "analysis", "bases": "base", "crises": "crisis", "diagnoses": "diagnosis", "theses": "thesis", "hypotheses": "hypothesis", "synopses": "synopsis",
	"axes": "axis", "aliases": "alias", "canvases": "canvas", "atlases": "atlas", "lenses": "lens", "biases": "bias", "gases": "gas",
	"buses": "bus", "viruses": "virus", "bonuses": "bonus", "campuses": "campus", "statuses": "status", "censuses": "census", "consensuses": "consensus",
	"knives": "knife", "lives": "life", "wives": "wife", "leaves": "leaf", "shelves": "shelf", "halves": "half", "wolves": "wolf", "thieves": "thief", "calves": "calf", "loaves": "loaf",
	"heroes": "hero", "potatoes": "potato", "tomatoes": "tomato", "echoes": "echo", "vetoes": "veto", "cargoes": "cargo", "torpedoes": "torpedo",
	"caches": "cache", "niches": "niche", "headaches": "headache", "avalanches": "avalanche", "workmen": "workman", "salesmen": "salesman", "chairmen": "chairman", "craftsmen": "craftsman",
}

// alike are words that end like plurals but are singular, or whose singular isn't in use.
var alike = []string{
	"news", "series", "species", "means", "goods", "premises", "sms", "mms", "dns", "tls", "aws", "gps", "ios", "macos", "https", "css", "cors", "saas", "paas", "rss",
	"analytics", "statistics", "metrics", "economics", "logistics", "graphics", "electronics", "settings", "credentials", "contents", "terms", "sales", "details", "preferences",
	"atlas", "canvas", "alias", "bias", "gas", "lens", "kudos", "chaos", "cosmos", "kubernetes", "postgres", "redis", "earnings", "savings", "thanks",
}

// singularOf returns the singular of an English word in lower case: a table is named in the
// plural, and an entry is about one record. It is written by hand, because libraries did
// worse with names of tables: of 49 words, inflection v1.0.0 got 17 wrong ("leafe",
// "postgre") and go-pluralize v0.2.1 got 11 ("cach", "kubernete").
func singularOf(word string) string {
	if one, ok := irregular[word]; ok {
		return one
	}
	if slices.Contains(alike, word) || len(word) < 4 {
		return word
	}
	for _, rule := range []struct{ end, one string }{
		{"ss", "ss"}, {"us", "us"}, {"is", "is"}, // class, status, basis
		{"ies", "y"}, {"sses", "ss"}, {"shes", "sh"}, {"ches", "ch"}, {"xes", "x"}, {"zzes", "zz"}, {"s", ""},
	} {
		if stem, ok := strings.CutSuffix(word, rule.end); ok {
			return stem + rule.one
		}
	}
	return word
}

// SingularLabel is Label with the last word in the singular: "Security group" for
// "security_groups".
func SingularLabel(name string) string {
	words := snake(name)
	at := strings.LastIndexByte(words, '_') + 1
	return Label(words[:at] + singularOf(words[at:]))
}

// Labelled returns names whose SingularLabel is the label, in any case: "categories" and
// "category" for "Category".
func Labelled(label string) (names []string) {
	if label == "" {
		return nil
	}
	for _, name := range plurals(label) {
		if Fold(SingularLabel(name)) == Fold(label) {
			names = append(names, name)
		}
	}
	return names
}

// plurals returns candidates for the name that a label was made of: "security_groups" for
// "Security group".
func plurals(label string) []string {
	name := strings.ReplaceAll(strings.ToLower(label), " ", "_")
	list := []string{name, name + "s", name + "es"}
	if stem, ok := strings.CutSuffix(name, "y"); ok {
		list = append(list, stem+"ies")
	}
	at := strings.LastIndexByte(name, '_') + 1
	for _, many := range slices.Sorted(maps.Keys(irregular)) {
		if irregular[many] == name[at:] {
			list = append(list, name[:at]+many)
		}
	}
	return list
}
