package storagetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gormtrail/audit"
)

var textContracts = []contract{
	{name: "keyword/where", why: "A keyword is looked for in the actor's name and email, the object's name and ID, and the action, and nowhere else.", run: tryKeywordPlaces},
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
	stored := c.complete(
		in(func(e *audit.Entry) { e.Actor.Name = "a Needle here" }),
		in(func(e *audit.Entry) { e.Actor.Name, e.Actor.Email = "a needle", "other@example.com" }),
		in(func(e *audit.Entry) { e.Actor.Email = "NEEDLE@example.com" }),
		in(func(e *audit.Entry) { e.Object.Name = "hay needle hay" }),
		in(func(e *audit.Entry) { e.Object.ID = "needle-7" }),
		in(func(e *audit.Entry) { e.Action = "THREAD_NEEDLE" }),
		// Not in these:
		in(func(e *audit.Entry) { e.Actor.ID, e.Actor.Type = word, word }),
		in(func(e *audit.Entry) { e.Object.Type, e.Object.Product = word, word }),
		in(func(e *audit.Entry) { e.Tenant, e.Project, e.TransactionID, e.Request.ID = word, word, word, word }),
		in(func(e *audit.Entry) { e.Comment, e.Error, e.Request.UserAgent, e.Request.Path = word, word, word, word }),
		in(func(e *audit.Entry) { e.OnBehalfOf = &audit.Actor{Name: word, Email: word} }),
		in(func(e *audit.Entry) {
			e.Changes, e.Metadata = []audit.Change{{Field: word, New: word}}, map[string]any{word: word}
		}),
		// Not across the border of two texts either:
		in(func(e *audit.Entry) { e.Actor.Name, e.Actor.Email = "nee", "dle" }),
		in(func(e *audit.Entry) { e.Object.Name, e.Object.ID = "nee", "dle" }),
	)
	c.append(stored...)
	if n := len(c.walk(audit.Query{Filter: audit.Filter{Keyword: word}})); n != 6 {
		c.alsoBroken("the keyword is in the searched texts of 6 entries, and %d were found", n)
	}
	for _, k := range []string{word, "NEEDLE", "eedl", "n", "needle@", "needle-7", "thread_n", "nee dle", "needledle", "login"} {
		c.wantSelected(stored, audit.Filter{Keyword: k})
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
	c.wantKeywords([]string{long, long + "!", long[1:], "ab%_"}, []string{long, long[:1000], strings.Repeat("😀", audit.MaxKeyword/4)})
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
