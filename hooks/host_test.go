package hooks_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

// item is a row without times of its own, so that entries can be compared whole.
type item struct {
	ID   uint
	Name string
	Qty  int
}

// host is an application with the plugin: its database and its trail.
type host struct {
	t      *testing.T
	db     *gorm.DB
	trail  *audit.Trail
	plugin *hooks.Plugin
}

type setup struct {
	config *gorm.Config
	opts   *hooks.Options
	store  func(db *gorm.DB) audit.Store // default: gormstore in the same database
	trail  *audit.Options
	models []any
	dsn    string // further parameters
}

func newHost(t *testing.T, s setup) *host {
	t.Helper()
	if s.config == nil {
		s.config = &gorm.Config{}
	}
	s.config.Logger = logger.Discard
	dsn := "file:" + filepath.Join(t.TempDir(), "host.db") + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)" + s.dsn
	db, err := gorm.Open(sqlite.Open(dsn), s.config)
	require.NoError(t, err)
	t.Cleanup(func() {
		sqlDB, err := db.DB()
		require.NoError(t, err)
		require.NoError(t, sqlDB.Close())
	})
	if s.store == nil {
		s.store = migratedStore(t)
	}
	trail, err := audit.New(s.store(db), s.trail)
	require.NoError(t, err)
	if s.models == nil {
		s.models = []any{&item{}}
	}
	require.NoError(t, db.AutoMigrate(s.models...))
	plugin := hooks.New(trail, s.opts)
	require.NoError(t, db.Use(plugin))
	return &host{t: t, db: db, trail: trail, plugin: plugin.(*hooks.Plugin)}
}

func migratedStore(t *testing.T) func(db *gorm.DB) audit.Store {
	return func(db *gorm.DB) audit.Store {
		store, err := gormstore.New(db, nil)
		require.NoError(t, err)
		require.NoError(t, store.Migrate(context.Background()))
		return store
	}
}

// outside runs a statement past the plugin.
func (h *host) outside(query string) {
	h.t.Helper()
	db, err := h.db.DB()
	require.NoError(h.t, err)
	_, err = db.Exec(query)
	require.NoError(h.t, err)
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
		list = append(list, line(e))
	}
	return list
}

func line(e audit.Entry) string {
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
	return s
}

// count is the number of rows of a model.
func (h *host) count(model any) int64 {
	h.t.Helper()
	var n int64
	require.NoError(h.t, h.db.Unscoped().Model(model).Count(&n).Error)
	return n
}
