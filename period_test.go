package audit_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	require.NoError(t, err)
	return loc
}

func TestTimesOfAQueryAreOfItsZone(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for query, want := range map[string][2]string{
		"from=2026-10-31":                         {"2026-10-30T23:00:00Z", ""},
		"to=2026-10-31":                           {"", "2026-10-31T23:00:00Z"},
		"from=2026-10-25&to=2026-10-25":           {"2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"from=2026-10-31T08:30":                   {"2026-10-31T07:30:00Z", ""},
		"from=2026-10-31T08:30:01.5":              {"2026-10-31T07:30:01.5Z", ""},
		"from=2026-10-31T08:30:00Z":               {"2026-10-31T08:30:00Z", ""},
		"from=2026-10-31&tz=UTC":                  {"2026-10-31T00:00:00Z", ""},
		"from=2026-10-31&tz=America/New_York":     {"2026-10-31T04:00:00Z", ""},
		"to=9999-12-31&tz=America/New_York":       {"", "9999-12-31T23:59:59.999999999Z"},
		"range=custom&from=2026-10-31&tz=":        {"2026-10-30T23:00:00Z", ""},
		"range=all&from=2026-10-31":               {"", ""},
		"range=all&from=2026-10-31&tz=Asia/Tokyo": {"", ""},
	} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		q, err := audit.ParseQueryIn(values, berlin)
		require.NoError(t, err, query)
		for i, got := range []time.Time{q.From, q.To} {
			if want[i] == "" {
				assert.Zero(t, got, query)
			} else {
				assert.Equal(t, want[i], got.Format(time.RFC3339Nano), query)
			}
		}
	}
	q, err := audit.ParseQueryIn(url.Values{"not": {"from=2026-10-31"}}, berlin)
	require.NoError(t, err)
	assert.Equal(t, "2026-10-30T23:00:00Z", q.Not[0].From.Format(time.RFC3339))

	for query, param := range map[string]string{"tz=Berlin": "tz", "tz=Local": "tz", "tz=../../etc/passwd": "tz", "from=0001-01-01": "from", "range=thismonth": "range"} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		_, err = audit.ParseQueryIn(values, berlin)
		var bad *audit.QueryError
		require.ErrorAs(t, err, &bad, query)
		assert.Equal(t, param, bad.Param, query)
	}
}

func TestPeriods(t *testing.T) {
	for _, c := range []struct {
		now, zone string
		want      map[audit.Period]string
	}{
		{"2026-10-25T22:30:00Z", "Europe/Berlin", map[audit.Period]string{ // 23:30 on the day that has 25 hours
			audit.Today: "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z", audit.Yesterday: "2026-10-23T22:00:00Z 2026-10-24T22:00:00Z",
			audit.ThisMonth: "2026-09-30T22:00:00Z 2026-10-31T23:00:00Z", audit.LastMonth: "2026-08-31T22:00:00Z 2026-09-30T22:00:00Z",
			audit.Last24h: "2026-10-24T22:30:00Z 2026-10-25T22:30:01Z", audit.Last90d: "2026-07-27T22:30:00Z 2026-10-25T22:30:01Z",
		}},
		{"2027-01-01T02:00:00.0000005Z", "America/New_York", map[audit.Period]string{ // still the old year
			audit.Today: "2026-12-31T05:00:00Z 2027-01-01T05:00:00Z", audit.ThisMonth: "2026-12-01T05:00:00Z 2027-01-01T05:00:00Z",
			audit.LastMonth: "2026-11-01T04:00:00Z 2026-12-01T05:00:00Z", audit.Last7d: "2026-12-25T02:00:00Z 2027-01-01T02:00:01Z",
		}},
		{"2028-03-31T12:00:00Z", "UTC", map[audit.Period]string{ // a month before has no such day
			audit.LastMonth: "2028-02-01T00:00:00Z 2028-03-01T00:00:00Z", audit.ThisMonth: "2028-03-01T00:00:00Z 2028-04-01T00:00:00Z",
			audit.Yesterday: "2028-03-30T00:00:00Z 2028-03-31T00:00:00Z", audit.Last30d: "2028-03-01T12:00:00Z 2028-03-31T12:00:01Z",
		}},
	} {
		now, err := time.Parse(time.RFC3339Nano, c.now)
		require.NoError(t, err)
		for period, want := range c.want {
			from, to, ok := period.Range(now, zone(t, c.zone))
			require.True(t, ok)
			assert.Equal(t, want, from.Format(time.RFC3339Nano)+" "+to.Format(time.RFC3339Nano), "%s in %s", period, c.zone)
		}
	}
}

// Every period has words, contains the moments that it says, and can be asked for.
func TestEveryPeriodIsWhole(t *testing.T) {
	labels := map[string]bool{}
	for _, p := range audit.Periods() {
		now := time.Now()
		f, err := audit.ParseFilter(url.Values{"range": {string(p)}, "from": {"2020-01-01"}})
		require.NoError(t, err, p)
		require.True(t, f.From.Before(f.To), p)
		if p.Moves() {
			assert.False(t, f.To.Before(now.Truncate(time.Microsecond)), p)
		}
		labels[p.Label()] = true
	}
	assert.Len(t, labels, len(audit.Periods()))
	assert.False(t, labels[""])

	_, _, ok := audit.Period("all").Range(time.Now(), time.UTC)
	assert.False(t, ok)
	assert.Empty(t, audit.Period("all").Label())
}

func ExamplePeriod() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	now := time.Date(2026, 10, 25, 12, 0, 0, 0, time.UTC)
	from, to, _ := audit.Today.Range(now, berlin)
	fmt.Println(audit.Today.Label(), from.In(berlin).Format(time.DateTime), to.Sub(from))
	// Output: Today 2026-10-25 00:00:00 25h0m0s
}
