package storage

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

// TestBadInput sends what people and programs send by mistake or on purpose, as a
// query string where that can hold it, through a tenant's scope of each database:
// a typed error that names the parameter, or a page without another tenant's
// entries.
func TestBadInput(t *testing.T) {
	onEach(t, func(t *testing.T, s server) {
		store := migrated(t, open(t, s.create(t)), nil)
		trail, err := audit.New(store, nil)
		require.NoError(t, err)
		require.NoError(t, store.Append(context.Background(), newGenerator(1).entries(300)...))
		scope := trail.Scope(largeTenant)

		many := strings.Repeat("record=7&", 9_000) // more than 10,000 parameters net/url refuses
		other := cursorOf(t, trail.Scope(audit.Filter{Tenants: []string{tenantName(1)}}), audit.Query{Limit: 1})
		sorted := cursorOf(t, scope, audit.Query{Limit: 1, Sort: audit.SortUser})
		for what, bad := range map[string]struct{ query, param string }{
			"an unknown field":           {"colour=red", "colour"},
			"SQL as a field":             {"tenant%27%20OR%201%3D1=x", "tenant' OR 1=1"},
			"a day that isn't":           {"from=2026-02-30", "from"},
			"no date":                    {"to=tomorrow", "to"},
			"from after to":              {"from=2026-02-01&to=2026-01-01", "from"},
			"9,000 values in a list":     {many, "record"},
			"a keyword of 1 MB":          {"q=" + strings.Repeat("x", 1<<20), "q"},
			"a limit of 0":               {"limit=0", "limit"},
			"a limit of -1":              {"limit=-1", "limit"},
			"a limit of a million":       {"limit=1000000", "limit"},
			"an unknown sort":            {"sort=id%3B%20DROP%20TABLE%20audit_entries", "sort"},
			"no address":                 {"ip=10.0.0.0%2F99", "ip"},
			"a cursor of another tenant": {"cursor=" + other, "cursor"},
			"a cursor of another order":  {"cursor=" + sorted, "cursor"},
			"a cursor of another filter": {"action=action-00&sort=user&cursor=" + sorted, "cursor"},
			"a cursor made up":           {"cursor=%00%ff", "cursor"},
		} {
			page, err := ask(t, scope, bad.query)
			assert.Nil(t, page, what)
			assertNames(t, err, bad.param, what)
		}
		// As Go values, past the query string.
		for param, q := range map[string]audit.Query{
			"limit": {Limit: -1}, "user": {Filter: audit.Filter{Users: slices.Repeat([]string{"x"}, 10_000)}}, "field": {Filter: audit.Filter{Fields: slices.Repeat([]string{"x"}, 10_000)}},
			"q": {Filter: audit.Filter{Keyword: strings.Repeat("x", 1<<20)}}, "from": {Filter: audit.Filter{From: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)}},
		} {
			_, err := scope.Query(context.Background(), q)
			assertNames(t, err, param, param)
		}
		// Strange, and nothing is wrong with it: another tenant's name, and texts that
		// mean something to SQL, to LIKE and to regular expressions, at their longest.
		for _, query := range []string{
			"tenant=" + tenantName(1), "not=tenant%3D" + tenantName(0), "q=.*", "q=(a%7Cb)%2B%5B%5E%5C", "q=%25", "q=________", "q=%27%3B--", "q=%00", "q=%ff", "user=%27%20OR%20%27%27%3D%27",
			"q=" + strings.Repeat("%25_", audit.MaxKeyword/2), strings.Repeat("record=7&", audit.MaxFilterValues), strings.Repeat("ip=10.0.0.0%2F8&", audit.MaxFilterValues),
		} {
			page, err := ask(t, scope, query)
			if assert.NoError(t, err, "%.60s", query) {
				assert.False(t, slices.ContainsFunc(page.Entries, func(e audit.Entry) bool { return e.Tenant != tenantName(0) }), "%.60s", query)
				assert.True(t, len(page.Entries) == 0 || !strings.HasPrefix(query, "q="), "%.60s is plain text, and nothing has it", query)
			}
		}
	})
}

func ask(t *testing.T, r audit.Reader, query string) (*audit.Page, error) {
	t.Helper()
	v, err := url.ParseQuery(query)
	require.NoError(t, err)
	q, err := audit.ParseQuery(v)
	if err != nil {
		return nil, err
	}
	return r.Query(context.Background(), q)
}

func cursorOf(t *testing.T, r audit.Reader, q audit.Query) string {
	t.Helper()
	page, err := r.Query(context.Background(), q)
	require.NoError(t, err)
	require.NotEmpty(t, page.Next)
	return page.Next
}

func assertNames(t *testing.T, err error, param, what string) {
	t.Helper()
	var bad *audit.QueryError
	if assert.ErrorAs(t, err, &bad, what) {
		assert.Equal(t, param, bad.Param, what)
		assert.True(t, errors.Is(err, audit.ErrInvalidQuery), what)
		assert.Less(t, len(err.Error()), 500, what)
	}
}
