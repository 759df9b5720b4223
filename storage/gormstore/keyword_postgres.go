package gormstore

import (
	"context"
	"database/sql"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// postgresIndex is a GIN index of pg_trgm's trigrams. pg_trgm makes small letters
// by the database's locale, which in some takes the next letter into account
// ("I" before a dot above, in Turkish). lower() of a column with the collation
// "C" leaves it no letter of ASCII to do so with, and the pattern leaves out the
// other two that there are.
type postgresIndex struct{ t table }

// feature: the extension may be in a schema that isn't on the search path.
func (x postgresIndex) feature() feature {
	name := x.t.schemaIndex("search", `"`)
	return feature{
		option: "KeywordIndex",
		there: "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('" + name + "') AND indrelid = to_regclass('" +
			x.t.quoted(`"`) + "') AND indisvalid",
		statements: []string{`DO $do$
DECLARE
	query CONSTANT text := 'SELECT quote_ident(nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = ''pg_trgm''';
	schema text;
BEGIN
	EXECUTE query INTO schema;
	IF schema IS NULL THEN
		CREATE EXTENSION pg_trgm;
		EXECUTE query INTO schema;
	END IF;
	EXECUTE 'CREATE INDEX ` + x.t.index("search", `"`) + ` ON ` + x.t.quoted(`"`) + ` USING gin (lower(search) ' || schema || '.gin_trgm_ops)';
END
$do$`},
		lacks: func(err error) string {
			switch {
			case hasState(err, "42501"): // insufficient_privilege
				return "a superuser, or who may create in the database, must run CREATE EXTENSION pg_trgm there"
			case hasState(err, "0A000", "58P01"): // feature_not_supported, undefined_file
				return "the server lacks the extension pg_trgm (Debian: postgresql-contrib); install it, then run CREATE EXTENSION pg_trgm as a superuser"
			case hasState(err, "42P07"): // duplicate_table
				return "there is an index " + name + " that isn't valid (did CREATE INDEX CONCURRENTLY fail?): DROP INDEX " + name
			}
			return ""
		},
	}
}

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

// candidates: where the database's character type is C, other letters than those of
// ASCII make no trigrams, and the index would be read whole; all rows are as good.
func (x postgresIndex) candidates(b *builder, keyword string, most int) {
	ascii := func(r rune) bool { return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	from := "SELECT " + strings.Join(b.dialect.rowKey(), ", ") + " FROM " + x.t.quoted(`"`) + " WHERE "
	b.add(from, "lower(search) LIKE ")
	b.arg(pattern(keyword))
	if longestWord(keyword, ascii) < 3 {
		const plain = "(SELECT datctype IN ('C', 'POSIX') FROM pg_database WHERE datname = current_database())"
		b.add(" AND NOT ", plain, " UNION ALL ", from, plain)
	}
	if most > 0 {
		b.add(" LIMIT ", itoa(most))
	}
}

// rows: OFFSET keeps the other conditions out, so that the planner has nothing to
// choose but the keys.
func (x postgresIndex) rows(b *builder, keys []rowKey) {
	b.add("(SELECT * FROM ", x.t.quoted(`"`), " WHERE id = ANY(")
	b.arg(arrayText(keysOf(keys)))
	b.WriteString("::uuid[]) OFFSET 0) e")
}

func keysOf(keys []rowKey) []string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = k.key
	}
	return list
}

// partitionedIndex is the same of each month.
type partitionedIndex struct {
	postgresIndex
	d *partitioned
}

// rows looks each row up in its month alone.
func (x partitionedIndex) rows(b *builder, keys []rowKey) {
	times := make([]string, len(keys))
	for i, k := range keys {
		times[i] = x.d.timeArg(time.Time(k.at).UnixMicro()).(string)
	}
	b.WriteString("(SELECT e.* FROM unnest(")
	b.arg(arrayText(times))
	b.WriteString("::timestamptz[], ")
	b.arg(arrayText(keysOf(keys)))
	b.WriteString("::uuid[]) AS k (of_time, of_id)")
	x.d.joinRows(b, "k.of_time", "k.of_id", window{})
	b.WriteString(") e")
}

// seeking: a plan that is made without the pattern (as the driver's cached
// statements get one after five runs) doesn't use the index.
func (x postgresIndex) seeking(ctx context.Context, db *sql.DB, fn func(querier) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it only read
	if _, err := tx.ExecContext(ctx, "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"); err != nil {
		return err
	}
	return fn(tx)
}
