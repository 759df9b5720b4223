package hooks_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
)

type stamp struct {
	ID   int
	Code string `gorm:"unique"`
}

var orReplace = clause.Insert{Modifier: "OR REPLACE"}

func TestALoggedStatementKeepsToTheBudget(t *testing.T) {
	h := newHost(t, setup{models: []any{&stamp{}}, opts: &hooks.Options{RowBudget: 3}})
	three := []stamp{{1, "a"}, {2, "b"}, {3, "c"}}
	require.NoError(t, h.db.Create(&three).Error)
	require.NoError(t, h.db.Clauses(orReplace).Create(&three).Error) // three rows replaced by themselves
	require.NoError(t, h.db.Clauses(orReplace).Create(&[]stamp{{4, "a"}, {5, "b"}, {6, "y"}, {7, "z"}}).Error)
	var list []string
	for _, e := range h.entries() {
		list = append(list, fmt.Sprint(e.Action, " ", e.Metadata["rows"]))
	}
	require.Equal(t, []string{"create <nil>", "create <nil>", "create <nil>", "create 4", "destroy 2"}, list)
}

func TestALoggedStatementSeesTheColumnsOfNow(t *testing.T) {
	h := newHost(t, setup{models: []any{&stamp{}}})
	require.NoError(t, h.db.Clauses(orReplace).Create(&stamp{1, "a"}).Error)
	for i, ddl := range []string{
		"ALTER TABLE stamps ADD COLUMN more integer DEFAULT 4", "ALTER TABLE stamps RENAME COLUMN more TO less", "ALTER TABLE stamps DROP COLUMN less",
	} {
		h.outside(ddl)
		require.NoError(t, h.db.Clauses(orReplace).Create(&stamp{i + 2, "a"}).Error)
	}
	require.Equal(t, []string{
		"create stamps 1 +id=1 +code=a",
		"destroy stamps 1 -id=1 -code=a -more=4",
		"create stamps 2 +id=2 +code=a +more=4",
		"destroy stamps 2 -id=2 -code=a -less=4",
		"create stamps 3 +id=3 +code=a +less=4",
		"destroy stamps 3 -id=3 -code=a",
		"create stamps 4 +id=4 +code=a",
	}, h.lines())
}

func TestALoggedStatementLeavesNoTriggers(t *testing.T) {
	h := newHost(t, setup{models: []any{&stamp{}}})
	tx := h.db.Begin()
	require.NoError(t, tx.Clauses(orReplace).Create(&stamp{1, "a"}).Error)
	require.Error(t, tx.Clauses(clause.Insert{Modifier: "OR FAIL"}).Create(&[]stamp{{2, "b"}, {3, "a"}}).Error)
	var triggers, rows int
	require.NoError(t, tx.Raw("SELECT count(*) FROM sqlite_temp_master WHERE type = 'trigger'").Scan(&triggers).Error)
	require.NoError(t, tx.Raw("SELECT count(*) FROM gormtrail_log_2").Scan(&rows).Error)
	require.Zero(t, triggers+rows)
	require.NoError(t, tx.Commit().Error)
	require.Equal(t, []string{"create stamps 1 +id=1 +code=a", "create stamps 2 +id=2 +code=b"}, h.lines())
}

func TestAReplaceThatWouldReadALargeTableIsRefused(t *testing.T) {
	h := newHost(t, setup{models: []any{&stamp{}}, opts: &hooks.Options{RowBudget: 2}})
	h.outside("CREATE UNIQUE INDEX stamps_lower ON stamps (lower(code))")
	require.NoError(t, h.db.Clauses(orReplace).Create(&[]stamp{{1, "a"}, {2, "b"}}).Error)
	require.NoError(t, h.db.Clauses(orReplace).Create(&stamp{3, "A"}).Error)
	require.NoError(t, h.db.Create(&stamp{4, "d"}).Error)
	require.ErrorIs(t, h.db.Clauses(orReplace).Create(&stamp{5, "B"}).Error, hooks.ErrNotMet)
	require.Equal(t, int64(3), h.count(&stamp{}))
	require.Equal(t, audit.ActionDestroy, h.entries()[2].Action)
}
