package hooks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/internal/capturetest/dbtest"
	"github.com/gormtrail/audit/storage/gormstore"
)

type login struct {
	Token string `gorm:"primaryKey;size:64"`
	Note  string
}

type loginStep struct {
	Opened string `gorm:"primaryKey;size:64"`
	N      int    `gorm:"primaryKey;autoIncrement:false"`
	Login  login  `gorm:"foreignKey:Opened;references:Token;constraint:OnDelete:CASCADE,OnUpdate:CASCADE"`
}

type (
	byUUID struct {
		ID uuid.UUID `gorm:"primaryKey;size:36"`
	}
	byNumber struct{ ID uint64 }
	byTime   struct {
		At   time.Time `gorm:"primaryKey;precision:6"`
		Name string    `gorm:"primaryKey;size:20"`
	}
	byBytes struct {
		ID []byte `gorm:"primaryKey;size:16"`
	}
	byFlag struct {
		Tenant int  `gorm:"primaryKey;autoIncrement:false"`
		On     bool `gorm:"primaryKey"`
	}
)

// secretKeyHost has one connection: whatever reads beside the host's transaction
// waits for ever.
func secretKeyHost(t *testing.T, name string, models ...any) (*gorm.DB, *audit.Trail) {
	t.Helper()
	db, err := gorm.Open(dbtest.For(t, name).Dialector(), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	pool, err := db.DB()
	require.NoError(t, err)
	pool.SetMaxOpenConns(1)
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	require.NoError(t, db.AutoMigrate(models...))
	require.NoError(t, db.Use(hooks.New(trail, nil)))
	return db, trail
}

// The ID that hooks.ObjectID gives is that of the captured entries, whatever the types
// of the key's columns.
func TestObjectIDOnEachDatabase(t *testing.T) {
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			models := []any{
				&byUUID{uuid.New()}, &byNumber{1 << 40}, &byTime{time.Date(2026, 7, 1, 23, 30, 0, 123456000, time.FixedZone("", 2*3600)), "ä"},
				&byBytes{[]byte{0, 0xff, 'x'}}, &byFlag{2, true}, &byFlag{2, false}, &login{Token: "canary"},
			}
			db, trail := secretKeyHost(t, name, &byUUID{}, &byNumber{}, &byTime{}, &byBytes{}, &byFlag{}, &login{})
			for _, m := range models {
				require.NoError(t, db.Create(m).Error)
				page, err := trail.Query(t.Context(), audit.Query{Sort: audit.SortRecorded.Reverse(), Limit: 1})
				require.NoError(t, err)
				id, err := hooks.ObjectID(db, m)
				require.NoError(t, err, "%T", m)
				assert.Equal(t, page.Entries[0].Object.ID, id, "%T", m)
			}
		})
	}
}

// A secret in a key is on no entry, whichever way rows change, and each entry has the
// record's ID.
func TestSecretKeysOnEachDatabase(t *testing.T) {
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			db, trail := secretKeyHost(t, name, &login{}, &loginStep{})
			require.NoError(t, db.Transaction(func(tx *gorm.DB) error {
				for _, err := range []error{
					tx.Create(&login{"canary-1", "a"}).Error,
					tx.Create(&[]loginStep{{Opened: "canary-1", N: 1}, {Opened: "canary-1", N: 2}}).Error,
					tx.Model(&login{}).Where("token = ?", "canary-1").Update("token", "canary-2").Error,
					tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&login{"canary-2", "b"}).Error,
					tx.Exec("INSERT INTO logins VALUES ('canary-3', 'raw')").Error,
					tx.Delete(&login{Token: "canary-2"}).Error,
				} {
					if err != nil {
						return err
					}
				}
				return nil
			}))
			first, err := hooks.ObjectID(db, &login{Token: "canary-1"})
			require.NoError(t, err)
			second, err := hooks.ObjectID(db, &login{Token: "canary-2"})
			require.NoError(t, err)
			var got []string
			for e, err := range trail.All(context.Background(), audit.Query{Sort: audit.SortRecorded}) {
				require.NoError(t, err)
				require.NotContains(t, fmt.Sprintf("%+v", e), "canary")
				line := e.Action + " " + e.Object.Type + " " + e.Object.ID
				if c, ok := e.Metadata["cascade"].(map[string]any); ok {
					line += fmt.Sprint(" by ", c["id"])
				}
				got = append(got, strings.NewReplacer(first, "first", second, "second").Replace(line))
			}
			assert.Equal(t, []string{
				"create logins first",
				"create login_steps opened=first,n=1", "create login_steps opened=first,n=2",
				"update logins first",
				"update login_steps opened=first,n=1 by first", "update login_steps opened=first,n=2 by first",
				"update logins second",
				"execute logins ",
				"destroy logins second",
				"destroy login_steps opened=second,n=1 by second", "destroy login_steps opened=second,n=2 by second",
			}, got)
		})
	}
}
