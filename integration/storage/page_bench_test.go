package storage

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

// BenchmarkPages measures what the viewer's pages take on the server over large
// trails (AUDIT_STORAGE_SIZES): as a host's owner sees them, and as a tenant.
func BenchmarkPages(b *testing.B) {
	for _, s := range servers[:2] {
		for _, n := range sizes(b) {
			b.Run(fmt.Sprintf("%s/%d", s.name, n), func(b *testing.B) {
				_, store := trailOf(b, s.name, n)
				trail, err := audit.New(store, nil)
				require.NoError(b, err)
				for name, scope := range map[string]audit.Filter{"all": {}, "tenant": {Tenants: []string{tenantName(3)}}} {
					b.Run(name, func(b *testing.B) { benchPages(b, trail, scope) })
				}
			})
		}
	}
}

func benchPages(b *testing.B, trail *audit.Trail, scope audit.Filter) {
	page, err := viewer.New(trail, &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Everything: true, Scope: scope, Personal: true, Export: true, Follow: true}, nil
	}})
	require.NoError(b, err)
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?per=100&format=json", nil))
	var listed struct {
		Entries []struct{ ID string }
		Next    string
	}
	require.NoError(b, json.Unmarshal(w.Body.Bytes(), &listed))
	require.Len(b, listed.Entries, 100)
	for _, c := range []struct {
		name  string
		query url.Values
	}{
		{"first page of 100", url.Values{"per": {"100"}}},
		{"next page", url.Values{"per": {"100"}, "cursor": {listed.Next}}},
		{"a rare action", url.Values{"per": {"100"}, "action": {"action-19"}}},
		{"by user", url.Values{"per": {"100"}, "sort": {"user"}}},
		{"by outcome", url.Values{"per": {"100"}, "sort": {"outcome"}}}, // of 100,000 entries as many as can be sorted
		{"search, rare", url.Values{"per": {"100"}, "q": {"user4999@"}}},
		{"search, common", url.Values{"per": {"100"}, "q": {"example"}}},
		{"chart", url.Values{"chart": {"1"}}},
		{"chart of a rare action", url.Values{"chart": {"1"}, "action": {"action-19"}}},
		{"entry", url.Values{"entry": {listed.Entries[50].ID}}},
		{"state", url.Values{"entry": {listed.Entries[50].ID}, "view": {"state"}}},
	} {
		r := httptest.NewRequest(http.MethodGet, "/?"+c.query.Encode(), nil)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			percentiles(b, func() error {
				w := httptest.NewRecorder()
				page.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					return fmt.Errorf("status %d: %.300s", w.Code, w.Body)
				}
				return nil
			})
		})
	}
}
