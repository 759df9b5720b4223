package gormstore

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore/internal/row"
	"github.com/gormtrail/audit/storage/gormstore/internal/schema"
)

func TestInsertNamesAllColumns(t *testing.T) {
	assert.Len(t, schema.InsertNames, 1+row.TextCount+3)
}

// Whatever the texts are, the separator's characters among them, a list that is
// taken apart at the separator is the column again.
func TestListsComeApartAsTheyWere(t *testing.T) {
	odd := rapid.StringOfN(rapid.RuneFrom([]rune("a01\x1e")), 0, 4, -1)
	rapid.Check(t, func(t *rapid.T) {
		entries := make([]audit.Entry, rapid.IntRange(2, 4).Draw(t, "rows"))
		comments := rapid.SampledFrom([]*rapid.Generator[string]{rapid.Just("why"), odd}).Draw(t, "comments")
		for i := range entries {
			entries[i] = audit.Entry{
				ID: uuid.NewString(), Time: time.Now(), Action: odd.Draw(t, "action"), Comment: comments.Draw(t, "comment"),
				Object: audit.Object{ID: odd.Draw(t, "id"), Name: odd.Draw(t, "name")},
			}
		}
		rows, err := row.New(entries)
		require.NoError(t, err)
		statement, args := newPostgres(schema.Table{Base: "t"}).insert(rows, false)
		b, first := row.NewBatch(rows), 0
		if b.Alike {
			first = row.SharedCount
			assert.NotContains(t, statement, "string_to_array($2,")
		}
		for i, list := range args[1+first:] {
			got := strings.Split(list.(string), args[0].(string))
			require.Len(t, got, len(rows))
			if column := first + i; column < row.TextCount {
				for j := range rows {
					assert.Equal(t, b.Texts[j][column], got[j])
				}
			}
		}
	})
}

func TestValuesSendWhatIsCommonOnce(t *testing.T) {
	entry := func(tenant, action string) audit.Entry {
		return audit.Entry{ID: uuid.NewString(), Time: time.Now(), Tenant: tenant, Action: action}
	}
	for name, c := range map[string]struct {
		entries []audit.Entry
		params  int
		rows    string
	}{
		"alone": {[]audit.Entry{entry("t", "a")}, 8, "(1,?,'','','','','','',?,"},
		"alike": {[]audit.Entry{entry("t", "a"), entry("t", "b")}, 2 + 2*6, "(1,?1,'','','','','','',?2,"},
		"apart": {[]audit.Entry{entry("t", "a"), entry("", "b")}, 2 * 8, "(1,?,'','','','','','',?,"},
	} {
		rows, err := row.New(c.entries)
		require.NoError(t, err, name)
		statement, args := newSQLite(schema.Table{Base: "t"}).insert(rows, false)
		assert.Contains(t, statement, c.rows, name)
		assert.Equal(t, len(c.entries), strings.Count(statement, "(1,"), name)
		assert.Len(t, args, c.params, name)
	}
}

// BenchmarkInsert is what making an INSERT of 100 captured entries costs this
// side, without a database.
func BenchmarkInsert(b *testing.B) {
	entries := make([]audit.Entry, 100)
	for i := range entries {
		entries[i] = audit.Entry{
			ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now(), Action: audit.ActionCreate, Tenant: "acme",
			Actor: audit.Actor{Type: "user", ID: "7", Name: "Ada", Email: "ada@example.com"}, Object: audit.Object{Type: "accounts", ID: "4711"},
			Changes: []audit.Change{
				{Field: "id", Op: audit.OpAdd, New: int64(4711)}, {Field: "name", Op: audit.OpAdd, New: "Account"},
				{Field: "plan", Op: audit.OpAdd, New: "team"}, {Field: "created_at", Op: audit.OpAdd, New: "2026-01-02T03:04:05.678901Z"},
			},
		}
	}
	t := schema.Table{Base: "t"}
	for name, d := range map[string]dialect{"sqlite": newSQLite(t), "postgres": newPostgres(t), "mysql": newMySQL(t)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rows, err := row.New(entries)
				require.NoError(b, err)
				_, _ = d.insert(rows, false)
			}
		})
	}
}
