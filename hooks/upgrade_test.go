package hooks_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
)

// article is the model that the previous state's application had.
type article struct {
	ID        uint
	Title     string `audit:"name"`
	Slug      string `gorm:"uniqueIndex"`
	Price     float64
	Published bool
	Tags      []string       `gorm:"serializer:json"`
	Settings  map[string]any `gorm:"serializer:json"`
	Raw       []byte
	ShownAt   *time.Time
	Password  string
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt
}

// TestUpgrade opens testdata/previous.sql: the database of an application with 13
// entries, as the state before the rewrite of capture (d3a2af6) left it. The new
// version reads those entries, and goes on with the records that they are about.
func TestUpgrade(t *testing.T) {
	previous, err := os.ReadFile("testdata/previous.sql")
	require.NoError(t, err)
	h := newHost(t, setup{models: []any{&article{}}, store: func(db *gorm.DB) audit.Store {
		require.NoError(t, db.Exec(string(previous)).Error)
		return migratedStore(t)(db)
	}})
	ctx, db, trail := context.Background(), h.db, h.trail

	one, two, three := audit.Object{Type: "articles", ID: "1"}, audit.Object{Type: "articles", ID: "2"}, audit.Object{Type: "articles", ID: "3"}
	actions := func(o audit.Object) (list []string) {
		for e, err := range history.Of(ctx, trail, o) {
			require.NoError(t, err)
			list = append(list, e.Action)
		}
		return list
	}
	assert.Equal(t, []string{"create", "update", "update"}, actions(one))
	assert.Equal(t, []string{"create", "destroy", "restore", "destroy"}, actions(two))

	// Values of each kind go on from where the previous version left them: a
	// change of one column is the entry of one column.
	require.NoError(t, db.Model(&article{}).Where("id = 1").Update("title", "Uno").Error)
	require.NoError(t, db.Model(&article{}).Where("id = 3").Update("price", gorm.Expr("price + 1")).Error)
	require.NoError(t, db.Unscoped().Delete(&article{ID: 3}).Error)
	assert.Equal(t, []string{"create", "update", "update", "update"}, actions(one))
	assert.Equal(t, []string{"create", "update", "update", "update", "update", "update", "destroy"}, actions(three))
	var row article
	require.NoError(t, db.First(&row, 1).Error)
	state, err := history.At(ctx, trail, one, time.Now())
	require.NoError(t, err)
	require.True(t, state.Exists)
	for field, want := range map[string]any{
		"title": "Uno", "slug": "one", "published": true, "password": audit.Mask,
		"created_at": row.CreatedAt.UTC().Format(time.RFC3339Nano), "updated_at": row.UpdatedAt.UTC().Format(time.RFC3339Nano),
	} {
		assert.Equal(t, want, state.Fields[field], field)
	}
	assert.Empty(t, state.Gaps)
	state, err = history.At(ctx, trail, three, time.Now())
	require.NoError(t, err)
	assert.False(t, state.Exists)
	assert.Empty(t, state.Gaps, "old values of new entries are the new ones of old entries")
}
