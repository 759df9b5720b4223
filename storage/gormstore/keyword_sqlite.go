package gormstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"unicode/utf8"
)

// sqliteIndex is an FTS5 table of trigrams over the search column, whose texts it
// doesn't keep a second time. Triggers keep it, so that it agrees with the
// entries whoever writes them, in whichever transaction.
//
// What is newest is not in it: entries are added searchBatch at a time, since
// FTS5 writes a segment for each statement that adds anything, which would double
// the cost of a single entry. "%_docsize" has the rowids of what is in.
type sqliteIndex struct{ *sqlite }

// searchBatch is how many entries wait to be added; a search reads them.
const searchBatch = 256

// maxTrigrams are asked for of one keyword: each is another list to be read.
const maxTrigrams = 16

func (x sqliteIndex) name() string    { return x.t.schemaIndex("search", `"`) }
func (x sqliteIndex) docsize() string { return x.t.schemaIndex("search_docsize", `"`) }

// feature: a name without its schema is looked for in the trigger's own.
func (x sqliteIndex) feature() feature {
	own := func(kind string) string { return x.t.index(kind, `"`) }
	fts, docsize, on := own("search"), own("search_docsize"), x.t.quotedBase(`"`)
	upto := "coalesce((SELECT max(id) FROM " + docsize + "), 0)"
	add := "INSERT INTO " + fts + " (rowid, search) "
	remove := "INSERT INTO " + fts + " (" + fts + ", rowid, search) VALUES ('delete', old.seq, old.search)"
	added := "EXISTS (SELECT 1 FROM " + docsize + " WHERE id = old.seq)"
	trigger := func(kind, when, condition, body string) string {
		return "CREATE TRIGGER IF NOT EXISTS " + x.t.schemaIndex(kind, `"`) + " AFTER " + when + " ON " + on +
			" WHEN " + condition + " BEGIN " + body + "; END"
	}
	return feature{
		option: "KeywordIndex",
		there: "SELECT count(*) = 5 FROM " + x.schema() + "sqlite_master WHERE name IN ('" + x.t.base + "_search', '" + x.t.base +
			"_search_add', '" + x.t.base + "_search_late', '" + x.t.base + "_search_remove', '" + x.t.base + "_search_change')",
		statements: []string{
			// case_sensitive: the column is folded as audit.Fold does. With less detail
			// FTS5 couldn't skip in its lists, and took ten times as long to read.
			"CREATE VIRTUAL TABLE IF NOT EXISTS " + x.name() + " USING fts5 (search, content='" + x.t.base +
				"', content_rowid='seq', tokenize='trigram case_sensitive 1')",
			trigger("search_add", "INSERT", "new.seq >= "+upto+" + "+itoa(searchBatch),
				add+"SELECT seq, search FROM "+on+" WHERE seq > "+upto+" AND seq <= new.seq"),
			// A number below what is in: rows that are copied, not appended.
			trigger("search_late", "INSERT", "new.seq < "+upto, add+"VALUES (new.seq, new.search)"),
			trigger("search_remove", "DELETE", added, remove),
			trigger("search_change", "UPDATE OF search", added, remove+"; "+add+"VALUES (new.seq, new.search)"),
			"INSERT INTO " + x.name() + " (" + fts + ") VALUES ('rebuild')",
		},
		lacks: func(err error) string {
			if text := err.Error(); strings.Contains(text, "no such module: fts5") {
				return "the driver's SQLite has no FTS5 (github.com/mattn/go-sqlite3 has it if it is built with -tags sqlite_fts5)"
			} else if strings.Contains(text, "no such tokenizer") {
				return "the driver's SQLite is older than 3.34, whose FTS5 has no trigrams"
			}
			return ""
		},
	}
}

func (x sqliteIndex) indexable(keyword string) bool { return utf8.RuneCountInString(keyword) >= 3 }

// trigrams is a query for texts that have some of the keyword's trigrams, spread
// over its length. In quotes nothing has a meaning but the quotes.
func trigrams(keyword string) string {
	runes := []rune(keyword)
	last := len(runes) - 3
	n := min(last+1, maxTrigrams)
	terms := make([]string, n)
	for i := range terms {
		at := i * last / max(1, n-1)
		terms[i] = `"` + strings.ReplaceAll(string(runes[at:at+3]), `"`, `""`) + `"`
	}
	slices.Sort(terms)
	return strings.Join(slices.Compact(terms), " AND ")
}

// candidates: what isn't in the index yet is looked through.
func (x sqliteIndex) candidates(b *builder, keyword string, most int) {
	b.add("SELECT seq FROM (SELECT rowid AS seq FROM ", x.name(), " WHERE ", x.t.index("search", `"`), " MATCH ")
	b.arg(trigrams(keyword))
	if most > 0 {
		b.add(" LIMIT ", itoa(most))
	}
	b.add(") UNION ALL SELECT seq FROM ", x.t.quoted(`"`), " WHERE seq > (SELECT coalesce(max(id), 0) FROM ", x.docsize(), ") AND ")
	b.dialect.contains(b, "search", keyword)
}

// rows: CROSS JOIN makes SQLite begin with the keys.
func (x sqliteIndex) rows(b *builder, keys []rowKey) {
	b.WriteString("(SELECT r.* FROM json_each(")
	b.arg("[" + strings.Join(keysOf(keys), ",") + "]")
	b.add(") k CROSS JOIN ", x.t.quoted(`"`), " r ON r.seq = k.value) e")
}

func (x sqliteIndex) seeking(_ context.Context, db *sql.DB, fn func(querier) error) error {
	return fn(db)
}
