package gormstore

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// sqliteIndex is an FTS5 table of trigrams over the texts' table, whose texts it
// doesn't keep a second time. Triggers keep it.
type sqliteIndex struct{ *sqlite }

// maxTrigrams are asked for of one keyword: each is another list to be read.
const maxTrigrams = 16

// feature: a name without its schema is looked for in the trigger's own.
func (x sqliteIndex) feature() feature {
	fts, on := x.t.Index("texts_search", `"`), x.t.Index("texts", `"`)
	add := "INSERT INTO " + fts + " (rowid, search) VALUES (new.no, new.search)"
	remove := "INSERT INTO " + fts + " (" + fts + ", rowid, search) VALUES ('delete', old.no, old.search)"
	trigger := func(kind, when, body string) string {
		return "CREATE TRIGGER " + x.t.SchemaIndex(kind, `"`) + " AFTER " + when + " ON " + on + " BEGIN " + body + "; END"
	}
	return feature{
		option: "KeywordIndex",
		there:  "SELECT count(*) FROM " + x.schema() + "sqlite_master WHERE type = 'table' AND name = '" + x.t.Base + "_texts_upto'",
		statements: append(textTables(x.t, x.t.SchemaIndex("texts_value", `"`), on, "no INTEGER PRIMARY KEY, ", "TEXT NOT NULL", " WITHOUT ROWID"),
			// case_sensitive: the texts are folded as audit.Fold does. With less detail
			// FTS5 couldn't skip in its lists, and took ten times as long to read.
			"CREATE VIRTUAL TABLE "+x.t.SchemaIndex("texts_search", `"`)+" USING fts5 (search, content='"+x.t.Base+
				"_texts', content_rowid='no', tokenize='trigram case_sensitive 1')",
			trigger("texts_add", "INSERT", add),
			trigger("texts_remove", "DELETE", remove),
		),
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

// texts: CROSS JOIN makes SQLite begin with what the index finds.
func (x sqliteIndex) texts(b *sqlgen.Builder, keyword string, tenants []string, most int) {
	b.WriteString("SELECT x.kind, x.value, o.tenant, ")
	mixed(b, x.t, keyword)
	b.Add(" FROM (SELECT rowid AS no FROM ", x.t.SchemaIndex("texts_search", `"`), " WHERE ", x.t.Index("texts_search", `"`), " MATCH ")
	b.Arg(trigrams(keyword))
	b.Add(") f CROSS JOIN ", x.t.In(x.t.Texts(), `"`), " x ON x.no = f.no CROSS JOIN ", x.t.In(x.t.TextsOf(), `"`), " o ON o.id = x.id WHERE ")
	if tenants != nil {
		b.In("o.tenant", tenants)
		b.WriteString(" AND ")
	}
	b.Contains("x.search", keyword)
	b.Add(" LIMIT ", strconv.Itoa(most))
}

func (x sqliteIndex) position() string { return "instr" }

func (x sqliteIndex) seeking(_ context.Context, db *sql.DB, fn func(sqldb.Queryer) error) error {
	return fn(db)
}
