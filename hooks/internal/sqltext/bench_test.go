package sqltext

import (
	"strings"
	"testing"
)

func BenchmarkEnd(b *testing.B) {
	pg := `INSERT INTO "t" ("a","b") VALUES ` + strings.Repeat(`($1,$2),`, 1200) + `($1,$2)`
	for name, sql := range map[string]string{"plain": pg, "comment": pg + " -- x"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(sql)))
			for b.Loop() {
				End(sql, PostgreSQL)
			}
		})
	}
}
