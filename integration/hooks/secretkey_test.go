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
	store, err := gormstore.New(db, &gormstore.Options{KeywordIndex: true})
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

// Secrets that an earlier version recorded are masked in entries and in what is kept of
// them for searches.
func TestStoredSecretsOnEachDatabase(t *testing.T) {
	for _, name := range dbtest.Names {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			db, trail := secretKeyHost(t, name, &login{}, &loginStep{})
			store := trail.Store().(*gormstore.Store)
			open, err := audit.New(store, &audit.Options{Redaction: &audit.Redaction{Secret: func(string) bool { return false }}})
			require.NoError(t, err)
			for i := range 250 {
				require.NoError(t, open.Record(ctx,
					audit.Entry{Action: "update", Object: audit.Object{Type: "logins", ID: fmt.Sprint("canary-", i%5)}, Changes: []audit.Change{{Field: "note", New: fmt.Sprint(i)}}},
					audit.Entry{Action: "create", Object: audit.Object{Type: "users", ID: fmt.Sprint(i)}, Changes: []audit.Change{{Field: "password", New: "canary"}}},
					audit.Entry{Action: "view", Object: audit.Object{Type: "users", ID: fmt.Sprint(i)}},
				))
			}
			require.NoError(t, store.Refresh(ctx))
			require.Contains(t, dumpOf(t, db, store), "canary")
			done, err := trail.MaskSecrets(ctx, nil)
			require.NoError(t, err)
			assert.Equal(t, []audit.StoredSecret{{ObjectType: "logins", Field: "object.id", Entries: 250}, {ObjectType: "users", Field: "password", Entries: 250}}, done.Secrets)
			require.NotContains(t, dumpOf(t, db, store), "canary")
			id, err := hooks.ObjectID(db, &login{Token: "canary-3"})
			require.NoError(t, err)
			n, _, err := trail.Count(ctx, audit.Filter{ObjectIDs: []string{id}, ObjectTypes: []string{"logins"}}, 1000)
			require.NoError(t, err)
			assert.Equal(t, 50, n)
			page, err := trail.Query(ctx, audit.Query{Filter: audit.Filter{Keyword: id[5:20]}, Limit: 100})
			require.NoError(t, err)
			assert.Len(t, page.Entries, 50)
		})
	}
}

// dumpOf is all that the store's tables hold, as text.
func dumpOf(t *testing.T, db *gorm.DB, store *gormstore.Store) string {
	t.Helper()
	var b strings.Builder
	for _, table := range store.Tables() {
		rows, err := db.Raw("SELECT * FROM " + table).Rows()
		require.NoError(t, err)
		columns, err := rows.Columns()
		require.NoError(t, err)
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			require.NoError(t, rows.Scan(values...))
			for _, v := range values {
				fmt.Fprintf(&b, "%s ", *v.(*any))
			}
		}
		require.NoError(t, rows.Err())
		require.NoError(t, rows.Close())
	}
	return b.String()
}
