package storage

import (
	"database/sql"
	"testing"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/gormstore"
	"github.com/gormtrail/audit/storage/storagetest"
)

func TestConforms(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		db := open(t, s.create(t))
		storagetest.Run(t, func(t *testing.T) audit.Store { return emptied(t, db, gormstore.Options{}) })
	})
}

// Without the indexes that a host may do without, everything is found the same.
func TestConformsLean(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		db := open(t, s.create(t))
		storagetest.Run(t, func(t *testing.T) audit.Store {
			return emptied(t, db, gormstore.Options{Without: gormstore.Lean()})
		})
	})
}

func TestConformsInTransactions(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		db := open(t, s.create(t))
		storagetest.RunTx(t, func(t *testing.T) (audit.Store, *sql.DB) {
			return emptied(t, db, gormstore.Options{}), pool(t, db)
		}, &storagetest.TxOptions{OneWriter: s.name == "sqlite"})
	})
}
