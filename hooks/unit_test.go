package hooks_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
	"github.com/gormtrail/audit/storage/memstore"
)

var errNo = errors.New("no")

func TestTransactionsShareAnIDAndRollBackTogether(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		require.NoError(t, tx.Create(&item{Name: "a"}).Error)
		return tx.Create(&item{Name: "b"}).Error
	}))
	require.ErrorIs(t, h.db.Transaction(func(tx *gorm.DB) error {
		require.NoError(t, tx.Create(&item{Name: "c"}).Error)
		return errNo
	}), errNo)
	require.Panics(t, func() {
		_ = h.db.Transaction(func(tx *gorm.DB) error {
			require.NoError(t, tx.Create(&item{Name: "d"}).Error)
			panic("boom")
		})
	})
	list := h.entries()
	require.Len(t, list, 2)
	require.Equal(t, list[0].TransactionID, list[1].TransactionID)
}

func TestSavepointsTakeTheirEntriesAlong(t *testing.T) {
	for name, config := range map[string]*gorm.Config{"plain": {}, "prepared": {PrepareStmt: true}} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, setup{config: config})
			tx := h.db.Begin()
			require.NoError(t, tx.Create(&item{Name: "a"}).Error)
			require.NoError(t, tx.SavePoint("s1").Error)
			require.NoError(t, tx.Create(&item{Name: "gone"}).Error)
			require.NoError(t, tx.RollbackTo("s1").Error)
			_ = tx.Transaction(func(tx *gorm.DB) error {
				require.NoError(t, tx.Create(&item{Name: "gone too"}).Error)
				return errNo
			})
			require.NoError(t, tx.Exec("SAVEPOINT by_hand").Error)
			require.NoError(t, tx.Create(&item{Name: "gone as well"}).Error)
			require.NoError(t, tx.Exec("ROLLBACK TO by_hand").Error)
			require.NoError(t, tx.Create(&item{Name: "b"}).Error)
			require.NoError(t, tx.Commit().Error)
			require.Equal(t, []string{"create items 1 +id=1 +name=a +qty=0", "create items 2 +id=2 +name=b +qty=0"}, h.lines())
		})
	}
}

func TestSkipDefaultTransaction(t *testing.T) {
	h := newHost(t, setup{config: &gorm.Config{SkipDefaultTransaction: true}})
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	require.NoError(t, h.db.Model(&item{ID: 1}).Update("qty", 2).Error)
	require.NoError(t, h.db.Delete(&item{ID: 1}).Error)
	require.Error(t, h.db.Create(&item{ID: 5}).Exec("nonsense").Error)
	session := newHost(t, setup{}).db.Session(&gorm.Session{SkipDefaultTransaction: true})
	require.NoError(t, session.Create(&item{Name: "a"}).Error)
	require.Len(t, h.lines(), 4)
}

func TestPreparedStatementsAreCaptured(t *testing.T) {
	h := newHost(t, setup{config: &gorm.Config{PrepareStmt: true}})
	for range 3 {
		i := item{Name: "a"}
		require.NoError(t, h.db.Create(&i).Error)
		require.NoError(t, h.db.Model(&i).Update("qty", 2).Error)
	}
	session := h.db.Session(&gorm.Session{PrepareStmt: true})
	require.NoError(t, session.Where("qty = 2").Delete(&item{}).Error)
	require.Len(t, h.lines(), 9)
}

func TestFailClosed(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.db.Create(&item{Name: "before"}).Error)
	h.outside("ALTER TABLE audit_entries RENAME TO elsewhere")
	err := h.db.Create(&item{Name: "a"}).Error
	require.ErrorIs(t, err, audit.ErrNotMigrated)
	require.ErrorIs(t, h.db.Transaction(func(tx *gorm.DB) error {
		return tx.Model(&item{ID: 1}).Update("qty", 5).Error
	}), audit.ErrNotMigrated)
	require.EqualValues(t, 1, h.count(&item{}))
	h.outside("ALTER TABLE elsewhere RENAME TO audit_entries")
	require.Len(t, h.lines(), 1)
}

func TestFailOpen(t *testing.T) {
	h := newHost(t, setup{opts: &hooks.Options{FailOpen: true}})
	h.outside("ALTER TABLE audit_entries RENAME TO elsewhere")
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	require.EqualValues(t, 1, h.count(&item{}))
}

func TestClosedTrailStopsWrites(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.trail.Close(context.Background()))
	require.ErrorIs(t, h.db.Create(&item{Name: "a"}).Error, audit.ErrClosed)
	require.Zero(t, h.count(&item{}))
}

func TestCancelledContextHasTheErrorThatItHasWithoutThePlugin(t *testing.T) {
	h := newHost(t, setup{})
	ctx, cancel := context.WithCancel(context.Background())
	tx := h.db.WithContext(ctx).Begin()
	require.NoError(t, tx.Create(&item{Name: "a"}).Error)
	cancel()
	err := tx.Commit().Error
	require.True(t, errors.Is(err, context.Canceled) || errors.Is(err, sql.ErrTxDone), "%v", err)
	require.Empty(t, h.lines())
	require.Zero(t, h.count(&item{}))
}

func TestStoreElsewhereGetsEntriesOnceTheCommitSucceeded(t *testing.T) {
	h := newHost(t, setup{store: func(*gorm.DB) audit.Store { return memstore.New() }})
	tx := h.db.Begin()
	require.NoError(t, tx.Create(&item{Name: "a"}).Error)
	require.Empty(t, h.lines())
	require.NoError(t, tx.Commit().Error)
	require.Len(t, h.lines(), 1)
	tx = h.db.Begin()
	require.NoError(t, tx.Create(&item{Name: "b"}).Error)
	require.NoError(t, tx.Rollback().Error)
	require.Len(t, h.lines(), 1)
}

func TestTransactionFromOutsideAppendsAtOnce(t *testing.T) {
	h := newHost(t, setup{})
	sqlDB, err := h.db.DB()
	require.NoError(t, err)
	for _, commit := range []bool{true, false} {
		sqlTx, err := sqlDB.Begin()
		require.NoError(t, err)
		session := h.db.Session(&gorm.Session{NewDB: true, Context: context.Background()})
		session.Statement.ConnPool = sqlTx
		require.NoError(t, session.Create(&item{Name: "a"}).Error)
		if commit {
			require.NoError(t, sqlTx.Commit())
		} else {
			require.NoError(t, sqlTx.Rollback())
		}
	}
	require.Len(t, h.lines(), 1)
}

func TestTransactionFromOutsideWithAStoreElsewhereFailsClosed(t *testing.T) {
	h := newHost(t, setup{store: func(*gorm.DB) audit.Store { return memstore.New() }})
	sqlDB, err := h.db.DB()
	require.NoError(t, err)
	sqlTx, err := sqlDB.Begin()
	require.NoError(t, err)
	defer func() { _ = sqlTx.Rollback() }()
	session := h.db.Session(&gorm.Session{NewDB: true, Context: context.Background()})
	session.Statement.ConnPool = sqlTx
	require.ErrorContains(t, session.Create(&item{Name: "a"}).Error, "Outbox")
}

func TestOneConnectionNeverWaitsForItself(t *testing.T) {
	h := newHost(t, setup{})
	sqlDB, err := h.db.DB()
	require.NoError(t, err)
	sqlDB.SetMaxOpenConns(1)
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		i := item{Name: "a"}
		require.NoError(t, tx.Create(&i).Error)
		require.NoError(t, tx.Model(&i).Update("qty", 1).Error)
		return hooks.Record(tx, audit.Entry{Action: "checked"})
	}))
	require.Len(t, h.lines(), 3)
	require.NoError(t, h.db.Connection(func(tx *gorm.DB) error { return tx.Create(&item{Name: "b"}).Error }))
	require.Len(t, h.lines(), 4)
}

func TestRecordJoinsTheTransaction(t *testing.T) {
	h := newHost(t, setup{})
	_ = h.db.Transaction(func(tx *gorm.DB) error {
		require.NoError(t, hooks.Record(tx, audit.Entry{Action: "never"}))
		return errNo
	})
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		require.NoError(t, tx.Create(&item{Name: "a"}).Error)
		return hooks.Record(tx, audit.Entry{Action: "approve"})
	}))
	require.NoError(t, hooks.Record(h.db, audit.Entry{Action: "outside"}))
	list := h.entries()
	require.Len(t, list, 3)
	require.Equal(t, list[0].TransactionID, list[1].TransactionID)
	require.ErrorIs(t, hooks.Record(h.db, audit.Entry{}), audit.ErrInvalidEntry)
	plain, err := gorm.Open(sqlite.Open(":memory:"), &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	require.ErrorContains(t, hooks.Record(plain, audit.Entry{Action: "x"}), "uses the plugin")
}

func TestSkipIsItselfRecordedOnce(t *testing.T) {
	h := newHost(t, setup{})
	ctx := audit.Skip(context.Background(), "import of 2025")
	db := h.db.WithContext(ctx)
	tx := db.Begin()
	require.NoError(t, tx.Create(&item{Name: "rolled back"}).Error)
	require.NoError(t, tx.Rollback().Error)
	for range 3 {
		require.NoError(t, db.Create(&item{Name: "a"}).Error)
	}
	require.NoError(t, db.Exec("UPDATE items SET qty = 1").Error)
	list := h.entries()
	require.Len(t, list, 1)
	require.Equal(t, audit.ActionSkip, list[0].Action)
	require.Equal(t, "import of 2025", list[0].Comment)
}

func TestRawStatements(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.db.Exec("INSERT INTO items(name, qty) VALUES ('canary', ?)", 5).Error)
	require.NoError(t, h.db.Exec(" /* x */ UPDATE items SET qty = 7 WHERE name = 'canary'").Error)
	var ids []int
	require.NoError(t, h.db.Raw("DELETE FROM items WHERE name = 'canary' RETURNING id").Scan(&ids).Error)
	require.Equal(t, []int{1}, ids)
	require.NoError(t, h.db.Exec("CREATE TABLE more (id integer)").Error)
	require.NoError(t, h.db.Raw("SELECT count(*) FROM items").Scan(new(int)).Error)
	require.Error(t, h.db.Exec("UPDATE nowhere SET x = 1").Error)
	list := h.entries()
	require.Len(t, list, 3)
	for _, e := range list {
		require.Equal(t, audit.ActionExecute, e.Action)
		require.Equal(t, "items", e.Object.Type)
		require.NotContains(t, fmt.Sprint(e), "canary")
		require.EqualValues(t, 1, e.Metadata["rows"])
	}
	require.Equal(t, "UPDATE items SET qty = ? WHERE name = ?", list[1].Metadata["statement"])
}

func TestRawStatementsRefusedOrIgnored(t *testing.T) {
	h := newHost(t, setup{opts: &hooks.Options{Raw: hooks.RawRefuse}})
	require.ErrorIs(t, h.db.Exec("DELETE FROM items").Error, hooks.ErrRawRefused)
	h = newHost(t, setup{opts: &hooks.Options{Raw: hooks.RawIgnore, DDL: true}})
	require.NoError(t, h.db.Exec("DELETE FROM items").Error)
	require.NoError(t, h.db.Exec("CREATE TABLE more (id integer)").Error)
	require.Len(t, h.lines(), 1, "DDL is recorded on request")
}

func TestTablesRemadeAreReadAnew(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	require.NoError(t, h.db.Migrator().DropTable("items"))
	require.NoError(t, h.db.Exec("CREATE TABLE items (code text PRIMARY KEY, name text, qty integer)").Error)
	require.NoError(t, h.db.Table("items").Create(map[string]any{"code": "x", "name": "b"}).Error)
	require.Equal(t, "create items x +code=x +name=b", h.lines()[1])
}

func TestManyEntriesInOneTransaction(t *testing.T) {
	h := newHost(t, setup{})
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		for n := range 30 {
			list := make([]item, 100)
			for i := range list {
				list[i] = item{Name: fmt.Sprint(n, "-", i)}
			}
			require.NoError(t, tx.Create(&list).Error)
			if n == 15 { // past the point where entries are appended early
				require.NoError(t, tx.SavePoint("s").Error)
			}
		}
		return tx.RollbackTo("s").Error
	}))
	require.Equal(t, 1600, len(h.entries()))
	require.EqualValues(t, 1600, h.count(&item{}))
}

func TestConcurrentWritersWaitAsWithoutThePlugin(t *testing.T) {
	h := newHost(t, setup{dsn: "&_pragma=journal_mode(WAL)"})
	require.NoError(t, h.db.Create(&item{Name: "a"}).Error)
	var wg sync.WaitGroup
	errs := make(chan error, 80)
	for range 8 {
		wg.Go(func() {
			for range 10 {
				errs <- h.db.Model(&item{}).Where("id = 1").Update("qty", gorm.Expr("qty + 1")).Error
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	list := h.entries()
	require.Len(t, list, 81)
	seen := map[any]any{}
	for _, e := range list[1:] {
		seen[e.Changes[0].Old] = e.Changes[0].New
	}
	for i := range int64(80) {
		require.Equal(t, i+1, seen[i], "each old value is the one before's new")
	}
}

func TestUnwrapReachesDatabaseSQL(t *testing.T) {
	h := newHost(t, setup{})
	_, ok := hooks.Unwrap(h.db.Statement.ConnPool).(*sql.DB)
	require.True(t, ok)
	require.NoError(t, h.db.Transaction(func(tx *gorm.DB) error {
		_, ok := hooks.Unwrap(tx.Statement.ConnPool).(*sql.Tx)
		require.True(t, ok)
		return nil
	}))
}

func TestOwnStatementsStayOutOfTheHostsPreparedOnes(t *testing.T) {
	h := newHost(t, setup{config: &gorm.Config{PrepareStmt: true}})
	prepared := h.db.ConnPool.(*gorm.PreparedStmtDB)
	prepared.Reset() // Close is final in the oldest GORM
	i := item{Name: "a"}
	require.NoError(t, h.db.Create(&i).Error)
	require.NoError(t, h.db.Model(&i).Update("qty", 2).Error)
	require.Equal(t, 2, cached(prepared), "the INSERT and the UPDATE")
}

// cached counts prepared statements; the field's type differs between the
// oldest and the newest GORM.
func cached(prepared *gorm.PreparedStmtDB) int {
	v := reflect.ValueOf(prepared.Stmts)
	if v.Kind() == reflect.Map {
		return v.Len()
	}
	return v.MethodByName("Keys").Call(nil)[0].Len()
}
