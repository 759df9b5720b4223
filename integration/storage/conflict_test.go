package storage

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
)

// A connection of MySQL with clientFoundRows counts a row that is passed over as one
// that was inserted.
func TestConflictsAreFoundHoweverTheConnectionCounts(t *testing.T) {
	d := createMySQL(t)
	for _, options := range []string{"?clientFoundRows=true", "?clientFoundRows=true&interpolateParams=true", "?interpolateParams=true"} {
		store := emptied(t, open(t, dialector("mysql", dsnOf(d)+options)), gormstore.Options{})
		checkConflicts(t, store, pool(t, open(t, dialector("mysql", dsnOf(d)+options))), nil)
	}
}

// In every isolation level that a host's transaction may have.
func TestConflictsAreFoundInEveryIsolationLevel(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		if s.name == "sqlite" {
			return // it has one
		}
		db := open(t, s.create(t))
		for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable} {
			checkConflicts(t, emptied(t, db, gormstore.Options{}), pool(t, db), &sql.TxOptions{Isolation: level})
		}
	})
}

func checkConflicts(t *testing.T, store *gormstore.Store, db *sql.DB, opts *sql.TxOptions) {
	t.Helper()
	ctx := context.Background()
	list := newGenerator(7).entries(20)
	require.NoError(t, store.Append(ctx, list[:10]...))
	other := list[3]
	other.Comment += "!"
	for _, call := range [][]audit.Entry{{other}, append(append([]audit.Entry{}, list[10:15]...), other), append(append([]audit.Entry{}, list[:10]...), other)} {
		require.ErrorIs(t, store.Append(ctx, call...), audit.ErrConflict)
		tx, err := db.BeginTx(ctx, opts)
		require.NoError(t, err)
		require.NoError(t, store.AppendTx(ctx, tx, list[:12]...), "the same again")
		require.ErrorIs(t, store.AppendTx(ctx, tx, call...), audit.ErrConflict)
		require.NoError(t, tx.Commit())
	}
	assertCount(t, store, 12)
	if opts != nil && opts.Isolation == sql.LevelSerializable {
		return // on MySQL it would wait for what it has read itself
	}
	// An entry that another transaction commits after the snapshot isn't dropped silently.
	tx, err := db.BeginTx(ctx, opts)
	require.NoError(t, err)
	_, err = tx.ExecContext(ctx, "SELECT count(*) FROM "+store.Tables()[0])
	require.NoError(t, err)
	late := list[16]
	late.Time = late.Time.Add(time.Microsecond)
	require.NoError(t, store.Append(ctx, late))
	err = store.AppendTx(ctx, tx, list[15:18]...)
	var conflict *audit.ConflictError
	if assert.Error(t, err) && errors.As(err, &conflict) {
		assert.Equal(t, []string{late.ID}, conflict.IDs)
		require.NoError(t, tx.Commit())
	} else { // a transaction that may not see it is ended by the database
		_ = tx.Rollback()
	}
	assertCount(t, store, 13)
}
