package words

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSingularLabel(t *testing.T) {
	for name, want := range map[string]string{
		"security_groups": "Security group", "SecurityGroups": "Security group", "users": "User", "news": "News", "news_items": "News item", "status": "Status", "order_statuses": "Order status",
		"addresses": "Address", "billing_address": "Billing address", "people": "Person", "companies": "Company", "categories": "Category", "movies": "Movie", "boxes": "Box",
		"databases": "Database", "licenses": "License", "invoices": "Invoice", "houses": "House", "responses": "Response", "purchases": "Purchase", "branches": "Branch", "caches": "Cache",
		"processes": "Process", "classes": "Class", "buses": "Bus", "analyses": "Analysis", "series": "Series", "policies": "Policy", "archives": "Archive", "shelves": "Shelf", "children": "Child",
		"data": "Data", "media": "Media", "queries": "Query", "apis": "Api", "menus": "Menu", "settings": "Settings", "indexes": "Index", "indices": "Index", "keys": "Key", "days": "Day", "heroes": "Hero",
		"files": "File", "sms": "Sms", "vpns": "Vpn", "ids": "Ids", "regimen": "Regimen", "audit_trail": "Audit trail", "": "", "s": "S", "ÜBER": "Über", "vat_rates": "Vat rate", "api_keys": "Api key",
		"sizes": "Size", "quizzes": "Quiz", "prizes": "Prize", "aliases": "Alias", "diseases": "Disease", "causes": "Cause", "viruses": "Virus", "cookies": "Cookie", "access": "Access", "basis": "Basis",
	} {
		assert.Equal(t, want, SingularLabel(name), name)
	}
}

func TestLabelledIsTheInverseOfSingularLabel(t *testing.T) {
	for label, name := range map[string]string{
		"Security group": "security_groups", "security GROUP": "security_groups", "Category": "categories", "Address": "addresses", "Child": "children", "News": "news",
	} {
		assert.Contains(t, Labelled(label), name, label)
	}
	assert.NotContains(t, Labelled("Class"), "clas", "whose label is another one")
	assert.Empty(t, Labelled(""))
}

func TestDistanceCountsSwapsOnce(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"", ""}: 0, {"actor", "actor"}: 0, {"atcor", "actor"}: 1, {"acter", "actor"}: 1, {"ator", "actor"}: 1, {"actoor", "actor"}: 1, {"", "abc"}: 3, {"ca", "abc"}: 3,
	} {
		assert.Equal(t, want, Distance(pair[0], pair[1]), pair)
		assert.Equal(t, want, Distance(pair[1], pair[0]), pair)
	}
}

func TestClipCutsBetweenRunes(t *testing.T) {
	assert.Equal(t, "short", Clip("short"))
	cut := Clip("x" + string(slices.Repeat([]rune{'é'}, 80)))
	assert.Equal(t, "x"+string(slices.Repeat([]rune{'é'}, 39))+"…", cut)
}

// Fold makes equal what simple case folding makes equal, and nothing else.
func TestFoldOfEveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if 0xD800 <= r && r <= 0xDFFF {
			continue
		}
		folded := Fold(string(r))
		if utf8.RuneCountInString(folded) != 1 || !strings.EqualFold(string(r), folded) || Fold(string(unicode.SimpleFold(r))) != folded {
			require.Failf(t, "wrong fold", "%U becomes %q", r, folded)
		}
	}
}

func TestFold(t *testing.T) {
	equal := func(a, b string) { assert.Equal(t, Fold(a), Fold(b), "%q and %q", a, b) }
	differ := func(a, b string) { assert.NotEqual(t, Fold(a), Fold(b), "%q and %q", a, b) }
	equal("Kelvin", "\u212AELVIN")
	equal("ſam", "SAM")
	equal("ΣΊΣΥΦΟΣ", "σίσυφος")
	equal("ÅNGSTRÖM", "\u212Bngström")
	equal("𐐀", "𐐨")
	differ("straße", "STRASSE")
	differ("İstanbul", "istanbul")
	differ("ı", "i")
	differ("é", "e\u0301")
	differ("a", "ä")
	for _, s := range []string{"%_\\'\"", "日本 مرحبا 😀", "", "a\x00b"} {
		equal(s, s)
		assert.Len(t, Fold(s), len(s))
	}
}
