package embed_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

// What the README says is captured, and what it says is not: each a test, so
// that it stays true.

type team struct {
	ID        uint
	Name      string         `audit:"name"`
	Score     int            `gorm:"default:7"`
	Settings  map[string]any `gorm:"serializer:json"`
	APIKey    string
	Note      string   `audit:"-"`
	Players   []player `gorm:"constraint:OnDelete:CASCADE"`
	DeletedAt gorm.DeletedAt
}

type player struct {
	ID     uint
	TeamID uint
	Name   string
	Tags   []tag `gorm:"many2many:player_tags"`
}

type tag struct {
	ID   uint
	Name string `gorm:"uniqueIndex"`
}

type claim struct {
	*testing.T
	db    *gorm.DB
	trail *audit.Trail
}

func claims(t *testing.T, opts *hooks.Options) claim {
	t.Helper()
	file := filepath.Join(t.TempDir(), "claims.db")
	db, err := gorm.Open(sqlite.Open(file+"?_pragma=foreign_keys(1)"), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	sqlDB, err := db.DB()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, sqlDB.Close()) })
	require.NoError(t, db.AutoMigrate(&team{}, &player{}, &tag{}))
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, opts)))
	return claim{t, db, trail}
}

func (c claim) does(db *gorm.DB) {
	c.Helper()
	require.NoError(c, db.Error)
}

// sees returns what is on the trail, oldest first, and forgets nothing.
func (c claim) sees() []string {
	c.Helper()
	var all []string
	for e, err := range c.trail.All(c.Context(), audit.Query{Sort: audit.SortTime}) {
		require.NoError(c, err)
		all = append(all, fmt.Sprintf("%s %s %s", e.Action, e.Object.Type, e.Object.ID))
	}
	return all
}

// last are the changes of the newest entry, by field.
func (c claim) last() map[string]audit.Change {
	c.Helper()
	page, err := c.trail.Query(c.Context(), audit.Query{Limit: 1})
	require.NoError(c, err)
	require.NotEmpty(c, page.Entries)
	m := map[string]audit.Change{}
	for _, change := range page.Entries[0].Changes {
		m[change.Field] = change
	}
	return m
}

func TestCaptured(t *testing.T) {
	c := claims(t, nil)
	reds := team{Name: "Reds", Settings: map[string]any{"alerts": map[string]any{"threshold": 0.8}}}
	c.does(c.db.Create(&reds))
	assert.Equal(t, int64(7), c.last()["score"].New, "the database's default")
	c.does(c.db.Create(&[]team{{Name: "Blues"}, {Name: "Greens"}}))
	c.does(c.db.Model(&team{}).Where("id > ?", 1).Update("score", gorm.Expr("score * 2")))
	assert.Equal(t, audit.Change{Field: "score", Op: "replace", Old: int64(7), New: int64(14)}, c.last()["score"], "the expression's result")
	c.does(c.db.Table("teams").Where("name = ?", "Reds").Update("name", "Red Stars"))
	c.does(c.db.Model(&reds).Updates(map[string]any{"name": "Red Star"}))
	reds = team{}
	c.does(c.db.First(&reds, 1))
	reds.Settings["alerts"].(map[string]any)["threshold"] = 0.9
	c.does(c.db.Save(&reds))
	assert.Equal(t, audit.Change{Field: "settings.alerts.threshold", Op: "replace", Old: 0.8, New: 0.9}, c.last()["settings.alerts.threshold"])
	c.does(c.db.Delete(&reds))
	c.does(c.db.Unscoped().Model(&reds).Update("deleted_at", nil))
	c.does(c.db.Create(&tag{Name: "star"}))
	c.does(c.db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "name"}}, DoUpdates: clause.Assignments(map[string]any{"name": "STAR"})}).Create(&tag{Name: "star"}))
	p := player{TeamID: 1, Name: "Ann"}
	c.does(c.db.Create(&p))
	require.NoError(t, c.db.Model(&p).Association("Tags").Append(&tag{ID: 1}))
	c.does(c.db.Unscoped().Delete(&team{}, 3))
	assert.Equal(t, []string{
		"create teams 1", "create teams 2", "create teams 3", "update teams 2", "update teams 3", "update teams 1", "update teams 1",
		"update teams 1", "destroy teams 1", "restore teams 1", "create tags 1", "update tags 1", "create players 1",
		"create player_tags player_id=1,tag_id=1", "destroy teams 3",
	}, c.sees())
}

func TestGeneratedColumnsAreShown(t *testing.T) {
	c := claims(t, nil)
	c.does(c.db.Exec("ALTER TABLE teams ADD COLUMN shout TEXT GENERATED ALWAYS AS (upper(name)) VIRTUAL"))
	c.does(c.db.Create(&team{Name: "Reds"}))
	c.does(c.db.Model(&team{}).Where("id = 1").Update("name", "blues"))
	assert.Equal(t, audit.Change{Field: "shout", Op: "replace", Old: "REDS", New: "BLUES"}, c.last()["shout"])
}

func TestTransactionsAreOne(t *testing.T) {
	c := claims(t, nil)
	undo := errors.New("undo")
	err := c.db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&team{Name: "Reds"}).Error; err != nil {
			return err
		}
		return undo
	})
	require.ErrorIs(t, err, undo)
	assert.Empty(t, c.sees())
	require.NoError(t, c.db.Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&team{Name: "Reds"}).Error; err != nil {
			return err
		}
		_ = tx.Transaction(func(inner *gorm.DB) error {
			_ = inner.Create(&team{Name: "Blues"})
			return undo
		})
		return tx.Create(&team{Name: "Greens"}).Error
	}))
	page, err := c.trail.Query(t.Context(), audit.Query{Sort: audit.SortTime})
	require.NoError(t, err)
	require.Len(t, page.Entries, 2, "the savepoint took its entry along")
	assert.Equal(t, page.Entries[0].TransactionID, page.Entries[1].TransactionID)
	assert.NotEmpty(t, page.Entries[0].TransactionID)
}

func TestSecretsAreMasked(t *testing.T) {
	c := claims(t, nil)
	c.does(c.db.Create(&team{Name: "Reds", APIKey: "k1", Note: "private"}))
	assert.Equal(t, audit.Change{Field: "api_key", Op: "add", New: audit.Mask, Redacted: "masked"}, c.last()["api_key"])
	assert.NotContains(t, c.last(), "note")
	before := len(c.sees())
	c.does(c.db.Model(&team{ID: 1}).Update("note", "other"))
	assert.Len(t, c.sees(), before, "a change of nothing else is no entry")
}

func TestRawStatementsAreOneEntry(t *testing.T) {
	c := claims(t, nil)
	c.does(c.db.Create(&[]team{{Name: "Reds"}, {Name: "Blues"}}))
	c.does(c.db.Exec("UPDATE teams SET name = ? WHERE id <= ?", "hidden", 2))
	page, err := c.trail.Query(t.Context(), audit.Query{Filter: audit.Filter{Actions: []string{audit.ActionExecute}}})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	assert.Equal(t, "UPDATE teams SET name = ? WHERE id <= ?", page.Entries[0].Metadata["statement"])
	assert.Equal(t, int64(2), page.Entries[0].Metadata["rows"])
	c = claims(t, &hooks.Options{Raw: hooks.RawRefuse})
	assert.ErrorIs(t, c.db.Exec("DELETE FROM teams").Error, hooks.ErrRawRefused)
}

func TestManyRowsAreOneEntry(t *testing.T) {
	c := claims(t, &hooks.Options{RowBudget: 2})
	c.does(c.db.Create(&[]team{{Name: "Reds"}, {Name: "Blues"}}))
	c.does(c.db.Create(&team{Name: "Greens"}))
	c.does(c.db.Model(&team{}).Where("score > 0").Update("score", 1))
	assert.Len(t, c.sees(), 4)
}

func TestNotCaptured(t *testing.T) {
	c := claims(t, nil)
	c.does(c.db.Create(&team{Name: "Reds", Players: []player{{Name: "Ann"}}}))
	require.ElementsMatch(t, []string{"create teams 1", "create players 1"}, c.sees())
	sqlDB, err := c.db.DB()
	require.NoError(t, err)
	_, err = sqlDB.Exec("UPDATE players SET name = 'Bo'")
	require.NoError(t, err)
	assert.Len(t, c.sees(), 2, "what goes past GORM")
	c.does(c.db.Exec("CREATE TRIGGER follow AFTER UPDATE ON teams BEGIN UPDATE players SET name = NEW.name; END"))
	c.does(c.db.Model(&team{}).Where("id = 1").Update("name", "Blues"))
	assert.Equal(t, "update teams 1", c.sees()[2])
	assert.Len(t, c.sees(), 3, "what a trigger does to other rows")
}

func TestRowsThatForeignKeysChange(t *testing.T) {
	c := claims(t, nil)
	c.does(c.db.Create(&team{Name: "Reds", Players: []player{{Name: "Ann"}}}))
	c.does(c.db.Unscoped().Delete(&team{}, 1))
	var n int64
	c.does(c.db.Model(&player{}).Count(&n))
	require.Zero(t, n, "the cascade deleted it")
	assert.Equal(t, []string{"destroy teams 1", "destroy players 1"}, c.sees()[2:])
}

func TestTagsHoldFromTheFirstUseOn(t *testing.T) {
	c := claims(t, nil)
	c.does(c.db.Table("teams").Create(map[string]any{"name": "Reds", "note": "seen"}))
	assert.Contains(t, c.last(), "note", "nobody has spoken of the model yet")
	c = claims(t, &hooks.Options{Models: []any{&team{}}})
	c.does(c.db.Table("teams").Create(map[string]any{"name": "Reds", "note": "unseen"}))
	assert.NotContains(t, c.last(), "note")
}
