package audit

import (
	"strings"
	"time"
)

// parseCreated reads a value of created: a bound (">=", ">", "<=", "<"), a range ("..") or a time.
func parseCreated(v keywordValue) (from, to time.Time, err error) {
	for _, op := range []string{">=", "<=", ">", "<"} {
		rest, ok := strings.CutPrefix(v.text, op)
		if !ok {
			continue
		}
		begin, end, err := parseSpan(rest, v.column+len(op))
		switch op {
		case ">=":
			return begin, time.Time{}, err
		case ">":
			return end, time.Time{}, err
		case "<=":
			return time.Time{}, end, err
		}
		return time.Time{}, begin, err
	}
	first, last, isRange := strings.Cut(v.text, "..")
	if !isRange {
		return parseSpan(v.text, v.column)
	}
	if first != "*" {
		if from, _, err = parseSpan(first, v.column); err != nil {
			return from, to, err
		}
	}
	if column := v.column + len([]rune(first)) + 2; last != "*" {
		if _, to, err = parseSpan(last, column); err == nil && !from.Before(to) {
			err = keywordError(column, "the range ends before it begins")
		}
	}
	return from, to, err
}

// parseSpan reads a time as the span that it names: a day, a minute, a second,
// or, with decimals, a microsecond.
func parseSpan(s string, column int) (begin, end time.Time, err error) {
	for _, l := range []struct {
		layout string
		days   int
		span   time.Duration
	}{
		{time.DateOnly, 1, 0},
		{"2006-01-02T15:04", 0, time.Minute}, {"2006-01-02T15:04Z07:00", 0, time.Minute},
		{"2006-01-02T15:04:05", 0, time.Second}, {time.RFC3339, 0, time.Second},
	} {
		t, err := time.Parse(l.layout, s)
		if err != nil {
			continue
		}
		span := l.span
		if strings.ContainsAny(s, ".,") { // time.Parse takes decimals after seconds
			t, span = t.Truncate(time.Microsecond), time.Microsecond
		}
		begin, end = t.UTC(), t.UTC().AddDate(0, 0, l.days).Add(span)
		if !timeInRange(begin) {
			break
		}
		if !timeInRange(end) {
			end = end.Add(-1) // the last moment that there is
		}
		return begin, end, nil
	}
	return time.Time{}, time.Time{}, keywordError(column, "expected a date (2026-01-31) or a time (2026-01-31T13:59:24Z), got %q", s)
}
