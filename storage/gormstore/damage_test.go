package gormstore_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/internal/damagetest"
)

// One row that couldn't be read made every page, export and feed that it was on fail.
func TestDamagedRowsAreReadAround(t *testing.T) {
	db := openSQLite(t, nil)
	pool, err := db.DB()
	require.NoError(t, err)
	damagetest.Run(t, migrated(t, db, nil), damagetest.Table{DB: pool, Database: "sqlite", Name: "audit_entries"}, rand.Uint64())
}
