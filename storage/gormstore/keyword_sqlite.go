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
	b.Add(" FROM (SELECT rowid AS no FROM ", x.t.SchemaIndex("terms_search", `"`), " WHERE ", x.t.Index("terms_search", `"`), " MATCH ")
	b.Arg(trigrams(keyword))
	b.Add(") f CROSS JOIN ", x.t.In(x.t.Terms(), `"`), " x ON x.no = f.no CROSS JOIN ", x.t.In(x.t.TermsOf(), `"`), " o ON o.id = x.id WHERE ")
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
