package gormstore

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

var postgresTraits = traits{
	quote: `"`, placeholder: func(n int) string { return "$" + itoa(n) },
	maxRows:    1000,
	maxArgs:    65535, // the protocol counts parameters in 16 bits
	tableRows:  5000,
	rowKey:     []string{colID},
	maxStreams: 1024, maxStreamArgs: 65535,
	lateral: true, keepsOrder: true, partialIndexes: true, countsInserted: true,
	// lastCommitted is not needed: READ COMMITTED sees later commits, and otherwise the
	// INSERT has failed.
	rowLock: " FOR UPDATE", skipLocked: " FOR UPDATE SKIP LOCKED",
	readTime: postgresReadTime,
	format:   row.Postgres,
	useIndex: func(string) string { return "" }, // it has statistics
	orIgnore: func(string) string { return " ON CONFLICT DO NOTHING" },
	after:    (*builder).rowAfter,
	in:       postgresIn, contains: postgresContains, table: postgresTable, deleteKeys: postgresDeleteKeys,
	text: literal, concat: piped, folded: postgresFolded, beginning: postgresBeginning, firstField: postgresFirstField,
	jsonText: postgresJsonText, upperID: postgresUpperID, jsonValues: postgresJsonValues,
}

// postgresReadTime has no name in the result, so that ORDER BY time means the column.
func postgresReadTime(column string) string {
	return "least(greatest(" + column + ", '" + row.PostgresTime(row.FirstTime) + "'::timestamptz), '" + row.PostgresTime(row.LastTime) + "'::timestamptz)"
}

// postgresIn sends a list as one parameter.
func postgresIn(b *builder, column string, values []string) {
	b.add(column, " = ")
	if len(values) == 1 {
		b.arg(values[0])
		return
	}
	b.WriteString("ANY(")
	b.arg(arrayText(values))
	b.WriteString("::text[])")
}

func postgresTable(b *builder, name string, columns []string, rows [][]string) {
	list := make([]string, len(rows))
	for j := range columns {
		for i, row := range rows {
			list[i] = row[j]
		}
		b.WriteString([]string{"unnest(", ", "}[min(j, 1)])
		b.arg(arrayText(list))
		b.WriteString("::text[]")
	}
	b.add(") AS ", name, " (", strings.Join(columns, ", "), ")")
}

func postgresContains(b *builder, column, text string) {
	b.add("strpos(", column, ", ")
	b.arg(text)
	b.WriteString(") > 0")
}

func postgresText(s string) string { return literal(s) }

func postgresConcat(texts ...string) string { return "(" + strings.Join(texts, " || ") + ")" }

func postgresFolded(expression string, list []variant) string {
	var from, to strings.Builder
	for _, v := range list {
		from.WriteRune(v.from)
		to.WriteRune(v.to)
	}
	return "translate(" + expression + ", " + literal(from.String()) + ", " + literal(to.String()) + ")"
}

func postgresBeginning(expression string, characters int) string {
	return "left(" + expression + ", " + itoa(characters) + `) COLLATE "C"`
}

// postgresFirstField ends at the separator after the first name, or at the first guard character.
func postgresFirstField() string {
	return "split_part(translate(substr(fields, 2, " + itoa(sortedRunes) + `), chr(29), chr(31)), chr(31), 1) COLLATE "C"`
}

func postgresJsonText(column, name string) string {
	pattern := `[{,]"` + name + `":"(` + jsonString + `)"`
	return `coalesce(('"' || substring(` + column + " from " + literal(pattern) + `) || '"')::json #>> '{}', '') COLLATE "C"`
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
		"regexp_matches(" + column + ", " + literal(pattern) + ", 'g') m WHERE (m[2] IS NULL OR m[2]::numeric BETWEEN -9223372036854775808 AND 9223372036854775807)"
}

func postgresDeleteKeys(b *builder, table string, keys []string) {
	b.add("DELETE FROM ", table, " WHERE id = ANY(")
	b.arg(arrayText(keys))
	b.WriteString("::uuid[])")
}

// jsonString is what stands between the quotes of a text in JSON. It leaves out NUL,
// which no text has, and halves of pairs, which json.Marshal doesn't write.
const jsonString = `(?:[^"\\\u0001-\u001f]|\\["\\/bfnrt]|\\u(?!0000|[dD][89a-fA-F])[0-9a-fA-F]{4})*`
