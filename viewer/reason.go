package viewer

import (
	"regexp"
	"strconv"
	"strings"
)

// reason translates one kind of query error for readers. The API returns the library's own
// text.
type reason struct {
	pattern *regexp.Regexp
	text    string
}

// reasonOf matches the texts that format can produce: %s is any text, %d a number and %q a
// quoted text. text shows the first of these values, as many as it has verbs.
func reasonOf(format, text string) reason {
	pattern := strings.NewReplacer("%s", "(.*)", "%d", `(\d+)`, "%q", `("(?:[^"\\]|\\.)*")`).Replace(regexp.QuoteMeta(format))
	return reason{regexp.MustCompile("(?s)^" + pattern + "$"), text}
}

// typed is a reason whose library text is already written for readers.
func typed(text string) reason { return reasonOf(text, text) }

// read returns the values for the translated text, if the error is of this kind.
func (r reason) read(s string) (args []any, ok bool) {
	m := r.pattern.FindStringSubmatch(s)
	if m == nil {
		return nil, false
	}
	for _, arg := range m[1 : 1+strings.Count(r.text, "%s")] {
		if quoted, err := strconv.Unquote(arg); err == nil && arg[0] == '"' {
			arg = quoted
		}
		args = append(args, arg)
	}
	return args, true
}

// reasons are tried in this order.
var reasons = []reason{
	reasonOf("%q is neither an address nor a CIDR prefix", "“%s” isn't an IP address or a network. Examples: 203.0.113.7, 10.0.0.0/8"),
	reasonOf("%q is neither a date (%s", "“%s” isn't a date. Example: 2026-01-31"),
	reasonOf("has a time and no day; choose the day too", "Choose the day that this time is on."),
	reasonOf("%s is after to, %s", "The start is after the end."),
	reasonOf("the year is not one of 1 to 9999", "Enter a year from 1 to 9999."),
	reasonOf("%q is not a time zone that this server knows%s", "“%s” isn't a time zone. Examples: Europe/Berlin, UTC"),
	reasonOf("%q is not a number from 1 to %d", "“%s” isn't a number from 1 to %s."),
	reasonOf("%q is not success, failure or denied", "“%s” isn't an outcome. There are success, failure and denied."),
	reasonOf("%q is not info, notice, warning or alarm", "“%s” isn't one of the choices."),
	reasonOf("%q is neither hide nor show", "“%s” isn't one of the choices."),
	reasonOf("%q is not one of %s", "“%s” isn't one of the choices."),
	reasonOf("%q begins with a quote and %s", "The closing quote is missing"),
	reasonOf("is given more than once", "Choose only one value."),
	reasonOf("has %d values, at most %d are possible", "%s values are too many. Choose at most %s."),
	reasonOf("has %d bytes, at most %d are possible", "This is too long."),
	reasonOf("is nested more than %d deep", "This is too complex."),
	reasonOf("is not a query string", "The address isn't encoded correctly."),
	reasonOf("is not percent-encoded as it should be", "The address isn't encoded correctly."),
	reasonOf("is not a parameter of a filter%s", "There is no such filter."),
	reasonOf("recorded is the order of %s", "This order is only for the entries of one record."),
	reasonOf("sorting by %s needs access to personal data%s", "You can't use this, because you don't have access to personal data."),
	reasonOf("needs access to personal data", "You can't use this, because you don't have access to personal data."),
	reasonOf("A search has at most %d bytes, and this one has %d", "This is too long."),
	reasonOf("A search has at most %d words and filters", "A search has at most %s words and filters"),
	typed("“%s” takes one date or range"),
	typed("The dates exclude each other, so nothing can match"),
	typed("“%s” needs an IP address such as 10.1.2.3, or a network such as 10.0.0.0/8, not “%s”"),
	typed("“%s” can be success, failure, denied or read, not “%s”"),
	typed("“%s” can be info, notice, warning or alarm, not “%s”"),
	typed("Leave a space after the closing quote"),
	typed("There is nothing between the quotes"),
	typed("“%s:” is not a filter. Did you mean %s:? To search for text with a colon, put it in quotes"),
	typed("“%s:” is not a filter. To search for text with a colon, put it in quotes"),
	typed("“%s” needs a value after the comma"),
	typed("“%s” needs a value, such as %s"),
	typed("The closing quote is missing"),
	typed("The range of “%s” ends before it begins"),
	reasonOf("“%s” needs a date such as 2026-01-31, or %s, not “%s”", "“%s” needs a date such as 2026-01-31, or %s, not “%s”"),
}
