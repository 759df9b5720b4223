package hooks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit/hooks"
)

// TestLongRowsSpendTheBudget: a few long rows are recorded as many rows are, also
// where they become long by the statement.
func TestLongRowsSpendTheBudget(t *testing.T) {
	defer hooks.SetMaxRowBytes(3000)()
	h := newHost(t, setup{})
	long, longer := strings.Repeat("x", 900), strings.Repeat("y", 1100)
	rows := func() []item { return []item{{Name: long, Qty: 1}, {Name: long, Qty: 1}, {Name: long, Qty: 1}} }
	last := func(action string, n int) {
		entries := h.entries()
		e := entries[len(entries)-1]
		require.Equal(t, action, e.Action)
		require.Empty(t, e.Object.ID)
		require.EqualValues(t, n, e.Metadata["rows"])
		require.NotEmpty(t, e.Metadata["keys_sha256"])
	}
	list := rows()
	require.NoError(t, h.db.Create(&list).Error)
	require.Len(t, h.entries(), 3)
	require.NoError(t, h.db.Model(&item{}).Where("qty = 1").Update("name", longer).Error)
	require.Len(t, h.entries(), 4)
	last("update", 3)
	require.NoError(t, h.db.Model(&item{}).Where("qty = 1").Update("qty", 2).Error)
	last("update", 3)
	upsert := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"qty"})}
	require.NoError(t, h.db.Clauses(upsert).Create(&list).Error)
	last("create", 3)
	require.NoError(t, h.db.Where("qty > 0").Delete(&item{}).Error)
	last("destroy", 3)
	many := append(rows(), rows()...)
	require.NoError(t, h.db.Create(&many).Error)
	last("create", 6)
	require.Len(t, h.entries(), 8)
}
