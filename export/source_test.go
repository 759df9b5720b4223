package export_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
)

// TestHandlerReadsAnotherReader instead of the trail, through the grant.
func TestHandlerReadsAnotherReader(t *testing.T) {
	list := entries(2)
	list[0].Tenant, list[1].Tenant = "a", "b"
	trail, archive := newTrail(t, audit.Entry{Tenant: "a", Action: "of-the-trail"}), newTrail(t, list...)
	h, err := export.Handler(trail, &export.Options{Reader: archive, Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Scope: audit.Filter{Tenants: []string{"a"}}, Export: true}, nil
	}})
	require.NoError(t, err)
	file := get(t, h, "GET", "/?format=jsonl").Body.String()
	require.Contains(t, file, list[0].ID)
	require.Contains(t, file, audit.Mask)
	for _, text := range []string{list[1].ID, "of-the-trail", "john.doe"} {
		require.NotContains(t, file, text)
	}
}
