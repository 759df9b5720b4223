package hooks_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
)

// executed are the texts of raw statements on the log.
func (h *host) executed() []string {
	h.t.Helper()
	var list []string
	for _, e := range h.entries() {
		if e.Action == audit.ActionExecute {
			list = append(list, fmt.Sprint(e.Metadata["statement"]))
		}
	}
	return list
}

// hidden are ways to change items.qty in a text or a query that begins harmlessly.
var hidden = map[string]func(db *gorm.DB) error{
	"a second statement": func(db *gorm.DB) error { return db.Exec("SELECT 1; UPDATE items SET qty = 9").Error },
	"behind a comment":   func(db *gorm.DB) error { return db.Exec("SELECT 1 /* /* */; UPDATE items SET qty = 9 -- */").Error },
	"Scan": func(db *gorm.DB) error {
		return db.Raw("SELECT 1; UPDATE items SET qty = 9 RETURNING 1").Scan(new(int)).Error
	},
	"Row": func(db *gorm.DB) error {
		return db.Raw("SELECT 1; UPDATE items SET qty = 9 RETURNING 1").Row().Scan(new(int))
	},
	"Find": func(db *gorm.DB) error {
		return db.Raw("SELECT 1; UPDATE items SET qty = 9 RETURNING *").Find(&[]item{}).Error
	},
	"prepared": func(db *gorm.DB) error {
		return db.Session(&gorm.Session{PrepareStmt: true}).Exec("PRAGMA user_version; UPDATE items SET qty = 9").Error
	},
	"a condition": func(db *gorm.DB) error {
		return db.Where("1 = 0; UPDATE items SET qty = 9 RETURNING *").Find(&[]item{}).Error
	},
	"Count": func(db *gorm.DB) error {
		return db.Model(&item{}).Where("1 = 0; UPDATE items SET qty = 9 RETURNING qty").Count(new(int64)).Error
	},
	"Pluck": func(db *gorm.DB) error {
		return db.Model(&item{}).Where("1 = 0; UPDATE items SET qty = 9 RETURNING qty").Pluck("qty", &[]int{}).Error
	},
	"First": func(db *gorm.DB) error {
		return db.Order("1; UPDATE items SET qty = 9; SELECT * FROM items").Limit(1).Find(&item{}).Error
	},
	"a table": func(db *gorm.DB) error {
		return db.Table("(SELECT 1); UPDATE items SET qty = 9; SELECT 1 --").Find(&[]map[string]any{}).Error
	},
	"a query's transaction": func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			return tx.Where("1 = 0; UPDATE items SET qty = 9 RETURNING *").Find(&[]item{}).Error
		})
	},
	"Rows": func(db *gorm.DB) error {
		rows, err := db.Model(&item{}).Where("1 = 0; UPDATE items SET qty = 9 RETURNING *").Rows()
		if err == nil {
			err = errors.Join(rows.Close(), rows.Err())
		}
		return err
	},
	"the query's Row": func(db *gorm.DB) error {
		return db.Model(&item{}).Select("1").Where("1 = 0; UPDATE items SET qty = 9 RETURNING qty").Row().Scan(new(int))
	},
	"an error behind it": func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			if tx.Exec("UPDATE items SET qty = 9; SELECT nonsense").Error == nil {
				return errors.New("no error")
			}
			return nil
		})
	},
	"its own transaction": func(db *gorm.DB) error { return db.Exec("BEGIN; UPDATE items SET qty = 9; COMMIT").Error },
	"a setting around it": func(db *gorm.DB) error {
		return db.Exec("PRAGMA foreign_keys = 0; UPDATE items SET qty = 9; PRAGMA foreign_keys = 1").Error
	},
}

func TestHiddenWritesAreRecorded(t *testing.T) {
	for name, write := range hidden {
		for _, skip := range []bool{false, true} {
			h := newHost(t, setup{config: &gorm.Config{SkipDefaultTransaction: skip}})
			h.outside("INSERT INTO items VALUES (1, 'a', 1)")
			require.NoError(t, write(h.db), name)
			var i item
			require.NoError(t, h.db.First(&i, 1).Error, name)
			require.Equal(t, 9, i.Qty, name)
			require.Len(t, h.executed(), 1, name)
			require.Contains(t, h.executed()[0], "UPDATE items SET qty = ?", name)
		}
	}
}

func TestHiddenWritesAreRefused(t *testing.T) {
	for name, write := range hidden {
		h := newHost(t, setup{opts: &hooks.Options{Raw: hooks.RawRefuse}})
		h.outside("INSERT INTO items VALUES (1, 'a', 1)")
		if err := write(h.db); name != "an error behind it" { // which drops the error
			require.ErrorIs(t, err, hooks.ErrRawRefused, name)
		}
		var i item
		require.NoError(t, h.db.First(&i, 1).Error, name)
		require.Equal(t, 1, i.Qty, name)
		require.Empty(t, h.entries(), name)
	}
}

func TestHarmlessTextsPass(t *testing.T) {
	h := newHost(t, setup{opts: &hooks.Options{Raw: hooks.RawRefuse}})
	h.outside("INSERT INTO items VALUES (1, 'a', 1)")
	for _, sql := range []string{
		"SELECT 1", "VALUES (1)", "WITH x AS (SELECT 1) SELECT * FROM x", "EXPLAIN DELETE FROM items", "PRAGMA table_info(items)", "PRAGMA foreign_keys = 1",
		"PRAGMA busy_timeout = 100; PRAGMA foreign_keys = ON;", "SELECT 'x; DELETE FROM items' -- ; DELETE", "CREATE TABLE a (b)", "ANALYZE", "VACUUM",
		"CREATE TRIGGER x AFTER INSERT ON a BEGIN DELETE FROM a; DELETE FROM a; END", "DROP TABLE a", "PRAGMA journal_mode = WAL", "SELECT 1 /* open",
	} {
		require.NoError(t, h.db.Exec(sql).Error, sql)

	}
	require.NoError(t, h.db.Where("name <> 'x; DELETE FROM items' /* ; DELETE */").Order("id -- ; x").Find(&[]item{}).Error)
	require.Empty(t, h.entries())
}

// TestIgnoredTablesHideNothing: a second statement in a statement on a table that
// is not captured is looked at, and one behind a captured table's.
func TestIgnoredTablesHideNothing(t *testing.T) {
	for name, write := range map[string]func(db *gorm.DB) error{
		"delete": func(db *gorm.DB) error {
			return db.Table("notes").Where("1 = 0; UPDATE items SET qty = 9").Delete(nil).Error
		},
		"update": func(db *gorm.DB) error {
			return db.Table("notes").Where("1 = 0; UPDATE items SET qty = 9").Update("text", "x").Error
		},
		"raw":     func(db *gorm.DB) error { return db.Exec("DELETE FROM notes; UPDATE items SET qty = 9").Error },
		"other's": func(db *gorm.DB) error { return db.Where("1 = 0; UPDATE items SET qty = 9").Delete(&item{}).Error },
		"other's soft": func(db *gorm.DB) error {
			return db.Model(&item{}).Where("1 = 0; UPDATE items SET qty = 9").Update("name", "x").Error
		},
	} {
		for _, raw := range []hooks.RawPolicy{hooks.RawRecord, hooks.RawRefuse} {
			h := newHost(t, setup{opts: &hooks.Options{Ignore: []string{"notes"}, Raw: raw}})
			h.outside("CREATE TABLE notes (text text)")
			h.outside("INSERT INTO items VALUES (1, 'a', 1)")
			require.NoError(t, h.db.Table("notes").Where("1 = 1;").Update("text", "; x").Error)
			require.NoError(t, h.db.Exec("DELETE FROM notes WHERE text = ';'").Error)
			err := write(h.db)
			if raw == hooks.RawRefuse {
				require.ErrorIs(t, err, hooks.ErrRawRefused, name)
				require.Empty(t, h.entries(), name)
				continue
			}
			require.NoError(t, err, name)
			require.Len(t, h.executed(), 1, name)
		}
	}
}

// TestSeveralResultsAreHandedOn: a text that is recorded keeps all its results.
func TestSeveralResultsAreHandedOn(t *testing.T) {
	h := newHost(t, setup{})
	h.outside("INSERT INTO items VALUES (1, 'a', 1), (2, 'b', 1)")
	var names []string
	require.NoError(t, h.db.Raw("SELECT 1; UPDATE items SET qty = 2 RETURNING name").Scan(&names).Error)
	require.Equal(t, []string{"a", "b"}, names)
}

func TestSavepointsByHand(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		h := newHost(t, setup{config: &gorm.Config{PrepareStmt: prepare}})
		require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
			require.NoError(t, tx.Exec("/* x */ SAVEPOINT \"a b\"").Error)
			require.NoError(t, tx.Create(&item{Name: "gone"}).Error)
			require.NoError(t, tx.Raw("ROLLBACK TRANSACTION TO SAVEPOINT \"A b\" -- y").Scan(&[]int{}).Error)
			require.NoError(t, tx.Create(&item{Name: "stays"}).Error)
			return tx.Exec("RELEASE \"a b\"; SAVEPOINT c").Error
		}))
		require.Equal(t, []string{"create items 1 +id=1 +name=stays +qty=0"}, h.lines())
	}
}

// TestCommitByHand: what a COMMIT commits has its entries, whatever the host does
// next.
func TestCommitByHand(t *testing.T) {
	for _, prepare := range []bool{false, true} {
		h := newHost(t, setup{config: &gorm.Config{PrepareStmt: prepare}})
		tx := h.db.Begin()
		require.NoError(t, tx.Create(&item{Name: "a"}).Error)
		require.NoError(t, tx.Exec("COMMIT").Error)
		require.NoError(t, tx.Create(&item{Name: "b"}).Error)
		tx.Rollback()
		require.EqualValues(t, 2, h.count(&item{}))
		require.Len(t, h.lines(), 2)
	}
}

// TestCommitByHandThatFailsBehind: SQLite's driver fails for the comment, once the
// COMMIT has run.
func TestCommitByHandThatFailsBehind(t *testing.T) {
	for _, end := range []string{"COMMIT; /* x */", "ROLLBACK; /* x */"} {
		h := newHost(t, setup{})
		tx := h.db.Begin()
		require.NoError(t, tx.Create(&item{Name: "a"}).Error)
		require.Error(t, tx.Raw(end).Scan(new(int)).Error)
		require.NoError(t, tx.Session(&gorm.Session{}).Exec("INSERT INTO items (name, qty) VALUES ('b', 1)").Error)
		tx.Rollback()
		require.EqualValues(t, len(h.lines()), h.count(&item{}), end)
	}
}

func TestRollbackByHand(t *testing.T) {
	h := newHost(t, setup{})
	tx := h.db.Begin()
	require.NoError(t, tx.Create(&item{Name: "a"}).Error)
	require.NoError(t, tx.Exec("ROLLBACK").Error)
	require.NoError(t, tx.Create(&item{Name: "b"}).Error)
	tx.Commit()
	require.EqualValues(t, 1, h.count(&item{}))
	require.Len(t, h.lines(), 1)
}

// TestCommitByHandOfWhatHasNoEntries: a transaction that must not commit doesn't
// by hand either.
func TestCommitByHandOfWhatHasNoEntries(t *testing.T) {
	h := newHost(t, setup{})
	tx := h.db.Begin()
	require.NoError(t, tx.Create(&item{Name: "a"}).Error)
	require.NoError(t, h.trail.Close(context.Background()))
	require.ErrorIs(t, tx.Exec("COMMIT").Error, audit.ErrClosed)
	tx.Rollback()
	require.Zero(t, h.count(&item{}))
}

// TestATransactionByHandOnAConnection: SQLite knows no transaction in another.
func TestATransactionByHandOnAConnection(t *testing.T) {
	h := newHost(t, setup{config: &gorm.Config{SkipDefaultTransaction: true}})
	for _, end := range []string{"ROLLBACK", "COMMIT"} {
		require.NoError(t, h.db.Connection(func(tx *gorm.DB) error {
			return errors.Join(
				tx.Exec("BEGIN IMMEDIATE").Error,
				tx.Create(&item{Name: end}).Error,
				tx.Exec("UPDATE items SET qty = 2").Error,
				tx.Exec(end).Error,
			)
		}))
	}
	require.Equal(t, []string{"create items 1 +id=1 +name=COMMIT +qty=0", "execute items "}, h.lines())
	require.NoError(t, h.db.Connection(func(tx *gorm.DB) error { return tx.Create(&item{Name: "after"}).Error }))
	require.Len(t, h.lines(), 3)
}

func TestReadOnlyTransactionsAreNotWritten(t *testing.T) {
	h := newHost(t, setup{})
	h.outside("INSERT INTO items VALUES (1, 'a', 1)")
	sqlDB, err := h.db.DB()
	require.NoError(t, err)
	sqlDB.SetMaxOpenConns(1)
	h.outside("PRAGMA query_only = 1")
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		return tx.Raw("SELECT 1; SELECT 2").Scan(new(int)).Error
	}, &sql.TxOptions{ReadOnly: true}))
	require.NoError(t, h.db.Exec("SELECT 1; SELECT 2").Error)
	require.Error(t, h.db.Exec("SELECT 1; DELETE FROM items").Error)
	require.ErrorContains(t, h.db.Exec("PRAGMA query_only = 0; DELETE FROM items; PRAGMA query_only = 1").Error, "readonly")
	h.outside("PRAGMA query_only = 0")
	require.Empty(t, h.entries())
}

// rebuilt is item with another column type, for which GORM's migrator makes a new
// table.
type rebuilt struct {
	ID   uint
	Name int `gorm:"type:integer"`
	Qty  int
}

func (rebuilt) TableName() string { return "items" }

func TestTheMigratorsRebuildingIsDDL(t *testing.T) {
	for _, raw := range []hooks.RawPolicy{hooks.RawRecord, hooks.RawRefuse} {
		h := newHost(t, setup{opts: &hooks.Options{Raw: raw}})
		h.outside("INSERT INTO items VALUES (1, '5', 1)")
		require.NoError(t, h.db.Migrator().AlterColumn(&rebuilt{}, "Name"))
		require.NoError(t, h.db.Migrator().DropColumn(&rebuilt{}, "Qty"))
		require.Empty(t, h.entries())
		var kind string
		require.NoError(t, h.db.Raw("SELECT typeof(name) FROM items").Scan(&kind).Error)
		require.Equal(t, "integer", kind)
	}
}

// TestATemporaryNameHidesNothing: other writes to tables of such names are
// recorded.
func TestATemporaryNameHidesNothing(t *testing.T) {
	h := newHost(t, setup{})
	h.outside("INSERT INTO items VALUES (1, '5', 1)")
	copies := "INSERT INTO `items__temp`(`id`) SELECT `id` FROM `items`"
	require.NoError(t, h.db.Exec("CREATE TABLE `items__temp` (id)").Error)
	require.NoError(t, h.db.Exec(copies).Error)
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error { return tx.Exec(copies).Error }))
	require.Len(t, h.executed(), 2)
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		return errors.Join(
			tx.Exec("DROP TABLE `items__temp`").Error,
			tx.Exec("CREATE TABLE `items__temp` (id)").Error,
			tx.Exec(copies).Error, // the migrator's, and nothing but DDL
			tx.Exec(copies).Error,
			tx.Exec("INSERT INTO `items__temp`(`id`) SELECT 5 FROM `items`").Error,
			tx.Exec("UPDATE items__temp SET id = 7").Error,
		)
	}))
	require.Len(t, h.executed(), 5)
}

// shardPool is a pool like gorm.io/sharding's, which calls itself by this name.
type shardPool struct{ gorm.ConnPool }

func (shardPool) String() string { return "gorm:sharding:conn_pool" }

type shardPlugin struct{}

func (shardPlugin) Name() string { return "gorm:sharding" }

// Initialize puts the pool into each statement, as that plugin does.
func (shardPlugin) Initialize(db *gorm.DB) error {
	wrap := func(db *gorm.DB) { db.Statement.ConnPool = shardPool{db.Statement.ConnPool} }
	return errors.Join(
		db.Callback().Create().Before("*").Register("gorm:sharding", wrap),
		db.Callback().Update().Before("*").Register("gorm:sharding", wrap),
		db.Callback().Delete().Before("*").Register("gorm:sharding", wrap),
		db.Callback().Raw().Before("*").Register("gorm:sharding", wrap),
	)
}

func TestShardingIsRefused(t *testing.T) {
	first := newHost(t, setup{})
	db, err := gorm.Open(first.db.Dialector, &gorm.Config{})
	require.NoError(t, err)
	require.NoError(t, db.Use(shardPlugin{}))
	require.ErrorContains(t, db.Use(hooks.New(first.trail, nil)), "gorm.io/sharding")

	db, err = gorm.Open(first.db.Dialector, &gorm.Config{})
	require.NoError(t, err)
	db.Config.ConnPool = shardPool{db.Config.ConnPool}
	db.Statement.ConnPool = db.Config.ConnPool
	require.ErrorContains(t, db.Use(hooks.New(first.trail, nil)), "gorm.io/sharding")

	for _, prepare := range []bool{false, true} {
		h := newHost(t, setup{config: &gorm.Config{PrepareStmt: prepare}})
		require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
		require.NoError(t, h.db.Use(shardPlugin{}))
		require.ErrorContains(t, h.db.Create(&item{Name: "b"}).Error, "gorm.io/sharding")
		require.ErrorContains(t, h.db.Model(&item{ID: 1}).Update("qty", 2).Error, "gorm.io/sharding")
		require.ErrorContains(t, h.db.Delete(&item{ID: 1}).Error, "gorm.io/sharding")
		require.ErrorContains(t, h.db.Exec("DELETE FROM items").Error, "gorm.io/sharding")
		require.Len(t, h.lines(), 1)
	}
}

// In a transaction of the host's, SQLite's changes() is still that of the
// statement before one that can't be prepared or that changes no rows.
func TestTextsOfSQLiteHaveTheirOwnCount(t *testing.T) {
	h := newHost(t, setup{models: []any{&item{}}, opts: &hooks.Options{DDL: true}})
	require.NoError(t, h.db.Create(&[]item{{Name: "a"}, {Name: "b"}, {Name: "c"}}).Error)
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		require.NoError(t, tx.Exec("UPDATE items SET qty = 1").Error)
		require.Error(t, tx.Exec("UPDATE nowhere SET qty = 2").Error)
		require.Error(t, tx.Exec("UPDATE OR FAIL nowhere SET qty = 3").Error)
		require.NoError(t, tx.Exec("CREATE TABLE other (id integer)").Error)
		require.NoError(t, tx.Exec("UPDATE items SET qty = 4").Error)
		require.Error(t, tx.Exec("UPDATE items SET id = 1").Error)
		require.NoError(t, tx.Exec("UPDATE items SET qty = 5").Error)
		require.Error(t, tx.Exec("UPDATE OR FAIL items SET id = 9").Error)
		return nil
	}))
	require.NoError(t, h.db.Exec("PRAGMA user_version = 3").Error)
	var list []string
	for _, e := range h.entries() {
		if e.Action == audit.ActionExecute {
			list = append(list, fmt.Sprint(e.Metadata["statement"], " ", e.Metadata["rows"], " ", e.Outcome))
		}
	}
	require.Equal(t, []string{
		"UPDATE items SET qty = ? 3 success",
		"CREATE TABLE other (id integer) 0 success",
		"UPDATE items SET qty = ? 3 success",
		"UPDATE items SET qty = ? 3 success",
		"UPDATE OR FAIL items SET id = ? <nil> failure",
		"PRAGMA user_version = ? 0 success",
	}, list)
}

// On SQLite a condition that ends its statement changes rows before the text
// behind it fails, and a host may ignore the error.
func TestWhatStandsBeforeASemicolonIsRecordedIfTheRestFails(t *testing.T) {
	h := newHost(t, setup{models: []any{&item{}}})
	require.NoError(t, h.db.Create(&[]item{{Name: "a"}, {Name: "b"}}).Error)
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		require.Error(t, tx.Where("name = 'a';").Delete(&[]item{{ID: 1}, {ID: 2}}).Error)
		return nil
	}))
	require.EqualValues(t, 1, h.count(&item{}))
	require.Equal(t, []string{"DELETE FROM `items` WHERE name = ?; AND `items`.`id` IN (?,?)"}, h.executed())
}
