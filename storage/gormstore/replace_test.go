package gormstore_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

// Masking leaves a damaged row as it is, and says that there is one: what is stored of
// it may be mended yet.
func TestMaskingLeavesDamagedRows(t *testing.T) {
	db := openSQLite(t, nil)
	store := migrated(t, db, nil)
	ctx := context.Background()
	open, err := audit.New(store, &audit.Options{Redaction: &audit.Redaction{Secret: func(string) bool { return false }}})
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, open.Record(ctx, audit.Entry{Action: "update", Object: audit.Object{Type: "users", ID: "1"}, Changes: []audit.Change{{Field: "password", New: "secret"}}}))
	}
	require.NoError(t, db.Exec("UPDATE audit_entries SET metadata = '{' WHERE seq = 1").Error)
	trail, err := audit.New(store, nil)
	require.NoError(t, err)
	done, err := trail.MaskSecrets(ctx, nil)
	require.NoError(t, err)
	assert.Equal(t, []int{1, 1}, []int{done.Masked, done.Damaged})
	var changes []string
	require.NoError(t, db.Raw("SELECT changes FROM audit_entries WHERE seq < 3 ORDER BY seq").Scan(&changes).Error)
	assert.Contains(t, changes[0], "secret")
	assert.Contains(t, changes[1], audit.Mask)
	assert.NotContains(t, changes[1], "secret")
}
