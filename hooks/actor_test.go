package hooks_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
)

// writesWithoutActor are the ways of GORM to write, each of which leaves an entry
// if they run in this order.
func writesWithoutActor(db *gorm.DB) []func() error {
	return []func() error{
		func() error { return db.Create(&item{Name: "new"}).Error },
		func() error { return db.Model(&item{ID: 1}).Update("qty", gorm.Expr("qty + 1")).Error },
		func() error { return db.Save(&item{ID: 1, Name: "saved"}).Error },
		func() error { return db.Delete(&item{ID: 1}).Error },
		func() error { return db.Exec("UPDATE items SET qty = 9").Error },
		func() error { return db.Raw("UPDATE items SET qty = 8 RETURNING id").Scan(&[]int{}).Error },
		func() error { return db.WithContext(audit.Skip(context.Background(), "import")).Create(&item{}).Error },
		func() error { return hooks.Record(db, audit.Entry{Action: "login"}) },
		func() error { return db.Transaction(func(tx *gorm.DB) error { _ = tx.Create(&item{}); return nil }) },
	}
}

func TestWritesWithoutAnActorAreRolledBack(t *testing.T) {
	h := newHost(t, setup{trail: &audit.Options{RequireActor: audit.ActorRefuse}})
	ada := h.db.WithContext(audit.WithActor(t.Context(), audit.Actor{Name: "Ada"}))
	require.NoError(t, ada.Create(&item{Name: "first"}).Error)
	for i, write := range writesWithoutActor(h.db) {
		require.ErrorIs(t, write(), audit.ErrNoActor, i)
	}
	var items []item
	require.NoError(t, h.db.Find(&items).Error)
	require.Equal(t, []item{{ID: 1, Name: "first"}}, items)
	require.Equal(t, []string{"create items 1 +id=1 +name=first +qty=0"}, h.lines())
	require.NoError(t, h.db.Model(&item{ID: 1}).Update("name", "first").Error, "it leaves no entry")
	require.NoError(t, ada.Model(&item{ID: 1}).Update("qty", 5).Error)
}

func TestWritesWithoutAnActorPassWhereCaptureFailsOpen(t *testing.T) {
	var log bytes.Buffer
	h := newHost(t, setup{
		opts:  &hooks.Options{FailOpen: true},
		trail: &audit.Options{RequireActor: audit.ActorRefuse, Logger: slog.New(slog.NewTextHandler(&log, nil))},
	})
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	require.EqualValues(t, 1, h.count(&item{}))
	require.Empty(t, h.lines())
	require.Contains(t, log.String(), "actor: is missing")
}

func TestActorWarningsNameTheApplication(t *testing.T) {
	var log bytes.Buffer
	h := newHost(t, setup{trail: &audit.Options{RequireActor: audit.ActorWarn, Logger: slog.New(slog.NewTextHandler(&log, nil))}})
	_, file, line, _ := runtime.Caller(0)
	require.NoError(t, h.db.Create(&item{ID: 1, Name: "first"}).Error)
	require.Contains(t, log.String(), fmt.Sprintf("%s:%d ", file, line+1))
	writes := writesWithoutActor(h.db)
	for range 2 {
		for i, write := range writes {
			require.NoError(t, write(), i)
			require.NoError(t, h.db.WithContext(audit.WithActor(t.Context(), audit.Actor{Name: "Ada"})).Create(&item{}).Error)
		}
	}
	require.Equal(t, len(writes)+1, strings.Count(log.String(), "\n"), log.String())
	require.Equal(t, len(writes)+1, strings.Count(log.String(), "actor_test.go:"), log.String())
}
