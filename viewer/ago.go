package viewer

import "time"

// agoUnits are the steps of relative times, as the script has them.
var agoUnits = []struct {
	is   time.Duration
	text string
}{
	{365 * 24 * time.Hour, "%s years ago"}, {30 * 24 * time.Hour, "%s months ago"}, {24 * time.Hour, "%s days ago"},
	{time.Hour, "%s hours ago"}, {time.Minute, "%s minutes ago"},
}

// ago says how long before the page was made a moment was; "" for one in the future.
// The script keeps it true while the page stands open.
func (s *visit) ago(t time.Time) string {
	passed := s.now.Sub(t)
	if passed < 0 {
		return ""
	}
	for _, u := range agoUnits {
		if passed >= u.is {
			return s.lang.count(u.text, int(passed/u.is), false)
		}
	}
	return s.lang.text("just now")
}
