package audit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/storage/memstore"
)

// newTrail returns a trail over store, or over a new memory store.
func newTrail(t testing.TB, store audit.Store, redaction *audit.Redaction) *audit.Trail {
	t.Helper()
	if store == nil {
		store = memstore.New()
	}
	trail, err := audit.New(store, &audit.Options{Redaction: redaction})
	require.NoError(t, err)
	return trail
}
