package day_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gormtrail/audit/internal/day"
)

// zones have offsets that aren't whole hours, clocks that are changed at midnight,
// and days that never were.
var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Havana", "Asia/Beirut", "Asia/Kolkata", "Asia/Kathmandu",
	"Australia/Lord_Howe", "Pacific/Apia", "Pacific/Kiritimati", "America/Scoresbysund", "Africa/Cairo",
}

// A day begins with its first moment and ends with its last one, also where the clock is
// changed at midnight.
func TestStart(t *testing.T) {
	lengths := map[time.Duration]int{}
	for _, name := range zones {
		zone, err := time.LoadLocation(name)
		require.NoError(t, err)
		for changed, until := time.Date(2009, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC); !changed.IsZero() && changed.Before(until); {
			for days := -2; days <= 2; days++ {
				lengths[checkDay(t, changed.In(zone).AddDate(0, 0, days).Format(time.DateOnly), zone)]++
			}
			_, changed = changed.In(zone).ZoneBounds()
		}
	}
	apia, err := time.LoadLocation("Pacific/Apia")
	require.NoError(t, err)
	lengths[checkDay(t, "2011-12-30", apia)]++ // there was none
	for _, hours := range []int{0, 23, 24, 25} {
		assert.NotZero(t, lengths[time.Duration(hours)*time.Hour], "%d hours", hours)
	}
}

// checkDay looks at the moments around a day's ends, and returns its length.
func checkDay(t *testing.T, date string, zone *time.Location) time.Duration {
	d, err := time.Parse(time.DateOnly, date)
	require.NoError(t, err)
	from, to := day.Start(d.Year(), d.Month(), d.Day(), zone), day.Start(d.Year(), d.Month(), d.Day()+1, zone)
	if from.Equal(to) {
		return 0
	}
	for at, want := range map[time.Time]bool{from.Add(-1): false, from: true, to.Add(-1): true, to: false} {
		if got := at.In(zone).Format(time.DateOnly) == date; got != want {
			t.Fatalf("%s in %s is %s to %s: %s", date, zone, from.In(zone), to.In(zone), at.In(zone))
		}
	}
	return to.Sub(from)
}

func TestInRange(t *testing.T) {
	first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	assert.True(t, day.InRange(first))
	assert.False(t, day.InRange(first.Add(-1)))
	assert.True(t, day.InRange(day.Last))
	assert.False(t, day.InRange(day.Last.Add(1)))
}
