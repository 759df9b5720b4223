package hooks

import "time"

// parseISO reads a date or a time as the databases write them: ISO 8601 with a
// blank or a T, a fraction of any length, and an offset that may have minutes and
// seconds ("+00", "+05:30", "-00:25:21", "Z") or be missing.
func parseISO(s string) (time.Time, bool) {
	year, rest, ok := digits(s, 4)
	month, rest, ok1 := after(rest, '-', 2)
	day, rest, ok2 := after(rest, '-', 2)
	if !ok || !ok1 || !ok2 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return time.Time{}, false
	}
	if rest == "" {
		return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC), true
	}
	if rest[0] != ' ' && rest[0] != 'T' {
		return time.Time{}, false
	}
	hour, rest, ok := digits(rest[1:], 2)
	minute, rest, ok1 := after(rest, ':', 2)
	second, nanos := 0, 0
	if ok2 = true; rest != "" && rest[0] == ':' {
		second, rest, ok2 = digits(rest[1:], 2)
		nanos, rest = fraction(rest)
	}
	offset, ok3 := zone(rest)
	if !ok || !ok1 || !ok2 || !ok3 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, second-offset, nanos, time.UTC), true
}

func daysIn(year, month int) int {
	return time.Date(year, time.Month(month+1), 0, 0, 0, 0, 0, time.UTC).Day()
}

func digits(s string, n int) (int, string, bool) {
	if len(s) < n {
		return 0, s, false
	}
	v := 0
	for i := range n {
		if !('0' <= s[i] && s[i] <= '9') {
			return 0, s, false
		}
		v = 10*v + int(s[i]-'0')
	}
	return v, s[n:], true
}

func after(s string, sign byte, n int) (int, string, bool) {
	if s == "" || s[0] != sign {
		return 0, s, false
	}
	return digits(s[1:], n)
}

// fraction reads ".123456" in nanoseconds; what is finer is cut.
func fraction(s string) (int, string) {
	if s == "" || s[0] != '.' {
		return 0, s
	}
	v, n := 0, 0
	for s = s[1:]; s != "" && '0' <= s[0] && s[0] <= '9'; s = s[1:] {
		if n < 9 {
			v = 10*v + int(s[0]-'0')
			n++
		}
	}
	for ; n < 9; n++ {
		v *= 10
	}
	return v, s
}

// zone reads an offset in seconds; none and "Z" are UTC.
func zone(s string) (int, bool) {
	if s == "" || s == "Z" {
		return 0, true
	}
	sign := 1
	switch s[0] {
	case '-':
		sign = -1
	case '+':
	default:
		return 0, false
	}
	total, unit := 0, 3600
	v, rest, ok := digits(s[1:], 2)
	for ok {
		total += v * unit
		if rest == "" {
			return sign * total, true
		}
		if unit /= 60; unit == 0 {
			return 0, false
		}
		v, rest, ok = after(rest, ':', 2)
	}
	return 0, false
}
