package sqltext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWithoutLiterals(t *testing.T) {
	known := func(name string) bool { return name == "known" }
	for sql, want := range map[string]string{
		`UPDATE "t" SET known = "secret" WHERE "t"."a" = 'x'`:           `UPDATE "t" SET known = ? WHERE "t"."a" = ?`,
		`UPDATE t SET "known" = "it""s"`:                                `UPDATE t SET "known" = ?`,
		`INSERT INTO "t" ("known", "a") VALUES ("secret", "x")`:         `INSERT INTO "t" ("known", ?) VALUES (?, ?)`,
		`SELECT "secret" AS "b" FROM "t" JOIN "u" ON "t".a IS "secret"`: `SELECT ? AS "b" FROM "t" JOIN "u" ON "t".a IS ?`,
		`DELETE FROM "t" WHERE a IS NOT DISTINCT FROM "secret"`:         `DELETE FROM "t" WHERE a IS NOT DISTINCT FROM ?`,
		`DELETE FROM "t" WHERE a IS DISTINCT /* x */ FROM "secret"`:     `DELETE FROM "t" WHERE a IS DISTINCT FROM ?`,
		`"secret"`:                        `?`,
		`UPDATE t SET a = "secret`:        `UPDATE t SET a = ?`,
		"UPDATE `t` SET [a] = \"secret\"": "UPDATE `t` SET [a] = ?",
		`DROP TABLE IF EXISTS "t"`:        `DROP TABLE IF EXISTS "t"`,
		`CREATE INDEX "i" ON t(known COLLATE "NOCASE") WHERE a <> "secret"`:  `CREATE INDEX "i" ON t(known COLLATE "NOCASE") WHERE a <> ?`,
		`UPDATE t SET a = CASE WHEN "secret" THEN "secret" ELSE 'x' END`:     `UPDATE t SET a = CASE WHEN ? THEN ? ELSE ? END`,
		`INSERT INTO t SELECT "secret" UNION SELECT "secret" LIMIT "secret"`: `INSERT INTO t SELECT ? UNION SELECT ? LIMIT ?`,
	} {
		require.Equal(t, want, WithoutLiterals(sql, known), sql)
	}
}

// TestNoLiteralStays: a text in double quotes stays nowhere in an expression.
func TestNoLiteralStays(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		"a", "b.c", `"t"."a"`, "1", "'x'", "=", "(", ")", ",", "AND", "OR", "NOT", "IS", "IN", "LIKE", "||", "CASE", "WHEN", "THEN", "ELSE", "END", "/* \" */", "-- \"\n",
		"SET", "WHERE", "VALUES", "?", "IS DISTINCT FROM", "is not distinct from", "BETWEEN", `''''`, "x'00'", "[\"]", "`\"`",
	})
	rapid.Check(t, func(t *rapid.T) {
		sql := "UPDATE t SET a = " + strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "before"), " ") + ` "se""cret" ` +
			strings.Join(rapid.SliceOfN(piece, 0, 6).Draw(t, "behind"), " ")
		require.NotContains(t, WithoutLiterals(sql, func(string) bool { return false }), "cret", sql)
	})
}
