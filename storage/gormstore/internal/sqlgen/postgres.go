package sqlgen

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
)

// PostgresTraits are the traits of PostgreSQL.
var PostgresTraits = Traits{
	Quote: `"`, placeholder: func(n int) string { return "$" + strconv.Itoa(n) },
	MaxRows:    1000,
	MaxArgs:    65535, // the protocol counts parameters in 16 bits
	TableRows:  5000,
	RowKey:     []string{schema.ColID},
	MaxStreams: 1024, MaxStreamArgs: 65535,
	Lateral: true, KeepsOrder: true, PartialIndexes: true, CountsInserted: true,
	// lastCommitted is not needed: READ COMMITTED sees later commits, and otherwise the
	// INSERT has failed.
	RowLock: " FOR UPDATE", SkipLocked: " FOR UPDATE SKIP LOCKED",
	readTime: postgresReadTime,
	Format:   row.Postgres,
	UseIndex: func(string) string { return "" }, // it has statistics
	OrIgnore: func(string) string { return " ON CONFLICT DO NOTHING" },
	after:    (*Builder).rowAfter,
	in:       postgresIn, contains: postgresContains, table: postgresTable, DeleteKeys: postgresDeleteKeys,
	text: schema.Literal, concat: piped, folded: postgresFolded, beginning: postgresBeginning, firstField: postgresFirstField,
	jsonText: postgresJsonText, upperID: postgresUpperID, jsonValues: postgresJsonValues,
}

// postgresReadTime has no name in the result, so that ORDER BY time means the column.
func postgresReadTime(column string) string {
	return "least(greatest(" + column + ", '" + row.PostgresTime(row.FirstTime) + "'::timestamptz), '" + row.PostgresTime(row.LastTime) + "'::timestamptz)"
}

// postgresIn sends a list as one parameter.
func postgresIn(b *Builder, column string, values []string) {
	b.Add(column, " = ")
	if len(values) == 1 {
		b.Arg(values[0])
		return
	}
	b.WriteString("ANY(")
	b.Arg(sqldb.TextArray(values))
	b.WriteString("::text[])")
}

func postgresTable(b *Builder, name string, columns []string, rows [][]string) {
	list := make([]string, len(rows))
	for j := range columns {
		for i, row := range rows {
			list[i] = row[j]
		}
		b.WriteString([]string{"unnest(", ", "}[min(j, 1)])
		b.Arg(sqldb.TextArray(list))
		b.WriteString("::text[]")
	}
	b.Add(") AS ", name, " (", strings.Join(columns, ", "), ")")
}

func postgresContains(b *Builder, column, text string) {
	b.Add("strpos(", column, ", ")
	b.Arg(text)
	b.WriteString(") > 0")
}

func postgresFolded(expression string, list []variant) string {
	var from, to strings.Builder
	for _, v := range list {
		from.WriteRune(v.from)
		to.WriteRune(v.to)
	}
	return "translate(" + expression + ", " + schema.Literal(from.String()) + ", " + schema.Literal(to.String()) + ")"
}

func postgresBeginning(expression string, characters int) string {
	return "left(" + expression + ", " + strconv.Itoa(characters) + `) COLLATE "C"`
}

// postgresFirstField ends at the separator after the first name, or at the first guard character.
func postgresFirstField() string {
	return "split_part(translate(substr(fields, 2, " + strconv.Itoa(sortedRunes) + `), chr(29), chr(31)), chr(31), 1) COLLATE "C"`
}

func postgresJsonText(column, name string) string {
	pattern := `[{,]"` + name + `":"(` + jsonString + `)"`
	return `coalesce(('"' || substring(` + column + " from " + schema.Literal(pattern) + `) || '"')::json #>> '{}', '') COLLATE "C"`
}

func postgresUpperID() string { return "upper(id::text)" }

// postgresJsonValues: a cast to json would fail for a row that is damaged. A name and its value
// are found as json.Marshal writes them: within a text, quotes are escaped.
func postgresJsonValues(column string, names []string) (value, from string) {
	quoted := make([]string, len(names))
	for i, name := range names {
		raw, _ := json.Marshal(name) // of a text: can't fail
		quoted[i] = regexp.QuoteMeta(string(raw))
	}
	pattern := "[{,](?:" + strings.Join(quoted, "|") + `):(?:"(` + jsonString + `)"|(0|-?[1-9][0-9]{0,18})(?=[,}]))`
	return `CASE WHEN m[1] IS NULL THEN m[2] ELSE ('"' || m[1] || '"')::json #>> '{}' END`,
		"regexp_matches(" + column + ", " + schema.Literal(pattern) + ", 'g') m WHERE (m[2] IS NULL OR m[2]::numeric BETWEEN -9223372036854775808 AND 9223372036854775807)"
}

func postgresDeleteKeys(b *Builder, table string, keys []string) {
	b.Add("DELETE FROM ", table, " WHERE id = ANY(")
	b.Arg(sqldb.TextArray(keys))
	b.WriteString("::uuid[])")
}

// jsonString is what stands between the quotes of a text in JSON. It leaves out NUL,
// which no text has, and halves of pairs, which json.Marshal doesn't write.
const jsonString = `(?:[^"\\\u0001-\u001f]|\\["\\/bfnrt]|\\u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4})*`
