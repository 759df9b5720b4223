package viewer

import (
	"net/url"
	"strings"
	"time"

	"github.com/gormtrail/audit"
)

// joinTimes puts the time of day beside a day: the form has a control for each, and
// the time may stay empty.
func joinTimes(values url.Values) error {
	for _, name := range []string{"from", "to"} {
		at := strings.TrimSpace(values.Get(name + "_time"))
		values.Del(name + "_time")
		if at == "" {
			continue
		}
		day := strings.TrimSpace(values.Get(name))
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return &audit.QueryError{Param: name, Reason: "has a time and no day; choose the day too"}
		}
		values.Set(name, day+"T"+at)
	}
	return nil
}

// dayBegins reports whether a moment is the first one of a day in the page's zone.
func (s *visit) dayBegins(t time.Time) bool {
	return t.In(s.zone).Format(time.DateOnly) != t.Add(-1).In(s.zone).Format(time.DateOnly)
}

// dateControl is what a date control and the time control beside it hold. A day's end is
// that day without a time.
func (s *visit) dateControl(name string) (day, at string) {
	t := s.query.From
	if name == "to" {
		t = s.query.To
	}
	switch {
	case t.IsZero():
		day, at, _ = strings.Cut(s.state.Get(name), "T") // what was typed, if it can't be read
		return day, at
	case !s.dayBegins(t):
		t = t.In(s.zone)
		return t.Format(time.DateOnly), strings.TrimSuffix(t.Format("15:04:05.999999"), ":00")
	case name == "to":
		t = t.Add(-1)
	}
	return t.In(s.zone).Format(time.DateOnly), ""
}

// FromDay and the three after it are the values of the date controls.
func (p listPage) FromDay() string { day, _ := p.visit.dateControl("from"); return day }

// FromTime: see FromDay.
func (p listPage) FromTime() string { _, at := p.visit.dateControl("from"); return at }

// ToDay: see FromDay.
func (p listPage) ToDay() string { day, _ := p.visit.dateControl("to"); return day }

// ToTime: see FromDay.
func (p listPage) ToTime() string { _, at := p.visit.dateControl("to"); return at }

// Range is the chosen period.
func (p listPage) Range() string {
	if r := p.state.Get("range"); r != "" {
		return r
	}
	return "all"
}

// Ranges are the choices: each period's label, and its name as the URL.
func (p listPage) Ranges() []Link {
	list := []Link{{"All time", "all"}}
	for _, period := range audit.Periods() {
		list = append(list, Link{period.Label(), string(period)})
	}
	return append(list, Link{"Custom", "custom"})
}

// moment says a bound of a range: a day where it is a whole one. to is excluded, so
// the end of a day is named by that day.
func (s *visit) moment(t time.Time, to bool) string {
	if !s.dayBegins(t) {
		at := t.In(s.zone)
		return s.lang.date(at) + ", " + strings.TrimSuffix(at.Format("15:04:05"), ":00")
	}
	if to {
		t = t.Add(-1)
	}
	return s.lang.date(t.In(s.zone))
}

// Window says the range in words.
func (p listPage) Window() string {
	f := p.query.Filter
	from, to := p.moment(f.From, false), p.moment(f.To, true)
	switch {
	case f.From.IsZero() && f.To.IsZero():
		return p.T("All time")
	case f.To.IsZero():
		return p.T("From %s", from+" "+p.zoneAt(f.From))
	case f.From.IsZero():
		return p.T("Until %s", to+" "+p.zoneAt(f.To))
	case from == to:
		return to + " " + p.zoneAt(f.To)
	}
	return from + " – " + to + " " + p.zoneAt(f.To)
}

// zoneAt names the zone beside a bound of a range: without an offset where it is a day.
func (s *visit) zoneAt(t time.Time) string {
	if s.dayBegins(t) {
		return s.zone.String()
	}
	return s.zoneName(t)
}
