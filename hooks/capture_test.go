package hooks_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

type user struct {
	ID        uint
	Name      string
	Email     *string
	Age       int
	Active    bool
	Password  string
	Settings  map[string]any `gorm:"serializer:json"`
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt
	Pets      []pet
}

func (user) TableName() string { return "users" }

type pet struct {
	ID     uint
	UserID *uint
	Name   string
}

func (pet) TableName() string { return "pets" }

// host is an application with the plugin: its database and its trail.
type host struct {
	db    *gorm.DB
	trail *audit.Trail
	t     *testing.T
}

func newHost(t *testing.T, config *gorm.Config, opts *hooks.Options, models ...any) *host {
	t.Helper()
	if config == nil {
		config = &gorm.Config{}
	}
	config.Logger = logger.Discard
	dsn := "file:" + filepath.Join(t.TempDir(), "host.db") + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"
	db, err := gorm.Open(sqlite.Open(dsn), config)
	require.NoError(t, err)
	t.Cleanup(func() {
		sqlDB, err := db.DB()
		require.NoError(t, err)
		require.NoError(t, sqlDB.Close())
	})
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(context.Background()))
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	if len(models) == 0 {
		models = []any{&user{}, &pet{}}
	}
	require.NoError(t, db.AutoMigrate(models...))
	require.NoError(t, db.Use(hooks.New(trail, opts)))
	return &host{db, trail, t}
}

// entries are all entries so far, oldest first.
func (h *host) entries() []audit.Entry {
	h.t.Helper()
	var list []audit.Entry
	for e, err := range h.trail.All(context.Background(), audit.Query{Sort: audit.SortTime}) {
		require.NoError(h.t, err)
		list = append(list, e)
	}
	return list
}

// lines are the entries as short texts.
func (h *host) lines() []string {
	h.t.Helper()
	var list []string
	for _, e := range h.entries() {
		s := fmt.Sprintf("%s %s %s", e.Action, e.Object.Type, e.Object.ID)
		for _, c := range e.Changes {
			switch c.Op {
			case audit.OpAdd:
				s += fmt.Sprintf(" +%s=%v", c.Field, c.New)
			case audit.OpRemove:
				s += fmt.Sprintf(" -%s=%v", c.Field, c.Old)
			default:
				s += fmt.Sprintf(" %s:%v→%v", c.Field, c.Old, c.New)
			}
		}
		list = append(list, s)
	}
	return list
}

func TestFirst(t *testing.T) {
	h := newHost(t, nil, nil)
	u := user{Name: "a", Age: 3, Password: "x", Settings: map[string]any{"theme": "dark", "n": []int{1, 2}}, Pets: []pet{{Name: "rex"}}}
	require.NoError(t, h.db.Create(&u).Error)
	require.NoError(t, h.db.Model(&u).Updates(map[string]any{"age": gorm.Expr("age + 1"), "active": true}).Error)
	require.NoError(t, h.db.Model(&user{}).Where("age > ?", 1).Update("name", "b").Error)
	u.Settings["theme"] = "light"
	require.NoError(t, h.db.Save(&u).Error)
	require.NoError(t, h.db.Delete(&u).Error)
	require.NoError(t, h.db.Unscoped().Model(&u).Update("deleted_at", nil).Error)
	require.NoError(t, h.db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&pet{ID: 1, Name: "max"}).Error)
	require.NoError(t, h.db.Clauses(clause.Returning{}).Where("1=1").Delete(&pet{}).Error)
	require.NoError(t, h.db.Exec("UPDATE users SET age = 5 WHERE name = 'b'").Error)
	for _, l := range h.lines() {
		t.Log(l)
	}
}
