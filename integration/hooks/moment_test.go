package hooks_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/history"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/storage/gormstore"
)

// stamped has the times that GORM sets, in the precision that it gives columns by
// itself: datetime(3), timestamptz, and what SQLite keeps.
type stamped struct {
	ID        uint
	Name      string
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt gorm.DeletedAt
}

// TestStateAtTheTimesOfARow: the state at the time that a row itself says it was
// created, updated or deleted has that change, and also where the transaction
// goes on for a while before it commits.
func TestStateAtTheTimesOfARow(t *testing.T) {
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			db, trail := trailIn(t, name, &stamped{})
			for round := range 40 {
				long := round%4 == 0
				id := createdStamp(t, db, trail, round, long)
				row := updatedStamp(t, db, trail, id, round, long)
				deletedStamp(t, db, trail, row, long)
			}
		})
	}
}

func trailIn(t *testing.T, name string, models ...any) (*gorm.DB, *audit.Trail) {
	db, err := gorm.Open(dbtest.For(t, name).Dialector(), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, nil)))
	require.NoError(t, db.AutoMigrate(models...))
	return db, trail
}

// writing runs a write by itself, or in a transaction that lasts.
func writing(t *testing.T, db *gorm.DB, long bool, write func(*gorm.DB) error) {
	t.Helper()
	require.NoError(t, db.Transaction(func(tx *gorm.DB) error {
		err := write(tx)
		if long {
			time.Sleep(5 * time.Millisecond)
		}
		return err
	}))
}

func stateAt(t *testing.T, trail *audit.Trail, id uint, at time.Time) history.State {
	t.Helper()
	state, err := history.At(t.Context(), trail, audit.Object{Type: "stampeds", ID: fmt.Sprint(id)}, at)
	require.NoError(t, err)
	return state
}

func createdStamp(t *testing.T, db *gorm.DB, trail *audit.Trail, round int, long bool) uint {
	row := stamped{Name: "new"}
	writing(t, db, long, func(tx *gorm.DB) error { return tx.Create(&row).Error })
	require.NoError(t, db.Take(&row, row.ID).Error)
	state := stateAt(t, trail, row.ID, row.CreatedAt)
	assert.True(t, state.Exists, "round %d: created at %s", round, row.CreatedAt)
	assert.Equal(t, "new", state.Fields["name"])
	return row.ID
}

func updatedStamp(t *testing.T, db *gorm.DB, trail *audit.Trail, id uint, round int, long bool) stamped {
	name := fmt.Sprint("name ", round)
	writing(t, db, long, func(tx *gorm.DB) error { return tx.Model(&stamped{ID: id}).Update("name", name).Error })
	var row stamped
	require.NoError(t, db.Take(&row, id).Error)
	assert.Equal(t, name, stateAt(t, trail, id, row.UpdatedAt).Fields["name"], "round %d: updated at %s", round, row.UpdatedAt)
	return row
}

func deletedStamp(t *testing.T, db *gorm.DB, trail *audit.Trail, row stamped, long bool) {
	writing(t, db, long, func(tx *gorm.DB) error { return tx.Delete(&row).Error })
	require.NoError(t, db.Unscoped().Take(&row, row.ID).Error)
	assert.False(t, stateAt(t, trail, row.ID, row.DeletedAt.Time).Exists, "deleted at %s", row.DeletedAt.Time)
}

// coarse has the times that GORM sets in columns that cut them to whole seconds,
// one of them a number.
type coarse struct {
	ID        uint
	Name      string
	UpdatedAt time.Time
	Touched   int64 `gorm:"autoUpdateTime"`
}

// TestStateAtTheTimesOfARowInWholeSeconds: the same, where the database cuts or
// rounds the row's time.
func TestStateAtTheTimesOfARowInWholeSeconds(t *testing.T) {
	types := map[string]string{"sqlite": "datetime", "postgres": "timestamptz(0)", "mariadb": "datetime"}
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			db, trail := trailIn(t, name)
			require.NoError(t, db.Exec("CREATE TABLE coarses (id bigint NOT NULL PRIMARY KEY, name varchar(50), updated_at "+types[name]+" NULL, touched bigint)").Error)
			require.NoError(t, db.Create(&coarse{ID: 1}).Error)
			for round := range 12 {
				want := fmt.Sprint("name ", round)
				writing(t, db, round%4 == 0, func(tx *gorm.DB) error { return tx.Model(&coarse{ID: 1}).Update("name", want).Error })
				var row coarse
				require.NoError(t, db.Take(&row, 1).Error)
				for _, at := range []time.Time{row.UpdatedAt, time.Unix(row.Touched, 0)} {
					state, err := history.At(t.Context(), trail, audit.Object{Type: "coarses", ID: "1"}, at)
					require.NoError(t, err)
					assert.Equal(t, want, state.Fields["name"], "round %d: updated at %s", round, at)
				}
				time.Sleep(130 * time.Millisecond) // into each part of a second
			}
		})
	}
}
