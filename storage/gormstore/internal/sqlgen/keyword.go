package sqlgen

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

// What a keyword is looked for in is, of old, the column search; all other texts are
// read from the columns that have them, whichever version wrote the row. Nothing of it
// is indexed: a keyword is looked for entry by entry, until the page is full.

// searchedColumns have texts of an entry that the column search lacks.
var searchedColumns = []string{schema.ColActor, "object_type", "ip", schema.ColRequest, schema.ColTx, "error", "comment"}

// keyword writes that an entry has f's keyword.
func (b *Builder) keyword(f audit.Filter) {
	k := storage.Fold(f.Keyword)
	search := f.Search()
	b.WriteByte('(')
	b.Contains("search", row.Guard(k))
	b.WriteString(" OR ")
	parts := searchedColumns[:1:1]
	for _, column := range searchedColumns[1:] {
		parts = append(parts, b.Traits.text(string(unusedSign(k))), column)
	}
	b.folds(k, k, b.Traits.concat(parts...))
	b.WriteString(" OR fields <> '' AND ")
	b.folds(k, row.Guard(k), "fields")
	b.WriteString(" OR on_behalf_of <> '' AND ")
	b.inJSON(k, "on_behalf_of", []string{"id", "name", "email"})
	if idPart.MatchString(k) {
		b.WriteString(" OR ")
		b.Contains(b.Traits.upperID(), k)
	}
	b.endings(k)
	if words := storage.SearchWords(k); words != "" {
		b.words(words)
	}
	for _, label := range search.Labels {
		b.WriteString(" OR ")
		b.group(label)
	}
	if len(search.Metadata) > 0 {
		b.WriteString(" OR metadata <> '' AND ")
		b.inJSON(k, "metadata", search.Metadata)
	}
	b.WriteByte(')')
}

var idPart = regexp.MustCompile(`^[0-9A-F-]+$`)

// unusedSign is a sign that the keyword doesn't have, so that it isn't found across two texts.
func unusedSign(keyword string) rune {
	r := rune(0x1f)
	for strings.ContainsRune(keyword, r) {
		if r++; r == ' ' {
			r = '\ue000'
		}
	}
	return r
}

// folds writes that an expression has a text once it is folded as storage.Fold does; letters
// that the keyword hasn't needn't be.
func (b *Builder) folds(keyword, text, expression string) {
	b.Contains(b.Traits.folded(expression, variants(keyword)), text)
}

// inJSON writes that a value with one of these names has the keyword.
func (b *Builder) inJSON(k, column string, names []string) {
	value, from := b.Traits.jsonValues(column, names)
	b.Add("EXISTS (SELECT 1 FROM ", from, " AND ")
	b.folds(k, k, value)
	b.WriteByte(')')
}

// variant is a letter that folds to another one.
type variant struct{ from, to rune }

// variants are the letters that fold to those of a folded keyword.
func variants(keyword string) (list []variant) {
	runes := []rune(keyword)
	slices.Sort(runes)
	for _, r := range slices.Compact(runes) {
		for v := unicode.SimpleFold(r); v != r; v = unicode.SimpleFold(v) {
			list = append(list, variant{v, r})
		}
	}
	return list
}

// replaced is an expression with letters replaced; text writes one.
func replaced(expression string, list []variant, text func(string) string) string {
	for _, v := range list {
		expression = "REPLACE(" + expression + ", " + text(string(v.from)) + ", " + text(string(v.to)) + ")"
	}
	return expression
}

// endings are how labels say that an action didn't succeed, folded.
var endings = map[audit.Outcome]string{audit.Failure: "FAILED", audit.Denied: "DENIED"}

// endings writes how entries ended whose label ends in what has the keyword.
func (b *Builder) endings(k string) {
	for _, o := range []audit.Outcome{audit.Failure, audit.Denied} {
		if strings.Contains(endings[o], k) {
			b.WriteString(" OR outcome = '" + string(o) + "'")
		}
	}
}

// words writes that an action or a type has the words of a keyword (storage.SearchWords).
func (b *Builder) words(words string) {
	bare := func(column string) string {
		for _, sign := range []string{" ", "_", "-", "."} {
			column = "REPLACE(" + column + ", '" + sign + "', '')"
		}
		return b.Traits.folded(column, variants(words))
	}
	b.WriteString(" OR ")
	b.Contains(b.Traits.concat(bare("action"), "CASE outcome WHEN 'failure' THEN '"+endings[audit.Failure]+"' WHEN 'denied' THEN '"+endings[audit.Denied]+"' ELSE '' END"), words)
	b.WriteString(" OR ")
	b.Contains(bare("object_type"), words)
}
