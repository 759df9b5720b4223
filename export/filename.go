package export

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gormtrail/audit"
)

// FileName names the file of a query by the first and the last day that it
// covers, in UTC: "audit-logs_2026-01-01_2026-01-31.csv" for
// [2026-01-01, 2026-02-01), and for whatever begins and ends on these days: the exact
// times are in the file. Open ends are words: "audit-logs_from_2026-01-01.csv",
// "audit-logs_until_2026-01-31.csv", "audit-logs_all.csv". It holds only letters,
// digits, "-", "_" and ".".
func FileName(f Format, q audit.Query) string {
	return fileName(defaultTitle, f, q, time.UTC)
}

func fileName(title string, f Format, q audit.Query, loc *time.Location) string {
	if title == defaultTitle {
		title = "audit logs"
	}
	from, to := q.From, q.To
	covers := "all"
	switch {
	case !from.IsZero() && !to.IsZero():
		covers = dayOf(from, loc) + "_" + dayOf(lastMoment(from, to), loc)
	case !from.IsZero():
		covers = "from_" + dayOf(from, loc)
	case !to.IsZero():
		covers = "until_" + dayOf(lastMoment(from, to), loc)
	}
	return nameBase(title) + "_" + covers + "." + f.Name()
}

func dayOf(t time.Time, loc *time.Location) string { return t.In(loc).Format(time.DateOnly) }

// lastMoment is within the range; of an empty one it is the bound itself.
func lastMoment(from, to time.Time) time.Time {
	if !from.Before(to) {
		return to
	}
	return to.Add(-1)
}

const maxNameBase = 120 // bytes; file systems take 255 for the whole

// nameBase makes a title into the beginning of a file's name that every file
// system takes: letters and digits of any script in lower case, and hyphens for
// everything else.
func nameBase(title string) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToLower(title) {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) || r == utf8.RuneError {
			gap = b.Len() > 0
			continue
		}
		if b.Len()+utf8.RuneLen(r)+1 > maxNameBase {
			break
		}
		if gap {
			b.WriteByte('-')
			gap = false
		}
		b.WriteRune(r)
	}
	if b.Len() == 0 {
		return "audit-logs"
	}
	return b.String()
}

// disposition is the Content-Disposition of an attachment (RFC 6266): the name
// in ASCII for old clients, and in full by RFC 8187.
func disposition(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r > '~' || r < ' ' || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	if ascii == name {
		return `attachment; filename="` + name + `"`
	}
	return `attachment; filename="` + ascii + `"; filename*=UTF-8''` + percent(name)
}

// percent is RFC 8187's value-chars: all but attr-char is escaped.
func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
