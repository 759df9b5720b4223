// Package sortkey makes the texts by which object IDs and addresses are sorted, and by which
// ranges of addresses are found. A store keeps them in columns of their own and compares bytes;
// then it can't disagree with audit.Filter.Match.
package sortkey

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strings"
)

// ObjectID sorts numbers as numbers, before everything else: whole numbers
// in plain decimal form by value, then other IDs by their bytes.
func ObjectID(id string) string {
	digits := strings.TrimPrefix(id, "-")
	if !plainNumber(digits) || len(digits) > 999 || id == "-0" {
		return "s" + id
	}
	if len(digits) == len(id) {
		return fmt.Sprintf("n1%03d%s", len(digits), digits)
	}
	// The more digits below zero, the smaller; so are the digits themselves.
	complement := []byte(digits)
	for i, c := range complement {
		complement[i] = '9' - (c - '0')
	}
	return fmt.Sprintf("n0%03d%s", 999-len(digits), complement)
}

func plainNumber(s string) bool {
	if s == "" || (s[0] == '0' && s != "0") {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// IP is an address as 32 hexadecimal digits, IPv4 in its IPv4-mapped form,
// so that a prefix is a range of keys. An empty address is "", and what is no
// address follows all that are.
func IP(ip string) string {
	if ip == "" {
		return ""
	}
	a, err := ParseIP(ip)
	if err != nil {
		return "x" + ip
	}
	b := a.As16()
	return hex.EncodeToString(b[:])
}

// IPRange returns the first and the last IP of an address or CIDR prefix.
func IPRange(s string) (lo, hi string, err error) {
	if !strings.Contains(s, "/") {
		a, err := ParseIP(s)
		if err != nil {
			return "", "", err
		}
		b := a.As16()
		key := hex.EncodeToString(b[:])
		return key, key, nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return "", "", err
	}
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	first := p.Masked().Addr().As16()
	last := first
	for i := bits; i < 128; i++ {
		last[i/8] |= 0x80 >> (i % 8)
	}
	return hex.EncodeToString(first[:]), hex.EncodeToString(last[:]), nil
}

// ParseIP reads an address as the trail means it: IPv4-mapped is IPv4, and a
// zone is not part of who called.
func ParseIP(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, err
	}
	return a.Unmap().WithZone(""), nil
}
