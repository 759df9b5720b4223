package layout

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqldb"
	"github.com/gormtrail/audit/storage/gormstore/internal/sqlgen"
)

var (
	_ Tables = (*Monthly)(nil)
	_ Rows   = (*Monthly)(nil)
)

const someID = "01950000-0000-7000-8000-00000000000a"

// written is a part of a statement and its parameters.
func written(database string, write func(*sqlgen.Builder)) (string, []any) {
	b := sqlgen.New(sqlgen.TraitsOf(database))
	write(b)
	return b.String(), b.Args
}

func monthly() *Monthly {
	return NewMonthly(schema.Table{Schema: "public", Base: "audit"})
}

func TestRowsOfOneTable(t *testing.T) {
	id := uuid.MustParse(someID)
	for database, want := range map[string]struct {
		row, join string
		arg       any
	}{
		"sqlite":   {"(id = ?)", ` JOIN "t" e ON e.seq = p.seq`, id[:]},
		"mysql":    {"(id = ?)", ` JOIN "t" e ON e.seq = p.seq`, id[:]},
		"postgres": {"(id = $1)", ` JOIN "t" e ON e.id = p.id`, someID},
	} {
		o := one{`"t"`, sqldb.EngineOf(database)}
		text, args := written(database, func(b *sqlgen.Builder) { o.IsRow(b, id, 5) })
		assert.Equal(t, want.row, text)
		assert.Equal(t, []any{want.arg}, args)
		text, _ = written(database, func(b *sqlgen.Builder) { o.Join(b, sqlgen.Window{From: time.UnixMicro(5)}) })
		assert.Equal(t, want.join, text, "without the window, which the keys have")
		_, args = written(database, func(b *sqlgen.Builder) { require.NoError(t, o.ByID(context.Background(), nil, b, id)) })
		assert.Equal(t, []any{want.arg}, args)
		text, args = written(database, func(b *sqlgen.Builder) { o.ByIDs(b, []uuid.UUID{id, id}) })
		assert.Contains(t, text, ` FROM "t" e WHERE e.id IN (`)
		assert.Equal(t, []any{want.arg, want.arg}, args)
		assert.Equal(t, `"t"`, o.Source(true))
		assert.Equal(t, []sqlgen.Window{{}}, o.Pages(sqlgen.Window{From: time.UnixMicro(5)}, true))
		assert.Equal(t, []sqlgen.Window{{}}, o.Purges(sqlgen.Window{From: time.UnixMicro(5)}))
		assert.False(t, o.Several())
	}
}

func TestRowsOfMonths(t *testing.T) {
	m, id := monthly(), uuid.MustParse(someID)
	text, args := written("postgres", func(b *sqlgen.Builder) { m.IsRow(b, id, 5) })
	assert.Equal(t, "(id = $1 AND time = $2)", text)
	assert.Equal(t, []any{someID, "1970-01-01T00:00:00.000005Z"}, args)

	text, args = written("postgres", func(b *sqlgen.Builder) { m.Join(b, sqlgen.Window{From: time.UnixMicro(5)}) })
	assert.Equal(t, ` CROSS JOIN LATERAL (SELECT * FROM "public"."audit" WHERE time = p.time AND id = p.id AND time >= $1 OFFSET 0) e`, text)
	assert.Equal(t, []any{"1970-01-01T00:00:00.000005Z"}, args)

	text, args = written("postgres", func(b *sqlgen.Builder) { m.ByIDs(b, []uuid.UUID{id}) })
	assert.Equal(t, ` FROM "public"."audit_ids" k CROSS JOIN LATERAL (SELECT * FROM "public"."audit" WHERE time = k.time AND id = k.id OFFSET 0) e WHERE k.id IN ($1)`, text)
	assert.Equal(t, []any{someID}, args)

	text, args = written("postgres", func(b *sqlgen.Builder) { m.DeleteID(b, id) })
	assert.Contains(t, text, `DELETE FROM "public"."audit_ids" WHERE id = ANY($1::uuid[])`)
	assert.Contains(t, text, `DELETE FROM "public"."audit" e USING gone`)
	assert.Equal(t, []any{`{"` + someID + `"}`}, args)

	assert.Equal(t, `"public"."audit"`, m.Source(false))
	assert.Contains(t, m.Source(true), `JOIN "public"."audit_ids" n ON n.id = m.id`)
	assert.Equal(t, `"public"."audit_p202601"`, m.Partition(suffixOf(day(2026, 1, 1))))
	assert.True(t, m.Several())
}

// Whole months are dropped only for a filter that has an end and nothing else.
func TestOnlyEnd(t *testing.T) {
	end := day(2026, 1, 1)
	got, ok := onlyEnd(audit.Filter{To: end})
	assert.True(t, ok)
	assert.Equal(t, end, got)
	for _, f := range []audit.Filter{
		{}, {To: end, From: day(2025, 1, 1)}, {To: end, Tenants: []string{"t"}}, {To: end, Tenants: []string{}}, {To: end, Keyword: "k"},
		audit.Filter{To: end}.And(audit.Filter{Actions: []string{"a"}}),
	} {
		_, ok := onlyEnd(f)
		assert.False(t, ok, "%+v", f)
	}
}
