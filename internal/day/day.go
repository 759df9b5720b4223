// Package day finds where days begin in a time zone, and which times an entry can have.
package day

import "time"

// Last is the last moment that a filter can name.
var Last = time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)

// InRange reports whether RFC 3339, which has four digits for the year, can write t.
func InRange(t time.Time) bool {
	y := t.UTC().Year()
	return y >= 1 && y <= 9999
}

// Start returns, in UTC, the first moment of a day in a zone. Clocks that are changed at
// midnight skip it, or show it twice. Of a day that the zone skipped it is the end.
func Start(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	begin, end := t.ZoneBounds()
	shown, want := localDay(t), time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
	switch {
	case shown.Before(want): // midnight is skipped, and t was counted with the offset before it
		return end.UTC()
	case shown.After(want):
		return begin.UTC()
	case begin.IsZero():
		return t.UTC()
	}
	_, before := begin.Add(-1).In(zone).Zone()
	_, offset := t.Zone()
	first := t.Add(time.Duration(offset-before) * time.Second) // the same wall time, before the clock is set back
	if first.Before(begin) && localDay(first.In(zone)).Equal(want) {
		t = first
	}
	return t.UTC()
}

// localDay is the date that t shows.
func localDay(t time.Time) time.Time {
	year, month, day := t.Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}
