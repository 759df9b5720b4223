package viewer_test

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/access"
	"github.com/gormtrail/audit/export"
	"github.com/gormtrail/audit/viewer"
)

// headers are the classes of a page's columns.
func headers(page string) (classes []string) {
	for _, m := range regexp.MustCompile(`<th scope="col" class="c-([a-z-]+)`).FindAllStringSubmatch(page, -1) {
		classes = append(classes, m[1])
	}
	return classes
}

// columns= means the same for the page and for the file that is downloaded from it,
// and a file always has the outcome.
func TestColumnsOfPageAndFileAgree(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(20)...), nil)
	for _, query := range []string{"?columns=time,user,actor", "?columns=time&columns=user&columns=actor", "?columns=user,actor,,user"} {
		page := body(t, h, query)
		require.Equal(t, []string{"time", "user", "actor"}, headers(page), query)
		contains(t, page, "key_7f3a")
		rows, err := csv.NewReader(get(h, link(t, page, "export=csv")).Body).ReadAll()
		require.NoError(t, err)
		require.Equal(t, []string{"\ufeffOutcome", "Timestamp", "User", "Actor ID"}, rows[0], query)
	}
	contains(t, body(t, h, "?sort=user&columns=time,user"), `columns=time%2Cuser`, "links keep the columns")
}

// Every built-in column of a file can be chosen for the list, by the same key, and
// shows what was recorded.
func TestEveryColumnOfAFileCanBeShown(t *testing.T) {
	e := demo(1)[0]
	e.Error, e.Comment, e.Project, e.Object.Name, e.Object.Product = "ERROR", "COMMENT", "PROJECT", "NAME", "PRODUCT"
	e.OnBehalfOf, e.Metadata = &audit.Actor{Name: "BEHALF"}, map[string]any{"METADATA": "<b>"}
	e.Request.Method, e.Request.Path = "METHOD", "PATH"
	h := newViewer(t, newTrail(t, e), nil)
	var keys []string
	for _, c := range export.FullColumns() {
		keys = append(keys, c.Name)
	}
	page := body(t, h, "?columns="+strings.Join(keys, ","))
	require.Len(t, headers(page), len(keys), "a column of export is missing in the chooser")
	lacks(t, page, "No column is called")
	for _, want := range []string{"ERROR", "COMMENT", "PROJECT", ">NAME<", "PRODUCT", "BEHALF", "METADATA", "&lt;b&gt;", "METHOD", "PATH", "Firefox", "req_0", "tx_0", "u_1042"} {
		contains(t, page[strings.Index(page, "<tbody>"):], want)
	}
}

// A column that isn't known is said, and the others are shown.
func TestUnknownColumnsAreSaid(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(3)...), nil)
	page := body(t, h, "?columns=user,colour,%3Ci%3E")
	require.Equal(t, []string{"time", "user"}, headers(page))
	contains(t, page, "No column is called colour, &lt;i&gt;. The others are shown.")
	require.Len(t, headers(body(t, h, "?columns=colour")), 7, "the default is left")
	require.Equal(t, http.StatusOK, get(h, "?columns="+strings.Repeat("x,", 1000)).Code)
}

// The browser remembers columns and density. What the URL says comes first, and a
// file or the API is what its URL says alone.
func TestTheBrowserRemembersColumns(t *testing.T) {
	h := newViewer(t, newTrail(t, demo(3)...), nil)
	ask := func(query, remembered string) *httptest.ResponseRecorder {
		return get(h, query, "Cookie", "av-list="+url.QueryEscape(remembered))
	}
	page := ask("", "columns=time,comment&density=compact").Body.String()
	require.Equal(t, []string{"time", "comment"}, headers(page))
	contains(t, page, `class="wide compact"`)
	contains(t, page, "columns=time%2Ccomment", "its links agree")
	require.Equal(t, []string{"time", "ip"}, headers(ask("?columns=ip", "columns=comment").Body.String()))
	lacks(t, ask("?density=normal", "density=compact").Body.String(), `class="compact"`)
	require.Len(t, headers(ask("", "%zz;columns").Body.String()), 7, "a cookie that can't be read is none")
	rows, err := csv.NewReader(ask("?export=csv", "columns=comment").Body).ReadAll()
	require.NoError(t, err)
	require.Greater(t, len(rows[0]), 6)
}

// Masks hold in every column.
func TestMasksHoldInEveryColumn(t *testing.T) {
	const canary = "canary@lumen.example"
	e := demo(1)[0]
	e.Error, e.Comment, e.Project, e.Object.Name, e.Object.Product = canary, canary, canary, canary, canary
	e.OnBehalfOf, e.Metadata, e.Actor.Email, e.Actor.ID = &audit.Actor{Name: canary}, map[string]any{"x": canary}, canary, canary
	e.Request.Path, e.Request.UserAgent, e.Request.ID, e.TransactionID = canary, canary, canary, canary
	h := newViewer(t, newTrail(t, e), &viewer.Options{Authorize: func(*http.Request) (access.Grant, error) {
		return access.Grant{Scope: audit.Filter{Tenants: []string{"lumen"}}, Export: true}, nil
	}})
	var keys []string
	for _, c := range export.FullColumns() {
		keys = append(keys, c.Name)
	}
	slices.Reverse(keys)
	lacks(t, body(t, h, "?columns="+strings.Join(keys, ",")), canary)
}
