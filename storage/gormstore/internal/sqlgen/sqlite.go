package sqlgen

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

var sqliteTraits = Traits{
	Quote: `"`, placeholder: question,
	// The pure-Go driver's time grows with the square of the parameters, and it parses
	// the text of one row again for each.
	MaxRows:    16,
	MaxArgs:    32766, // SQLITE_MAX_VARIABLE_NUMBER
	TableRows:  1000,
	RowKey:     []string{"seq"},
	MaxStreams: 128, MaxStreamArgs: 600,
	InProcess: true, KeepsOrder: true, PartialIndexes: true, CountsInserted: true,
	Format: row.SQLite, readTime: asIs,
	// Without statistics, which few hosts have made, SQLite prefers a range of times to a
	// user.
	UseIndex: func(index string) string { return " INDEXED BY " + index },
	OrIgnore: func(string) string { return " ON CONFLICT DO NOTHING" },
	after:    (*Builder).rowAfter,
	in:       sqliteIn, contains: sqliteContains, table: sqliteTable, DeleteKeys: sqliteDeleteKeys,
	text: schema.Literal, concat: piped, folded: sqliteFolded, beginning: sqliteBeginning, firstField: sqliteFirstField,
	jsonText: sqliteJsonText, upperID: sqliteUpperID, jsonValues: sqliteJsonValues,
}

// piped joins texts as the SQL standard does.
func piped(texts ...string) string { return "(" + strings.Join(texts, " || ") + ")" }

// sqliteIn sends a long list as one parameter.
func sqliteIn(b *Builder, column string, values []string) {
	b.WriteString(column)
	switch {
	case len(values) == 1:
		b.WriteString(" = ")
		b.Arg(values[0])
	case len(values) <= 20:
		b.WriteString(" IN ")
		b.ArgList(values)
	default:
		list, _ := json.Marshal(values) // of strings: can't fail
		b.WriteString(" IN (SELECT value FROM json_each(")
		b.Arg(string(list))
		b.WriteString("))")
	}
}

// sqliteTable sends all rows as one parameter: a driver in Go takes time that grows with
// the square of the parameters.
func sqliteTable(b *Builder, name string, columns []string, rows [][]string) {
	for j, c := range columns {
		b.Add([]string{"(SELECT ", ", "}[min(j, 1)], "json_extract(value, '$[", strconv.Itoa(j), "]') AS ", c)
	}
	list, _ := json.Marshal(rows) // of strings: can't fail
	b.WriteString(" FROM json_each(")
	b.Arg(string(list))
	b.Add(")) ", name)
}

func sqliteContains(b *Builder, column, text string) {
	b.Add("instr(", column, ", ")
	b.Arg(text)
	b.WriteString(") > 0")
}

func sqliteText(s string) string { return schema.Literal(s) }

// sqliteFolded: upper knows the letters of ASCII alone.
func sqliteFolded(expression string, list []variant) string {
	list = slices.DeleteFunc(list, func(v variant) bool { return v.from < utf8.RuneSelf })
	return replaced("upper("+expression+")", list, sqliteText)
}

func sqliteBeginning(expression string, characters int) string {
	return "substr(" + expression + ", 1, " + strconv.Itoa(characters) + ")"
}

// sqliteFirstField ends at the separator after the first name, or at the first guard character.
func sqliteFirstField() string {
	names := "(replace(substr(fields, 2, " + strconv.Itoa(sortedRunes) + "), char(29), char(31)) || char(31))"
	return "substr(" + names + ", 1, instr(" + names + ", char(31)) - 1)"
}

func sqliteJsonText(column, name string) string {
	return "CASE WHEN json_valid(" + column + ") THEN coalesce(json_extract(" + column + ", '$." + name + "'), '') ELSE '' END"
}

func sqliteUpperID() string {
	const hex = "hex(id)"
	return "(substr(" + hex + ", 1, 8) || '-' || substr(" + hex + ", 9, 4) || '-' || substr(" + hex + ", 13, 4) || '-' || substr(" + hex + ", 17, 4) || '-' || substr(" + hex + ", 21))"
}

func sqliteJsonValues(column string, names []string) (value, from string) {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = schema.Literal(name)
	}
	return "value", "json_tree(CASE WHEN json_valid(" + column + ") THEN " + column + " ELSE '{}' END) WHERE key IN (" + strings.Join(quoted, ", ") + ")" +
		" AND (type = 'text' AND instr(value, char(0)) = 0 OR type = 'integer' AND typeof(value) = 'integer')"
}

// sqliteDeleteKeys: as parameters the numbers would take a driver longer than the rows
// take the database.
func sqliteDeleteKeys(b *Builder, table string, keys []string) {
	b.Add("DELETE FROM ", table, " WHERE seq IN (", strings.Join(keys, ", "), ")")
}
