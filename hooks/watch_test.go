package hooks_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

func token(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestWatchersAreToldBehindTheCommit, wherever the entries went, and of nothing
// that was rolled back.
func TestWatchersAreToldBehindTheCommit(t *testing.T) {
	outbox, _ := newOutboxHost(t)
	for name, h := range map[string]*host{
		"own database": newHost(t, setup{}),
		"elsewhere":    newHost(t, setup{store: func(*gorm.DB) audit.Store { return memstore.New() }}),
		"outbox":       outbox,
	} {
		t.Run(name, func(t *testing.T) {
			woken, stop := h.trail.Watch()
			defer stop()
			require.ErrorIs(t, h.db.Transaction(func(tx *gorm.DB) error {
				require.NoError(t, tx.Create(&item{Name: "gone"}).Error)
				return errNo
			}), errNo)
			require.False(t, token(woken), "rolled back")
			tx := h.db.Begin()
			require.NoError(t, tx.Create(&item{Name: "a"}).Error)
			require.False(t, token(woken), "not committed yet")
			require.NoError(t, tx.Commit().Error)
			require.NoError(t, h.plugin.Deliver(t.Context()), "an outbox is delivered in the background")
			require.True(t, token(woken))
			require.NoError(t, h.db.Model(&item{}).Where("1 = 1").Update("qty", 3).Error, "GORM's own transaction")
			require.NoError(t, h.plugin.Deliver(t.Context()))
			require.True(t, token(woken))
			require.True(t, errors.Is(h.db.First(&item{}, 77).Error, gorm.ErrRecordNotFound))
			require.False(t, token(woken), "reading commits no entry")
		})
	}
}
