package hooks_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

// trailRow is a model of the log's own table.
type trailRow struct {
	ID     string
	Action string
}

func (trailRow) TableName() string { return "audit_entries" }

// trailWrites are statements that would change the log.
var trailWrites = map[string]func(db *gorm.DB) error{
	"create":            func(db *gorm.DB) error { return db.Create(&trailRow{ID: "x"}).Error },
	"update":            func(db *gorm.DB) error { return db.Model(&trailRow{}).Where("1 = 1").Update("action", "x").Error },
	"delete":            func(db *gorm.DB) error { return db.Where("1 = 1").Delete(&trailRow{}).Error },
	"Table":             func(db *gorm.DB) error { return db.Table("AUDIT_entries").Where("1 = 1").Delete(nil).Error },
	"Table with schema": func(db *gorm.DB) error { return db.Table("main.audit_entries").Where("1 = 1").Delete(nil).Error },
	"Table with alias": func(db *gorm.DB) error {
		return db.Table("audit_entries AS items").Where("1 = 1").Update("action", "x").Error
	},
	"a clause": func(db *gorm.DB) error {
		return db.Clauses(clause.Update{Table: clause.Table{Name: "audit_entries"}}).Model(&item{}).Where("1 = 1").Update("action", "x").Error
	},
	"a second statement in a condition": func(db *gorm.DB) error {
		return db.Where("1 = 0; DELETE FROM audit_entries").Delete(&item{}).Error
	},
	"a second statement in a query": func(db *gorm.DB) error {
		return db.Where("1 = 0; DELETE FROM audit_entries").Find(&[]item{}).Error
	},
	"Raw": func(db *gorm.DB) error {
		return db.Raw("DELETE FROM \"audit_entries\" RETURNING id").Scan(&[]string{}).Error
	},
	"Rows": func(db *gorm.DB) error {
		_, err := db.Raw("UPDATE audit_entries SET action = 'x' RETURNING id").Rows()
		return err
	},
	"the migrator":  func(db *gorm.DB) error { return db.Migrator().DropTable(&trailRow{}) },
	"another table": func(db *gorm.DB) error { return db.Exec("DELETE FROM audit_entries_schema").Error },
	"in the middle": func(db *gorm.DB) error { return db.Exec("SELECT 1; DELETE FROM [audit_entries]; SELECT 2").Error },
	"behind WITH":   func(db *gorm.DB) error { return db.Exec("WITH x AS (SELECT 1) DELETE FROM main.audit_entries").Error },
	"drop":          func(db *gorm.DB) error { return db.Exec("DROP TABLE IF EXISTS `audit_entries`").Error },
	"alter":         func(db *gorm.DB) error { return db.Exec("ALTER TABLE audit_entries RENAME TO x").Error },
	"a quoted text": func(db *gorm.DB) error { return db.Exec("DELETE FROM 'audit_entries'").Error },
	"a trigger's": func(db *gorm.DB) error {
		return db.Exec("CREATE TRIGGER x AFTER INSERT ON items BEGIN DELETE FROM audit_entries; END").Error
	},
	"a trigger on": func(db *gorm.DB) error {
		return db.Exec("CREATE TRIGGER x BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(IGNORE); END").Error
	},
	"an upsert": func(db *gorm.DB) error {
		return db.Exec("INSERT OR REPLACE INTO audit_entries (id) VALUES ('x')").Error
	},
	"a prepared one": func(db *gorm.DB) error {
		return db.Session(&gorm.Session{PrepareStmt: true}).Exec("DELETE FROM audit_entries").Error
	},
	"in a transaction": func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error { return tx.Exec("DELETE FROM audit_entries").Error })
	},
	"skipped": func(db *gorm.DB) error {
		return db.WithContext(audit.Skip(context.Background(), "test")).Exec("DELETE FROM audit_entries").Error
	},
}

func TestStatementsThatWriteTheLogAreRefused(t *testing.T) {
	for _, raw := range []hooks.RawPolicy{hooks.RawRecord, hooks.RawRefuse, hooks.RawIgnore} {
		h := newHost(t, setup{opts: &hooks.Options{Raw: raw}})
		require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
		before := h.lines()
		for name, write := range trailWrites {
			err := write(h.db)
			require.ErrorIs(t, err, hooks.ErrTrailWrite, name)
			var refused *hooks.TrailWriteError
			require.ErrorAs(t, err, &refused, name)
			require.NotEmpty(t, refused.Verb, name)
			require.ErrorContains(t, err, "hooks.Options.TrailWrites", name)
			require.Equal(t, before, h.lines(), name)
		}
		require.NoError(t, h.db.Create(&item{Name: "b"}).Error)
	}
}

func TestTheOutboxIsTheLogsToo(t *testing.T) {
	var outbox *gormstore.Store
	h := newHost(t, setup{store: func(db *gorm.DB) audit.Store {
		var err error
		outbox, err = gormstore.New(db, &gormstore.Options{Table: "audit_outbox"})
		require.NoError(t, err)
		require.NoError(t, outbox.Migrate(context.Background()))
		return migratedStore(t)(db)
	}})
	db, err := gorm.Open(h.db.Dialector, &gorm.Config{})
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(h.trail, &hooks.Options{Outbox: outbox})))
	require.ErrorIs(t, db.Exec("DELETE FROM audit_outbox").Error, hooks.ErrTrailWrite)
	require.ErrorIs(t, db.Exec("DELETE FROM audit_entries").Error, hooks.ErrTrailWrite)
	require.NoError(t, db.Create(&item{Name: "a"}).Error)
}

func TestReadingTheLogIsFree(t *testing.T) {
	h := newHost(t, setup{opts: &hooks.Options{Raw: hooks.RawRefuse}})
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	var n int64
	require.NoError(t, h.db.Model(&trailRow{}).Count(&n).Error)
	require.EqualValues(t, 1, n)
	require.NoError(t, h.db.Raw("SELECT count(*) FROM audit_entries").Scan(&n).Error)
	require.NoError(t, h.db.Where("id IN (SELECT 1 FROM audit_entries)").Delete(&item{}).Error)
	require.Zero(t, h.count(&item{}))
	require.NoError(t, h.db.Exec("CREATE VIEW v AS SELECT * FROM audit_entries").Error)
}

func TestTrailWritesAllowsThem(t *testing.T) {
	h := newHost(t, setup{opts: &hooks.Options{TrailWrites: true}})
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	require.NoError(t, h.db.Exec("DELETE FROM audit_entries").Error)
	require.NoError(t, h.db.Create(&item{Name: "b"}).Error)
	require.NoError(t, h.db.Where("1 = 1").Delete(&trailRow{}).Error)
	require.Empty(t, h.lines())
	require.NoError(t, h.db.Migrator().DropTable(&trailRow{}))
}

// TestTheStoreIsNotRefused: its own statements never pass through the handle that
// it was made with, which later got the plugin.
func TestTheStoreIsNotRefused(t *testing.T) {
	var store *gormstore.Store
	h := newHost(t, setup{store: func(db *gorm.DB) audit.Store {
		store = migratedStore(t)(db).(*gormstore.Store)
		return store
	}})
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	ctx := context.Background()
	require.NoError(t, store.Migrate(ctx))
	require.NoError(t, store.Refresh(ctx))
	late, err := gormstore.New(h.db, nil)
	require.NoError(t, err)
	require.NoError(t, late.Migrate(ctx))
	_, err = late.Purge(ctx, audit.Filter{To: time.Now().Add(time.Hour)}, 100)
	require.NoError(t, err)
}

// TestAnAliasHidesNoTable: a table's alias may be the name of a table that isn't
// captured.
func TestAnAliasHidesNoTable(t *testing.T) {
	h := newHost(t, setup{opts: &hooks.Options{Ignore: []string{"notes"}}})
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	require.NoError(t, h.db.Table("items AS notes").Where("id = 1").Update("qty", 3).Error)
	require.NoError(t, h.db.Exec("UPDATE items AS notes SET qty = 4").Error)
	require.Len(t, h.lines(), 3)
	require.False(t, errors.Is(h.db.Table("items AS audit_entries").Where("id = 1").Update("qty", 5).Error, hooks.ErrTrailWrite))
	require.Len(t, h.lines(), 4)
}
