package gormstore

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

// postgresIndex is a GIN index of pg_trgm's trigrams. pg_trgm makes small letters
// by the database's locale, which in some takes the next letter into account
// ("I" before a dot above, in Turkish). lower() of a column with the collation
// "C" leaves it no letter of ASCII to do so with, and the pattern leaves out the
// other two that there are.
type postgresIndex struct{ t schema.Table }

// indexable: pg_trgm's trigrams are of letters and digits.
func (x postgresIndex) indexable(keyword string) bool {
	return longestWord(keyword, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) >= 3
}

func longestWord(keyword string, in func(rune) bool) int {
	longest, n := 0, 0
	for _, r := range keyword {
		n++
		if !in(r) || contextual(r) {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}

// contextual are the letters whose small form depends on the letters around
// them: Σ, and Į in Lithuanian.
func contextual(r rune) bool { return r == 'Σ' || r == 'Į' }

// pattern is for LIKE on lower(search).
func pattern(keyword string) string {
	var b strings.Builder
	b.WriteByte('%')
	for _, r := range keyword {
		switch {
		case contextual(r):
			r = '%'
		case r == '%' || r == '_' || r == '\\':
			b.WriteByte('\\')
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	b.WriteByte('%')
	return b.String()
}

// texts: where the database's character type is C, other letters than those of
// ASCII make no trigrams, and the index would be read whole; to compare all texts is
// as good.
func (x postgresIndex) texts(b *sqlgen.Builder, keyword string, tenants []string, most int) {
	ascii := func(r rune) bool { return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	from := func() {
		b.WriteString("SELECT x.kind, x.value, o.tenant, ")
		mixed(b, x.t, keyword)
		b.Add(" FROM ", x.t.In(x.t.Terms(), `"`), " x JOIN ", x.t.In(x.t.TermsOf(), `"`), " o ON o.id = x.id")
		x.ofTenants(b, tenants)
		b.WriteString(" WHERE ")
		b.Contains("x.search", keyword)
	}
	from()
	b.WriteString(" AND lower(x.search) LIKE ")
	b.Arg(pattern(keyword))
	if longestWord(keyword, ascii) < 3 {
		const plain = "(SELECT datctype IN ('C', 'POSIX') FROM pg_database WHERE datname = current_database())"
		b.Add(" AND NOT ", plain, " UNION ALL ")
		from()
		b.Add(" AND ", plain)
	}
	b.Add(" LIMIT ", strconv.Itoa(most))
}

func (x postgresIndex) ofTenants(b *sqlgen.Builder, tenants []string) {
	if tenants != nil {
		b.WriteString(" AND ")
		b.In("o.tenant", tenants)
	}
}

func (x postgresIndex) position() string { return "strpos" }

// seeking: a plan that is made without the pattern (as the driver's cached
// statements get one after five runs) doesn't use the index.
func (x postgresIndex) seeking(ctx context.Context, db *sql.DB, fn func(sqldb.Queryer) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	if _, err := tx.ExecContext(ctx, "SELECT set_config(name, value, true) FROM (VALUES ('plan_cache_mode', 'force_custom_plan'), ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'), ('jit', 'off')) AS s (name, value)"); err != nil {
		return err
	}
	return fn(tx)
}
