package audit_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

// A mistyped parameter is refused by name, with the one that was meant; campaigns'
// parameters, and those that pages had at any time, are passed over.
func TestUnknownParameters(t *testing.T) {
	for name, nearest := range map[string]string{
		"acton": "action", "Tenant": "tenant", "tennant": "tenant", "usr": "user", "form": "from", "onbehalfof": "on_behalf_of", "recrod": "record",
		"trasaction": "transaction", "completely": "", "x": "", "": "", "colour_of_the_bikeshed_in_the_yard": "",
	} {
		v := url.Values{name: {"login"}, "type": {"users"}, "utm_source": {"mail"}}
		assert.Equal(t, []audit.UnknownParam{{Name: name, Nearest: nearest}}, audit.UnknownParams(v), name)
		_, err := audit.ParseFilter(v)
		var refused *audit.QueryError
		require.ErrorAs(t, err, &refused, name)
		assert.Equal(t, name, refused.Param)
		if nearest != "" {
			assert.Contains(t, refused.Reason, "did you mean "+nearest+"?")
		}
	}
	f, err := audit.ParseFilter(url.Values{"utm_source": {"mail"}, "utm_": {""}, "view": {"x"}, "before": {"x"}, "action": {"login"}})
	require.NoError(t, err)
	assert.Equal(t, audit.Filter{Actions: []string{"login"}}, f)
	_, err = audit.ParseFilter(url.Values{"not": {"utm_source=mail"}})
	assert.ErrorIs(t, err, audit.ErrInvalidQuery, "inside of not it would leave out everything")
}

// What an application calls its own is left out, but no filter is: that would show more
// than was asked for.
func TestIgnoredParametersAreNoFilters(t *testing.T) {
	v := url.Values{"utm_source": {"mail"}, "session": {"1"}, "action": {"login"}, "acton": {"x"}}
	assert.Equal(t, url.Values{"action": {"login"}, "acton": {"x"}}, audit.IgnoreParams(v, "session", "action"))
	assert.Len(t, v, 4)
}
