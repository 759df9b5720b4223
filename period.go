package audit

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gormtrail/audit/internal/day"
	"github.com/gormtrail/audit/internal/words"
)

// Period is a range of time by its name, as range= in a query string.
type Period string

// The periods that a query string can name. Days and months are those of the time
// zone that the query is read in.
const (
	Today     Period = "today"
	Yesterday Period = "yesterday"
	Last24h   Period = "24h"
	Last7d    Period = "7d"
	Last30d   Period = "30d"
	Last90d   Period = "90d"
	ThisMonth Period = "this_month"
	LastMonth Period = "last_month"
)

var periods = []struct {
	period Period
	label  string
	last   time.Duration // how far a period that moves with the clock reaches back; 0 for days and months
}{
	{Today, "Today", 0}, {Yesterday, "Yesterday", 0},
	{Last24h, "Last 24 hours", 24 * time.Hour}, {Last7d, "Last 7 days", 7 * 24 * time.Hour},
	{Last30d, "Last 30 days", 30 * 24 * time.Hour}, {Last90d, "Last 90 days", 90 * 24 * time.Hour},
	{ThisMonth, "This month", 0}, {LastMonth, "Last month", 0},
}

// Periods returns all periods, in the order in which a menu shows them.
func Periods() []Period {
	list := make([]Period, len(periods))
	for i, p := range periods {
		list[i] = p.period
	}
	return list
}

// periodNames lists the periods for an error.
func periodNames() string {
	names := make([]string, len(periods))
	for i, p := range periods {
		names[i] = string(p.period)
	}
	return strings.Join(names, ", ")
}

// Label is the period in English: "Last 7 days". It is "" for an unknown period.
func (p Period) Label() string {
	for _, known := range periods {
		if known.period == p {
			return known.label
		}
	}
	return ""
}

// Moves reports whether the period ends now, and so is another one a moment later.
// The others are whole days.
func (p Period) Moves() bool {
	for _, known := range periods {
		if known.period == p {
			return known.last > 0
		}
	}
	return false
}

// Range returns the period for Filter.From and Filter.To, in UTC. ok is false for an
// unknown period. Today and ThisMonth include what is left of the day and the month.
// A period that ends now begins and ends on whole seconds, so that files can state it
// exactly; it includes the current second.
func (p Period) Range(now time.Time, zone *time.Location) (from, to time.Time, ok bool) {
	for _, known := range periods {
		if known.period == p && known.last > 0 {
			now = now.UTC().Truncate(time.Second)
			return now.Add(-known.last), now.Add(time.Second), true
		}
	}
	year, month, today := now.In(zone).Date()
	switch p {
	case Today:
		return day.Start(year, month, today, zone), day.Start(year, month, today+1, zone), true
	case Yesterday:
		return day.Start(year, month, today-1, zone), day.Start(year, month, today, zone), true
	case ThisMonth:
		return day.Start(year, month, 1, zone), day.Start(year, month+1, 1, zone), true
	case LastMonth:
		return day.Start(year, month-1, 1, zone), day.Start(year, month, 1, zone), true
	}
	return time.Time{}, time.Time{}, false
}

// ParseZone returns the time zone that tz= names, byDefault where v has none. A name
// that isn't in the IANA time zone database of this server is a *QueryError.
func ParseZone(v url.Values, byDefault *time.Location) (*time.Location, error) {
	name := v.Get("tz")
	if name == "" {
		return byDefault, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, &QueryError{Param: "tz", Reason: fmt.Sprintf("%q is not a time zone that this server knows (Europe/Berlin, UTC)", words.Clip(name)), Err: err}
	}
	return zone, nil
}
