package access

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// span is a part of a text, in bytes.
type span struct{ from, to int }

var (
	emailText = regexp.MustCompile(`(?:"[^"@\n]*"|[^\s@<>"'(),:;&?][^\s@<>"(),:;&?]*)@[^\s@<>"'(),:;&?]+`)
	// Four numbers or more. Whether they are an address is for holdsIPv4 to say.
	ipv4Text = regexp.MustCompile(`[0-9]+(?:\.[0-9]+){3,}`)
	// Hexadecimal groups with two colons at least, for ipv6In to look into.
	ipv6Text = regexp.MustCompile(`[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:]*`)
)

// addresses finds the email and IP addresses in a text, whatever surrounds them,
// also where they are escaped as in a URL, once or more often: so they stand in
// the IDs of composite keys and in recorded queries. Version numbers of three
// parts and times of day are none.
func addresses(s string) []span {
	spans := plainAddresses(s)
	if strings.IndexByte(s, '%') < 0 {
		return spans
	}
	plain, at := unescape(s)
	for _, sp := range plainAddresses(plain) {
		spans = append(spans, span{at[sp.from], at[sp.to]})
	}
	return spans
}

func plainAddresses(s string) (spans []span) {
	if strings.IndexByte(s, '@') >= 0 {
		for _, m := range emailText.FindAllStringIndex(s, -1) {
			spans = append(spans, span{m[0], m[1]})
		}
	}
	if strings.Count(s, ".") >= 3 {
		for _, m := range ipv4Text.FindAllStringIndex(s, -1) {
			if holdsIPv4(s[m[0]:m[1]]) {
				spans = append(spans, span{m[0], m[1]})
			}
		}
	}
	if strings.Count(s, ":") >= 2 {
		for _, m := range ipv6Text.FindAllStringIndex(s, -1) {
			if sp, ok := ipv6In(s, span{m[0], m[1]}); ok {
				spans = append(spans, sp)
			}
		}
	}
	return spans
}

// holdsIPv4 reports whether four numbers in a row are an address.
func holdsIPv4(dotted string) bool {
	fit := 0
	for part := range strings.SplitSeq(dotted, ".") {
		if n, err := strconv.Atoi(part); err == nil && n <= 255 && len(part) <= 3 {
			fit++
		} else {
			fit = 0
		}
		if fit == 4 {
			return true
		}
	}
	return false
}

// maxGroups is how many groups there may be around an address without "::": its
// eight, a word before and a port behind. Longer rows are fingerprints.
const maxGroups = 10

// ipv6In returns the part of a run of groups that is an address. A word before
// it ("added:2001:db8::1") or a port behind it may look like a group.
func ipv6In(s string, run span) (found span, ok bool) {
	text := s[run.from:run.to]
	starts := []int{0} // of the groups
	for i := range len(text) {
		if text[i] == ':' {
			starts = append(starts, i+1)
		}
	}
	if !strings.Contains(text, "::") && len(starts) > maxGroups {
		return span{}, false
	}
	end := func(group int) int {
		if group == len(starts) {
			return len(text)
		}
		return starts[group] - 1
	}
	for i := range starts {
		for n := 3; n <= 9 && i+n <= len(starts); n++ {
			part := span{run.from + starts[i], run.from + end(i+n)}
			if !isIPv6(s, part) {
				continue
			}
			if !ok {
				found, ok = part, true
			}
			found.to = max(found.to, part.to)
		}
	}
	return found, ok
}

// isIPv6 tells addresses from what only looks so: "::" itself, and names in a
// program's text ("std::add").
func isIPv6(s string, part span) bool {
	text := s[part.from:part.to]
	if text == "::" {
		return false
	}
	if _, err := netip.ParseAddr(text); err != nil {
		return false
	}
	joined := part.from > 0 && wordByte(s[part.from-1]) || part.to < len(s) && wordByte(s[part.to])
	return !joined || strings.ContainsAny(text, "0123456789")
}

func wordByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// unescape undoes percent-encoding, however often it was applied, and tells where
// each byte, and the end, stood.
func unescape(s string) (plain string, at []int) {
	var b strings.Builder
	for i := 0; i < len(s); {
		at = append(at, i)
		c, size := unescapeByte(s[i:])
		b.WriteByte(c)
		i += size
	}
	return b.String(), append(at, len(s))
}

func unescapeByte(s string) (c byte, size int) {
	if s[0] != '%' {
		return s[0], 1
	}
	code := s[1:]
	for strings.HasPrefix(code, "25") && hexPair(code[2:]) {
		code = code[2:]
	}
	if !hexPair(code) {
		return s[0], 1
	}
	n, _ := strconv.ParseUint(code[:2], 16, 8) // two digits
	return byte(n), len(s) - len(code) + 2
}

func hexPair(s string) bool { return len(s) >= 2 && hexDigit(s[0]) && hexDigit(s[1]) }

func hexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
