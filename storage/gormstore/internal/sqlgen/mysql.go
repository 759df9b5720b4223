package sqlgen

import (
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/gormtrail/audit/storage/gormstore/internal/row"
)

var mysqlTraits = Traits{
	Quote: "`", placeholder: question,
	MaxRows:    100,
	MaxArgs:    65535, // the protocol counts parameters in 16 bits
	Packet:     "SELECT @@max_allowed_packet",
	TableRows:  100,
	RowKey:     []string{"seq"},
	MaxStreams: 128, MaxStreamArgs: 2000,
	LooseScan: true,
	// sharedRead: a plain SELECT would fix the snapshot of the host's transaction.
	// lastCommitted: under REPEATABLE READ only a read that locks sees later commits.
	RowLock: " FOR UPDATE", SkipLocked: " FOR UPDATE SKIP LOCKED", SharedRead: " LOCK IN SHARE MODE", LastCommitted: " LOCK IN SHARE MODE",
	Format: row.MySQL, readTime: asIs,
	// Its statistics tell how many rows there are, but not how far apart the rows are that
	// a filter lets through. So it would rather read all tenants by time.
	UseIndex: func(index string) string { return " FORCE INDEX (" + index + ")" },
	OrIgnore: func(column string) string { return " ON DUPLICATE KEY UPDATE " + column + " = " + column },
	after:    (*Builder).stepAfter,
	in:       mysqlIn, contains: mysqlContains, table: mysqlTable, DeleteKeys: mysqlDeleteKeys,
	text: mysqlText, concat: mysqlConcat, folded: mysqlFolded, beginning: mysqlBeginning, firstField: mysqlFirstField,
	jsonText: mysqlJsonText, upperID: mysqlUpperID, jsonValues: mysqlJsonValues,
}

func mysqlIn(b *Builder, column string, values []string) {
	b.WriteString(column)
	if len(values) == 1 {
		b.WriteString(" = ")
		b.Arg(values[0])
		return
	}
	b.WriteString(" IN ")
	b.ArgList(values)
}

func mysqlTable(b *Builder, name string, columns []string, rows [][]string) {
	for i, row := range rows {
		b.WriteString([]string{"(SELECT ", " UNION ALL SELECT "}[min(i, 1)])
		for j, v := range row {
			b.WriteString([]string{"", ", "}[min(j, 1)])
			if b.Arg(v); i == 0 {
				b.Add(" AS ", columns[j])
			}
		}
	}
	b.Add(") ", name)
}

func mysqlContains(b *Builder, column, text string) {
	b.WriteString("LOCATE(")
	b.Arg(text)
	b.Add(", ", column, ") > 0")
}

func mysqlText(s string) string { return "x'" + hex.EncodeToString([]byte(s)) + "'" }

func mysqlConcat(texts ...string) string { return "CONCAT(" + strings.Join(texts, ", ") + ")" }

// mysqlFolded: in a binary text no letter is another one's.
func mysqlFolded(expression string, list []variant) string {
	return replaced(expression, list, mysqlText)
}

// mysqlBeginning returns "" for a text that isn't UTF-8, which the server converts to NULL.
func mysqlBeginning(expression string, characters int) string {
	return "COALESCE(CAST(LEFT(CONVERT(" + expression + " USING utf8mb4), " + strconv.Itoa(characters) + ") AS BINARY), x'')"
}

// mysqlFirstField ends at the separator after the first name, or at the first guard character.
func mysqlFirstField() string {
	return "SUBSTRING_INDEX(REPLACE(" + mysqlBeginning("SUBSTRING(fields, 2)", sortedRunes) + ", x'1d', x'1f'), x'1f', 1)"
}

func mysqlJsonText(column, name string) string {
	text := "CONVERT(" + column + " USING utf8mb4)"
	return "CASE WHEN JSON_VALID(" + text + ") THEN COALESCE(CAST(JSON_VALUE(" + text + ", '$." + name + "') AS BINARY), x'') ELSE x'' END"
}

func mysqlUpperID() string {
	return "INSERT(INSERT(INSERT(INSERT(HEX(id), 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-')"
}

func mysqlJsonValues(column string, names []string) (value, from string) {
	text := "CONVERT(" + column + " USING utf8mb4)"
	values := "JSON_EXTRACT(CASE WHEN JSON_VALID(" + text + ") THEN " + text + " ELSE '{}' END"
	for _, name := range names {
		raw, _ := json.Marshal(name) // of a text: can't fail
		values += ", CONVERT(" + mysqlText("$**."+string(raw)) + " USING utf8mb4)"
	}
	values += ")"
	return "CAST(j.v AS BINARY)", "JSON_TABLE(" + values + ", '$[*]' COLUMNS (n FOR ORDINALITY, v LONGTEXT PATH '$')) j WHERE CASE JSON_TYPE(JSON_EXTRACT(" + values + ", CONCAT('$[', j.n - 1, ']')))" +
		" WHEN 'STRING' THEN LOCATE(x'00', j.v) = 0 WHEN 'INTEGER' THEN CAST(CAST(j.v AS SIGNED) AS CHAR) = j.v ELSE FALSE END"
}

// mysqlDeleteKeys looks each row up by its key. With IN (…) InnoDB may walk the table, and
// then waits for every open transaction that has written an entry.
func mysqlDeleteKeys(b *Builder, table string, keys []string) {
	b.Add("DELETE e FROM JSON_TABLE(")
	b.Arg("[" + strings.Join(keys, ",") + "]")
	b.Add(", '$[*]' COLUMNS (seq BIGINT UNSIGNED PATH '$')) k STRAIGHT_JOIN ", table, " e ON e.seq = k.seq")
}
