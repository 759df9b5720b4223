package storagetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gormtrail/audit"
)

var textContracts = []contract{
	{name: "keyword/where", why: "A keyword is looked for in the texts of audit.Entry.SearchTexts, in the words of actions and types (storage.SearchWords) and in what Filter.Search names, and nowhere else.", run: tryKeywordPlaces},
	{name: "keyword/labels and metadata", why: "A keyword also selects what Filter.Search names: entries of a label, and values of the metadata, wherever they stand.", run: tryKeywordThroughTrail},
	{name: "keyword/ordinary signs", why: "%, _, \\, quotes and every other sign of a keyword are ordinary characters.", run: tryKeywordSigns},
	{name: "keyword/any case", why: "A keyword is found in any case, as Fold says: simple Unicode case folding, nothing normalized.", run: tryKeywordCase},
	{name: "keyword/long", why: "A keyword of MaxKeyword bytes is no error.", run: tryKeywordLong},
	{name: "text/exact", why: "Filter values are compared byte by byte: no case, accent, blank or collation makes two values one.", run: tryExactComparison},
	{name: "text/strange", why: "A filter with NUL bytes, invalid UTF-8 or more than 512 bytes finds what was recorded with them (Filter.Terms), and is never an error.", run: tryStrangeTexts},
	{name: "text/injection", why: "Text of a filter is never read as anything but text.", run: tryInjection},
}

func tryKeywordPlaces(c *trial) {
	const word = "needle"
	in := func(set func(*audit.Entry)) audit.Entry {
		e := audit.Entry{Action: "login", Time: epoch}
		set(&e)
		return e
	}
	change := func(field string) func(*audit.Entry) {
		return func(e *audit.Entry) {
			e.Changes = []audit.Change{{Field: "other", New: "x"}, {Field: field, New: "x"}}
		}
	}
	stored := c.complete(
		in(func(e *audit.Entry) { e.Actor.Name = "a Needle here" }),
		in(func(e *audit.Entry) { e.Actor.Name, e.Actor.Email = "a needle", "other@example.com" }),
		in(func(e *audit.Entry) { e.Actor.Email = "NEEDLE@example.com" }),
		in(func(e *audit.Entry) { e.Actor.ID = word }),
		in(func(e *audit.Entry) { e.Object.Name = "hay needle hay" }),
		in(func(e *audit.Entry) { e.Object.ID = "needle-7" }),
		in(func(e *audit.Entry) { e.Object.Type = "Needles" }),
		in(func(e *audit.Entry) { e.Action = "THREAD_NEEDLE" }),
		in(func(e *audit.Entry) { e.TransactionID = "tx-needle" }),
		in(func(e *audit.Entry) { e.Request.ID = word }),
		in(func(e *audit.Entry) { e.Request.IP = "needle.example" }),
		in(func(e *audit.Entry) { e.Comment = "a \"Needle\"\n<here>" }),
		in(func(e *audit.Entry) { e.Error = "no needle" }),
		in(func(e *audit.Entry) { e.OnBehalfOf = &audit.Actor{Name: "Née <& \"needle\" \\n>"} }),
		in(func(e *audit.Entry) { e.OnBehalfOf = &audit.Actor{Email: "needle@example.com"} }),
		in(func(e *audit.Entry) { e.OnBehalfOf = &audit.Actor{ID: "id\u2028needle"} }),
		in(change("NeedleWork")), in(change("settings.needle[2].x")), in(change("a\x1fneedle")),
		// Not in these:
		in(func(e *audit.Entry) { e.Actor.Type, e.OnBehalfOf = word, &audit.Actor{Type: word, ID: "7"} }),
		in(func(e *audit.Entry) { e.Object.Product, e.Tenant, e.Project = word, word, word }),
		in(func(e *audit.Entry) { e.Request.UserAgent, e.Request.Path, e.Request.Method = word, word, word }),
		in(func(e *audit.Entry) {
			e.Changes, e.Metadata = []audit.Change{{Field: "f", Old: word, New: word}}, map[string]any{word: word}
		}),
		// Not across the border of two texts either:
		in(func(e *audit.Entry) { e.Actor.Name, e.Actor.Email = "nee", "dle" }),
		in(func(e *audit.Entry) { e.Object.Name, e.Object.ID = "nee", "dle" }),
		in(func(e *audit.Entry) { e.Error, e.Comment = "nee", "dle" }),
		in(func(e *audit.Entry) { e.OnBehalfOf = &audit.Actor{ID: "nee", Name: "dle"} }),
		in(func(e *audit.Entry) { e.Changes = []audit.Change{{Field: "nee"}, {Field: "dle"}} }),
	)
	c.append(stored...)
	if n := len(c.walk(audit.Query{Filter: audit.Filter{Keyword: word}})); n != 19 {
		c.alsoBroken("the keyword is in the searched texts of 19 entries, and %d were found", n)
	}
	for _, k := range []string{
		word, "NEEDLE", "eedl", "n", "needle@", "needle-7", "thread_n", "nee dle", "needledle", "login", "name", "email", "id", "u003c", `\n`, `"needle"`, "<here>", "\u2028needle",
		"e <& \"N", "\x1f", "a\x1fn", "\x1d\x1f", "thread needle", "thread-needle", "-", ".", "_ ", "failed", "denied", "ed", "n failed", "in denied",
		stored[0].ID, strings.ToUpper(stored[1].ID[3:20]), stored[2].ID[24:] + "-",
	} {
		c.wantSelected(stored, audit.Filter{Keyword: k})
	}
}

// tryKeywordThroughTrail looks for what a Trail adds to a keyword.
func tryKeywordThroughTrail(c *trial) {
	catalogue := audit.NewCatalogue([]audit.Action{{Name: "ISSUE_TOKEN", Label: "Schlüssel ausgestellt", Noun: "Schlüssel"}}, []audit.ObjectType{{Name: "api_keys", Label: "Zugang"}})
	trail, err := audit.New(c.store, &audit.Options{Catalogue: catalogue, SearchableMetadata: []string{"ticket", `a"b\`, "näme", "x.y"}})
	if err != nil {
		c.t.Fatal(err)
	}
	var entries []audit.Entry
	for _, outcome := range []audit.Outcome{audit.Success, audit.Failure, audit.Denied} {
		for _, action := range []string{"ISSUE_TOKEN", "destroy", "orderItem.ship", "reset-password"} {
			entries = append(entries, audit.Entry{Action: action, Time: epoch, Outcome: outcome, Object: audit.Object{Type: c.one([]string{"api_keys", "security_groups", "SecurityGroup"})}})
		}
	}
	for _, m := range []map[string]any{
		{"ticket": "OPS-4711"}, {"ticket": 4711}, {"ticket": int64(-4711)}, {"ticket": 4711.5}, {"ticket": true}, {"ticket": nil}, {"ticket": []any{"OPS-4711"}},
		{"in": map[string]any{"ticket": "ops-4711 <&> \"é\" \\ \n\t\u2028 😀"}}, {"list": []any{map[string]any{"ticket": "OPS-4711"}}}, {"ticket": map[string]any{"ticket": "4711"}},
		{"other": "OPS-4711", "4711": "x"}, {`a"b\`: "OPS-4711"}, {"näme": "OPS-4711"}, {"x.y": "OPS-4711"}, {"x": map[string]any{"y": "OPS-4711"}}, {"ticket": "4711\x00"},
		{"other": `,"ticket":"4711"`}, {`,"ticket`: "4711"}, {"xticket": "4711"}, {"TICKET": "4711"}, {"ticket": uint64(18446744073709551615)}, {"ticket": json.Number("9223372036854775807")},
		{"ticket": json.Number("9223372036854775808")}, {"ticket": "true"}, {"ticket": "\\u0000 \\\\u0000"}, {"ticket": ""},
	} {
		entries = append(entries, audit.Entry{Action: "login", Time: epoch, Metadata: m})
	}
	stored := c.complete(entries...)
	c.append(stored...)
	for _, k := range []string{
		"deleted", "delete denied", "DELETE FAILED", "denied", "failed", "fail", "schlüssel", "SCHLÜSSEL DENIED", "ausgestellt", "zugang", "issue token", "order item", "order item ship failed", "reset password", "security group",
		"token failed", "OPS-4711", "4711", "-4711", "4711.5", "true", "ops-4711 <&>", `"É" \`, "\n", "\u2028", "u2028", "😀", "x", "null", "18446744073709551615", "9223372036854775807", "922337203685477580", `\u0000`,
	} {
		for _, f := range []audit.Filter{{Keyword: k}, {Not: []audit.Filter{{Keyword: k}}}, audit.Filter{Keyword: k}.WithoutMetadata()} {
			c.wantSelected(stored, trail.Joined(f))
		}
	}
}

func tryKeywordSigns(c *trial) {
	texts := []string{
		"100%", "100 percent", "a_b", "axb", "a%b", `a\b`, `a\\b`, `a\%b`, "it's", `say "x"`, "[a-z]", "a*b", "a?b", "^a", "a.b", "(x)", "a|b",
		"NOT x", "a AND b", "NEAR(a b)", `"unbalanced`, "--", ";", "/* */", "tab\there", "line\nbreak", "\u00a0", "$1", ":name", "@x", "?",
	}
	c.wantKeywords(texts, texts)
}

// wantKeywords stores an entry for each text and looks for each keyword.
func (c *trial) wantKeywords(texts, keywords []string) {
	c.t.Helper()
	var entries []audit.Entry
	for i, s := range texts {
		entries = append(entries,
			audit.Entry{Action: "login", Time: epoch, Object: audit.Object{Name: s}},
			audit.Entry{Action: "login", Time: epoch, Actor: audit.Actor{Name: fmt.Sprintf("<%s>%d", s, i)}})
	}
	stored := c.complete(entries...)
	c.append(stored...)
	for _, k := range keywords {
		c.wantSelected(stored, audit.Filter{Keyword: k})
	}
}

func tryKeywordCase(c *trial) {
	words := []string{
		"kelvin", "KELVIN", "\u212AELVIN", "sam", "SAM", "ſam", "straße", "STRASSE", "STRAẞE", "ΣΊΣΥΦΟΣ", "σίσυφος", "σίσυφοσ", "İstanbul", "istanbul", "ISTANBUL",
		"ıstanbul", "Å", "\u212B", "å", "A\u030A", "é", "É", "e\u0301", "E\u0301", "Ǆ", "ǅ", "ǆ", "ﬁ", "FI", "Ω", "\u2126", "ω", "µ", "μ", "Μ", "ᲀ", "в", "Ⅷ", "ⅷ", "Ⓐ", "ⓐ",
		"𐐀", "𐐨", "Ꭰ", "ꭰ", "ß", "SS", "ᾳ", "ᾼ", "ά", "ά", "Ά", "θ", "ϑ", "ϴ", "Ⴀ", "ⴀ", "ა", "Ა", "日本", "مرحبا", "😀", "I", "i", "K", "k", "Ÿ", "ÿ", "ſt", "ﬅ",
	}
	c.wantKeywords(words, words)
}

func tryKeywordLong(c *trial) {
	long := strings.Repeat("ab%_", audit.MaxKeyword/4)
	var cased strings.Builder // letters that each have another case
	for r := 'Ā'; cased.Len() < audit.MaxKeyword-4; r += 2 {
		if unicode.ToLower(r) != r {
			cased.WriteRune(r)
		}
	}
	allCased := cased.String()
	c.wantKeywords([]string{allCased, strings.ToLower(allCased), long, long + "!", long[1:], "ab%_"}, []string{long, long[:1000], strings.Repeat("😀", audit.MaxKeyword/4), allCased})
}

func tryExactComparison(c *trial) {
	values := []string{
		"a", "A", "a ", " a", "a\t", "a\n", "á", "Á", "a\u0301", "ä", "ae", "æ", "ss", "ß", "SS", "1", "01", "１", "+1", "1 ", "0x1", "1e0", "%", "_", "a%", "a_", `\`, `a\`, "\u200b", "a\u200b",
		"ı", "i", "I", "İ", "σ", "ς", "か", "が", "カ", "ｶ", "ー", "ffi", "ﬃ", "null", "NULL", "true", "😀", "😁", "\U0010FFFF",
	}
	var entries []audit.Entry
	for _, v := range values {
		entries = append(entries, audit.Entry{
			Time: epoch, Action: v, Tenant: v, Project: v, TransactionID: v, Actor: audit.Actor{Type: v, ID: v, Name: v}, OnBehalfOf: &audit.Actor{Name: v},
			Object: audit.Object{Type: v, ID: v, Product: v}, Request: audit.Request{ID: v}, Changes: []audit.Change{{Field: v, New: v}},
		})
	}
	stored := c.complete(entries...)
	c.append(stored...)
	for i, v := range values {
		one := []string{v}
		for _, f := range []audit.Filter{
			{Tenants: one}, {Projects: one}, {Actions: one}, {ObjectTypes: one}, {ObjectIDs: one}, {Products: one}, {ActorTypes: one},
			{ActorIDs: one}, {Users: one}, {OnBehalfOf: one}, {Fields: one}, {TransactionID: v}, {RequestID: v},
		} {
			c.wantEntries(stored[i:i+1], c.walk(audit.Query{Filter: f}), fmt.Sprintf("value %q, filter %s", v, f.Values().Encode()))
		}
	}
	for _, sort := range sorts {
		c.wantAll(stored, audit.Query{Sort: sort, Limit: 1000})
	}
}

func tryInjection(c *trial) {
	stored := c.someStored(30)
	for _, s := range []string{
		"' OR '1'='1", `" OR ""="`, "'; DELETE FROM entries; --", "1) OR (1=1", "\\' OR 1=1 -- ", "%' OR '%'='", "NULL", "?", "$1", "@p1", ":x", "{{.}}", "\x1a", "0x27", "CHAR(39)", "/*", "`x`", "[x]",
	} {
		one := []string{s}
		for _, f := range []audit.Filter{
			{Tenants: one}, {Projects: one}, {Actions: one}, {ObjectTypes: one}, {ObjectIDs: one}, {Products: one}, {ActorTypes: one}, {ActorIDs: one},
			{Users: one}, {OnBehalfOf: one}, {Fields: one}, {TransactionID: s}, {RequestID: s}, {Keyword: s},
		} {
			c.wantSelected(stored, f)
		}
	}
	c.wantSelected(stored, audit.Filter{Tenants: slices.Clone(tenantPool)})
}

// tryStrangeTexts records texts as a client may send them, and looks for each entry
// by the text that was recorded.
func tryStrangeTexts(c *trial) {
	long := strings.Repeat("é", 300)
	values := []string{"a\x00b\xffc", "\x00", "\xff\xfe", long + "1", long + "2", long + "\x00", strings.Repeat("x", 512), strings.Repeat("x", 513), strings.Repeat("\xff", 200)}
	var entries []audit.Entry
	for _, v := range values {
		entries = append(entries, audit.Entry{
			Time: epoch, Action: v, Tenant: v, Project: v, TransactionID: v, Actor: audit.Actor{Type: v, ID: v, Name: v}, OnBehalfOf: &audit.Actor{Name: v},
			Object: audit.Object{Type: v, ID: v, Name: v, Product: v}, Request: audit.Request{ID: v}, Changes: []audit.Change{{Field: v + v, New: v}},
		})
	}
	stored := c.complete(entries...)
	c.append(stored...)
	for i, v := range values {
		one := []string{v}
		for _, f := range []audit.Filter{
			{Tenants: one}, {Projects: one}, {Actions: one}, {ObjectTypes: one}, {ObjectIDs: one}, {Products: one}, {ActorTypes: one},
			{ActorIDs: one}, {Users: one}, {OnBehalfOf: one}, {Fields: []string{v + v}}, {TransactionID: v}, {RequestID: v},
		} {
			c.wantEntries(stored[i:i+1], c.walk(audit.Query{Filter: f}), f.Values().Encode())
			if i == 0 || i == 3 {
				c.wantSelected(stored, audit.Filter{Not: []audit.Filter{f}})
				c.wantSelected(stored, audit.Filter{}.And(f))
			}
		}
	}
	for _, k := range []string{values[0], "\x00", "\xff", "é"} {
		c.wantSelected(stored, audit.Filter{Keyword: k})
	}
	for _, sort := range sorts {
		c.wantAll(stored, audit.Query{Sort: sort, Limit: 3})
	}
	c.strangeElsewhere(stored, audit.Filter{Tenants: []string{values[3]}, ObjectIDs: []string{values[3]}})
}

// strangeElsewhere asks by a filter of one entry what isn't a query.
func (c *trial) strangeElsewhere(stored []audit.Entry, f audit.Filter) {
	c.t.Helper()
	if isFaceter(c.store) {
		c.wantFacets(stored, f)
	}
	if s, ok := c.store.(audit.Counter); ok {
		if n, _, err := s.Count(c.ctx, f, 10); n != 1 || err != nil {
			c.broken("Count: %d, %v", n, err)
		}
	}
	if s, ok := c.store.(audit.Tailer); ok {
		if list, _, err := s.Tail(c.ctx, f, "", 10); len(list) != 1 || err != nil {
			c.broken("Tail: %d entries, %v", len(list), err)
		}
	}
	if isPurger(c.store) {
		c.purge(f, 10, 1)
	}
}
