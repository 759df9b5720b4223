package access_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
)

// An entry about reading belongs to the tenant that was read; of several it says
// which.
func TestRecordedSaysWhichTenantsWereRead(t *testing.T) {
	ab := audit.Filter{Tenants: []string{"b", "a", "b"}}
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("tenant-%04d", i))
	}
	for name, c := range map[string]struct {
		f       audit.Filter
		tenant  string
		tenants any
	}{
		"no list":                 {audit.Filter{}, "", nil},
		"one":                     {audit.Filter{Tenants: []string{"a"}}, "a", nil},
		"one of a scope of two":   {audit.Filter{Tenants: []string{"a", "other"}}.And(ab), "a", nil},
		"two":                     {audit.Filter{}.And(ab), "", []string{"a", "b"}},
		"none":                    {audit.Filter{Tenants: []string{"c"}}.And(ab), "", []string{}},
		"more than can be listed": {audit.Filter{Tenants: many}, "", 1000},
	} {
		e := access.Recorded(audit.Entry{Action: "view"}, c.f, "query", "x=1")
		assert.Equal(t, c.tenant, e.Tenant, name)
		assert.Equal(t, c.tenants, e.Metadata["tenants"], name)
		assert.Equal(t, "x=1", e.Metadata["query"], name)
	}
}

// A recorded query has a bound, and is cut between parameters: half an address
// isn't masked.
func TestRecordedQueriesAreBounded(t *testing.T) {
	many := url.Values{}
	for i := range 5000 {
		many.Add("user", fmt.Sprintf("someone.%05d@acme.example", i))
	}
	for _, query := range []string{many.Encode(), "q=" + strings.Repeat("x", 1<<20), strings.Repeat("&", 1<<20), strings.Repeat("é", 1<<20)} {
		got := access.Recorded(audit.Entry{}, audit.Filter{}, "query", query).Metadata["query"].(string)
		assert.LessOrEqual(t, len(got), access.MaxRecorded)
		head, digest, cut := strings.Cut(got, "…sha256:")
		assert.True(t, cut)
		assert.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte(query))), digest)
		assert.True(t, strings.HasPrefix(query, head) && (head == "" || strings.HasSuffix(head, "&")), "only whole parameters")
	}
	short := strings.Repeat("x", access.MaxRecorded)
	assert.Equal(t, short, access.Recorded(audit.Entry{}, audit.Filter{}, "query", short).Metadata["query"])
}

func TestSameOrigin(t *testing.T) {
	for name, c := range map[string]struct {
		header map[string]string
		want   bool
	}{
		"a program":              {nil, true},
		"own page":               {map[string]string{"Sec-Fetch-Site": "same-origin"}, true},
		"typed":                  {map[string]string{"Sec-Fetch-Site": "none"}, true},
		"a link elsewhere":       {map[string]string{"Sec-Fetch-Site": "cross-site"}, false},
		"a sibling host":         {map[string]string{"Sec-Fetch-Site": "same-site"}, false},
		"an allowed page":        {map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://admin.example.com"}, true},
		"another origin":         {map[string]string{"Origin": "https://evil.example"}, false},
		"the same host":          {map[string]string{"Origin": "https://host.example"}, true},
		"the proxy's host":       {map[string]string{"Origin": "https://public.example", "X-Forwarded-Host": "public.example"}, true},
		"an origin without host": {map[string]string{"Origin": "null"}, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "https://host.example/", nil)
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		assert.Equal(t, c.want, access.SameOrigin(r, []string{"https://admin.example.com"}), name)
	}
}
