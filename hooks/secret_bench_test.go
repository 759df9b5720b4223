package hooks

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// BenchmarkEntries is what the entries of one row cost: what its names say is decided
// once for each table.
func BenchmarkEntries(b *testing.B) {
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(b, err)
	p := New(trail, nil).(*Plugin)
	p.dialect = dialect{name: "postgres"}
	names := []string{"id", "name", "email", "password_hash", "city", "active", "notes", "created_at"}
	kinds := []kind{kindInt, kindText, kindText, kindText, kindText, kindBool, kindText, kindTime}
	t := &table{name: "users", object: "users", key: []string{"id"}, byName: map[string]int{}}
	for i, name := range names {
		t.columns = append(t.columns, column{name: name, kind: kinds[i]})
		t.byName[name] = i
	}
	set := p.newColumnSet(t, noHint, columns{names: names})
	c := &capture{plugin: p, table: t, stmt: &gorm.Statement{Context: b.Context()}}
	was := row{values: []any{int64(1), "Ada", "ada@example.com", "$2a$10$a", "London", true, strings.Repeat("text ", 50), "2026-01-02T03:04:05Z"}}
	now := row{values: []any{int64(1), "Ada L.", "ada@example.org", "$2a$10$b", "London", true, strings.Repeat("text ", 51), "2026-01-02T03:04:05Z"}}
	before, after := &image{set: set, rows: []row{was}}, &image{set: set, rows: []row{now}}
	done := func(e audit.Entry) {
		if err := trail.EnrichCaptured(b.Context(), []audit.Entry{e}); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("create", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			done(c.created(after, now))
		}
	})
	b.Run("update", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			changes, _ := c.compare(noHint, before, after, pair{&was, &now})
			done(audit.Entry{Action: audit.ActionUpdate, Changes: changes})
		}
	})
}
