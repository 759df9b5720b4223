package viewer_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

// onlyReader has nothing beyond a Reader.
type onlyReader struct{ audit.Reader }

// TestAnotherReaderIsReadInsteadOfTheTrail: everything that is shown comes from
// Options.Reader, and still through the grant.
func TestAnotherReaderIsReadInsteadOfTheTrail(t *testing.T) {
	own := demo(3)
	for i := range own {
		own[i].Action = "of-the-trail"
	}
	trail, archive := newTrail(t, own...), newTrail(t, secrets())
	outside := secrets()
	outside.ID, outside.Tenant, outside.Action = "01980000-0000-7000-8000-0000000000bb", "rival", "rivalry"
	require.NoError(t, archive.Record(t.Context(), outside))
	for _, reader := range []audit.Reader{archive, onlyReader{archive}} {
		_, plain := reader.(onlyReader)
		h := newViewer(t, trail, &viewer.Options{Reader: reader, Authorize: func(*http.Request) (access.Grant, error) {
			return access.Grant{Scope: audit.Filter{Tenants: []string{"lumen"}}, Export: true, Follow: true}, nil
		}})
		const entry = "?entry=01980000-0000-7000-8000-0000000000aa"
		for _, q := range []string{"", "?format=json", entry, entry + "&format=json", entry + "&view=history", entry + "&view=state", "?facet=type", "?export=csv", "?export=jsonl"} {
			answer := body(t, h, q)
			contains(t, answer, map[bool]string{true: "77", false: "users"}[q == "?export=csv"], q)
			lacks(t, answer, "of-the-trail", q)
			lacks(t, answer, "rivalry", q)
			lacks(t, answer, "canary.mail", q)
		}
		require.Equal(t, http.StatusNotFound, get(h, "?entry="+outside.ID).Code)
		require.Equal(t, http.StatusNotFound, get(h, "?entry="+own[0].ID).Code)
		page := body(t, h, "")
		if plain {
			contains(t, page, "1 entry on this page")
		} else {
			contains(t, page, "<b>1 entry</b>")
			contains(t, body(t, h, "?q=mara"), "<b>1 entry</b>")
		}
	}
}
