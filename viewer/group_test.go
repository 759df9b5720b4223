package viewer_test

import (
	"html"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/viewer"
)

var groupHeads = regexp.MustCompile(`<tr class="grp">.*?<bdi>([^<]*)</bdi></code> · (\d+) entr.*?href="([^"]*)"`)

// Neighbours that share a transaction or request stand under a head that counts them
// and leads to all of them; an entry alone has no head.
func TestNeighboursAreGrouped(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(30)...), nil)
	for by, size := range map[string]int{"transaction": 3, "request": 2} {
		page := body(t, h, "?per=25&group="+by)
		require.Equal(t, 25, rowsIn(page))
		heads := groupHeads.FindAllStringSubmatch(page, -1)
		require.Len(t, heads, 25/size, by)
		require.Equal(t, strconv.Itoa(size), heads[0][2])
		all := body(t, h, html.UnescapeString(heads[0][3]))
		require.Equal(t, size, rowsIn(all))
		contains(t, all, `value="`+by+`" checked`, "the list stays grouped")
		contains(t, page, "group="+by+"&amp;per=25", "links keep it")
	}
	lacks(t, body(t, h, "?group=colour"), `class="grp"`)
	lacks(t, body(t, h, ""), `class="grp"`)
	require.Equal(t, 10, strings.Count(body(t, h, "?group=transaction&sort=time"), `class="grp"`))
}

// The same ID in two tenants is not one transaction, and masked IDs make no group.
func TestGroupsKeepTenantsApart(t *testing.T) {
	entries := demo(2)
	entries[1].Tenant = "other"
	h := newViewer(t, newTrail(t, entries...), nil)
	lacks(t, body(t, h, "?group=transaction"), `class="grp"`)

	entries = demo(2)
	for i := range entries {
		entries[i].TransactionID = "a" + strconv.Itoa(i) + "@lumen.example"
	}
	h = newViewer(t, newTrail(t, entries...), &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Scope: audit.Filter{Tenants: []string{"lumen"}}}, nil
	}})
	lacks(t, body(t, h, "?group=transaction"), `class="grp"`)
}
