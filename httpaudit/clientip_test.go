package httpaudit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gormtrail/audit/httpaudit"
)

var proxies = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("2001:db8:aaaa::/48"),
	netip.MustParsePrefix("::ffff:192.168.0.0/112"), // 192.168.0.0/16
	netip.MustParsePrefix("fe80::/10"),
}

func from(remote string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = remote
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func TestClientIP(t *testing.T) {
	const xff, fwd = "X-Forwarded-For", "Forwarded"
	trusting := &httpaudit.Options{TrustedProxies: proxies}
	for _, c := range []struct {
		name string
		opts *httpaudit.Options
		r    *http.Request
		want string
	}{
		{"no proxy", trusting, from("203.0.113.7:4711"), "203.0.113.7"},
		{"IPv6 peer", trusting, from("[2001:db8::7]:4711"), "2001:db8::7"},
		{"zoned peer", nil, from("[fe80::1%eth0]:4711"), "fe80::1"},
		{"IPv4-mapped peer", nil, from("[::ffff:203.0.113.7]:4711"), "203.0.113.7"},
		{"peer without port", nil, from("203.0.113.7"), "203.0.113.7"},
		{"bare IPv6 peer", nil, from("2001:db8::7"), "2001:db8::7"},
		{"empty peer", nil, from(""), ""},
		{"unix socket", nil, from("@"), ""},
		{"unix socket path", nil, from("/run/app.sock", xff, "203.0.113.7"), ""},
		{"garbage peer", trusting, from("example.com:80", xff, "203.0.113.7"), ""},

		{"nobody is trusted by default", nil, from("10.0.0.1:80", xff, "203.0.113.7"), "10.0.0.1"},
		{"an untrusted peer is not believed", trusting, from("203.0.113.9:80", xff, "203.0.113.7"), "203.0.113.9"},
		{"one proxy", trusting, from("10.0.0.1:80", xff, "203.0.113.7"), "203.0.113.7"},
		{"a proxy by an IPv4-mapped prefix", trusting, from("192.168.3.4:80", xff, "203.0.113.7"), "203.0.113.7"},
		{"a proxy by a mapped address", trusting, from("[::ffff:10.0.0.1]:80", xff, "203.0.113.7"), "203.0.113.7"},
		{"a proxy with a zone", trusting, from("[fe80::1%eth0]:80", xff, "203.0.113.7"), "203.0.113.7"},
		{"what the client itself sent is not looked at", trusting, from("10.0.0.1:80", xff, "6.6.6.6, 203.0.113.7"), "203.0.113.7"},
		{"two proxies", trusting, from("10.0.0.1:80", xff, "6.6.6.6, 203.0.113.7, 10.0.0.2"), "203.0.113.7"},
		{"a client that claims to be a proxy", trusting, from("10.0.0.1:80", xff, "10.9.9.9, 203.0.113.7"), "203.0.113.7"},
		{"several lines", trusting, from("10.0.0.1:80", xff, "6.6.6.6", xff, "203.0.113.7,10.0.0.2", xff, "10.0.0.3"), "203.0.113.7"},
		{"all trusted", trusting, from("10.0.0.1:80", xff, "10.0.0.9, 10.0.0.2"), "10.0.0.9"},
		{"no header", trusting, from("10.0.0.1:80"), "10.0.0.1"},
		{"an empty header", trusting, from("10.0.0.1:80", xff, ""), "10.0.0.1"},
		{"empty elements", trusting, from("10.0.0.1:80", xff, ",203.0.113.7,, ,"), "203.0.113.7"},
		{"ports", trusting, from("10.0.0.1:80", xff, "203.0.113.7:5000"), "203.0.113.7"},
		{"bracketed with port", trusting, from("10.0.0.1:80", xff, "[2001:db8::7]:5000"), "2001:db8::7"},
		{"bracketed", trusting, from("10.0.0.1:80", xff, "[2001:db8::7]"), "2001:db8::7"},
		{"bare IPv6", trusting, from("10.0.0.1:80", xff, "2001:db8::7"), "2001:db8::7"},
		{"a tab", trusting, from("10.0.0.1:80", xff, "6.6.6.6,\t203.0.113.7\t"), "203.0.113.7"},
		{"garbage ends at the last sure address", trusting, from("10.0.0.1:80", xff, "6.6.6.6, <script>, 10.0.0.2"), "10.0.0.2"},
		{"unknown", trusting, from("10.0.0.1:80", xff, "unknown"), "10.0.0.1"},
		{"a name", trusting, from("10.0.0.1:80", xff, "localhost"), "10.0.0.1"},
		{"brackets around IPv4", trusting, from("10.0.0.1:80", xff, "[203.0.113.7]"), "10.0.0.1"},
		{"leading zeros", trusting, from("10.0.0.1:80", xff, "203.0.113.007"), "10.0.0.1"},
		{"a port that is none", trusting, from("10.0.0.1:80", xff, "203.0.113.7:http"), "10.0.0.1"},
		{"unclosed bracket", trusting, from("10.0.0.1:80", xff, "[2001:db8::7"), "10.0.0.1"},

		{"Forwarded", trusting, from("10.0.0.1:80", fwd, "for=203.0.113.7"), "203.0.113.7"},
		{"Forwarded in any case", trusting, from("10.0.0.1:80", fwd, "proto=https;FOR=203.0.113.7;by=10.0.0.1"), "203.0.113.7"},
		{"Forwarded IPv6", trusting, from("10.0.0.1:80", fwd, `For="[2001:db8:cafe::17]:4711"`), "2001:db8:cafe::17"},
		{"Forwarded IPv6 without quotes", trusting, from("10.0.0.1:80", fwd, `for=[2001:db8:cafe::17]:4711`), "2001:db8:cafe::17"},
		{"Forwarded, several", trusting, from("10.0.0.1:80", fwd, `for=6.6.6.6, for=203.0.113.7;proto=http, for="10.0.0.2:80"`), "203.0.113.7"},
		{"Forwarded, several lines", trusting, from("10.0.0.1:80", fwd, "for=6.6.6.6", fwd, "for=203.0.113.7"), "203.0.113.7"},
		{"Forwarded, quoted comma", trusting, from("10.0.0.1:80", fwd, `for=6.6.6.6, for=203.0.113.7;host="a,for=7.7.7.7"`), "203.0.113.7"},
		{"Forwarded, quoted quote", trusting, from("10.0.0.1:80", fwd, `for=203.0.113.7;host="a\",for=7.7.7.7;x=\"\\"`), "203.0.113.7"},
		{"Forwarded, the client's open quote", trusting, from("10.0.0.1:80", fwd, `for=", for=203.0.113.7`), "203.0.113.7"},
		{"Forwarded, unknown", trusting, from("10.0.0.1:80", fwd, "for=203.0.113.7, for=unknown, for=10.0.0.2"), "10.0.0.2"},
		{"Forwarded, obfuscated", trusting, from("10.0.0.1:80", fwd, "for=_hidden"), "10.0.0.1"},
		{"Forwarded, obfuscated port", trusting, from("10.0.0.1:80", fwd, `for="203.0.113.7:_p1"`), "203.0.113.7"},
		{"Forwarded without for", trusting, from("10.0.0.1:80", fwd, "for=203.0.113.7, proto=https"), "10.0.0.1"},
		{"Forwarded, for twice", trusting, from("10.0.0.1:80", fwd, "for=203.0.113.7;for=6.6.6.6"), "10.0.0.1"},
		{"Forwarded, semicolon at the end", trusting, from("10.0.0.1:80", fwd, "for=203.0.113.7;"), "203.0.113.7"},
		{"Forwarded, malformed", trusting, from("10.0.0.1:80", fwd, "for 203.0.113.7"), "10.0.0.1"},
		{"Forwarded, text behind the quote", trusting, from("10.0.0.1:80", fwd, `for="203.0.113.7"x`), "10.0.0.1"},
		{"Forwarded, nobody trusted", nil, from("10.0.0.1:80", fwd, "for=203.0.113.7"), "10.0.0.1"},

		{"both: X-Forwarded-For is read", trusting, from("10.0.0.1:80", fwd, "for=6.6.6.6", xff, "203.0.113.7"), "203.0.113.7"},
		{"both, Forwarded named", &httpaudit.Options{TrustedProxies: proxies, ProxyHeader: "forwarded"},
			from("10.0.0.1:80", xff, "6.6.6.6", fwd, "for=203.0.113.7"), "203.0.113.7"},
		{"X-Forwarded-For named, absent", &httpaudit.Options{TrustedProxies: proxies, ProxyHeader: "X-Forwarded-For"},
			from("10.0.0.1:80", fwd, "for=6.6.6.6"), "10.0.0.1"},
		{"another header", &httpaudit.Options{TrustedProxies: proxies, ProxyHeader: "x-real-ip"},
			from("10.0.0.1:80", "X-Real-IP", "203.0.113.7", xff, "6.6.6.6"), "203.0.113.7"},
		{"trusted unix socket", &httpaudit.Options{TrustUnixSocket: true}, from("@", xff, "6.6.6.6, 203.0.113.7"), "203.0.113.7"},
		{"trusted unix socket, no header", &httpaudit.Options{TrustUnixSocket: true}, from(""), ""},
		{"trusting unix sockets trusts no address", &httpaudit.Options{TrustUnixSocket: true}, from("203.0.113.9:1", xff, "6.6.6.6"), "203.0.113.9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, text(httpaudit.ClientIP(c.r, c.opts)))
		})
	}
}

func TestClientIPOfUncanonicalHeaders(t *testing.T) {
	// A header that something set behind the server's parser is not found, and
	// so not believed.
	r := from("10.0.0.1:80")
	r.Header["x-forwarded-for"] = []string{"6.6.6.6"}
	assert.Equal(t, "10.0.0.1", text(httpaudit.ClientIP(r, &httpaudit.Options{TrustedProxies: proxies})))
	r.Header = nil
	assert.Equal(t, "10.0.0.1", text(httpaudit.ClientIP(r, &httpaudit.Options{TrustedProxies: proxies})))
}

// hop is a link of the model's chain: what the walk must make of it.
type hop struct {
	addr    netip.Addr // zero: garbage
	trusted bool
}

var (
	trustedAddrs   = []string{"10.0.0.1", "10.255.0.3", "192.168.7.7", "2001:db8:aaaa::1", "fe80::9"}
	untrustedAddrs = []string{"203.0.113.7", "11.0.0.1", "2001:db8:bbbb::1", "::1", "9.255.255.255"}
	garbage        = []string{"unknown", "_secret", "999.1.1.1", "1.2.3", "a.example", "[::1", "::1]", "1.2.3.4:x", "1.2.3.4/8", "-"}
)

func drawHop(t *rapid.T) (hop, string) {
	switch rapid.IntRange(0, 5).Draw(t, "kind") {
	case 0:
		return hop{}, rapid.SampledFrom(garbage).Draw(t, "garbage")
	case 1, 2:
		s := rapid.SampledFrom(untrustedAddrs).Draw(t, "untrusted")
		return hop{netip.MustParseAddr(s), false}, s
	}
	s := rapid.SampledFrom(trustedAddrs).Draw(t, "trusted")
	return hop{netip.MustParseAddr(s), true}, s
}

// written is one of the ways to write an address.
func written(t *rapid.T, s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return s
	}
	if a.Is4() && rapid.Bool().Draw(t, "mapped") {
		s = "::ffff:" + s
	}
	is6 := strings.Contains(s, ":")
	if is6 && !a.Is4() && rapid.Bool().Draw(t, "zone") {
		s += "%eth0"
	}
	port := rapid.Bool().Draw(t, "port")
	if is6 && (port || rapid.Bool().Draw(t, "brackets")) {
		s = "[" + s + "]"
	}
	if port {
		s += ":" + fmt.Sprint(rapid.IntRange(1, 65535).Draw(t, "number"))
	}
	return s
}

// walk is the model: it knows the chain, not how it is written.
func walk(peer hop, chain []hop) netip.Addr {
	at := peer
	for i := len(chain) - 1; at.trusted && i >= 0 && chain[i].addr.IsValid(); i-- {
		at = chain[i]
	}
	return at.addr
}

func TestClientIPIsThatOfTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		peer, peerText := drawHop(t)
		for !peer.addr.IsValid() {
			peer, peerText = drawHop(t)
		}
		r := from(written(t, peerText))
		forwarded := rapid.Bool().Draw(t, "forwarded")
		var chain []hop
		var line []string
		flush := func() {
			if len(line) > 0 {
				name := "X-Forwarded-For"
				if forwarded {
					name = "Forwarded"
				}
				r.Header.Add(name, strings.Join(line, rapid.SampledFrom([]string{",", ", ", " , ", ",,"}).Draw(t, "comma")))
				line = nil
			}
		}
		for range rapid.IntRange(0, 6).Draw(t, "hops") {
			h, s := drawHop(t)
			chain = append(chain, h)
			s = written(t, s)
			if forwarded {
				s = forwardedElement(t, s)
			}
			line = append(line, s)
			if rapid.IntRange(0, 3).Draw(t, "line") == 0 {
				flush()
			}
		}
		flush()
		got := httpaudit.ClientIP(r, &httpaudit.Options{TrustedProxies: proxies})
		require.Equal(t, walk(peer, chain), got, "peer %s, header %v", r.RemoteAddr, r.Header)
	})
}

func forwardedElement(t *rapid.T, node string) string {
	pairs := []string{"for=" + `"` + strings.ReplaceAll(node, "/", `\/`) + `"`}
	for _, extra := range []string{"proto=https", `host="x,for=6.6.6.6;\"y\\"`, "by=_me", `Ext="\"\"\""`} {
		if rapid.Bool().Draw(t, "extra") {
			pairs = append(pairs, extra)
		}
	}
	pairs = rapid.Permutation(pairs).Draw(t, "order")
	return strings.Join(pairs, rapid.SampledFrom([]string{";", "; "}).Draw(t, "semicolon"))
}

// FuzzClientIPCannotBeForged: whatever a client sends in its own part of the
// header, on the same line or on lines before, it can't change its address.
func FuzzClientIPCannotBeForged(f *testing.F) {
	for _, seed := range []string{"", "6.6.6.6", "for=6.6.6.6", `for="`, `"`, `\`, `for="\`, `a="\\`, ",,", "unknown", `for=6.6.6.6;x="`, "[", "\xff"} {
		f.Add(seed, seed)
	}
	trusting := &httpaudit.Options{TrustedProxies: proxies}
	elements := map[string][]string{
		"X-Forwarded-For": {"203.0.113.7", "203.0.113.7:99, 10.0.0.2"},
		"Forwarded": {"for=203.0.113.7", `for="203.0.113.7:99";host="a,b\"c", for=10.0.0.2`,
			`host="\\";for=203.0.113.7`},
	}
	f.Fuzz(func(t *testing.T, line, inline string) {
		for header, written := range elements {
			for _, own := range written {
				r := from("10.0.0.1:80", header, line, header, inline+", "+own)
				require.Equal(t, "203.0.113.7", text(httpaudit.ClientIP(r, trusting)), "%s: %q", header, r.Header[header])
			}
		}
		r := from("203.0.113.7:1", "X-Forwarded-For", line, "Forwarded", inline)
		require.Equal(t, "203.0.113.7", text(httpaudit.ClientIP(r, trusting)))
		r = from(line, "X-Forwarded-For", inline, "Forwarded", inline)
		a := httpaudit.ClientIP(r, trusting)
		require.Empty(t, a.Zone())
		require.False(t, a.Is4In6())
	})
}
