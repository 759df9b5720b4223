package httpaudit

import (
	"net/http"
	"net/netip"
	"strings"
)

// ClientIP returns the address of the client that sent r: without port and
// zone, and IPv4 where it is IPv4-mapped. It is the zero Addr where there is
// none, as with Unix sockets. opts may be nil.
//
// It begins at the peer of the connection. As long as the address reached is
// one of TrustedProxies, it goes on to the one that this proxy says it
// forwarded for, which is the last one not yet used in ProxyHeader: from the
// right to the left, and over several lines of the header from the last to the
// first. The first address that is not trusted is the client's; where all are
// trusted, the leftmost. Nothing to the left of that is looked at: it is what
// the client itself sent, and proves nothing.
//
// A trusted proxy that names no address ("unknown", an obfuscated identifier, a
// path, garbage) ends the way: the result is then that proxy's own address, the
// last that is known for sure.
func ClientIP(r *http.Request, opts *Options) netip.Addr {
	if opts == nil {
		opts = &Options{}
	}
	at, known := parseAddr(r.RemoteAddr)
	if known && !opts.trusts(at) || !known && !opts.TrustUnixSocket {
		return at
	}
	for hop := range opts.hops(r.Header) {
		next, ok := parseAddr(hop)
		if !ok {
			return at
		}
		at = next
		if !opts.trusts(at) {
			return at
		}
	}
	return at
}

// hops yields the addresses in the proxies' header from the nearest to the
// farthest, as they are written there.
func (o *Options) hops(h http.Header) func(yield func(string) bool) {
	name := http.CanonicalHeaderKey(o.ProxyHeader)
	if name == "" {
		name = "X-Forwarded-For"
		if len(h[name]) == 0 {
			name = "Forwarded"
		}
	}
	lines := h[name]
	if name == "Forwarded" {
		return func(yield func(string) bool) { forwardedHops(lines, yield) }
	}
	return func(yield func(string) bool) { listHops(lines, yield) }
}

// listHops reads a header of plain addresses between commas. Empty elements of
// a list mean nothing (RFC 9110 section 5.6.1.2).
func listHops(lines []string, yield func(string) bool) {
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for more := true; more; {
			comma := strings.LastIndexByte(rest, ',')
			hop := strings.TrimSpace(rest[comma+1:])
			more = comma >= 0
			rest = rest[:max(comma, 0)]
			if hop != "" && !yield(hop) {
				return
			}
		}
	}
}

// trusts compares in one form: a prefix may be given as IPv4-mapped, and a
// zone says which cable, not who.
func (o *Options) trusts(a netip.Addr) bool {
	for _, p := range o.TrustedProxies {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// parseAddr reads an address in all the ways in which servers and proxies write
// it: with or without port, IPv6 with or without brackets and zone.
func parseAddr(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	host := s
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || !portOrNothing(s[end+1:]) {
			return netip.Addr{}, false
		}
		host = s[1:end]
		if !strings.Contains(host, ":") {
			return netip.Addr{}, false // brackets are for IPv6 alone
		}
	} else if strings.Count(s, ":") == 1 {
		colon := strings.IndexByte(s, ':')
		if !portOrNothing(s[colon:]) {
			return netip.Addr{}, false
		}
		host = s[:colon]
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}, false
	}
	return a.WithZone("").Unmap(), true
}

// portOrNothing also takes a port that a proxy hid, "_abc" (RFC 7239 section 6).
func portOrNothing(s string) bool {
	if s == "" {
		return true
	}
	port, ok := strings.CutPrefix(s, ":")
	if !ok || port == "" {
		return false
	}
	obfuscated := port[0] == '_'
	if !obfuscated && len(port) > 5 {
		return false
	}
	for i := range len(port) {
		c := port[i]
		if !isDigit(c) && !(obfuscated && (isLetter(c) || c == '.' || c == '_' || c == '-')) {
			return false
		}
	}
	return true
}
