package hooks_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/hooks"
)

// meddlingPool lets another connection write right after a transaction has read
// the catalog.
type meddlingPool struct {
	*sql.DB
	meddle func()
}

func (p *meddlingPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	tx, err := p.DB.BeginTx(ctx, opts)
	return &meddlingTx{tx, p}, err
}

func (p *meddlingPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

type meddlingTx struct {
	*sql.Tx
	pool *meddlingPool
}

func (t *meddlingTx) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	if strings.Contains(q, "foreign_key_list") {
		defer t.pool.meddle() // the last that is read of a table
	}
	return t.Tx.QueryContext(ctx, q, args...)
}

// A table's first use reads the catalog in the host's transaction. If somebody
// else writes then, the statement must not fail for having read first
// (SQLITE_BUSY_SNAPSHOT), which no waiting helps.
func TestAWriterMeanwhileDoesNotFailTheFirstUseOfATable(t *testing.T) {
	dsn := "file:" + t.TempDir() + "/host.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10)"
	open := func() *sql.DB {
		db, err := sql.Open(sqlite.DriverName, dsn)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.Close()) })
		return db
	}
	other, meddled := open(), 0
	pool := &meddlingPool{open(), func() {
		meddled++
		_, _ = other.Exec("INSERT INTO others VALUES (1)") // can't where the lock is taken, as it should be
	}}
	db, err := gorm.Open(&sqlite.Dialector{Conn: pool}, &gorm.Config{Logger: logger.Discard})
	require.NoError(t, err)
	require.NoError(t, db.AutoMigrate(&item{}))
	require.NoError(t, db.Exec("CREATE TABLE others (n integer)").Error)
	trail, err := audit.New(migratedStore(t)(db), nil)
	require.NoError(t, err)
	require.NoError(t, db.Use(hooks.New(trail, nil)))
	require.NoError(t, db.Create(&item{Name: "a"}).Error)
	require.Positive(t, meddled)
}
