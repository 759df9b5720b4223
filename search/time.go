package search

import (
	"strconv"
	"strings"
	"time"

	"github.com/gormtrail/audit"
	"github.com/gormtrail/audit/internal/day"
)

// clock reads the times of a search: a day without a time is a day in its zone.
type clock struct {
	now  time.Time
	zone *time.Location
}

// span is what a value of a time means: [from, to), a zero end is open.
type span struct {
	from, to time.Time
	sliding  bool // with the clock
}

// filter returns a filter of the span alone.
func (s span) filter() audit.Filter {
	f := audit.Filter{From: s.from, To: s.to}
	if s.sliding {
		f = f.Sliding()
	}
	return f
}

// read reads the value of a qualifier.
func (c clock) read(t term, v value) (span, error) {
	if t.qualifier.Name == "created" {
		return c.created(t, v)
	}
	s, err := c.value(t, v.text, v.column)
	operators := map[string]string{"since": ">=", "after": ">", "until": "<=", "before": "<"}
	return s.side(operators[t.qualifier.Name]), err
}

// side returns the times that an operator selects relative to s, or s for none.
func (s span) side(operator string) span {
	switch operator {
	case ">=":
		s.to = time.Time{}
	case ">":
		s.from, s.to = s.to, time.Time{}
	case "<=":
		s.from = time.Time{}
	case "<":
		s.from, s.to = time.Time{}, s.from
	}
	return s
}

// value is what a value means alone; of a number of hours or days the moment so long ago.
func (c clock) value(t term, text string, column int) (span, error) {
	if d, ok := ago(text); ok {
		at := c.now.Add(-d).UTC().Truncate(time.Microsecond)
		if day.InRange(at) {
			return span{at, at, true}, nil
		}
	}
	return c.day(t, text, column)
}

// created reads a bound (">=", ">", "<=", "<"), a range (".."), a time, or the hours or
// days up to now.
func (c clock) created(t term, v value) (s span, err error) {
	for _, op := range []string{">=", "<=", ">", "<"} {
		rest, ok := strings.CutPrefix(v.text, op)
		if !ok {
			continue
		}
		s, err := c.day(t, rest, v.column+len(op))
		return s.side(op), err
	}
	first, last, isRange := strings.Cut(v.text, "..")
	if !isRange {
		s, err = c.value(t, v.text, v.column)
		if _, ok := ago(v.text); ok {
			s.to = time.Time{}
		}
		return s, err
	}
	if first != "*" {
		begin, err := c.day(t, first, v.column)
		if err != nil {
			return span{}, err
		}
		s.from, s.sliding = begin.from, begin.sliding
	}
	if column := v.column + len([]rune(first)) + 2; last != "*" {
		end, err := c.day(t, last, column)
		if err == nil && !s.from.Before(end.to) {
			err = errorAt(column, "The range of “%s” ends before it begins", t.typed)
		}
		if err != nil {
			return span{}, err
		}
		s.to, s.sliding = end.to, s.sliding || end.sliding
	}
	return s, nil
}

// day reads a time as the span that it names: a day, a minute, a second, or, with
// decimals, a microsecond.
func (c clock) day(t term, text string, column int) (span, error) {
	y, m, d := c.now.In(c.zone).Date()
	switch strings.ToLower(text) {
	case "today":
		return span{day.Start(y, m, d, c.zone), day.Start(y, m, d+1, c.zone), true}, nil
	case "yesterday":
		return span{day.Start(y, m, d-1, c.zone), day.Start(y, m, d, c.zone), true}, nil
	}
	for _, l := range []struct {
		layout string
		length time.Duration
	}{
		{time.DateOnly, 0},
		{"2006-01-02T15:04", time.Minute}, {"2006-01-02T15:04Z07:00", time.Minute},
		{"2006-01-02T15:04:05", time.Second}, {time.RFC3339, time.Second},
	} {
		at, err := time.ParseInLocation(l.layout, text, c.zone)
		if err != nil {
			continue
		}
		s := span{from: at, to: at.Add(l.length)}
		switch {
		case l.layout == time.DateOnly:
			date, _ := time.Parse(time.DateOnly, text) // at may be on the day before, where there is no midnight
			y, m, d := date.Date()
			s.from, s.to = day.Start(y, m, d, c.zone), day.Start(y, m, d+1, c.zone)
		case strings.ContainsAny(text, ".,"): // time.Parse takes decimals after seconds
			s.from = at.Truncate(time.Microsecond)
			s.to = s.from.Add(time.Microsecond)
		}
		s.from, s.to = s.from.UTC(), s.to.UTC()
		if !day.InRange(s.from) {
			break
		}
		if !day.InRange(s.to) {
			s.to = day.Last
		}
		return s, nil
	}
	return span{}, errorAt(column, "“%s” needs a date such as 2026-01-31, or %s, not “%s”", t.typed, t.relative(), text)
}

// relative are values that need no date.
func (t term) relative() unclipped {
	if t.qualifier.Name == "created" {
		return "7d, 24h, today or yesterday"
	}
	return "today, yesterday or 7d"
}

// unclipped is a text of this package, which errorAt doesn't shorten.
type unclipped string

// ago reads "24h", "7d": a number of minutes (m), hours (h), days (d) or weeks (w).
func ago(text string) (time.Duration, bool) {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if len(text) < 2 || len(text) > 6 {
		return 0, false
	}
	unit, ok := units[text[len(text)-1]|0x20]
	n, err := strconv.ParseUint(text[:len(text)-1], 10, 16)
	return time.Duration(n) * unit, ok && err == nil && n > 0 && n <= 36500 && unit*time.Duration(n) <= 36500*24*time.Hour
}
