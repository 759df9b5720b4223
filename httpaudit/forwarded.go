package httpaudit

import "strings"

// forwardedHops reads the Forwarded header (RFC 7239) from the right to the
// left, and yields what each element says under "for", "" where an element is
// malformed or says nothing.
//
// It reads backwards because a proxy appends to what it was sent. A client that
// sends an opening quote and no closing one then spoils its own part only:
// read forwards, its quote would swallow what the proxies wrote.
func forwardedHops(lines []string, yield func(string) bool) {
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for more := true; more; {
			var element string
			element, rest, more = lastElement(rest)
			if strings.TrimSpace(element) == "" {
				continue
			}
			if !yield(forOf(element)) {
				return
			}
		}
	}
}

// lastElement cuts s at its last comma that is not inside of quotes.
func lastElement(s string) (element, before string, more bool) {
	for i := len(s) - 1; i >= 0; i-- {
		switch s[i] {
		case '"':
			i = openingQuote(s, i)
		case ',':
			return s[i+1:], s[:i], true
		}
	}
	return s, "", false
}

// openingQuote returns where the quoted text begins that ends at s[end], -1 if
// it doesn't begin. A quote is escaped by an odd number of backslashes.
func openingQuote(s string, end int) int {
	for i := end - 1; i >= 0; i-- {
		if s[i] != '"' {
			continue
		}
		slashes := 0
		for i-slashes > 0 && s[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i
		}
	}
	return -1
}

// forOf returns the value of an element's "for", "" if the element is malformed
// or has none, or more than one: each parameter occurs at most once (RFC 7239
// section 4).
func forOf(element string) string {
	var node string
	seen := false
	for rest, more := element, true; more; {
		var name, value string
		var ok bool
		if name, value, rest, more, ok = nextPair(rest); !ok {
			return ""
		}
		if strings.EqualFold(name, "for") {
			if seen {
				return ""
			}
			node, seen = value, true
		}
	}
	return node
}

// nextPair reads name=value, and the semicolon behind it. An empty pair, as a
// semicolon at the end leaves it, is well-formed (RFC 7239 section 4).
func nextPair(s string) (name, value, rest string, more, ok bool) {
	s = strings.Trim(s, " \t")
	if s == "" {
		return "", "", "", false, true
	}
	if s[0] == ';' {
		return "", "", s[1:], true, true
	}
	equals := strings.IndexByte(s, '=')
	if equals < 1 || !token(s[:equals]) {
		return "", "", "", false, false
	}
	name, s = s[:equals], s[equals+1:]
	if strings.HasPrefix(s, `"`) {
		value, rest, ok = unquote(s)
	} else {
		end := strings.IndexByte(s, ';')
		if end < 0 {
			end = len(s)
		}
		value, rest = strings.TrimRight(s[:end], " \t"), s[end:]
		// A bare address with a colon is no token, yet some proxies send it so.
		ok = token(strings.NewReplacer(":", "", "[", "", "]", "").Replace(value))
	}
	rest = strings.TrimLeft(rest, " \t")
	if !ok || (rest != "" && rest[0] != ';') {
		return "", "", "", false, false
	}
	return name, value, strings.TrimPrefix(rest, ";"), rest != "", true
}

// unquote reads the quoted-string that s begins with (RFC 9110 section 5.6.4).
func unquote(s string) (value, rest string, ok bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

// token is what RFC 9110 section 5.6.2 calls so.
func token(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
