package hooks_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/memstore"
)

func auditedMariaDB(t *testing.T) (*gorm.DB, *audit.Trail) { return auditedMySQL(t, true) }

// mariaDatabase makes a database of its own, dropped at the end, and returns its
// DSN.
func mariaDatabase(tb testing.TB) string {
	tb.Helper()
	const server = "root@tcp(127.0.0.1:3306)/"
	admin, err := sql.Open("mysql", server)
	require.NoError(tb, err)
	if err := admin.Ping(); err != nil {
		_ = admin.Close()
		if os.Getenv("CI") != "" {
			tb.Fatalf("MariaDB does not answer on 127.0.0.1:3306: %v", err)
		}
		tb.Skipf("MariaDB does not answer on 127.0.0.1:3306: %v", err)
	}
	name := fmt.Sprintf("audit_hooks_%d_%d", os.Getpid(), time.Now().UnixNano())
	_, err = admin.Exec("CREATE DATABASE " + name)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		_, err := admin.Exec("DROP DATABASE " + name)
		require.NoError(tb, err)
		require.NoError(tb, admin.Close())
	})
	return server + name + "?parseTime=true"
}

// auditedMySQL without RETURNING is what MySQL itself can do.
func auditedMySQL(t *testing.T, returning bool) (*gorm.DB, *audit.Trail) {
	t.Helper()
	db, err := gorm.Open(mysql.New(mysql.Config{DSN: mariaDatabase(t), DisableWithReturning: !returning}), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	sqlDB, err := db.DB()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sqlDB.Close()) })
	trail, err := audit.New(memstore.New(), nil)
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, nil)))
	return db, trail
}

type tally struct {
	Name string `gorm:"primaryKey;size:50"`
	N    int
}

// Locking the gaps of missing keys before an upsert would make its writers wait
// for each other.
func TestUpsertsOfNewKeysMeetNoDeadlock(t *testing.T) {
	db, trail := auditedMariaDB(t)
	require.NoError(t, db.AutoMigrate(&tally{}))
	const writers, rounds = 8, 50
	errs := make(chan error, writers*rounds)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				errs <- db.Transaction(func(tx *gorm.DB) error {
					for _, letter := range "kj" {
						row := tally{Name: fmt.Sprintf("%c%d-%d", letter, i, w), N: 1}
						if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
							return err
						}
					}
					return nil
				})
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	n, more, err := trail.Count(context.Background(), audit.Filter{Actions: []string{audit.ActionCreate}}, 10_000)
	require.NoError(t, err)
	require.False(t, more)
	require.Equal(t, 2*writers*rounds, n)
}

// What variables carry from an upsert's met rows are the columns' own values.
func TestUpsertKeepsEveryTypesOldValue(t *testing.T) {
	db, trail := auditedMariaDB(t)
	require.NoError(t, db.Exec(`CREATE TABLE things (id int PRIMARY KEY, t text, v varbinary(20), f float, d double, n decimal(20,5),
		u bigint unsigned, b bit(9), y year, e enum('x','y'), j json, at datetime(3), day date, clock time, flag tinyint(1), empty varchar(5))`).Error)
	old := map[string]any{
		"id": 1, "t": "ü, \"quoted\" \\ 🙂", "v": []byte{0, 255, 10}, "f": 0.1, "d": 1.0 / 3, "n": "12345.67890", "u": uint64(18446744073709551615),
		"b": gorm.Expr("b'100000001'"), "y": 1999, "e": "y", "j": `{"a": [1, 2]}`, "at": "2026-01-02 03:04:05.123", "day": "2026-01-02", "clock": "10:11:12", "flag": 1, "empty": "",
	}
	require.NoError(t, db.Table("things").Create(old).Error)
	next := map[string]any{"id": 1}
	var updates []string
	for name := range old {
		if name != "id" {
			next[name] = nil
			updates = append(updates, name)
		}
	}
	require.NoError(t, db.Table("things").Clauses(clause.OnConflict{DoUpdates: clause.AssignmentColumns(updates)}).Create(next).Error)
	var created, updated audit.Entry
	for e, err := range trail.All(context.Background(), audit.Query{Filter: audit.Filter{ObjectTypes: []string{"things"}}, Sort: audit.SortTime}) {
		require.NoError(t, err)
		switch e.Action {
		case audit.ActionCreate:
			created = e
		case audit.ActionUpdate:
			updated = e
		}
	}
	was := map[string]any{}
	for _, c := range created.Changes {
		was[c.Field] = c.New
	}
	require.Len(t, updated.Changes, len(old)-1)
	for _, c := range updated.Changes {
		require.Equal(t, was[c.Field], c.Old, c.Field)
		require.Nil(t, c.New, c.Field)
	}
}

func TestWithoutReturningRowsAreReadByTheirKeys(t *testing.T) {
	type part struct {
		ID   uint
		Code string `gorm:"size:20;unique"`
		Qty  int    `gorm:"default:7"`
	}
	db, trail := auditedMySQL(t, false)
	require.NoError(t, db.AutoMigrate(&part{}, &tally{}))
	one := part{Code: "a"}
	require.NoError(t, db.Create(&one).Error)
	require.NoError(t, db.Create(&[]part{{Code: "b", Qty: 1}, {Code: "c", Qty: 2}}).Error)
	require.NoError(t, db.Table("parts").Create(map[string]any{"code": "d", "qty": 3}).Error)
	require.NoError(t, db.Clauses(clause.OnConflict{UpdateAll: true}).Create(&[]part{{Code: "a", Qty: 9}, {Code: "e", Qty: 5}}).Error)
	require.NoError(t, db.Create(&[]tally{{Name: "x", N: 1}, {Name: "y", N: 2}}).Error)
	require.NoError(t, db.Model(&part{}).Where("qty < 3").Update("qty", gorm.Expr("qty + 10")).Error)
	require.NoError(t, db.Where("qty > 10").Delete(&part{}).Error)
	var lines []string
	for e, err := range trail.All(context.Background(), audit.Query{Sort: audit.SortTime}) {
		require.NoError(t, err)
		s := e.Action + " " + e.Object.Type + " " + e.Object.ID
		for _, c := range e.Changes {
			s += fmt.Sprintf(" %s:%v→%v", c.Field, c.Old, c.New)
		}
		lines = append(lines, s)
	}
	require.Equal(t, []string{
		"create parts 1 id:<nil>→1 code:<nil>→a qty:<nil>→7",
		"create parts 2 id:<nil>→2 code:<nil>→b qty:<nil>→1",
		"create parts 3 id:<nil>→3 code:<nil>→c qty:<nil>→2",
		"create parts 4 id:<nil>→4 code:<nil>→d qty:<nil>→3",
		"update parts 1 qty:7→9",
		"create parts 5 id:<nil>→5 code:<nil>→e qty:<nil>→5",
		"create tallies x name:<nil>→x n:<nil>→1",
		"create tallies y name:<nil>→y n:<nil>→2",
		"update parts 2 qty:1→11",
		"update parts 3 qty:2→12",
		"destroy parts 2 id:2→<nil> code:b→<nil> qty:11→<nil>",
		"destroy parts 3 id:3→<nil> code:c→<nil> qty:12→<nil>",
	}, lines)
}

// MySQL's catalog doesn't list temporary tables: what is written to one is on
// the trail all the same, as a statement.
func TestTemporaryTablesAreNotPassedOver(t *testing.T) {
	db, trail := auditedMariaDB(t)
	require.NoError(t, db.Transaction(func(tx *gorm.DB) error {
		require.NoError(t, tx.Exec("CREATE TEMPORARY TABLE scratch (id int PRIMARY KEY, n int)").Error)
		require.NoError(t, tx.Table("scratch").Create(map[string]any{"id": 1, "n": 2}).Error)
		return tx.Table("scratch").Where("id = 1").Update("n", 3).Error
	}))
	require.Error(t, db.Table("nowhere").Where("id = 1").Update("n", 3).Error)
	var verbs []any
	for e, err := range trail.All(context.Background(), audit.Query{Sort: audit.SortTime}) {
		require.NoError(t, err)
		require.Equal(t, audit.ActionExecute, e.Action)
		require.Equal(t, "scratch", e.Object.Type)
		verbs = append(verbs, e.Metadata["verb"])
	}
	require.Equal(t, []any{"INSERT", "UPDATE"}, verbs)
}
