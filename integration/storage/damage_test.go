package storage

import (
	"math/rand/v2"
	"testing"

	"github.com/gormtrail/audit/internal/damagetest"
	"github.com/gormtrail/audit/storage/gormstore"
)

func TestDamagedRowsAreReadAround(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		db := open(t, s.create(t))
		for range 4 {
			store := emptied(t, db, gormstore.Options{})
			damagetest.Run(t, store, damagetest.Table{DB: pool(t, db), Database: s.name, Name: store.Tables()[0]}, rand.Uint64())
		}
	})
}
