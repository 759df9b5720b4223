package hooks_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/gormstore"
)

const megabyte = 1 << 20

// document has columns that hold megabytes.
type document struct {
	ID   uint
	Body string         `gorm:"size:1073741823"` // LONGTEXT on MariaDB
	Blob []byte         `gorm:"size:1073741823"`
	Data map[string]any `gorm:"serializer:json;size:1073741823"`
}

// large is a text of so many bytes that hardly compresses and has all that JSON and
// SQL escape.
func large(seed string, size int) string {
	unit := seed + ` "quoted" \ it's` + "\n\té😀 \x01"
	s := strings.Repeat(unit, size/len(unit)+1)
	return strings.ToValidUTF8(s[:size], "")
}

type largeHost struct {
	*gorm.DB
	trail *audit.Trail
}

// audited opens a database with a trail in it.
func auditedHost(t testing.TB, database string, config gorm.Config, redaction *audit.Redaction, models ...any) largeHost {
	t.Helper()
	db := openDSN(t, database, newDSN(t, database), config)
	require.NoError(t, db.AutoMigrate(models...))
	store, err := gormstore.New(db, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(context.Background()))
	trail, err := audit.New(store, &audit.Options{Redaction: redaction})
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, nil)))
	return largeHost{db, trail}
}

func (h largeHost) entries(t testing.TB) (list []audit.Entry) {
	t.Helper()
	for e, err := range h.trail.All(context.Background(), audit.Query{Sort: audit.SortTime}) {
		require.NoError(t, err)
		list = append(list, e)
	}
	return list
}

// assertDigest checks the value that stands for a long one.
func assertDigest(t *testing.T, want string, got any, what string) {
	t.Helper()
	m, ok := got.(map[string]any)
	require.True(t, ok, "%s is a %T", what, got)
	sum := sha256.Sum256([]byte(want))
	assert.Equal(t, hex.EncodeToString(sum[:]), m["sha256"], what)
	assert.EqualValues(t, len(want), m["size"], what)
}

func changeOf(t *testing.T, e audit.Entry, field string) audit.Change {
	t.Helper()
	for _, c := range e.Changes {
		if c.Field == field {
			return c
		}
	}
	require.Fail(t, "no change of "+field, "%s %s", e.Action, e.Object.ID)
	return audit.Change{}
}

// A row of megabytes is written, and its entry tells of each long value how long it
// was, what it hashes to, and how a text begins.
func TestValuesOfMegabytes(t *testing.T) {
	for _, database := range resolverDatabases {
		for _, config := range []gorm.Config{{}, {PrepareStmt: true, SkipDefaultTransaction: true}} {
			t.Run(fmt.Sprintf("%s, prepared %v", database, config.PrepareStmt), func(t *testing.T) {
				h := auditedHost(t, database, config, nil, &document{})
				size := 9 * megabyte
				if database == "mariadb" {
					size = 3 * megabyte // four columns of it in one statement of the host's
				}
				a, b := large("a", size), large("b", size)
				d := document{Body: a, Blob: []byte(a), Data: map[string]any{"text": a, "n": 1}}
				require.NoError(t, h.Create(&d).Error)
				require.NoError(t, h.Model(&d).Update("body", b).Error)
				require.NoError(t, h.Model(&d).Update("blob", []byte(b)).Error)
				require.NoError(t, h.Model(&document{ID: d.ID}).Select("data").Updates(&document{Data: map[string]any{"text": b, "n": 1}}).Error)
				require.NoError(t, h.Delete(&document{}, d.ID).Error)
				list := h.entries(t)
				require.Len(t, list, 5)
				for _, e := range list {
					for _, c := range e.Changes {
						if c.Field != "id" && c.Field != "blob" {
							assert.Equal(t, audit.RedactedTruncated, c.Redacted, "%s %s", e.Action, c.Field)
						}
					}
				}
				assertDigest(t, a, changeOf(t, list[0], "body").New, "create")
				assertDigest(t, a, changeOf(t, list[0], "blob").New, "create")
				update := changeOf(t, list[1], "body")
				assertDigest(t, a, update.Old, "update, old")
				assertDigest(t, b, update.New, "update, new")
				assert.True(t, strings.HasPrefix(b, update.New.(map[string]any)["beginning"].(string)))
				assertDigest(t, b, changeOf(t, list[2], "blob").New, "update of bytes")
				inside := changeOf(t, list[3], "data.text")
				assertDigest(t, a, inside.Old, "JSON, old")
				assertDigest(t, b, inside.New, "JSON, new")
				assertDigest(t, b, changeOf(t, list[4], "body").Old, "delete")
			})
		}
	}
}

// The text of the issue: 9 MB replaced by 9 MB, on MariaDB's default packet.
func TestNineMegabytesForNine(t *testing.T) {
	for _, database := range resolverDatabases {
		t.Run(database, func(t *testing.T) {
			h := auditedHost(t, database, gorm.Config{}, nil, &document{})
			a, b := strings.Repeat("a", 9*megabyte), strings.Repeat("b", 9*megabyte)
			d := document{Body: a}
			require.NoError(t, h.Create(&d).Error)
			require.NoError(t, h.Model(&d).Update("body", b).Error)
			require.NoError(t, h.Model(&document{}).Where("id = ?", d.ID).Update("body", gorm.Expr("concat(body, 'x')")).Error)
			require.NoError(t, h.Delete(&d).Error)
			list := h.entries(t)
			require.Len(t, list, 4)
			assertDigest(t, a, changeOf(t, list[1], "body").Old, "old")
			assertDigest(t, b, changeOf(t, list[1], "body").New, "new")
			assertDigest(t, b+"x", changeOf(t, list[2], "body").New, "by an expression")
		})
	}
}

// An upsert that meets a long value keeps it.
func TestAnUpsertOfMegabytes(t *testing.T) {
	for _, database := range resolverDatabases {
		t.Run(database, func(t *testing.T) {
			h := auditedHost(t, database, gorm.Config{}, nil, &document{})
			a, b := strings.Repeat("a", 4*megabyte), strings.Repeat("b", 4*megabyte)
			require.NoError(t, h.Create(&document{ID: 1, Body: a}).Error)
			require.NoError(t, h.Clauses(clause.OnConflict{UpdateAll: true}).Create(&document{ID: 1, Body: b}).Error)
			list := h.entries(t)
			require.Len(t, list, 2)
			assertDigest(t, a, changeOf(t, list[1], "body").Old, "old")
			assertDigest(t, b, changeOf(t, list[1], "body").New, "new")
		})
	}
}

// Many columns that are short enough each are too long together: the entry keeps
// the first ones whole, and tells of the others.
func TestManyLongColumns(t *testing.T) {
	const columns, size = 300, 60_000
	for _, database := range resolverDatabases {
		t.Run(database, func(t *testing.T) {
			h := auditedHost(t, database, gorm.Config{}, nil)
			var b strings.Builder
			b.WriteString("CREATE TABLE wide (id int PRIMARY KEY")
			row := map[string]any{"id": 1}
			for i := range columns {
				fmt.Fprintf(&b, ", c%03d text", i)
				row[fmt.Sprintf("c%03d", i)] = strings.Repeat(string(rune('a'+i%26)), size)
			}
			require.NoError(t, h.Exec(b.String()+")").Error)
			if database == "mariadb" { // one statement has no more than its packet
				first := map[string]any{"id": 1}
				for i := range 150 {
					name := fmt.Sprintf("c%03d", i)
					first[name] = row[name]
					delete(row, name)
				}
				require.NoError(t, h.Table("wide").Create(first).Error)
				delete(row, "id")
				require.NoError(t, h.Table("wide").Where("id = 1").Updates(row).Error)
			} else {
				require.NoError(t, h.Table("wide").Create(row).Error)
			}
			whole, told, bytes := 0, 0, 0
			for _, e := range h.entries(t) {
				entry := 0
				for _, c := range e.Changes {
					raw, err := json.Marshal(c)
					require.NoError(t, err)
					entry += len(raw)
					switch {
					case c.Field == "id":
					case c.Redacted == "":
						whole++
					default:
						told++
						i, err := strconv.Atoi(c.Field[1:])
						require.NoError(t, err)
						assertDigest(t, strings.Repeat(string(rune('a'+i%26)), size), c.New, c.Field)
					}
				}
				bytes = max(bytes, entry)
			}
			assert.Equal(t, columns, whole+told)
			assert.Positive(t, told)
			assert.Greater(t, whole, columns/6)
			assert.Less(t, bytes, 5*megabyte)
		})
	}
}

// Batches of long rows are split, and so are the entries of a transaction.
func TestBatchesOfLongRows(t *testing.T) {
	const rows, size = 120, 300_000
	for _, database := range resolverDatabases {
		t.Run(database, func(t *testing.T) {
			h := auditedHost(t, database, gorm.Config{}, nil, &document{})
			list := make([]document, rows)
			for i := range list {
				list[i].Body = large(fmt.Sprint(i, " "), size)
			}
			require.NoError(t, h.Transaction(func(tx *gorm.DB) error { return tx.CreateInBatches(&list, 10).Error }))
			require.NoError(t, h.Model(&document{}).Where("id > 0").Update("body", gorm.Expr("concat(body, 'x')")).Error)
			got := h.entries(t)
			require.Len(t, got, 2*rows)
			for i, e := range got[:rows] {
				assert.Equal(t, list[i].Body, changeOf(t, e, "body").New, "what is short enough is whole")
			}
		})
	}
}

// Without a bound, an entry that no statement can hold fails in words, before the
// connection breaks.
func TestAnEntryLargerThanAStatement(t *testing.T) {
	h := auditedHost(t, "mariadb", gorm.Config{}, &audit.Redaction{MaxValue: -1, MaxEntry: -1}, &document{})
	poolOf(t, h.DB).SetMaxOpenConns(1)
	d := document{Body: strings.Repeat("a", 9*megabyte)}
	require.NoError(t, h.Create(&d).Error)
	for range 2 {
		err := h.Model(&d).Update("body", strings.Repeat("b", 9*megabyte)).Error
		require.ErrorIs(t, err, audit.ErrInvalidEntry)
		for _, part := range []string{"documents", "body", "max_allowed_packet", "16777216"} {
			require.ErrorContains(t, err, part)
		}
		require.NotContains(t, err.Error(), "connection")
	}
	require.NoError(t, h.Model(&d).Update("body", "short").Error, "9 MB and a few bytes are possible")
	assert.Len(t, h.entries(t), 2)
}

// However the driver sends parameters, and whatever it takes itself.
func TestLongValuesWithOtherSettingsOfTheDriver(t *testing.T) {
	for _, setting := range []string{"interpolateParams=true", "maxAllowedPacket=1048576", "maxAllowedPacket=0", "interpolateParams=true&maxAllowedPacket=1048576"} {
		t.Run(setting, func(t *testing.T) {
			db := openDSN(t, "mariadb", newDSN(t, "mariadb")+"&"+setting, gorm.Config{})
			require.NoError(t, db.AutoMigrate(&document{}))
			store, err := gormstore.New(db, nil)
			require.NoError(t, err)
			require.NoError(t, store.Migrate(context.Background()))
			trail, err := audit.New(store, nil)
			require.NoError(t, err)
			require.NoError(t, db.Use(hooks.New(trail, nil)))
			h := largeHost{db, trail}
			d := document{Body: strings.Repeat(`"`, 1_000_000)}
			require.NoError(t, h.Create(&d).Error)
			require.NoError(t, h.Model(&d).Update("body", strings.Repeat(`\`, 1_000_000)).Error)
			require.NoError(t, h.Model(&d).Update("body", strings.Repeat("x", 4*megabyte)).Error)
			list := h.entries(t)
			require.Len(t, list, 3)
			assert.Equal(t, strings.Repeat(`\`, 1_000_000), changeOf(t, list[1], "body").New)
			assertDigest(t, strings.Repeat("x", 4*megabyte), changeOf(t, list[2], "body").New, "past the bound")
		})
	}
}

// TestMemoryOfLongRows: what capture keeps does not grow with the transaction.
func TestMemoryOfLongRows(t *testing.T) {
	const rounds, size = 60, 900_000
	for _, database := range resolverDatabases {
		t.Run(database, func(t *testing.T) {
			h := auditedHost(t, database, gorm.Config{}, nil, &document{})
			runtime.GC()
			watch := watchHeap()
			require.NoError(t, h.Transaction(func(tx *gorm.DB) error {
				for i := range rounds {
					if err := tx.Create(&document{Body: strings.Repeat(fmt.Sprint(i%10), size)}).Error; err != nil {
						return err
					}
				}
				return nil
			}))
			highest := watch()
			t.Logf("%d entries of %d bytes: heap at most %d MB", rounds, size, highest/megabyte)
			assert.Less(t, highest, uint64(100*megabyte), "all of them are %d MB", rounds*size/megabyte)
		})
	}
}
