package audit_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit"
)

// anyText draws text that breaks query strings, and bytes that are no text.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"", `"`, `""`, `"a`, `"a"`, "a&b=c", "a;b", "a%00b", "\x00", "\xff", "+", " ", "a b", "%", "\r\n", "é", "😀", "&", "=", "not=x", "\"\\n\"", "`x`", "'"}),
		rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 6), func(b []byte) string { return string(b) }))
}

func anyList(of *rapid.Generator[string]) *rapid.Generator[[]string] {
	return rapid.Custom(func(t *rapid.T) []string {
		if list := rapid.SliceOfN(of, 0, 3).Draw(t, "list"); len(list) > 0 {
			return list
		}
		return nil
	})
}

func anyTime() *rapid.Generator[time.Time] {
	least, most := time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(least.Unix(), most.Unix()).Draw(t, "seconds"), rapid.Int64Range(1, 999_999_999).Draw(t, "nanos")).UTC()
	})
}

// anyFilter draws valid filters.
func anyFilter(depth int) *rapid.Generator[audit.Filter] {
	return rapid.Custom(func(t *rapid.T) audit.Filter {
		list := anyList(anyText())
		f := audit.Filter{
			Tenants: list.Draw(t, "tenants"), Projects: list.Draw(t, "projects"), Actions: list.Draw(t, "actions"),
			ObjectTypes: list.Draw(t, "types"), ObjectIDs: list.Draw(t, "ids"), Products: list.Draw(t, "products"),
			ActorTypes: list.Draw(t, "actor types"), ActorIDs: list.Draw(t, "actor ids"), Users: list.Draw(t, "users"), Fields: list.Draw(t, "fields"),
			OnBehalfOf:    list.Draw(t, "on behalf of"),
			IPs:           anyList(rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "::ffff:1.2.3.4", "fe80::1%a&b"})).Draw(t, "ips"),
			TransactionID: anyText().Draw(t, "transaction"), RequestID: anyText().Draw(t, "request"), Keyword: anyText().Draw(t, "keyword"),
		}
		for _, o := range anyList(rapid.SampledFrom([]string{"", "success", "failure", "denied"})).Draw(t, "outcomes") {
			f.Outcomes = append(f.Outcomes, audit.Outcome(o))
		}
		if rapid.Bool().Draw(t, "from") {
			f.From = anyTime().Draw(t, "from")
		}
		if rapid.Bool().Draw(t, "to") {
			if f.To = anyTime().Draw(t, "to"); f.To.Before(f.From) {
				f.From, f.To = f.To, f.From
			}
		}
		if depth > 0 {
			if not := rapid.SliceOfN(anyFilter(depth-1), 0, 2).Draw(t, "not"); len(not) > 0 {
				f.Not = not
			}
		}
		return f
	})
}

// ParseFilter and Filter.Values are exact inverses.
func TestParseFilterReadsWhatValuesWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFilter(3).Draw(t, "filter")
		require.NoError(t, f.Validate())
		got, err := audit.ParseFilter(f.Values())
		require.NoError(t, err)
		require.Equal(t, f, got)

		sent, err := url.ParseQuery(f.Values().Encode())
		require.NoError(t, err)
		got, err = audit.ParseFilter(sent)
		require.NoError(t, err)
		require.Equal(t, f, got)
		require.Equal(t, f.Values(), got.Values())
	})
}

// Whatever a browser sends: no panic, an error that names the parameter, or a
// filter that stays the same from then on.
func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{
		"", "action=login&action=update", `tenant=%22%22`, `user="a`, "from=2026-01-01&to=2026-01-31", "range=7d&to=2026-01-01", "range=custom&from=2026-01-01T10:00",
		"not=action%3Dlogin", "not=%26", "not=not%3Dnot%253Dnot%25253Dnot%2525253Dq", "ip=10.0.0.0/8&ip=x", "q=%00%ff", "outcome=%22%22&outcome=denied", "sort=-time&limit=9&cursor=x",
		"to=9999-12-31", "from=0001-01-01", "from=9999-12-31T23:59:59-10:00", "unknown=1", "%zz=1", "transaction=a&transaction=b", "field=settings.theme&product=", "to=0000-01-01",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := url.ParseQuery(s)
		if err != nil {
			return
		}
		got, err := audit.ParseFilter(v)
		if err != nil {
			var qe *audit.QueryError
			require.ErrorAs(t, err, &qe)
			require.ErrorIs(t, err, audit.ErrInvalidQuery)
			require.LessOrEqual(t, len(err.Error()), 1000)
			return
		}
		require.NoError(t, got.Validate())
		again, err := audit.ParseFilter(got.Values())
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

func parse(t *testing.T, s string) (audit.Filter, error) {
	t.Helper()
	v, err := url.ParseQuery(s)
	require.NoError(t, err)
	return audit.ParseFilter(v)
}

func TestParseFilter(t *testing.T) {
	date := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return at.UTC()
	}
	for s, want := range map[string]audit.Filter{
		"": {}, "tenant=&q=&from=&outcome=": {}, "sort=x&limit=x&per=&cursor=x&tz=UTC&live=1": {},
		"action=login&action=update&tenant=acme&project=p": {Actions: []string{"login", "update"}, Tenants: []string{"acme"}, Projects: []string{"p"}},
		"type=users&record=7&product=VPN&actor_type=user&actor=9&user=ada%40example.com&ip=10.0.0.0%2F8&field=role": {
			ObjectTypes: []string{"users"}, ObjectIDs: []string{"7"}, Products: []string{"VPN"}, ActorTypes: []string{"user"}, ActorIDs: []string{"9"},
			Users: []string{"ada@example.com"}, IPs: []string{"10.0.0.0/8"}, Fields: []string{"role"},
		},
		"on_behalf_of=ben%40example.com&on_behalf_of=%22%22": {OnBehalfOf: []string{"ben@example.com", ""}},
		"transaction=t&request=r&q=a+b":                      {TransactionID: "t", RequestID: "r", Keyword: "a b"},
		`tenant=%22%22&outcome=%22%22`:                       {Tenants: []string{""}, Outcomes: []audit.Outcome{""}},
		`user=%22%5C%22x%22`:                                 {Users: []string{`"x`}},
		"from=2026-01-31":                                    {From: date("2026-01-31T00:00:00Z")},
		"to=2026-01-31":                                      {To: date("2026-02-01T00:00:00Z")},
		"to=2024-02-28":                                      {To: date("2024-02-29T00:00:00Z")},
		"from=2026-01-31T10:00:00%2B02:00&to=2026-01-31T10:00:00.000001Z": {From: date("2026-01-31T08:00:00Z"), To: date("2026-01-31T10:00:00.000001Z")},
		"from=2026-01-31T10:30&to=2026-01-31T10:30:05":                    {From: date("2026-01-31T10:30:00Z"), To: date("2026-01-31T10:30:05Z")},
		"range=custom&from=2026-01-01":                                    {From: date("2026-01-01T00:00:00Z")},
		"range=all&from=2026-01-01&to=2026-01-02":                         {},
		"not=action%3Dlogin&not=q%3Dx":                                    {Not: []audit.Filter{{Actions: []string{"login"}}, {Keyword: "x"}}},
		"not=%26":                                                         {Not: []audit.Filter{{}}},
	} {
		got, err := parse(t, s)
		require.NoError(t, err, s)
		assert.Equal(t, want, got, s)
	}
}

func TestParseFilterSaysWhichParameterIsWrong(t *testing.T) {
	for s, param := range map[string]string{
		"nonsense=1": "nonsense", "Action=x": "Action", "outcome=ok": "outcome", "ip=10.0.0.0%2F33": "ip", "ip=localhost": "ip", "from=yesterday": "from",
		"to=2026-02-30": "to", "from=2026-02-01&to=2026-01-01": "from", "from=10000-01-01": "from", "range=1y": "range", "q=a&q=b": "q", "from=2026-01-01&from=2026-01-02": "from",
		`user=%22a`: "user", "not=%25zz": "not", "not=nonsense%3D1": "nonsense", "q=" + strings.Repeat("x", audit.MaxKeyword+1): "q",
		strings.Repeat("action=x&", audit.MaxFilterValues+1): "action", strings.Repeat("not=q%3Dx&", audit.MaxFilterValues+1): "not",
		"not=not%3Dnot%253Dnot%25253Dnot%2525253Dq": "not",
	} {
		_, err := parse(t, s)
		var qe *audit.QueryError
		if assert.ErrorAs(t, err, &qe, "%.60s", s) {
			assert.Equal(t, param, qe.Param, "%.60s", s)
			assert.Less(t, len(err.Error()), 400, "what was sent is cut in the message")
			assert.ErrorIs(t, err, audit.ErrInvalidQuery)
		}
	}
}

// The page sends both; range was overridden by a left-over to, and the error
// was about a from that nobody had given.
func TestRangeWinsOverToAsWellAsFrom(t *testing.T) {
	f, err := parse(t, "range=24h&from=2020-01-01&to=2020-01-02")
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), f.To, time.Hour)
	assert.Equal(t, 24*time.Hour+time.Second, f.To.Sub(f.From))
}

// The last day that there is has no day after it, and is a bound all the same.
func TestToOnTheLastDay(t *testing.T) {
	f, err := parse(t, "to=9999-12-31")
	require.NoError(t, err)
	assert.True(t, f.Match(audit.Entry{Time: time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)}))
}

func TestLast(t *testing.T) {
	from, to := audit.Last(7 * 24 * time.Hour)
	assert.Equal(t, 7*24*time.Hour+time.Microsecond, to.Sub(from))
	assert.True(t, audit.Filter{From: from, To: to}.Match(audit.Entry{Time: time.Now().UTC().Add(-time.Minute)}))
	assert.Equal(t, time.UTC, to.Location())
}

func TestParseQuery(t *testing.T) {
	q, err := audit.ParseQuery(url.Values{"sort": {"-user"}, "limit": {"7"}, "cursor": {"c"}, "action": {"login"}})
	require.NoError(t, err)
	assert.Equal(t, audit.Query{Filter: audit.Filter{Actions: []string{"login"}}, Sort: "-user", Limit: 7, Cursor: "c"}, q)
	q, err = audit.ParseQuery(url.Values{"per": {"9"}, "limit": {""}})
	require.NoError(t, err)
	assert.Equal(t, 9, q.Limit)
	for s, param := range map[string]string{
		"limit=0": "limit", "limit=-1": "limit", "limit=1001": "limit", "limit=1000000": "limit", "per=x": "per", "limit=99999999999999999999": "limit",
		"sort=nothing": "sort", "sort=--time": "sort", "sort=time;drop": "sort", "x=1": "x",
	} {
		v, _ := url.ParseQuery(strings.ReplaceAll(s, ";", "%3B"))
		_, err := audit.ParseQuery(v)
		var qe *audit.QueryError
		require.ErrorAs(t, err, &qe, s)
		assert.Equal(t, param, qe.Param, s)
	}
}

// A scope is never a caller's to send, and never in a link.
func TestValuesLeaveOutWhatAndAdded(t *testing.T) {
	f := audit.Filter{Actions: []string{"login"}}.And(audit.Filter{Tenants: []string{"acme"}})
	assert.Equal(t, url.Values{"action": {"login"}}, f.Values())
}

func TestFilterValidate(t *testing.T) {
	many := make([]string, audit.MaxFilterValues+1)
	deep := audit.Filter{}
	for range 5 {
		deep = audit.Filter{Not: []audit.Filter{deep}}
	}
	for name, f := range map[string]audit.Filter{
		"tenant": {Tenants: many}, "ip": {IPs: []string{"10.0.0"}}, "field": {Fields: many}, "outcome": {Outcomes: []audit.Outcome{"Success"}},
		"q": {Keyword: strings.Repeat("x", audit.MaxKeyword+1)}, "from": {From: time.Now(), To: time.Now().Add(-time.Hour)}, "to": {To: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "not": deep,
	} {
		for _, bad := range []audit.Filter{f, audit.Filter{}.And(f), {Not: []audit.Filter{f}}, {Not: []audit.Filter{audit.Filter{}.And(f)}}} {
			err := bad.Validate()
			var qe *audit.QueryError
			require.ErrorAs(t, err, &qe, name)
			assert.Equal(t, name, qe.Param)
			assert.True(t, errors.Is(err, audit.ErrInvalidQuery))
		}
	}
	assert.NoError(t, audit.Filter{From: time.Unix(1, 0), To: time.Unix(1, 0)}.Validate(), "an empty range selects nothing, and is no mistake")
}
